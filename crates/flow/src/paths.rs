//! The paths that a text reads through lists: `event.items[0].name`, `event.items | map(attribute='name')`, and `item.name` in a
//! `{% for item in event.items %}`. The engine tells of the names before a list only.

use std::collections::BTreeSet;

use crate::syntax::{Section, is_word, sections, tokens};

/// Filters that give the items that they were given, or some of them.
const KEEPING: [&str; 9] = [
    "list",
    "reverse",
    "sort",
    "unique",
    "selectattr",
    "rejectattr",
    "select",
    "reject",
    "default",
];
/// Filters whose first argument is a field of the items.
const BY_FIELD: [&str; 3] = ["selectattr", "rejectattr", "groupby"];

/// The paths through lists in an expression; `[]` stands behind a list.
pub(crate) fn in_expression(source: &str) -> BTreeSet<String> {
    let mut scan = Scan::default();
    scan.expression(&tokens(source));
    scan.found
}

/// The paths through lists in a template.
pub(crate) fn in_template(source: &str) -> BTreeSet<String> {
    let mut scan = Scan::default();
    for (section, code) in sections(source) {
        let code = tokens(code.trim_matches(['-', '+']));
        match section {
            Section::Expression => scan.expression(&code),
            Section::Tag => scan.tag(&code),
        }
    }
    scan.found
}

/// The path that an expression names: `event.items`, also where it takes some of the items only.
pub(crate) fn named(source: &str) -> Option<String> {
    let code = tokens(source);
    let (path, rest) = Scan::default().named(&code)?;
    rest.is_empty().then_some(path)
}

#[derive(Default)]
struct Scan<'s> {
    found: BTreeSet<String>,
    /// The names that loops and `set` have made, innermost last, each with what it stands for.
    locals: Vec<(&'s str, Option<String>)>,
    /// How many names there were before each loop.
    loops: Vec<usize>,
}

impl<'s> Scan<'s> {
    fn expression(&mut self, code: &[&'s str]) {
        for (at, token) in code.iter().enumerate() {
            let before = at.checked_sub(1).map_or("", |before| code[before]);
            if is_word(token) && ![".", "|", "is"].contains(&before) {
                self.named(&code[at..]);
            }
        }
    }

    fn tag(&mut self, code: &[&'s str]) {
        self.expression(code);
        match code {
            ["for", targets @ ..] => {
                let (targets, list) = split_at(targets, "in");
                let item = match self.named(list) {
                    Some((path, [] | ["if" | "recursive", ..])) => Some(format!("{path}[]")),
                    _ => None,
                };
                self.loops.push(self.locals.len());
                let item = item.filter(|_| targets.len() == 1);
                let names = targets.iter().filter(|token| is_word(token));
                self.locals.extend(names.map(|name| (*name, item.clone())));
            }
            ["with" | "macro" | "call", names @ ..] => {
                self.loops.push(self.locals.len());
                self.make(names);
            }
            ["set", names @ ..] => self.make(split_at(names, "=").0),
            ["endfor" | "endwith" | "endmacro" | "endcall", ..] => {
                self.locals.truncate(self.loops.pop().unwrap_or_default());
            }
            _ => {}
        }
    }

    /// Makes names of which nothing is known.
    fn make(&mut self, names: &[&'s str]) {
        let names = names.iter().filter(|token| is_word(token));
        self.locals.extend(names.map(|name| (*name, None)));
    }

    /// What the code begins with names, and what follows; notes the paths through lists on the way.
    fn named<'c>(&mut self, code: &'c [&'s str]) -> Option<(String, &'c [&'s str])> {
        let (root, mut rest) = code.split_first()?;
        if !is_word(root) {
            return None;
        }
        let local = self.locals.iter().rfind(|(name, _)| name == root);
        let mut path = match local {
            Some((_, meant)) => meant.clone()?,
            None => (*root).to_owned(),
        };
        loop {
            rest = match rest {
                [".", name, "(", ..] if is_word(name) => break, // a method
                [".", name, after @ ..] if is_word(name) => {
                    path = format!("{path}.{name}");
                    after
                }
                ["[", key, "]", after @ ..] if let Some(name) = quoted(key) => {
                    path = format!("{path}.{name}");
                    after
                }
                ["[", ..] => {
                    let (index, after) = bracketed(rest);
                    if !index.contains(&":") {
                        path.push_str("[]");
                    }
                    after
                }
                _ => break,
            };
        }
        if path.contains("[]") {
            self.found.insert(path.clone());
        }
        while let ["|", filter, after @ ..] = rest {
            let (arguments, after) = match after {
                ["(", ..] => bracketed(after),
                _ => (&after[..0], after),
            };
            let first = arguments.first().filter(|_| BY_FIELD.contains(filter));
            let given = arguments.windows(3).find_map(|window| match window {
                ["attribute", "=", field] => Some(field),
                _ => None,
            });
            if let Some(field) = first.or(given).and_then(|field| quoted(field)) {
                self.found.insert(format!("{path}[].{field}"));
            }
            if !KEEPING.contains(filter) {
                break;
            }
            rest = after;
        }
        Some((path, rest))
    }
}

/// What stands before the first `mark`, and behind it.
fn split_at<'c, 's>(code: &'c [&'s str], mark: &str) -> (&'c [&'s str], &'c [&'s str]) {
    let at = code.iter().position(|token| *token == mark);
    at.map_or((code, &code[..0]), |at| (&code[..at], &code[at + 1..]))
}

/// What stands in the bracket that the code begins with, and behind it.
fn bracketed<'c, 's>(code: &'c [&'s str]) -> (&'c [&'s str], &'c [&'s str]) {
    let mut depth = 0;
    for (at, token) in code.iter().enumerate() {
        match *token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&code[1..at], &code[at + 1..]);
        }
    }
    (&code[1..], &code[..0])
}

/// The name in a quoted token.
fn quoted(token: &str) -> Option<&str> {
    let name = token.strip_prefix(['"', '\''])?.strip_suffix(['"', '\''])?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_through_indices_filters_and_loops() {
        let template = "{{ event.items[0].name }}{% for item in event.items | selectattr('type', 'eq', 'x') %}{{ item.amount.minor }}\
                        {% for n in range(3) %}{{ n.x[0].y }}{% endfor %}{% endfor %}{{ item.name }}{{ a[b[1].c]['d'] }}\
                        {{ event.items | map(attribute='id') | join(', ') }}{{ event.items[1:] | first }}{{ '[0].x' }}";
        let found: Vec<String> = in_template(template).into_iter().collect();
        assert_eq!(
            found,
            [
                "a[].d",
                "b[].c",
                "event.items[].amount.minor",
                "event.items[].id",
                "event.items[].name",
                "event.items[].type",
            ]
        );
    }

    #[test]
    fn an_expression_names_a_path_where_it_is_nothing_else() {
        assert_eq!(named("event.items | list"), Some("event.items".into()));
        assert_eq!(
            named("event.items[0].amount"),
            Some("event.items[].amount".into())
        );
        assert_eq!(named("event.person.email | upper"), None);
        assert_eq!(named("1 + event.amount.minor"), None);
    }
}

//! The names of filters and tests in a template, so that a slip in one is found before the template runs.
//!
//! The engine looks filters up when it gets to them, which may be on the one refund of the year.

use std::collections::BTreeSet;

/// A filter (`x | name`) or a test (`x is name`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    Filter(String),
    Test(String),
}

/// What stands between `{{` and `}}`, or between `{%` and `%}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Expression,
    Tag,
}

/// The filters and tests in an expression.
pub(crate) fn in_expression(source: &str) -> BTreeSet<Use> {
    let mut found = BTreeSet::new();
    scan(source, &mut found);
    found
}

/// The filters and tests in the `{{ … }}` and `{% … %}` of a template.
pub(crate) fn in_template(source: &str) -> BTreeSet<Use> {
    let mut found = BTreeSet::new();
    for (_, code) in sections(source) {
        scan(code, &mut found);
    }
    found
}

/// The code in a template.
pub(crate) fn sections(source: &str) -> Vec<(Section, &str)> {
    let mut sections = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find('{') {
        rest = &rest[start + 1..];
        let (section, close) = match rest.as_bytes().first() {
            Some(b'{') => (Section::Expression, "}}"),
            Some(b'%') => (Section::Tag, "%}"),
            Some(b'#') => {
                rest = rest.find("#}").map_or("", |end| &rest[end + 2..]);
                continue;
            }
            _ => continue,
        };
        rest = &rest[1..];
        let length = length_to(close, rest);
        sections.push((section, &rest[..length]));
        rest = &rest[length..];
    }
    sections
}

/// How long `source` is up to `close` outside of quotes.
fn length_to(close: &str, source: &str) -> usize {
    let mut at = 0;
    while at < source.len() && !source[at..].starts_with(close) {
        at += token(&source[at..]).len();
    }
    at
}

/// The tokens of an expression without the space between them.
pub(crate) fn tokens(source: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while !rest.is_empty() {
        let (token, after) = rest.split_at(token(rest).len());
        tokens.push(token);
        rest = after;
    }
    tokens.retain(|token| !token.trim().is_empty());
    tokens
}

/// Notes what is used in `source`.
fn scan(source: &str, found: &mut BTreeSet<Use>) {
    let mut previous = "";
    for token in tokens(source) {
        if is_word(token) {
            match previous {
                "|" => drop(found.insert(Use::Filter(token.to_owned()))),
                "is" if token == "not" => continue, // `x is not defined`: the test comes next
                "is" => drop(found.insert(Use::Test(token.to_owned()))),
                _ => {}
            }
        }
        previous = token;
    }
}

pub(crate) fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The first token of `text`, which is not empty: a quoted text, a word, or one other character.
fn token(text: &str) -> &str {
    let first = text.chars().next().unwrap_or_default();
    let length = match first {
        '"' | '\'' => quoted_length(text, first),
        c if c.is_alphanumeric() || c == '_' => text
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(text.len()),
        c => c.len_utf8(),
    };
    &text[..length]
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (index, letter) in text.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if letter == '\\' {
            is_escaped = true;
        } else if letter == quote {
            return index + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_tests_are_found_outside_of_quotes_and_comments() {
        let template =
            "a | b {{ x | trim | map(\"no | such\") }} {# x | not #}{% if y is not defined %}{% endif %}";
        let found: Vec<Use> = in_template(template).into_iter().collect();
        let filter = |name: &str| Use::Filter(name.into());
        assert_eq!(
            found,
            [filter("map"), filter("trim"), Use::Test("defined".into())]
        );
    }
}

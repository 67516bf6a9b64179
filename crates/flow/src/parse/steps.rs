//! Steps and conditions, from data: which form a step has is told by its key.

use crate::condition::{Condition, Operator};
use crate::document::{Action, Branch, Call, Case, ForEach, OnError, OnUnclear, Step, Wait};
use crate::names::nearest;
use crate::node::{Kind, Node};

use super::{Fields, Reader};

/// The keys that tell what a step does, each with the others that go with it.
pub(crate) const FORMS: [(&str, &[&str]); 6] = [
    ("operation", &["with", "connection", "on_unclear", "on_error"]),
    ("branch", &["else"]),
    ("for_each", &["at_most", "steps"]),
    ("wait", &[]),
    ("set", &[]),
    ("stop", &[]),
];
pub(crate) const COMMON_KEYS: [&str; 2] = ["id", "when"];
pub(crate) const CASE_KEYS: [&str; 2] = ["when", "steps"];
pub(crate) const WAIT_KEYS: [&str; 4] = ["for", "until", "event", "when"];
const FIELD_KEYS: [&str; 3] = ["field", "is", "value"];

impl Reader {
    pub(super) fn steps(&mut self, path: &str, node: Option<&&Node>) -> Vec<Step> {
        let Some(node) = node else { return Vec::new() };
        let Kind::List(nodes) = &node.kind else {
            self.wrong(path, "a list of steps", node);
            return Vec::new();
        };
        let read = |(index, node)| self.step(&format!("{path}[{index}]"), node);
        nodes.iter().enumerate().map(read).collect()
    }

    fn step(&mut self, path: &str, node: &Node) -> Step {
        let form = form_of(node);
        let (key, others) = form.unwrap_or(FORMS[0]);
        let known: Vec<&str> = COMMON_KEYS.iter().chain([&key]).chain(others).copied().collect();
        let fields = self.fields_of_form(path, node, &known);
        let action = match key {
            "branch" => self.branch(path, &fields),
            "for_each" => self.for_each(path, &fields),
            "wait" => Action::Wait {
                wait: self.wait(&format!("{path}.wait"), fields.get("wait")),
            },
            "set" => Action::Set {
                set: self.map(
                    &format!("{path}.set"),
                    "a map of names and values",
                    fields.get("set"),
                ),
            },
            "stop" => {
                let stop = self.text(&format!("{path}.stop"), fields.get("stop"));
                Action::Stop {
                    stop: stop.unwrap_or_default(),
                }
            }
            _ => Action::Call(self.call(path, &fields)),
        };
        let id = self.text(&format!("{path}.id"), fields.get("id"));
        Step {
            id: id.unwrap_or_default(),
            when: self.condition(&format!("{path}.when"), fields.get("when")),
            action,
        }
    }

    /// The fields of a step; a key of another form is told as such.
    fn fields_of_form<'a>(&mut self, path: &str, node: &'a Node, known: &[&str]) -> Fields<'a> {
        let Kind::Map(entries) = &node.kind else {
            return self.fields(path, node, known);
        };
        let all = || FORMS.iter().flat_map(|(key, others)| others.iter().chain([key]));
        for (key, _) in entries {
            let name = key.name.as_str();
            if !known.contains(&name) && all().any(|other| *other == name) {
                let message = format!(
                    "`{name}` does not go with `{}` in one step",
                    known[COMMON_KEYS.len()]
                );
                self.findings.push(format!("{path}.{name}"), message);
            }
        }
        let others: Vec<&str> = all().copied().chain(COMMON_KEYS).collect();
        let mut fields = self.fields_near(path, node, known, &others);
        fields.retain(|name, _| known.contains(name));
        fields
    }

    fn call(&mut self, path: &str, fields: &Fields<'_>) -> Call {
        let at = |key: &str| format!("{path}.{key}");
        Call {
            operation: self
                .text(&at("operation"), fields.get("operation"))
                .unwrap_or_default(),
            with: self.map(&at("with"), "a map of inputs", fields.get("with")),
            connection: self.text(&at("connection"), fields.get("connection")),
            on_unclear: self.on_unclear(&at("on_unclear"), fields.get("on_unclear")),
            on_error: self.on_error(&at("on_error"), fields.get("on_error")),
        }
    }

    fn branch(&mut self, path: &str, fields: &Fields<'_>) -> Action {
        let place = format!("{path}.branch");
        let mut cases = Vec::new();
        match fields.get("branch").map(|node| (&node.kind, node)) {
            Some((Kind::List(nodes), _)) => {
                for (index, node) in nodes.iter().enumerate() {
                    let path = format!("{place}[{index}]");
                    let fields = self.fields(&path, node, &CASE_KEYS);
                    let when = self.condition(&format!("{path}.when"), fields.get("when"));
                    if when.is_none() {
                        self.findings.push(
                            format!("{path}.when"),
                            "a case needs a condition; use `else` for the rest",
                        );
                    }
                    cases.push(Case {
                        when: when.unwrap_or_else(|| Condition::Expression("false".into())),
                        steps: self.steps(&format!("{path}.steps"), fields.get("steps")),
                    });
                }
            }
            Some((_, node)) => self.wrong(&place, "a list of cases, each with `when` and `steps`", node),
            None => {}
        }
        Action::Branch(Branch {
            branch: cases,
            otherwise: self.steps(&format!("{path}.else"), fields.get("else")),
        })
    }

    fn for_each(&mut self, path: &str, fields: &Fields<'_>) -> Action {
        let at_most = self.number(&format!("{path}.at_most"), fields.get("at_most"));
        let at_most = at_most.unwrap_or(ForEach::USUAL);
        if !(1..=ForEach::MOST).contains(&at_most) {
            let message = format!("must be 1 to {}", ForEach::MOST);
            self.findings.push(format!("{path}.at_most"), message);
        }
        let list = self.text(&format!("{path}.for_each"), fields.get("for_each"));
        Action::ForEach(ForEach {
            for_each: list.unwrap_or_default(),
            at_most,
            steps: self.steps(&format!("{path}.steps"), fields.get("steps")),
        })
    }

    fn wait(&mut self, path: &str, node: Option<&&Node>) -> Wait {
        let Some(node) = node else { return Wait::default() };
        let fields = self.fields(path, node, &WAIT_KEYS);
        let at = |key: &str| format!("{path}.{key}");
        Wait {
            lasts: self.text(&at("for"), fields.get("for")),
            until: self.text(&at("until"), fields.get("until")),
            event: self.kinds(&at("event"), fields.get("event")),
            when: self.condition(&at("when"), fields.get("when")),
        }
    }

    fn on_error(&mut self, path: &str, node: Option<&&Node>) -> OnError {
        match node.map(|node| &node.kind) {
            None => OnError::Stop,
            Some(Kind::List(_)) => OnError::Steps(self.steps(path, node)),
            Some(_) => self.one_of(
                path,
                node,
                &[("stop", OnError::Stop), ("continue", OnError::Continue)],
            ),
        }
    }

    fn on_unclear(&mut self, path: &str, node: Option<&&Node>) -> OnUnclear {
        self.one_of(path, node, &OnUnclear::NAMES)
    }

    /// One of a few words.
    fn one_of<T: Clone + Default>(&mut self, path: &str, node: Option<&&Node>, known: &[(&str, T)]) -> T {
        let Some(node) = node else { return T::default() };
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let Kind::Text(text) = &node.kind else {
            self.wrong(path, &format!("one of {}", names.join(", ")), node);
            return T::default();
        };
        if let Some((_, value)) = known.iter().find(|(name, _)| name == text) {
            return value.clone();
        }
        let message = match nearest(text, names.iter().copied()) {
            Some(near) => format!("there is no `{text}` here; did you mean `{near}`?"),
            None => format!("there is no `{text}` here; there are {}", names.join(", ")),
        };
        self.findings.push(path, message);
        T::default()
    }

    /// An expression, or a tree of them.
    pub(crate) fn condition(&mut self, path: &str, node: Option<&&Node>) -> Option<Condition> {
        let node = node?;
        let key = match &node.kind {
            Kind::Bool(value) => return Some(Condition::Expression(value.to_string())),
            Kind::Text(text) => return Some(Condition::Expression(text.trim().to_owned())),
            Kind::Map(entries) => {
                let keys = ["all", "any", "not"];
                keys.into_iter()
                    .find(|key| entries.iter().any(|(entry, _)| entry.name == *key))
            }
            _ => {
                self.wrong(
                    path,
                    "an expression, or a map of `all`, `any`, `not`, or `field`, `is`, `value`",
                    node,
                );
                return None;
            }
        };
        let Some(key) = key else {
            return self.comparison(path, node);
        };
        let fields = self.fields(path, node, &[key]);
        let path = format!("{path}.{key}");
        if key == "not" {
            let not = Box::new(self.condition(&path, fields.get(key))?);
            return Some(Condition::Not { not });
        }
        let inner = fields.get(key)?;
        let Kind::List(nodes) = &inner.kind else {
            self.wrong(&path, "a list of conditions", inner);
            return None;
        };
        // One that cannot be made out is never evaluated; it keeps the places of those that follow.
        let each = |(index, node)| {
            let read = self.condition(&format!("{path}[{index}]"), Some(&node));
            read.unwrap_or_else(|| Condition::Expression("false".into()))
        };
        let conditions: Vec<Condition> = nodes.iter().enumerate().map(each).collect();
        if conditions.is_empty() {
            self.findings.push(path, "needs at least one condition");
            return None;
        }
        Some(match key {
            "all" => Condition::All { all: conditions },
            _ => Condition::Any { any: conditions },
        })
    }

    fn comparison(&mut self, path: &str, node: &Node) -> Option<Condition> {
        let fields = self.fields(path, node, &FIELD_KEYS);
        let names = Operator::ALL.map(|(name, operator, _)| (name, Some(operator)));
        if !fields.contains_key("is") {
            let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            self.findings.push(
                format!("{path}.is"),
                format!("say how it compares: {}", names.join(", ")),
            );
        }
        let is = self.one_of(&format!("{path}.is"), fields.get("is"), &names);
        let field = self.text(&format!("{path}.field"), fields.get("field"));
        if field.is_none() {
            self.findings.push(
                format!("{path}.field"),
                "say what is compared, such as `event.amount.minor`",
            );
        }
        let value = fields.get("value").map(|node| node.to_json()).unwrap_or_default();
        let (is, field) = (is?, field?);
        if is.takes_value() == value.is_null() {
            let message = if value.is_null() {
                "say what it compares with"
            } else {
                "goes with no value here"
            };
            self.findings.push(format!("{path}.value"), message);
        }
        Some(Condition::Field { field, is, value })
    }

    pub(crate) fn map(
        &mut self,
        path: &str,
        wanted: &str,
        node: Option<&&Node>,
    ) -> serde_json::Map<String, serde_json::Value> {
        match node.map(|node| (node, node.to_json())) {
            Some((_, serde_json::Value::Object(map))) => map,
            Some((node, _)) => {
                self.wrong(path, wanted, node);
                serde_json::Map::new()
            }
            None => serde_json::Map::new(),
        }
    }

    fn number(&mut self, path: &str, node: Option<&&Node>) -> Option<u32> {
        let node = node?;
        let number = match &node.kind {
            Kind::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
            _ => None,
        };
        if number.is_none() {
            self.wrong(path, "a whole number", node);
        }
        number
    }
}

/// The form of a step: by the first of its keys that tells one.
fn form_of(node: &Node) -> Option<(&'static str, &'static [&'static str])> {
    let Kind::Map(entries) = &node.kind else {
        return None;
    };
    let has = |key: &str| entries.iter().any(|(entry, _)| entry.name == key);
    FORMS.into_iter().find(|(key, _)| has(key))
}

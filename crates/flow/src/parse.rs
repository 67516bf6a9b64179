//! From data to a [`Document`], noting every fault of form instead of stopping at the first.

use std::collections::HashMap;

use cartlane_model::Problems;

use crate::document::{Document, OnUnclear, Step};
use crate::expression::in_line;
use crate::names::nearest;
use crate::node::{Kind, Node, Place};

pub(crate) const DOCUMENT_KEYS: [&str; 6] = ["name", "description", "on", "when", "connection", "steps"];
pub(crate) const STEP_KEYS: [&str; 5] = ["id", "operation", "with", "when", "on_unclear"];

/// A fault before its place in the text is looked up.
#[derive(Debug)]
pub(crate) struct Finding {
    /// `steps[0].with.email`.
    pub path: String,
    /// The line within the text at `path`, from 1, where that is known.
    pub line: Option<u64>,
    pub message: String,
}

/// The faults found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub Vec<Finding>);

impl Findings {
    pub(crate) fn push(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.push_at(path, None, message);
    }

    pub(crate) fn push_at(&mut self, path: impl Into<String>, line: Option<u64>, message: impl Into<String>) {
        let (path, message) = (path.into(), message.into());
        self.0.push(Finding { path, line, message });
    }
}

/// Where each path of a document stands in its text; empty where there was no text.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<String, Place>);

impl Places {
    fn note(&mut self, path: &str, place: Option<Place>) {
        if let Some(place) = place {
            self.0.insert(path.to_owned(), place);
        }
    }

    fn note_all(&mut self, path: &str, node: &Node) {
        self.note(path, node.place);
        match &node.kind {
            Kind::List(nodes) => {
                for (index, node) in nodes.iter().enumerate() {
                    self.note_all(&format!("{path}[{index}]"), node);
                }
            }
            Kind::Map(entries) => {
                for (key, node) in entries {
                    let path = format!("{path}.{}", key.name);
                    self.note_all(path.trim_start_matches('.'), node);
                }
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
        }
    }

    /// The place of `path`, or of the nearest thing around it.
    fn find(&self, path: &str) -> Option<Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return Some(*place);
            }
            if path.is_empty() {
                return None;
            }
            path = &path[..path.rfind(['.', '[']).unwrap_or(0)];
        }
    }

    /// The findings in the order of the text, each with its line and column where there is a text.
    pub(crate) fn problems(&self, findings: Findings) -> Problems {
        let mut located: Vec<_> = findings
            .0
            .into_iter()
            .map(|finding| self.locate(finding))
            .collect();
        located.sort_by_key(|(position, ..)| *position);
        let mut problems = Problems::default();
        for (_, path, message) in located {
            problems.push(path, message);
        }
        problems
    }

    fn locate(&self, finding: Finding) -> ((u64, u64), String, String) {
        let Finding { path, line, message } = finding;
        let Some(place) = self.find(&path) else {
            return ((0, 0), path, in_line(message, line));
        };
        let (position, at, message) = match line {
            Some(line) if place.is_block => {
                let line = place.line + line - 1;
                ((line, 0), format!("line {line}"), message)
            }
            _ => {
                let Place {
                    line: first, column, ..
                } = place;
                (
                    (first, column),
                    format!("line {first}, column {column}"),
                    in_line(message, line),
                )
            }
        };
        let path = if path.is_empty() {
            at
        } else {
            format!("{path} ({at})")
        };
        (position, path, message)
    }
}

struct Reader {
    places: Places,
    findings: Findings,
}

/// The document as far as it can be made out, where everything in it stands, and what is wrong with its form.
pub(crate) fn document(node: &Node) -> (Document, Places, Findings) {
    let mut reader = Reader {
        places: Places::default(),
        findings: Findings::default(),
    };
    reader.places.note_all("", node);
    let fields = reader.fields("", node, &DOCUMENT_KEYS);
    let document = Document {
        name: reader.text("name", fields.get("name")).unwrap_or_default(),
        description: reader.text("description", fields.get("description")),
        on: reader.texts("on", fields.get("on")),
        when: reader.condition("when", fields.get("when")),
        connection: reader.text("connection", fields.get("connection")),
        steps: reader.steps(fields.get("steps")),
    };
    (document, reader.places, reader.findings)
}

type Fields<'a> = HashMap<&'a str, &'a Node>;

impl Reader {
    fn wrong(&mut self, path: &str, wanted: &str, node: &Node) {
        self.findings
            .push(path, format!("must be {wanted}, and is {}", node.describe()));
    }

    fn fields<'a>(&mut self, path: &str, node: &'a Node, known: &[&str]) -> Fields<'a> {
        let Kind::Map(entries) = &node.kind else {
            self.wrong(path, &format!("a map of {}", known.join(", ")), node);
            return Fields::new();
        };
        for (key, _) in entries
            .iter()
            .filter(|(key, _)| !known.contains(&key.name.as_str()))
        {
            let path = format!("{path}.{}", key.name);
            let path = path.trim_start_matches('.');
            self.places.note(path, key.place);
            let message = match nearest(&key.name, known.iter().copied()) {
                Some(near) => format!("there is no `{}` here; did you mean `{near}`?", key.name),
                None => format!("there is no `{}` here; there are {}", key.name, known.join(", ")),
            };
            self.findings.push(path, message);
        }
        let present = entries
            .iter()
            .filter(|(_, node)| !matches!(node.kind, Kind::Null));
        present.map(|(key, node)| (key.name.as_str(), node)).collect()
    }

    fn text(&mut self, path: &str, node: Option<&&Node>) -> Option<String> {
        match &node?.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Number(number) => Some(number.to_string()),
            _ => {
                self.wrong(path, "a text", node?);
                None
            }
        }
    }

    fn condition(&mut self, path: &str, node: Option<&&Node>) -> Option<String> {
        match &node?.kind {
            Kind::Bool(value) => Some(value.to_string()),
            Kind::Text(text) => Some(text.trim().to_owned()),
            _ => {
                self.wrong(path, "an expression", node?);
                None
            }
        }
    }

    fn texts(&mut self, path: &str, node: Option<&&Node>) -> Vec<String> {
        let Some(node) = node else { return Vec::new() };
        match &node.kind {
            Kind::List(nodes) => {
                let read = |(index, node)| self.text(&format!("{path}[{index}]"), Some(&node));
                nodes.iter().enumerate().filter_map(read).collect()
            }
            Kind::Text(text) => vec![text.clone()],
            _ => {
                self.wrong(path, "a text or a list of texts", node);
                Vec::new()
            }
        }
    }

    fn steps(&mut self, node: Option<&&Node>) -> Vec<Step> {
        let Some(node) = node else { return Vec::new() };
        let Kind::List(nodes) = &node.kind else {
            self.wrong("steps", "a list of steps", node);
            return Vec::new();
        };
        nodes
            .iter()
            .enumerate()
            .map(|(index, node)| self.step(index, node))
            .collect()
    }

    fn step(&mut self, index: usize, node: &Node) -> Step {
        let path = format!("steps[{index}]");
        let fields = self.fields(&path, node, &STEP_KEYS);
        let with = match fields.get("with").map(|node| (node, node.to_json())) {
            Some((_, serde_json::Value::Object(with))) => with,
            Some((node, _)) => {
                self.wrong(&format!("{path}.with"), "a map of inputs", node);
                serde_json::Map::new()
            }
            None => serde_json::Map::new(),
        };
        Step {
            id: self
                .text(&format!("{path}.id"), fields.get("id"))
                .unwrap_or_default(),
            operation: self
                .text(&format!("{path}.operation"), fields.get("operation"))
                .unwrap_or_default(),
            with,
            when: self.condition(&format!("{path}.when"), fields.get("when")),
            on_unclear: self.on_unclear(&format!("{path}.on_unclear"), fields.get("on_unclear")),
        }
    }

    fn on_unclear(&mut self, path: &str, node: Option<&&Node>) -> OnUnclear {
        let Some(node) = node else {
            return OnUnclear::default();
        };
        let names = OnUnclear::NAMES.map(|(name, _)| name);
        let Kind::Text(text) = &node.kind else {
            self.wrong(path, "one of ask, resend, skip", node);
            return OnUnclear::default();
        };
        if let Some((_, known)) = OnUnclear::NAMES.iter().find(|(name, _)| name == text) {
            return *known;
        }
        let message = match nearest(text, names) {
            Some(near) => format!("there is no `{text}` here; did you mean `{near}`?"),
            None => format!("there is no `{text}` here; there are {}", names.join(", ")),
        };
        self.findings.push(path, message);
        OnUnclear::default()
    }
}

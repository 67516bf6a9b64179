//! From data to a [`Document`], noting every fault of form instead of stopping at the first.

pub(crate) mod steps;
mod triggers;

use std::collections::HashMap;

use cartlane_model::Problems;

use crate::document::Document;
use crate::expression::in_line;
use crate::names::nearest;
use crate::node::{Kind, Node, Place};
use crate::{rules, tables};

pub(crate) const DOCUMENT_KEYS: [&str; 9] = [
    "name",
    "description",
    "on",
    "when",
    "connection",
    "merge",
    "tables",
    "rules",
    "steps",
];

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

/// Reads nodes, and notes what is wrong with them.
pub(crate) struct Reader {
    places: Places,
    pub(crate) findings: Findings,
}

/// The document as far as it can be made out, where everything in it stands, and what is wrong with its form.
pub(crate) fn document(node: &Node) -> (Document, Places, Findings) {
    let mut reader = Reader {
        places: Places::default(),
        findings: Findings::default(),
    };
    reader.places.note_all("", node);
    for (path, message) in node.twice("") {
        reader.findings.push(path, message);
    }
    let fields = reader.fields("", node, &DOCUMENT_KEYS);
    let document = Document {
        name: reader.text("name", fields.get("name")).unwrap_or_default(),
        description: reader.text("description", fields.get("description")),
        on: reader.on(fields.get("on")),
        when: reader.condition("when", fields.get("when")),
        connection: reader.text("connection", fields.get("connection")),
        merge: reader.flag("merge", fields.get("merge")),
        tables: tables::read(&mut reader, fields.get("tables")),
        rules: rules::read(&mut reader, fields.get("rules")),
        steps: reader.steps("steps", fields.get("steps")),
    };
    (document, reader.places, reader.findings)
}

pub(crate) type Fields<'a> = HashMap<&'a str, &'a Node>;

impl Reader {
    pub(crate) fn wrong(&mut self, path: &str, wanted: &str, node: &Node) {
        self.findings
            .push(path, format!("must be {wanted}, and is {}", node.describe()));
    }

    pub(crate) fn fields<'a>(&mut self, path: &str, node: &'a Node, known: &[&str]) -> Fields<'a> {
        self.fields_near(path, node, known, known)
    }

    /// The fields of a map; a key that is none of `all` is told with the nearest of `known`.
    fn fields_near<'a>(&mut self, path: &str, node: &'a Node, known: &[&str], all: &[&str]) -> Fields<'a> {
        let Kind::Map(entries) = &node.kind else {
            self.wrong(path, &format!("a map of {}", known.join(", ")), node);
            return Fields::new();
        };
        for (key, _) in entries
            .iter()
            .filter(|(key, _)| !all.contains(&key.name.as_str()))
        {
            let path = format!("{path}.{}", key.name);
            let path = path.trim_start_matches('.');
            self.places.note(path, key.place);
            let message = match nearest(&key.name, all.iter().copied()) {
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

    pub(crate) fn text(&mut self, path: &str, node: Option<&&Node>) -> Option<String> {
        match &node?.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Number(number) => Some(number.to_string()),
            _ => {
                self.wrong(path, "a text", node?);
                None
            }
        }
    }

    fn flag(&mut self, path: &str, node: Option<&&Node>) -> bool {
        match node.map(|node| (&node.kind, node)) {
            Some((Kind::Bool(flag), _)) => *flag,
            Some((_, node)) => {
                self.wrong(path, "true or false", node);
                false
            }
            None => false,
        }
    }

    /// Kinds of event: a list, or one; an empty text where one cannot be made out, which keeps the places of those that follow.
    fn kinds(&mut self, path: &str, node: Option<&&Node>) -> Vec<String> {
        let Some(node) = node else { return Vec::new() };
        match &node.kind {
            Kind::List(nodes) => {
                let read = |(index, node)| self.kind(&format!("{path}[{index}]"), node);
                nodes.iter().enumerate().map(read).collect()
            }
            Kind::Text(_) => vec![self.kind(path, node)],
            _ => {
                self.wrong(path, "a kind of event or a list of them", node);
                Vec::new()
            }
        }
    }

    fn kind(&mut self, path: &str, node: &Node) -> String {
        match &node.kind {
            Kind::Text(kind) if !kind.is_empty() => kind.clone(),
            _ => {
                self.wrong(path, "a kind of event such as `order.success`", node);
                String::new()
            }
        }
    }
}

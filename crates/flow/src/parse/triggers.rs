//! Triggers, from data: a text is a kind of event or `manual`, a map has one key, which tells what it is.

use crate::names::nearest;
use crate::node::{Kind, Node};
use crate::on::{Ended, Every, FORMS, OUTCOME_KEYS, On, Outcome, POLL_KEYS, Poll, SCHEDULE_KEYS, Schedule};

use super::Reader;

impl Reader {
    /// The triggers: a list, or one.
    pub(crate) fn on(&mut self, node: Option<&&Node>) -> Vec<On> {
        let Some(node) = node else { return Vec::new() };
        match &node.kind {
            Kind::List(nodes) => {
                let read = |(index, node)| self.trigger(&format!("on[{index}]"), node);
                nodes.iter().enumerate().map(read).collect()
            }
            Kind::Text(_) | Kind::Map(_) => vec![self.trigger("on", node)],
            _ => {
                self.wrong("on", "a kind of event, a trigger, or a list of them", node);
                Vec::new()
            }
        }
    }

    /// One trigger; an event of no kind where it cannot be made out, which keeps the places of those that follow.
    fn trigger(&mut self, path: &str, node: &Node) -> On {
        let unknown = On::Event(String::new());
        match &node.kind {
            Kind::Text(text) if text == "manual" => On::Manual,
            Kind::Text(text) => {
                if text.is_empty() {
                    self.wrong(path, "a kind of event such as `order.success`", node);
                }
                On::Event(text.clone())
            }
            Kind::Map(entries) if entries.len() == 1 => {
                let fields = self.fields(path, node, &FORMS);
                let Some((name, node)) = fields.into_iter().next() else {
                    return unknown; // which `fields` has told, where there was anything to tell
                };
                let path = format!("{path}.{name}");
                match name {
                    "poll" => On::Poll(self.poll(&path, node)),
                    "schedule" => On::Schedule(self.schedule(&path, node)),
                    "automation" => On::Automation(self.outcome(&path, node)),
                    "manual" => On::Manual,
                    _ => unknown, // which `fields` has told
                }
            }
            _ => {
                self.wrong(
                    path,
                    "a kind of event, or one of poll, schedule, manual, automation",
                    node,
                );
                unknown
            }
        }
    }

    fn poll(&mut self, path: &str, node: &Node) -> Poll {
        let fields = self.fields(path, node, &POLL_KEYS);
        let at = |name: &str| format!("{path}.{name}");
        let every = self.text(&at("every"), fields.get("every"));
        let read = every.as_deref().map(Every::parse);
        if read == Some(None) {
            let message = "say how often in minutes, from `1m` to `15m`";
            self.findings.push(at("every"), message);
        }
        Poll {
            operation: self
                .text(&at("operation"), fields.get("operation"))
                .unwrap_or_default(),
            with: self.map(&at("with"), "a map of inputs", fields.get("with")),
            every: read.flatten(),
            connection: self.text(&at("connection"), fields.get("connection")),
            existing: match fields.get("existing").map(|node| (node, &node.kind)) {
                None => false,
                Some((_, Kind::Bool(existing))) => *existing,
                Some((node, _)) => {
                    self.wrong(&at("existing"), "true or false", node);
                    false
                }
            },
        }
    }

    fn schedule(&mut self, path: &str, node: &Node) -> Schedule {
        let fields = self.fields(path, node, &SCHEDULE_KEYS);
        let at = |name: &str| format!("{path}.{name}");
        Schedule {
            cron: self.text(&at("cron"), fields.get("cron")).unwrap_or_default(),
            zone: self.text(&at("zone"), fields.get("zone")),
        }
    }

    fn outcome(&mut self, path: &str, node: &Node) -> Outcome {
        let fields = self.fields(path, node, &OUTCOME_KEYS);
        let name = self.text(&format!("{path}.name"), fields.get("name"));
        let path = format!("{path}.outcome");
        let outcome = match fields.get("outcome").map(|node| &node.kind) {
            Some(Kind::List(nodes)) => {
                let read = |(index, node)| self.ended(&format!("{path}[{index}]"), node);
                nodes.iter().enumerate().filter_map(read).collect()
            }
            Some(_) => fields
                .get("outcome")
                .and_then(|node| self.ended(&path, node))
                .into_iter()
                .collect(),
            None => Vec::new(),
        };
        Outcome {
            name: name.unwrap_or_default(),
            outcome,
        }
    }

    fn ended(&mut self, path: &str, node: &Node) -> Option<Ended> {
        let names = Ended::NAMES.map(|(name, _)| name);
        let Kind::Text(text) = &node.kind else {
            self.wrong(path, "one of done, failed, skipped", node);
            return None;
        };
        let known = Ended::NAMES.into_iter().find(|(name, _)| name == text);
        if known.is_none() {
            let message = match nearest(text, names) {
                Some(near) => format!("there is no `{text}` here; did you mean `{near}`?"),
                None => format!("there is no `{text}` here; there are {}", names.join(", ")),
            };
            self.findings.push(path, message);
        }
        known.map(|(_, ended)| ended)
    }
}

//! The automation document: what a person writes, and what the store keeps as JSON.

use cartlane_model::Problems;
use serde::Serialize;
use serde_json::Value;

use crate::node::Node;
use crate::on::{On, Outcome, Poll, Schedule};
use crate::validate::{self, Operations};
use crate::{compiled, parse};

/// An automation: on these events, under this condition, these steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Document {
    /// What people call it; also how it is told from others.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What starts it, at least one thing.
    pub on: Vec<On>,
    /// An expression; where it is not true, the automation has nothing to do with the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The connection whose account its steps act on; the event's own target where it names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// What it does, in this order.
    pub steps: Vec<Step>,
}

/// One operation of the catalog, with its inputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Stable: effects are remembered by it, and later steps read its output as `steps.<id>`.
    pub id: String,
    /// The operation's id: `ghl.contacts.save`.
    pub operation: String,
    /// Its inputs; texts in them may hold expressions.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub with: serde_json::Map<String, Value>,
    /// An expression; where it is not true, the step is skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What to do when nobody can tell whether an unsafe call of it took effect.
    #[serde(skip_serializing_if = "OnUnclear::is_default")]
    pub on_unclear: OnUnclear,
}

/// What to do when it is unclear whether an unsafe call took effect, and no read can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnclear {
    /// The run fails; a person looks, and retries.
    #[default]
    Ask,
    /// It is sent again, once the first request can no longer be on its way. Its effect may be there twice.
    Resend,
    /// The step is left out and the run goes on. Its effect may be missing.
    Skip,
}

impl OnUnclear {
    /// All of them, as a document writes them.
    pub(crate) const NAMES: [(&str, Self); 3] =
        [("ask", Self::Ask), ("resend", Self::Resend), ("skip", Self::Skip)];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Document {
    /// Reads a document from YAML (or JSON, which is YAML too) and checks all of it against `operations`.
    ///
    /// The error holds every fault, each with its path, its line and its column.
    pub fn from_yaml(text: &str, operations: &dyn Operations) -> Result<Self, Problems> {
        Self::from_node(&Node::from_yaml(text)?, operations)
    }

    /// Reads a document from JSON data, as [`Document::to_json`] wrote it, and checks all of it.
    pub fn from_json(value: &Value, operations: &dyn Operations) -> Result<Self, Problems> {
        Self::from_node(&Node::from(value), operations)
    }

    /// The document as JSON data: the form in which it is stored.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default() // texts, lists and JSON maps only: it cannot fail
    }

    /// Whether it runs on events of this kind that came in by a web hook.
    pub fn runs_on(&self, kind: &str) -> bool {
        self.on
            .iter()
            .any(|on| matches!(on, On::Event(known) if known == kind))
    }

    /// The polls that start it.
    pub fn polls(&self) -> impl Iterator<Item = &Poll> {
        self.on.iter().filter_map(|on| match on {
            On::Poll(poll) => Some(poll),
            _ => None,
        })
    }

    /// The schedules that start it.
    pub fn schedules(&self) -> impl Iterator<Item = &Schedule> {
        self.on.iter().filter_map(|on| match on {
            On::Schedule(schedule) => Some(schedule),
            _ => None,
        })
    }

    /// The automations whose end starts it.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.on.iter().filter_map(|on| match on {
            On::Automation(outcome) => Some(outcome),
            _ => None,
        })
    }

    /// Whether a person may start it.
    pub fn is_manual(&self) -> bool {
        self.on.contains(&On::Manual)
    }

    /// What to do when an unsafe call of this step stays unclear.
    pub fn on_unclear(&self, step: &str) -> OnUnclear {
        let step = self.steps.iter().find(|found| found.id == step);
        step.map(|step| step.on_unclear).unwrap_or_default()
    }

    fn from_node(node: &Node, operations: &dyn Operations) -> Result<Self, Problems> {
        let (document, places, mut findings) = parse::document(node);
        validate::check(&document, operations, &mut findings);
        compiled::compile(&document, &mut findings);
        places.problems(findings).into_result(document)
    }
}

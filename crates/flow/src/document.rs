//! The automation document: what a person writes, and what the store keeps as JSON.

use cartlane_model::Problems;
use serde::Serialize;
use serde_json::Value;

use crate::node::Node;
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
    /// The kinds of event it runs on, at least one.
    pub on: Vec<String>,
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

    /// Whether it runs on events of this kind.
    pub fn runs_on(&self, kind: &str) -> bool {
        self.on.iter().any(|on| on == kind)
    }

    fn from_node(node: &Node, operations: &dyn Operations) -> Result<Self, Problems> {
        let (document, places, mut findings) = parse::document(node);
        validate::check(&document, operations, &mut findings);
        compiled::compile(&document, &mut findings);
        places.problems(findings).into_result(document)
    }
}

//! The form of `catalog/*/overlay/*.toml`: what is written by hand.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{Confirm, Effect, In, Kind, Shape};

/// One overlay file.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct Overlay {
    /// Operations that are one call.
    pub operation: Vec<Entry>,
    /// Operations that are several calls.
    pub composite: Vec<Composite>,
}

/// An operation that is one call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub id: String,
    /// Which facts: `POST /contacts/`.
    pub facts: String,
    pub title: String,
    pub help: String,
    pub category: String,
    pub kind: Kind,
    pub effect: Effect,
    #[serde(default)]
    pub creates: bool,
    pub location_in: Option<In>,
    pub confirm: Option<Confirm>,
    /// Replaces the facts' success statuses.
    pub success: Option<Vec<u16>>,
    #[serde(default)]
    pub needs_one: Vec<String>,
    /// Fields that are not offered, with what to do instead.
    #[serde(default)]
    pub refused: BTreeMap<String, String>,
    /// Shapes that replace those of the facts, or add what the facts lack.
    #[serde(default)]
    pub corrections: BTreeMap<String, Shape>,
    /// What inputs mean. Those that say nothing get a text made of their name.
    #[serde(default)]
    pub inputs: BTreeMap<String, InputText>,
    pub example: Value,
}

/// What an input means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputText {
    pub help: String,
    pub option_source: Option<String>,
}

/// An operation that is several calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Composite {
    pub id: String,
    /// The name of the code that orders the calls.
    pub hook: String,
    pub calls: Vec<String>,
    pub title: String,
    pub help: String,
    pub category: String,
    pub kind: Kind,
    pub effect: Effect,
    pub sets_state: Option<String>,
    pub inputs: Vec<Shape>,
    pub example: Value,
}

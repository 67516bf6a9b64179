//! The form of `catalog/*/overlay/*.toml`: what is written by hand.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{Confirm, Effect, In, Kind, Pages, Poll, Rule, Shape};

/// One overlay file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Overlay {
    /// The category of all operations that name none.
    pub category: String,
    /// Operations that are one call.
    pub operation: Vec<Entry>,
    /// Operations that are several calls.
    pub composite: Vec<Composite>,
}

/// An operation that is one call.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Entry {
    pub id: String,
    /// Which facts: `POST /contacts/`.
    pub facts: String,
    /// Parameters and fields of the body, where there is no generated file; `success` stands there as well.
    pub query: Vec<Shape>,
    pub fields: Vec<Shape>,
    /// Its number in the published list of operations.
    pub listed: Option<u16>,
    pub title: String,
    pub help: String,
    pub category: Option<String>,
    /// `None`: a lookup if it is a GET, else an action.
    pub kind: Option<Kind>,
    /// `None`: read, idempotent or unsafe by the method.
    pub effect: Option<Effect>,
    /// `None`: an unsafe POST that can be looked for makes something.
    pub creates: Option<bool>,
    /// `None`: where the facts have it, unless only agencies may call.
    pub location_in: Option<Location>,
    pub confirm: Option<Confirm>,
    pub pages: Option<Pages>,
    pub poll: Option<Poll>,
    /// These replace what the facts say.
    pub success: Option<Vec<u16>>,
    pub version: Option<String>,
    pub scopes: Option<Vec<String>>,
    pub token_kinds: Option<Vec<String>>,
    /// The content type of an answer that is no JSON.
    pub answer: Option<String>,
    /// The input that a body is which is a list.
    pub body: Option<String>,
    /// Values that are always sent, and are no inputs.
    pub fixed: BTreeMap<String, Value>,
    pub needs_one: Vec<String>,
    /// Of those only one may be given.
    pub takes_one: bool,
    /// What inputs keep to together.
    pub rules: Vec<Rule>,
    /// Inputs that need not be given, whatever the facts say.
    pub optional: Vec<String>,
    /// Why it is not offered at all, though it could be.
    pub withheld: Option<String>,
    /// Fields that are not offered, with what to do instead.
    pub refused: BTreeMap<String, String>,
    /// Shapes that replace those of the facts, or add what the facts lack.
    pub corrections: BTreeMap<String, Shape>,
    /// What inputs mean, and fields within them (`teamMembers.userId`). Inputs that say nothing get the text of `inputs.toml`, or one made of
    /// their name.
    pub inputs: BTreeMap<String, InputText>,
    /// `None`: one made of what is required.
    pub example: Option<Value>,
}

/// Where the connection's location id goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Location {
    Path,
    Query,
    Body,
    /// Nowhere: the location is what the operation is about, and an input.
    Input,
}

impl Location {
    pub fn place(self) -> Option<In> {
        match self {
            Self::Path => Some(In::Path),
            Self::Query => Some(In::Query),
            Self::Body => Some(In::Body),
            Self::Input => None,
        }
    }
}

/// What an input means.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct InputText {
    pub help: String,
    pub option_source: Option<String>,
    /// The form in which people may write it, or the items of the list that it is, where their shape says none.
    pub format: Option<String>,
    /// The most that it takes, where its shape does not say it: [`Shape::max`], [`Shape::max_length`], [`Shape::max_items`].
    pub max: Option<u64>,
    pub max_length: Option<usize>,
    pub max_items: Option<usize>,
    /// Taken where the input is not given.
    pub default: Option<Value>,
    /// A value for examples.
    pub sample: Option<Value>,
}

/// What inputs of a name mean in all operations of a system.
pub(super) type CommonInputs = BTreeMap<String, InputText>;

/// An operation that is several calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Composite {
    pub id: String,
    /// The name of the code that orders the calls.
    pub hook: String,
    pub calls: Vec<String>,
    pub listed: Option<u16>,
    pub title: String,
    pub help: String,
    pub category: Option<String>,
    pub kind: Kind,
    pub effect: Effect,
    pub sets_state: Option<String>,
    #[serde(default)]
    pub needs_one: Vec<String>,
    pub inputs: Vec<Shape>,
    pub example: Value,
}

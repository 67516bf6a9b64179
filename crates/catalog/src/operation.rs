//! One operation: everything that any part of the program needs to know about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Confirm, Shape};

/// One thing that an automation can have done or looked up.
#[derive(Clone, Debug, Serialize)]
pub struct Operation {
    /// Its name everywhere: `ghl.contacts.create`.
    pub id: String,
    /// What people read.
    pub title: String,
    /// What it does, in a sentence or two.
    pub help: String,
    /// The group it is shown in, such as `Contacts`.
    pub category: String,
    /// Whether it starts runs, does something, or looks something up.
    pub kind: Kind,
    /// Whose it is.
    pub system: System,
    /// What doing it twice does.
    pub effect: Effect,
    /// How it is done.
    pub run: Run,
    /// The operations that a composite is made of; empty for a single call.
    pub calls: Vec<String>,
    /// The state it sets (`lifecycle`): an event older than the state's last one leaves it alone.
    pub sets_state: Option<String>,
    /// What it takes.
    pub inputs: Vec<Input>,
    /// At least one of these inputs must be given; empty where there is no such rule.
    pub needs_one: Vec<String>,
    /// Inputs that one could expect here but that are not offered, with what to do instead.
    pub refused: BTreeMap<String, String>,
    /// Inputs that are right, for documentation and tests.
    pub example: Value,
}

impl Operation {
    /// The input of this name.
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// The one HTTP call that this operation is; `None` for a composite.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match &self.run {
            Run::Http(endpoint) => Some(endpoint),
            Run::Composite(_) => None,
        }
    }
}

/// What an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something new or changed there starts a run here.
    Trigger,
    /// It changes something.
    Action,
    /// It reads something.
    Lookup,
}

/// The outside system that an operation belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// `GoHighLevel`.
    Ghl,
    /// `ThriveCart`.
    ThriveCart,
    /// Messages to people: Slack, e-mail, HTTP hooks.
    Notify,
}

/// What happens when the same call is made twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Nothing changes.
    Read,
    /// The state is the same as after one call, if nobody wrote in between.
    Idempotent,
    /// There may be two of something: after an unclear outcome it must be confirmed before it is sent again.
    Unsafe,
}

/// How an operation is done.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Run {
    /// By one HTTP call.
    Http(Box<Endpoint>),
    /// By several calls, whose order the named hook decides.
    Composite(String),
}

/// One HTTP call.
#[derive(Clone, Debug, Serialize)]
pub struct Endpoint {
    /// Method in capitals.
    pub method: String,
    /// Path template, `/contacts/{contactId}`; a trailing slash belongs to it.
    pub path: String,
    /// Value of the `Version` header.
    pub version: String,
    /// The scopes that a token needs.
    pub scopes: Vec<String>,
    /// The kinds of token it takes: `location`, `location_oauth`, `agency`, `agency_oauth`.
    pub token_kinds: Vec<String>,
    /// Where the connection's location id goes, if anywhere.
    pub location_in: Option<In>,
    /// How an unclear call is confirmed.
    pub confirm: Option<Confirm>,
    /// The statuses that the vendor documents for success. Any 2xx is one.
    pub success: Vec<u16>,
    /// Whether it makes a new thing: then a 4xx does not prove that nothing was made.
    pub creates: bool,
    /// Whether it has a body.
    pub body: BodyKind,
    /// Keys that the answer has at its top, as documented; empty where the vendor's file does not say.
    pub answer: Vec<String>,
}

/// What body a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyKind {
    /// None.
    None,
    /// A JSON object; `{}` where no input goes into it.
    Json,
}

/// Where an input goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum In {
    /// A segment of the path.
    Path,
    /// The query string.
    Query,
    /// The JSON body.
    Body,
}

/// One input.
#[derive(Clone, Debug, Serialize)]
pub struct Input {
    /// Its name: GHL's own for a single call, `snake_case` for a composite.
    pub name: String,
    /// Where it goes; for a composite always the body.
    pub r#in: In,
    /// Whether it must be given.
    pub required: bool,
    /// What it means, in a sentence.
    pub help: String,
    /// The list that a person chooses from, such as `tags` or `users`.
    pub option_source: Option<String>,
    /// What values it takes.
    pub shape: Shape,
}

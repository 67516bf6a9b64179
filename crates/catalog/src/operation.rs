//! One operation: everything that any part of the program needs to know about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Confirm, Pages, Poll, Rule, Shape, Type};

/// One thing that an automation can have done or looked up.
#[derive(Clone, Debug, Serialize)]
pub struct Operation {
    /// Its name everywhere: `ghl.contacts.create`.
    pub id: String,
    /// Its number in the published list of operations; `None` for those that the list leaves out.
    pub listed: Option<u16>,
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
    /// How it is watched for what is new; `None` where it cannot be, or nobody has said how.
    pub poll: Option<Poll>,
    /// What it takes.
    pub inputs: Vec<Input>,
    /// At least one of these inputs must be given; empty where there is no such rule.
    pub needs_one: Vec<String>,
    /// Whether only one of these may be given.
    pub takes_one: bool,
    /// What its inputs keep to together.
    pub rules: Vec<Rule>,
    /// Inputs that one could expect here but that are not offered, with what to do instead.
    pub refused: BTreeMap<String, String>,
    /// Whether somebody has described it; otherwise all is derived from the vendor's file.
    pub described: bool,
    /// Whether the vendor advises against it.
    pub deprecated: bool,
    /// Why this version cannot do it; `None` where it can.
    pub unusable: Option<String>,
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
            Run::Composite(_) | Run::Raw => None,
        }
    }

    /// What doing it twice with these inputs does: [`Operation::effect`], but for a request of one's own, which does what
    /// its method says.
    pub fn effect_with(&self, inputs: &Value) -> Effect {
        match (self.system, inputs.get("method").and_then(Value::as_str)) {
            (_, Some("GET")) if matches!(self.run, Run::Raw) => Effect::Read,
            (System::Http, Some("GET" | "HEAD")) => Effect::Read,
            (System::Http, Some("PUT" | "DELETE")) => Effect::Idempotent,
            _ => self.effect,
        }
    }

    /// Whether its answer is no JSON, and is kept as a file.
    pub fn answers_file(&self) -> bool {
        let content = self
            .endpoint()
            .and_then(|endpoint| endpoint.answer.content.as_deref());
        content.is_some_and(|content| !content.contains("json"))
    }

    /// Names in its rules that are no inputs of it.
    pub(crate) fn names_outside_inputs(&self) -> Vec<&str> {
        let pages = self.endpoint().and_then(|endpoint| endpoint.pages.as_ref());
        let paging = pages
            .iter()
            .flat_map(|pages| pages.next.inputs().into_iter().chain(pages.size.as_deref()));
        let since = self
            .poll
            .as_ref()
            .and_then(|poll| poll.since.as_ref()?.as_object());
        let since = since
            .into_iter()
            .flat_map(|since| since.keys().map(String::as_str));
        let needed = self.needs_one.iter().map(String::as_str);
        let ruled = self.rules.iter().flat_map(Rule::inputs);
        needed
            .chain(paging)
            .chain(ruled)
            .chain(since)
            .filter(|name| self.input(name).is_none())
            .collect()
    }
}

/// What an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It reads what can be watched: something new or changed there starts a run here. As a step it is a lookup.
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
    /// Messages to people: Slack, e-mail. Their method and path mean nothing outside this program.
    Notify,
    /// Any HTTP server; method and address are inputs.
    Http,
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
    /// By one HTTP call that the inputs describe.
    Raw,
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
    /// Its name there.
    pub location_name: Option<String>,
    /// What is sent whatever the inputs are.
    pub fixed: Vec<Fixed>,
    /// How an unclear call is confirmed.
    pub confirm: Option<Confirm>,
    /// How its pages are asked for; `None` where there is one answer.
    pub pages: Option<Pages>,
    /// The statuses that the vendor documents for success. Any 2xx is one.
    pub success: Vec<u16>,
    /// Whether it makes a new thing that can be looked for: a 4xx does not prove that nothing was made.
    pub creates: bool,
    /// Whether it has a body.
    pub body: BodyKind,
    /// What the top of the answer is like, as documented.
    pub answer: AnswerTop,
}

/// A value that is always sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fixed {
    /// Its name.
    pub name: String,
    /// Where it goes.
    pub r#in: In,
    /// The value.
    pub value: Value,
}

/// The top of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AnswerTop {
    /// The content type, where it is not JSON.
    pub content: Option<String>,
    /// The JSON type; any where the vendor's file does not say.
    pub r#type: Type,
    /// Its keys; for a list those of its items.
    pub keys: BTreeMap<String, Type>,
}

/// What body a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyKind {
    /// None.
    None,
    /// A JSON object; `{}` where no input goes into it.
    Json,
    /// A JSON list: the one input that goes into the body.
    List,
    /// A form of parts (`multipart/form-data`), which carries files: see [`Operation::parts`].
    Form,
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
    /// A second place for the same value.
    pub also_in: Option<In>,
    /// Whether it must be given.
    pub required: bool,
    /// What it means, in a sentence.
    pub help: String,
    /// The list that a person chooses from, such as `tags` or `users`.
    pub option_source: Option<String>,
    /// The value that is sent where none is given.
    pub default: Option<Value>,
    /// What values it takes.
    pub shape: Shape,
}

impl Input {
    /// Whether the connection fills it in where it is not given: the agency's id.
    pub fn is_of_connection(&self) -> bool {
        self.name == "companyId"
    }
}

//! What expressions can read: the event, the outputs of earlier steps, settings, and the note reference.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use cartlane_model::Event;
use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::contact;
use crate::history::History;
use crate::uses::{Uses, data};

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum StepRecord {
    /// It was done.
    Done {
        /// What its operation answered.
        output: Json,
    },
    /// It was left out.
    Skipped {
        /// Why.
        reason: String,
    },
    /// It failed for good; whether the run goes on, its `on_error` says.
    Failed {
        /// Why.
        message: String,
    },
    /// It waits.
    Waiting {
        /// Since when, until when and for what; for the caller.
        output: Json,
    },
}

/// What became of the steps so far, by step id.
pub type Journal = Vec<(String, StepRecord)>;

/// What an automation is evaluated against.
pub struct Scope<'a> {
    /// What happened.
    pub event: &'a Event,
    /// What became of the steps so far.
    pub steps: &'a Journal,
    /// From a step's id to the reference by which what it writes is found again.
    pub reference: &'a (dyn Fn(&str) -> String + Sync),
    /// The settings of the connection, as a JSON map.
    pub settings: &'a Json,
    /// The contact's events up to this one; needed where the automation [reads](crate::Compiled::reads) `contact`.
    pub contact: Option<&'a History>,
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("event", &self.event.id)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

/// The records of a journal by the steps' names in it.
pub(crate) type Records<'a> = HashMap<&'a str, &'a StepRecord>;

/// One round of a loop.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub item: Json,
    pub index: usize,
}

/// Where an expression stands.
#[derive(Default)]
pub(crate) struct Around<'a> {
    /// The step's name in the journal.
    pub step: &'a str,
    /// The rounds that it stands in, outermost first.
    pub rounds: &'a [Round],
    /// The ids of all steps.
    pub ids: Option<&'a BTreeSet<String>>,
    pub records: Option<&'a Records<'a>>,
    /// The event that a wait looks at.
    pub awaited: Option<&'a Event>,
}

impl Around<'_> {
    /// What became of a step that can be seen from here: of this round, else of a round around it.
    fn record(&self, id: &str) -> Option<&StepRecord> {
        let records = self.records?;
        let indices: Vec<String> = self.rounds.iter().map(|round| round.index.to_string()).collect();
        let here = (1..=indices.len()).rev().find_map(|depth| {
            let key = format!("{id}#{}", indices[..depth].join("."));
            records.get(key.as_str())
        });
        here.or_else(|| records.get(id)).copied()
    }
}

impl Scope<'_> {
    pub(crate) fn records(&self) -> Records<'_> {
        let records = self.steps.iter();
        records.map(|(step, record)| (step.as_str(), record)).collect()
    }

    /// The names that the engine sees where an expression stands; only those that are read.
    pub(crate) fn names(&self, uses: &Uses, around: &Around<'_>) -> BTreeMap<&'static str, Value> {
        let mut root = BTreeMap::new();
        if let Some(uses) = uses.child("event") {
            root.insert("event", event_value(self.event, uses));
        }
        if let (Some(uses), Some(awaited)) = (uses.child("awaited"), around.awaited) {
            root.insert("awaited", event_value(awaited, uses));
        }
        if let Some(uses) = uses.child("steps") {
            root.insert("steps", steps_value(uses, around));
        }
        if let Some(uses) = uses.child("settings") {
            root.insert("settings", uses.select(self.settings));
        }
        if uses.child("contact").is_some() {
            let known = self.contact.map(|history| history.at(self.event.occurred_at));
            root.insert("contact", contact::value(known.unwrap_or_default()));
        }
        if uses.child("reference").is_some() {
            root.insert("reference", Value::from((self.reference)(around.step)));
        }
        if let Some(round) = around.rounds.last() {
            if let Some(uses) = uses.child("item") {
                root.insert("item", uses.select(&round.item));
            }
            root.insert("index", Value::from(round.index));
        }
        root
    }
}

fn steps_value(uses: &Uses, around: &Around<'_>) -> Value {
    let output = |id: &str| match (around.record(id), uses.child(id)) {
        (Some(StepRecord::Done { output }), Some(uses)) => uses.select(output),
        (Some(StepRecord::Done { output }), None) if uses.is_whole() => data(output),
        (Some(StepRecord::Failed { message }), _) => data(json!({"failed": true, "error": message})),
        _ => Absent::value(),
    };
    let ids = around.ids.into_iter().flatten();
    Value::from_pairs(ids.map(|id| (id.to_owned(), output(id))))
}

/// The event as it is in JSON, but that what is absent has fields: they are none.
fn event_value(event: &Event, uses: &Uses) -> Value {
    let facts = &event.facts;
    let mut fields: BTreeMap<&str, Value> = BTreeMap::new();
    let is_read = |name: &str| uses.is_whole() || uses.child(name).is_some();
    let mut field = |name: &'static str, value: &dyn Fn() -> Value| {
        if is_read(name) {
            fields.insert(name, value());
        }
    };
    field("id", &|| Value::from(event.id.to_string()));
    field("workspace_id", &|| Value::from(event.workspace_id.to_string()));
    field("connection_id", &|| Value::from(event.connection_id.to_string()));
    field("contact_id", &|| data(event.contact_id));
    field("received_at", &|| Value::from(event.received_at.0));
    field("occurred_at", &|| Value::from(event.occurred_at.0));
    field("kind", &|| Value::from(facts.kind.as_str()));
    field("mode", &|| data(facts.mode));
    field("person", &|| data(&facts.person));
    field("items", &|| data(&facts.items));
    field("amount", &|| or_absent(facts.amount.as_ref()));
    field("order_id", &|| data(&facts.order_id));
    field("invoice_id", &|| data(&facts.invoice_id));
    field("coupon", &|| data(&facts.coupon));
    field("subscription", &|| or_absent(facts.subscription.as_ref()));
    let payload = uses.child("payload").cloned().unwrap_or_default();
    field("payload", &|| payload.select(&facts.payload));
    Value::from_pairs(fields)
}

pub(crate) fn or_absent<T: Serialize>(value: Option<&T>) -> Value {
    value.map_or_else(Absent::value, data)
}

/// Something that may be there and is not: false, printed as nothing, and each of its fields is none.
#[derive(Debug)]
pub(crate) struct Absent;

impl Absent {
    pub(crate) fn value() -> Value {
        Value::from_object(Self)
    }

    /// Whether a value stands for nothing.
    pub(crate) fn is_nothing(value: &Value) -> bool {
        value.is_none() || value.downcast_object_ref::<Self>().is_some()
    }
}

impl Object for Absent {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from(()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }
}

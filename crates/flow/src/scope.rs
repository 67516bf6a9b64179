//! What expressions can read: the event, the outputs of earlier steps, settings, and the note reference.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use cartlane_model::Event;
use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

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
    /// It failed for good; the run is over.
    Failed {
        /// Why.
        message: String,
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
    pub reference: &'a dyn Fn(&str) -> String,
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

impl Scope<'_> {
    /// What became of the step `id`, if anything did.
    pub(crate) fn record(&self, id: &str) -> Option<&StepRecord> {
        self.steps
            .iter()
            .find(|(step, _)| step == id)
            .map(|(_, record)| record)
    }

    /// The names that the engine sees while it works for `step`; only those that are read.
    pub(crate) fn names(
        &self,
        uses: &Uses,
        step: &str,
        ids: impl Iterator<Item = impl AsRef<str>>,
    ) -> BTreeMap<&'static str, Value> {
        let mut root = BTreeMap::new();
        if let Some(uses) = uses.child("event") {
            root.insert("event", event_value(self.event, uses));
        }
        if let Some(uses) = uses.child("steps") {
            root.insert("steps", self.steps_value(uses, ids));
        }
        if let Some(uses) = uses.child("settings") {
            root.insert("settings", uses.select(self.settings));
        }
        if uses.child("contact").is_some() {
            let known = self.contact.map(|history| history.at(self.event.occurred_at));
            root.insert("contact", contact::value(known.unwrap_or_default()));
        }
        if uses.child("reference").is_some() {
            root.insert("reference", Value::from((self.reference)(step)));
        }
        root
    }

    fn steps_value(&self, uses: &Uses, ids: impl Iterator<Item = impl AsRef<str>>) -> Value {
        let output = |id: &str| match (self.record(id), uses.child(id)) {
            (Some(StepRecord::Done { output }), Some(uses)) => uses.select(output),
            (Some(StepRecord::Done { output }), None) if uses.is_whole() => data(output),
            _ => Absent::value(),
        };
        Value::from_pairs(ids.map(|id| (id.as_ref().to_owned(), output(id.as_ref()))))
    }
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

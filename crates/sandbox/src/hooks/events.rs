//! Which events an effect causes, and what each carries: the form of the documented examples (highlevel-api-docs,
//! `docs/webhook events`).
//!
//! An effect is called `THING_created`, `…_updated` or `…_deleted` (a task's also `task_completed`). The thing is taken
//! from the answer where it has one, under its name or bare, or else from the effect's detail; so that a deletion's
//! detail must have the whole thing under its name. `detail.written` has the fields that an update wrote.

use serde_json::{Map, Value, json};

use super::messages;
use crate::log::Effect;
use crate::store::Store;

/// One event before it gets its id.
pub(crate) struct Event {
    pub(crate) kind: String,
    /// None where it is the agency's.
    pub(crate) location: Option<String>,
    pub(crate) payload: Map<String, Value>,
}

/// What an event about a contact carries of it.
const CONTACT: &[&str] = &[
    "id",
    "address1",
    "city",
    "state",
    "companyName",
    "country",
    "source",
    "dateAdded",
    "dateOfBirth",
    "dnd",
    "dndSettings",
    "email",
    "name",
    "firstName",
    "lastName",
    "phone",
    "postalCode",
    "tags",
    "website",
    "assignedTo",
    "customFields",
];
const NOTE: &[&str] = &["id", "body", "contactId", "dateAdded"];
const TASK: &[&str] = &[
    "id",
    "assignedTo",
    "title",
    "dueDate",
    "dateAdded",
    "contactId",
    "body",
    "completed",
];
const OPPORTUNITY: &[&str] = &[
    "id",
    "assignedTo",
    "contactId",
    "monetaryValue",
    "name",
    "pipelineId",
    "pipelineStageId",
    "source",
    "status",
    "dateAdded",
];
const APPOINTMENT: &[&str] = &[
    "id",
    "address",
    "title",
    "calendarId",
    "contactId",
    "groupId",
    "appointmentStatus",
    "assignedUserId",
    "users",
    "notes",
    "source",
    "startTime",
    "endTime",
    "dateAdded",
    "dateUpdated",
];
const LOCATION: &[&str] = &[
    "id",
    "name",
    "email",
    "phone",
    "companyId",
    "address",
    "city",
    "state",
    "country",
];
const USER: &[&str] = &[
    "id",
    "firstName",
    "lastName",
    "email",
    "phone",
    "extension",
    "role",
    "permissions",
    "roles",
];

const ASSOCIATION: &[&str] = &[
    "id",
    "associationType",
    "firstObjectKey",
    "firstObjectLabel",
    "secondObjectKey",
    "secondObjectLabel",
    "key",
];
const RELATION: &[&str] = &[
    "id",
    "firstObjectKey",
    "firstRecordId",
    "secondObjectKey",
    "secondRecordId",
    "associationId",
];

/// The events of an effect. `reply` is what was answered for it, `location` whose token did it.
pub(crate) fn of(
    effect: &Effect,
    reply: Option<&Value>,
    location: Option<&str>,
    store: &Store,
    company: &str,
) -> Vec<Event> {
    let contact = store.contact(&effect.contact_id);
    let location = contact.map(|contact| contact.location_id.as_str()).or(location);
    let logged = || effect.detail.get("locationId").and_then(Value::as_str);
    let location = location
        .filter(|location| !location.is_empty())
        .or_else(logged)
        .filter(|location| !location.is_empty())
        .map(str::to_owned);
    let (subject, action) = effect.kind.rsplit_once('_').unwrap_or((effect.kind, ""));
    let scene = Scene {
        effect,
        reply,
        location,
        store,
    };
    match (subject, action) {
        ("tags_in", "bulk") => in_bulk(effect, store, company),
        ("contact" | "tags", action) => scene.contact(action),
        ("note", action) => scene.flat("Note", "note", action, NOTE),
        ("task", "completed") => scene.named("TaskComplete", "task", TASK),
        ("task", action) if action != "updated" => scene.flat("Task", "task", action, TASK),
        ("opportunity", action) => scene.opportunity(action),
        ("appointment", action) => scene.appointment(action),
        ("message", "sent" | "received") => scene.told(messages::of_message(effect, store)),
        ("conversation", "updated") => scene.told(messages::of_conversation(effect)),
        ("association", action) => scene.flat("Association", "association", action, ASSOCIATION),
        ("relation", action) => scene.flat("Relation", "relation", action, RELATION),
        ("location", "created" | "updated") => scene.location(action),
        ("user", "created" | "updated" | "deleted") => scene.flat("User", "user", action, USER),
        ("app", "installed") => vec![scene.app("INSTALL", company)],
        ("app", "uninstalled") => vec![scene.app("UNINSTALL", company)],
        _ => Vec::new(),
    }
}

struct Scene<'a> {
    effect: &'a Effect,
    reply: Option<&'a Value>,
    location: Option<String>,
    store: &'a Store,
}

impl Scene<'_> {
    /// The thing that changed: under its key in the answer, the answer itself, or what the log says of it.
    fn subject(&self, key: &str) -> Map<String, Value> {
        let logged = self
            .effect
            .detail
            .get(key)
            .or(Some(&self.effect.detail))
            .and_then(Value::as_object);
        let answered = self
            .reply
            .and_then(|reply| reply.get(key).or(Some(reply)))
            .and_then(Value::as_object);
        let mut subject = logged.cloned().unwrap_or_default();
        subject.extend(
            answered
                .filter(|answered| answered.contains_key("id"))
                .cloned()
                .unwrap_or_default(),
        );
        if !subject.contains_key("id") {
            let id = subject.get(&format!("{key}_id")).cloned().unwrap_or_default();
            subject.insert("id".to_owned(), id);
        }
        if !self.effect.contact_id.is_empty() {
            subject
                .entry("contactId")
                .or_insert(json!(self.effect.contact_id));
        }
        subject
    }

    fn event(&self, kind: &str, payload: Map<String, Value>) -> Event {
        Event {
            kind: kind.to_owned(),
            location: self.location.clone(),
            payload,
        }
    }

    fn told(&self, events: Vec<(&'static str, Map<String, Value>)>) -> Vec<Event> {
        let events = events.into_iter();
        events.map(|(kind, payload)| self.event(kind, payload)).collect()
    }

    /// An event that carries these fields of its subject at its top.
    fn named(&self, kind: &str, key: &str, fields: &[&str]) -> Vec<Event> {
        vec![self.event(kind, picked(&self.subject(key), fields))]
    }

    fn flat(&self, kind: &str, key: &str, action: &str, fields: &[&str]) -> Vec<Event> {
        verb(action).map_or_else(Vec::new, |verb| self.named(&format!("{kind}{verb}"), key, fields))
    }

    fn contact(&self, action: &str) -> Vec<Event> {
        let view = match self.store.contact(&self.effect.contact_id) {
            Some(contact) => contact.view(),
            None => self
                .effect
                .detail
                .get("contact")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
        };
        let wrote = |field: &str| self.effect.detail.pointer(&format!("/written/{field}")).is_some();
        let kinds: Vec<&str> = match action {
            "created" => vec!["ContactCreate"],
            "deleted" => vec!["ContactDelete"],
            "updated" => {
                let tags = wrote("tags").then_some("ContactTagUpdate");
                let dnd = (wrote("dnd") || wrote("dndSettings")).then_some("ContactDndUpdate");
                ["ContactUpdate"].into_iter().chain(tags).chain(dnd).collect()
            }
            _ if self
                .effect
                .detail
                .get("changed")
                .is_some_and(|changed| *changed == json!([])) =>
            {
                Vec::new()
            }
            _ => vec!["ContactTagUpdate"],
        };
        let mut payload = picked(&view, CONTACT);
        payload.insert("attachments".to_owned(), json!([]));
        kinds
            .into_iter()
            .map(|kind| self.event(kind, payload.clone()))
            .collect()
    }

    fn opportunity(&self, action: &str) -> Vec<Event> {
        let mut events = self.flat("Opportunity", "opportunity", action, OPPORTUNITY);
        if action != "created" && action != "deleted" {
            let written = self.effect.detail.get("written").and_then(Value::as_object);
            let changed = |field: &str| written.is_some_and(|written| written.contains_key(field));
            for (field, kind) in [
                ("status", "OpportunityStatusUpdate"),
                ("pipelineStageId", "OpportunityStageUpdate"),
                ("assignedTo", "OpportunityAssignedToUpdate"),
                ("monetaryValue", "OpportunityMonetaryValueUpdate"),
            ] {
                if changed(field) {
                    events.extend(self.named(kind, "opportunity", OPPORTUNITY));
                }
            }
        }
        events
    }

    fn appointment(&self, action: &str) -> Vec<Event> {
        let Some(verb) = verb(action) else {
            return Vec::new();
        };
        let appointment = picked(&self.subject("appointment"), APPOINTMENT);
        let payload = Map::from_iter([("appointment".to_owned(), Value::Object(appointment))]);
        vec![self.event(&format!("Appointment{verb}"), payload)]
    }

    fn location(&self, action: &str) -> Vec<Event> {
        let payload = picked(&self.subject("location"), LOCATION);
        let location = payload.get("id").and_then(Value::as_str).map(str::to_owned);
        let kind = if action == "created" {
            "LocationCreate"
        } else {
            "LocationUpdate"
        };
        vec![Event {
            kind: kind.to_owned(),
            location,
            payload,
        }]
    }

    fn app(&self, kind: &str, company: &str) -> Event {
        let location = self
            .effect
            .detail
            .get("locationId")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let mut payload = Map::new();
        payload.insert("companyId".to_owned(), json!(company));
        if let Some(client_id) = self.effect.detail.get("client_id").and_then(Value::as_str) {
            let app = client_id.split('-').next().unwrap_or_default();
            payload.insert("appId".to_owned(), json!(app));
            payload.insert("versionId".to_owned(), json!(app));
        }
        Event {
            kind: kind.to_owned(),
            location,
            payload,
        }
    }
}

/// The events of a change to many contacts: those of each.
fn in_bulk(effect: &Effect, store: &Store, company: &str) -> Vec<Event> {
    let effects = effect.detail.get("effects").and_then(Value::as_array);
    let each = effects.into_iter().flatten().map(|one| {
        let contact_id = one.get("contact_id").and_then(Value::as_str).unwrap_or_default();
        let detail = one.get("detail").cloned().unwrap_or_default();
        Effect::new("tags_changed", contact_id, detail)
    });
    each.flat_map(|one| of(&one, None, None, store, company))
        .collect()
}

fn verb(action: &str) -> Option<&'static str> {
    match action {
        "created" => Some("Create"),
        "updated" | "moved" => Some("Update"),
        "deleted" => Some("Delete"),
        _ => None,
    }
}

pub(super) fn picked(object: &Map<String, Value>, fields: &[&str]) -> Map<String, Value> {
    let pairs = fields
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), object.get(*field)?.clone())));
    pairs.collect()
}

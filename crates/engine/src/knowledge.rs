//! What the answers to a lane's runs have told of contacts, so that it is not asked again, and not written again.
//!
//! What always holds: an answer counts for the run that got it and for those that waited in the lane when that one's turn
//! began, as long as the lane is worked without a pause, and not for longer than a minute. A write that such a run leaves out
//! is as good as made in the moment of the answer: the run was there already, and nothing would have changed. For a run that
//! came later that is not so: somebody may have taken a tag off in between which is to be added anew. Whatever may have
//! changed a contact in a way that its answer does not tell makes it forgotten. Forgetting costs a call, nothing else.

use std::collections::HashMap;
use std::time::Duration;

use cartlane_catalog::{Effect, Operation};
use cartlane_model::ConnectionId;
use serde_json::{Value as Json, json};
use tokio::time::Instant;

/// Others may change a contact as well.
const LASTS: Duration = Duration::from_mins(1);
/// Writes that leave fields and tags as they are.
const HARMLESS: [&str; 4] = [
    "ghl.contacts.create_note",
    "ghl.contacts.create_task",
    "ghl.contacts.update_note",
    "ghl.contacts.complete_task",
];

/// Contacts by connection and id.
#[derive(Default)]
pub(crate) struct Knowledge {
    /// The run at work, by its number in the lane.
    run: i64,
    /// The newest run of the lane when its turn began.
    newest: i64,
    contacts: HashMap<(ConnectionId, String), Contact>,
}

struct Contact {
    /// All of it, where an answer had all.
    whole: Option<Json>,
    tags: Option<Vec<String>>,
    told_at: Instant,
    /// The newest run that waited already.
    told_to: i64,
}

impl Knowledge {
    /// A run's turn begins; `newest` is the number of the lane's newest run.
    pub fn begin_turn(&mut self, run: i64, newest: i64) {
        (self.run, self.newest) = (run, newest);
        self.contacts.retain(|_, contact| contact.told_to >= run);
    }

    /// Nobody knows what a write has come to.
    pub fn forget_all(&mut self) {
        self.contacts.clear();
    }

    /// The answer that a call would get, where that is known and the call would change nothing.
    pub fn answer(&self, connection: ConnectionId, operation: &Operation, inputs: &Json) -> Option<Json> {
        let id = inputs["contactId"].as_str()?;
        let contact = self.contacts.get(&(connection, id.to_owned()))?;
        if contact.told_at.elapsed() > LASTS {
            return None;
        }
        match operation.id.as_str() {
            "ghl.contacts.get" => Some(json!({"contact": contact.whole.as_ref()?})),
            "ghl.contacts.add_tags" => {
                let tags = contact.tags.as_ref()?;
                let is_there = tags_in(inputs).iter().all(|tag| tags.contains(tag));
                is_there.then(|| json!({"tags": tags, "tagsAdded": []}))
            }
            "ghl.contacts.remove_tags" => {
                let tags = contact.tags.as_ref()?;
                let is_gone = !tags_in(inputs).iter().any(|tag| tags.contains(tag));
                is_gone.then(|| json!({"tags": tags, "tagsRemoved": []}))
            }
            "ghl.contacts.update" => {
                let whole = contact.whole.as_ref()?;
                let fields = inputs
                    .as_object()?
                    .iter()
                    .filter(|(name, _)| *name != "contactId");
                let is_same = |(name, value): (&String, &Json)| match name.as_str() {
                    "customFields" => value
                        .as_array()
                        .is_some_and(|all| all.iter().all(|field| has_custom(whole, field))),
                    "tags" => false, // an update replaces them all
                    name => whole.get(name) == Some(value),
                };
                fields
                    .clone()
                    .all(is_same)
                    .then(|| json!({"succeeded": true, "contact": whole}))
            }
            _ => None,
        }
    }

    /// Notes what a call told.
    pub fn learn(&mut self, connection: ConnectionId, operation: &Operation, inputs: &Json, answer: &Json) {
        match operation.id.as_str() {
            "ghl.contacts.get" | "ghl.contacts.find_duplicate" | "ghl.contacts.create" => {
                self.is_told(connection, &answer["contact"]);
            }
            "ghl.contacts.update" => {
                self.forget(connection, inputs);
                self.is_told(connection, &answer["contact"]);
            }
            "ghl.contacts.add_tags" => {
                let all = answer["tags"].as_array().map(|tags| texts(tags));
                self.set_tags(connection, inputs, |_| all);
            }
            "ghl.contacts.remove_tags" => {
                let gone = tags_in(inputs);
                self.set_tags(connection, inputs, |tags| {
                    let left = tags?.into_iter().filter(|tag| !gone.contains(tag));
                    Some(left.collect())
                });
            }
            "ghl.contacts.update_tags_in_bulk" => {
                for told in answer["responses"].as_array().into_iter().flatten() {
                    self.set_tags_in_bulk(connection, inputs, told);
                }
            }
            id if operation.effect_with(inputs) == Effect::Read || HARMLESS.contains(&id) => {}
            _ if inputs["contactId"].is_string() => self.forget(connection, inputs),
            _ => self.contacts.clear(),
        }
    }

    fn is_told(&mut self, connection: ConnectionId, contact: &Json) {
        let Some(id) = contact["id"].as_str() else { return };
        let known = Contact {
            whole: Some(contact.clone()),
            tags: contact["tags"].as_array().map(|tags| texts(tags)),
            told_at: Instant::now(),
            told_to: self.newest,
        };
        self.contacts.insert((connection, id.to_owned()), known);
    }

    fn forget(&mut self, connection: ConnectionId, inputs: &Json) {
        if let Some(id) = inputs["contactId"].as_str() {
            self.contacts.remove(&(connection, id.to_owned()));
        }
    }

    /// What a call for many contacts says of one of them.
    fn set_tags_in_bulk(&mut self, connection: ConnectionId, inputs: &Json, told: &Json) {
        let contact = json!({"contactId": told["contactId"]});
        let (Some(old), "success") = (
            told["oldTags"].as_array(),
            told["type"].as_str().unwrap_or_default(),
        ) else {
            return self.forget(connection, &contact);
        };
        let (mut tags, sent) = (texts(old), tags_in(inputs));
        if inputs["type"] == "add" {
            tags.extend(sent);
        } else {
            tags.retain(|tag| !sent.contains(tag));
        }
        self.set_tags(connection, &contact, |_| Some(tags));
    }

    fn set_tags(
        &mut self,
        connection: ConnectionId,
        inputs: &Json,
        new: impl FnOnce(Option<Vec<String>>) -> Option<Vec<String>>,
    ) {
        let Some(id) = inputs["contactId"].as_str() else {
            return;
        };
        let newest = self.newest;
        let contact = self
            .contacts
            .entry((connection, id.to_owned()))
            .or_insert_with(|| Contact {
                whole: None,
                tags: None,
                told_at: Instant::now(),
                told_to: newest,
            });
        contact.tags = new(contact.tags.take());
        match (&mut contact.whole, &contact.tags) {
            (Some(whole), Some(tags)) => whole["tags"] = json!(tags),
            (whole, None) => *whole = None,
            (None, Some(_)) => {}
        }
    }
}

/// Tags as GHL keeps them: in small letters.
fn tags_in(inputs: &Json) -> Vec<String> {
    inputs["tags"]
        .as_array()
        .map(|tags| texts(tags))
        .unwrap_or_default()
}

fn texts(tags: &[Json]) -> Vec<String> {
    let text = |tag: &Json| Some(tag.as_str()?.trim().to_lowercase());
    tags.iter().filter_map(text).collect()
}

/// Whether the contact has the custom field as it would be written.
fn has_custom(contact: &Json, field: &Json) -> bool {
    let value = field.get("field_value").or(field.get("value"));
    let all = contact["customFields"].as_array().into_iter().flatten();
    let mut same = all.filter(|known| field["id"].is_string() && known["id"] == field["id"]);
    same.any(|known| value.is_some() && known.get("value") == value)
}

#[cfg(test)]
mod tests {
    use cartlane_catalog::Catalog;

    use super::*;

    fn operation(id: &str) -> &'static Operation {
        Catalog::builtin()
            .get(&format!("ghl.contacts.{id}"))
            .expect("known")
    }

    fn here() -> ConnectionId {
        ConnectionId::from_u128(1)
    }

    fn told() -> Knowledge {
        let mut knowledge = Knowledge::default();
        let contact = json!({"id": "c", "email": "a@b.co", "city": "Bonn", "tags": ["old"], "customFields": [{"id": "f", "value": 1}]});
        knowledge.learn(
            here(),
            operation("get"),
            &json!({"contactId": "c"}),
            &json!({"contact": contact}),
        );
        knowledge
    }

    #[test]
    fn what_changes_nothing_is_answered_and_what_changes_something_is_not() {
        let knowledge = told();
        let answered = |id: &str, inputs: Json| knowledge.answer(here(), operation(id), &inputs).is_some();
        assert!(answered(
            "update",
            json!({"contactId": "c", "city": "Bonn", "customFields": [{"id": "f", "field_value": 1}]})
        ));
        assert!(!answered("update", json!({"contactId": "c", "city": "bonn"})));
        assert!(!answered(
            "update",
            json!({"contactId": "c", "customFields": [{"id": "f", "field_value": 2}]})
        ));
        assert!(!answered(
            "update",
            json!({"contactId": "c", "customFields": [{"key": "f", "field_value": 1}]})
        ));
        assert!(answered("add_tags", json!({"contactId": "c", "tags": ["OLD "]})));
        assert!(!answered(
            "add_tags",
            json!({"contactId": "c", "tags": ["old", "new"]})
        ));
        assert!(answered(
            "remove_tags",
            json!({"contactId": "c", "tags": ["new"]})
        ));
        assert!(!answered(
            "remove_tags",
            json!({"contactId": "c", "tags": ["old"]})
        ));
        assert!(answered("get", json!({"contactId": "c"})));
        assert!(!answered("get", json!({"contactId": "d"})));
        assert!(!answered("create_note", json!({"contactId": "c", "body": "x"})));
        let elsewhere = ConnectionId::from_u128(2);
        assert!(
            knowledge
                .answer(elsewhere, operation("get"), &json!({"contactId": "c"}))
                .is_none()
        );
    }

    #[test]
    fn what_an_answer_does_not_tell_is_forgotten() {
        let tags = json!({"contactId": "c", "tags": ["old"]});
        let mut knowledge = told();
        knowledge.learn(
            here(),
            operation("remove_tags"),
            &tags,
            &json!({"succeeded": true}),
        );
        assert!(knowledge.answer(here(), operation("add_tags"), &tags).is_none());
        assert!(
            knowledge
                .answer(here(), operation("remove_tags"), &tags)
                .is_some()
        );
        knowledge.learn(
            here(),
            operation("create_note"),
            &json!({"contactId": "c", "body": "x"}),
            &json!({}),
        );
        assert!(
            knowledge
                .answer(here(), operation("remove_tags"), &tags)
                .is_some(),
            "a note changes no tag"
        );
        knowledge.learn(
            here(),
            operation("add_to_workflow"),
            &json!({"contactId": "c", "workflowId": "w"}),
            &json!({}),
        );
        assert!(
            knowledge
                .answer(here(), operation("remove_tags"), &tags)
                .is_none(),
            "a workflow may"
        );
        let mut knowledge = told();
        knowledge.learn(
            here(),
            operation("update"),
            &json!({"contactId": "c", "city": "Ulm"}),
            &json!({"succeeded": true}),
        );
        assert!(
            knowledge
                .answer(here(), operation("get"), &json!({"contactId": "c"}))
                .is_none()
        );
    }

    #[test]
    fn runs_that_were_there_know_it_and_those_that_came_later_do_not() {
        let mut knowledge = Knowledge::default();
        let get = json!({"contactId": "c"});
        knowledge.begin_turn(1, 3);
        knowledge.learn(
            here(),
            operation("get"),
            &get,
            &json!({"contact": {"id": "c", "tags": []}}),
        );
        knowledge.begin_turn(3, 5);
        assert!(knowledge.answer(here(), operation("get"), &get).is_some());
        let tags = json!({"contactId": "c", "tags": ["new"]});
        knowledge.learn(here(), operation("add_tags"), &tags, &json!({"tags": ["new"]}));
        knowledge.begin_turn(4, 5);
        assert!(knowledge.answer(here(), operation("get"), &get).is_none());
        assert!(
            knowledge.answer(here(), operation("add_tags"), &tags).is_none(),
            "what was known longest decides"
        );
    }
}

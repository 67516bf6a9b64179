//! Another user of the account, who changes things behind the API's back.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::contacts::Contact;
use crate::log::{Actor, Effect, Entry};
use crate::settings::Location;
use crate::state::Inner;
use crate::{conversations, membership, tags};

/// What the other user does to one contact. What is given is done in the order of the fields, each thing with a log
/// entry of its own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edit {
    /// In which location; by default the first.
    pub location: Option<String>,
    /// The contact, by id.
    pub contact_id: Option<String>,
    /// The contact, by e-mail.
    pub email: Option<String>,
    /// Makes a contact from `email` and `set` instead of looking for one.
    pub create: bool,
    /// Fields to write, under GHL's names; `additionalEmails` too.
    pub set: Map<String, Value>,
    /// Tags to add.
    pub add_tags: Vec<String>,
    /// Tags to remove.
    pub remove_tags: Vec<String>,
    /// Id of a note to delete.
    pub delete_note: Option<String>,
    /// Id of a workflow that the contact gets through: it is no longer in it, but has been.
    pub finish_workflow: Option<String>,
    /// Deletes the contact.
    pub delete: bool,
}

/// Why an edit wasn't made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EditError {
    /// There is no such location.
    #[error("no such location")]
    NoLocation,
    /// Neither `contact_id` nor `email` names a contact.
    #[error("no such contact: give contact_id or email, or create")]
    NoContact,
    /// The contact has no such note.
    #[error("no such note")]
    NoNote,
    /// There is no such type of message.
    #[error("no such type of message")]
    NoType,
}

impl Inner {
    /// Makes an edit; answers the contact's id.
    pub(crate) fn edit(&mut self, edit: &Edit) -> Result<String, EditError> {
        let location = self.edited_location(edit)?.clone();
        self.store.lag_ms = self.settings.index_lag_ms;
        let id = if edit.create {
            self.edit_create(edit, &location)
        } else {
            self.edit_find(edit, &location)?.id.clone()
        };
        if !edit.create && !edit.set.is_empty() {
            self.edit_fields(&id, &edit.set, &location);
        }
        if !edit.add_tags.is_empty() {
            self.edit_tags(&id, "tags_added", &edit.add_tags, tags::add_to);
        }
        if !edit.remove_tags.is_empty() {
            self.edit_tags(&id, "tags_removed", &edit.remove_tags, tags::remove_from);
        }
        if let Some(note_id) = &edit.delete_note {
            self.edit_delete_note(&id, note_id)?;
        }
        if let Some(workflow) = &edit.finish_workflow {
            let changed = self.rewrite(&id, |contact| {
                contact.active_workflows.retain(|other| other != workflow);
                !membership::add(&mut contact.finished_workflows, std::slice::from_ref(workflow)).is_empty()
            });
            let detail = json!({"workflow_id": workflow, "changed": changed});
            self.record_edit(Effect::new("workflow_finished", &id, detail));
        }
        if edit.delete {
            let now = self.time.now();
            let contact = self.store.contact(&id).map(|contact| contact.view());
            self.store.remove(&id, now);
            self.record_edit(Effect {
                kind: "contact_deleted",
                contact_id: id.clone(),
                detail: json!({"contact": contact}),
            });
        }
        Ok(id)
    }

    /// The contact that an edit is about.
    pub(crate) fn edited(&self, edit: &Edit) -> Result<Arc<Contact>, EditError> {
        self.edit_find(edit, self.edited_location(edit)?).cloned()
    }

    fn edited_location(&self, edit: &Edit) -> Result<&Location, EditError> {
        let location = match &edit.location {
            Some(id) => self.settings.location(id),
            None => self.settings.locations.first(),
        };
        location.ok_or(EditError::NoLocation)
    }

    fn edit_find(&self, edit: &Edit, location: &Location) -> Result<&Arc<Contact>, EditError> {
        let by_id = edit.contact_id.as_deref().and_then(|id| self.store.contact(id));
        let by_email = || self.store.by_email(&location.id, edit.email.as_deref()?);
        by_id.or_else(by_email).ok_or(EditError::NoContact)
    }

    fn edit_create(&mut self, edit: &Edit, location: &Location) -> String {
        let now = self.time.now();
        let id = self.store.new_id();
        self.store.put(Contact::new(id.clone(), &location.id, now), now);
        conversations::open(&mut self.store, &id, &location.id, now);
        let mut fields = edit.set.clone();
        if let Some(email) = &edit.email {
            fields.insert("email".to_owned(), json!(email));
        }
        self.write_fields(&id, &fields, location, "contact_created");
        id
    }

    fn edit_fields(&mut self, id: &str, fields: &Map<String, Value>, location: &Location) {
        self.write_fields(id, fields, location, "contact_updated");
    }

    fn write_fields(
        &mut self,
        id: &str,
        fields: &Map<String, Value>,
        location: &Location,
        kind: &'static str,
    ) {
        let mut fields = fields.clone();
        let additional = fields.shift_remove("additionalEmails");
        let detail = self.rewrite(id, |contact| {
            if let Some(Value::Array(emails)) = &additional {
                let emails = emails.iter().filter_map(Value::as_str);
                contact.additional_emails = emails.map(str::to_owned).collect();
            }
            contact.apply(&fields, location)
        });
        self.record_edit(Effect {
            kind,
            contact_id: id.to_owned(),
            detail: json!({"written": detail}),
        });
    }

    fn edit_tags(
        &mut self,
        id: &str,
        kind: &'static str,
        tags: &[String],
        change: fn(&mut Contact, &[String]) -> Vec<String>,
    ) {
        let effect = self.rewrite(id, |contact| {
            let changed = change(contact, tags);
            tags::effect(kind, contact, tags, &changed)
        });
        if let Some(effect) = effect {
            self.record_edit(effect);
        }
    }

    fn edit_delete_note(&mut self, contact_id: &str, note_id: &str) -> Result<(), EditError> {
        let notes = self.store.notes_mut(contact_id);
        let position = notes
            .iter()
            .position(|note| note.id == note_id)
            .ok_or(EditError::NoNote)?;
        let effect = notes.remove(position).effect("note_deleted", contact_id);
        self.record_edit(effect);
        Ok(())
    }

    fn rewrite<T>(&mut self, id: &str, change: impl FnOnce(&mut Contact) -> T) -> Option<T> {
        let now = self.time.now();
        let mut contact = Contact::clone(self.store.contact(id)?);
        let outcome = change(&mut contact);
        contact.updated_at = now;
        self.store.put(contact, now);
        Some(outcome)
    }

    /// Logs what somebody else did, and sends its events.
    pub(crate) fn record_edit(&mut self, effect: Effect) {
        let now = self.time.now();
        let location = effect
            .detail
            .pointer("/contact/locationId")
            .and_then(Value::as_str);
        self.announce_effect(&effect, None, location, now);
        let mut entry = Entry {
            seq: self.log.next_seq(),
            at_ms: now,
            actor: Actor::User,
            method: "EDIT".to_owned(),
            path: "/_sandbox/edit".to_owned(),
            operation: None,
            status: None,
            fault: None,
            effect: None,
            effect_at_ms: None,
            effect_seq: None,
            pending: false,
            injected: false,
            request_body: Value::Null,
        };
        self.note_effect(&mut entry, Some(effect), now);
        self.keep(entry);
    }
}

//! Notes of a contact.

use cartlane_model::UnixMs;
use serde_json::{Map, Value, json};

use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::routes::Request;
use crate::store::Store;

/// A note.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) id: String,
    /// `body`, `title`, `color`, `pinned`, `userId`.
    fields: Map<String, Value>,
    added_at: UnixMs,
}

impl Note {
    pub(crate) fn view(&self, contact_id: &str) -> Value {
        let mut view = Map::new();
        view.insert("id".to_owned(), json!(self.id));
        view.extend(self.fields.clone());
        view.insert("contactId".to_owned(), json!(contact_id));
        view.insert("dateAdded".to_owned(), json!(self.added_at.to_string()));
        Value::Object(view)
    }

    /// The log's record of what happened to the note.
    pub(crate) fn effect(&self, kind: &'static str, contact_id: &str) -> Effect {
        Effect {
            kind,
            contact_id: contact_id.to_owned(),
            detail: json!({"note_id": self.id, "body": self.fields.get("body")}),
        }
    }
}

/// POST /contacts/{id}/notes
pub(crate) fn create(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let contact = request.contact(store)?;
    let note = Note {
        id: store.new_id(),
        fields: request.body.clone(),
        added_at: request.now,
    };
    let body = json!({"note": note.view(&contact.id)});
    let effect = note.effect("note_created", &contact.id);
    store.notes_mut(&contact.id).push(note);
    Ok(Done::wrote(201, body, effect))
}

/// GET /contacts/{id}/notes: newest first.
pub(crate) fn list(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let contact = request.contact(store)?;
    let notes = store.notes(&contact.id).iter().rev();
    let notes: Vec<Value> = notes.map(|note| note.view(&contact.id)).collect();
    Ok(Done::read(json!({"notes": notes})))
}

/// GET /contacts/{id}/notes/{noteId}
pub(crate) fn get(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let contact = request.contact(store)?;
    let index = position(store, &contact.id, request.param(1))?;
    let note = &store.notes(&contact.id)[index];
    Ok(Done::read(json!({"note": note.view(&contact.id)})))
}

/// PUT /contacts/{id}/notes/{noteId}
pub(crate) fn update(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let contact = request.contact(store)?;
    let index = position(store, &contact.id, request.param(1))?;
    let note = &mut store.notes_mut(&contact.id)[index];
    note.fields.extend(request.body.clone());
    let body = json!({"note": note.view(&contact.id)});
    Ok(Done::wrote(200, body, note.effect("note_updated", &contact.id)))
}

/// DELETE /contacts/{id}/notes/{noteId}
pub(crate) fn delete(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let contact = request.contact(store)?;
    let index = position(store, &contact.id, request.param(1))?;
    let note = store.notes_mut(&contact.id).remove(index);
    Ok(Done::wrote(
        200,
        json!({"succeded": true}),
        note.effect("note_deleted", &contact.id),
    ))
}

fn position(store: &Store, contact_id: &str, note_id: &str) -> Result<usize, Reply> {
    let position = store.notes(contact_id).iter().position(|note| note.id == note_id);
    position.ok_or_else(|| Reply::not_found("Note", note_id))
}

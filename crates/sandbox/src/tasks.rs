//! Tasks of a contact.

use serde_json::{Map, Value, json};

use crate::accounts::{AccountRoute, Scene};
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};

const READ: &str = "contacts.readonly";
const WRITE: &str = "contacts.write";
const KIND: &str = "task";

/// The operations.
pub(crate) const ROUTES: &[AccountRoute] = &[
    AccountRoute::new(
        "GET",
        "/contacts/{id}/tasks",
        "ghl.contacts.list_tasks",
        READ,
        list,
    ),
    AccountRoute::new(
        "POST",
        "/contacts/{id}/tasks",
        "ghl.contacts.create_task",
        WRITE,
        create,
    ),
    AccountRoute::new(
        "GET",
        "/contacts/{id}/tasks/{task}",
        "ghl.contacts.get_task",
        READ,
        get,
    ),
    AccountRoute::new(
        "PUT",
        "/contacts/{id}/tasks/{task}",
        "ghl.contacts.update_task",
        WRITE,
        update,
    ),
    AccountRoute::new(
        "PUT",
        "/contacts/{id}/tasks/{task}/completed",
        "ghl.contacts.complete_task",
        WRITE,
        update,
    ),
    AccountRoute::new(
        "DELETE",
        "/contacts/{id}/tasks/{task}",
        "ghl.contacts.delete_task",
        WRITE,
        delete,
    ),
];

/// The contact's tasks as GHL shows them, newest first.
pub(crate) fn views(scene: &Scene<'_>, location: &str, contact_id: &str) -> Vec<Value> {
    let tasks = scene.store.documents.of(KIND, location).rev();
    let own = tasks.filter(|task| task.text("contactId") == Some(contact_id));
    own.map(view).collect()
}

/// GET /contacts/{id}/tasks: newest first.
fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let contact = scene.contact(scene.param(0))?;
    let tasks = views(scene, &contact.location_id, &contact.id);
    Ok(Done::read(json!({"tasks": tasks})))
}

/// GET /contacts/{id}/tasks/{task}
fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    Ok(Done::read(json!({"task": view(&find(scene)?)})))
}

/// POST /contacts/{id}/tasks
fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let contact = scene.contact(scene.param(0))?;
    check_date(scene)?;
    let mut task = scene.new_document(&contact.location_id);
    task.fields.insert("contactId".to_owned(), json!(contact.id));
    let done = wrote(201, "task_created", &task);
    scene.store.documents.put(KIND, task);
    Ok(done)
}

/// PUT /contacts/{id}/tasks/{task}, and its `/completed`.
fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut task = find(scene)?;
    check_date(scene)?;
    let written = task.apply(scene.body, scene.now);
    let kind = match written.get("completed").and_then(Value::as_bool) {
        Some(true) => "task_completed",
        Some(false) => "task_reopened",
        None => "task_updated",
    };
    let done = wrote(200, kind, &task);
    scene.store.documents.put(KIND, task);
    Ok(done)
}

/// DELETE /contacts/{id}/tasks/{task}
fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let task = find(scene)?;
    scene.store.documents.remove(KIND, &task.id);
    let mut done = wrote(200, "task_deleted", &task);
    done.reply = Reply::json(200, json!({"succeded": true}));
    Ok(done)
}

/// The task that the path names, of the contact that it names.
fn find(scene: &Scene<'_>) -> Result<Document, Reply> {
    let contact = scene.contact(scene.param(0))?;
    let id = scene.param(1);
    let task = scene.document(KIND, "Task", id)?;
    if task.text("contactId") == Some(contact.id.as_str()) {
        Ok(task)
    } else {
        Err(Reply::not_found("Task", id))
    }
}

fn check_date(scene: &Scene<'_>) -> Result<(), Reply> {
    let Some(date) = scene.body.get("dueDate").and_then(Value::as_str) else {
        return Ok(());
    };
    if date.parse::<jiff::Timestamp>().is_ok() || date.parse::<jiff::civil::DateTime>().is_ok() {
        return Ok(());
    }
    let message = "dueDate must be a valid ISO 8601 date string".to_owned();
    Err(Reply::unprocessable(&[message]))
}

fn view(task: &Document) -> Value {
    let mut view = Map::new();
    view.insert("id".to_owned(), json!(task.id));
    view.extend(task.fields.clone());
    Value::Object(view)
}

fn wrote(status: u16, kind: &'static str, task: &Document) -> Done {
    let view = view(task);
    let mut detail = view.clone();
    detail["dateAdded"] = json!(task.added_at.to_string());
    let contact_id = task.text("contactId").unwrap_or_default();
    let effect = Effect::new(kind, contact_id, json!({"task": detail}));
    Done::wrote(status, json!({"task": view}), effect)
}

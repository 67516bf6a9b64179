//! Create, update, status and upsert.

use serde_json::{Map, Value, json};

use super::{KIND, effect, find, pipelines, view};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::membership::{add, remove, texts};
use crate::reply::{Done, Reply};
use crate::settings::Location;

const STATUSES: [&str; 4] = ["open", "won", "lost", "abandoned"];

/// POST /opportunities/
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let (contact_id, pipeline) = (given(scene, "contactId"), given(scene, "pipelineId"));
    let (contact_id, pipeline) = (contact_id.unwrap_or_default(), pipeline.unwrap_or_default());
    check_contact(scene, &location, &contact_id)?;
    let allowed = scene.location(&location)?.allow_duplicate_opportunities;
    if !allowed && of_contact(scene, &location, &contact_id, &pipeline).is_some() {
        return Err(Reply::bad_request(
            "Can not create duplicate opportunity for the contact.",
        ));
    }
    make(scene, &location, "open")
}

/// PUT /opportunities/{id}
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let opportunity = find(scene, scene.param(0))?;
    let (opportunity, written) = change(scene, opportunity)?;
    let effect = effect(scene.store, "opportunity_updated", &opportunity, &written);
    let body = json!({"opportunity": view(scene.store, &opportunity)});
    scene.store.documents.put(KIND, opportunity);
    Ok(Done::wrote(200, body, effect))
}

/// PUT /opportunities/{id}/status
pub(super) fn set_status(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut done = update(scene)?;
    done.reply = Reply::json(200, json!({"succeded": true}));
    Ok(done)
}

/// POST /opportunities/upsert: the opportunity of `id`, else that of the contact in the pipeline, else a new one (201).
pub(super) fn upsert(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let found = match (given(scene, "id"), given(scene, "contactId")) {
        (Some(id), _) => Some(find(scene, &id)?),
        (None, Some(contact_id)) => {
            check_contact(scene, &location, &contact_id)?;
            let pipeline = given(scene, "pipelineId").unwrap_or_default();
            of_contact(scene, &location, &contact_id, &pipeline)
        }
        (None, None) => {
            let message = "contactId must be a string".to_owned();
            return Err(Reply::unprocessable(&[message]));
        }
    };
    let Some(found) = found else {
        if given(scene, "name").is_none() {
            return Err(Reply::unprocessable(&["name must be a string".to_owned()]));
        }
        let mut done = make(scene, &location, "open")?;
        if let crate::reply::Body::Json(body) = &mut done.reply.body {
            body["new"] = json!(true);
        }
        return Ok(done);
    };
    let (opportunity, written) = change(scene, found)?;
    let effect = effect(scene.store, "opportunity_updated", &opportunity, &written);
    let body = json!({"opportunity": view(scene.store, &opportunity), "new": false});
    scene.store.documents.put(KIND, opportunity);
    Ok(Done::wrote(200, body, effect))
}

fn make(scene: &mut Scene<'_>, location: &str, status: &str) -> Result<Done, Reply> {
    check_status(scene)?;
    let pipeline = given(scene, "pipelineId").unwrap_or_default();
    let wanted = given(scene, "pipelineStageId");
    let stage = pipelines::stage(scene.store, location, &pipeline, wanted.as_deref())?;
    let mut opportunity = scene.document_of(location, &Map::new());
    opportunity.fields.insert("status".to_owned(), json!(status));
    lay_over(scene, &mut opportunity, &stage)?;
    let effect = effect(
        scene.store,
        "opportunity_created",
        &opportunity,
        &json!(scene.body),
    );
    let body = json!({"opportunity": view(scene.store, &opportunity)});
    scene.store.documents.put(KIND, opportunity);
    Ok(Done::wrote(201, body, effect))
}

/// The opportunity with the body laid over it, and what is different then.
fn change(scene: &Scene<'_>, mut opportunity: Document) -> Result<(Document, Value), Reply> {
    check_status(scene)?;
    let old = opportunity.text("pipelineId").unwrap_or_default().to_owned();
    let pipeline = given(scene, "pipelineId").unwrap_or_else(|| old.clone());
    let moved = pipeline != old;
    let kept = opportunity.text("pipelineStageId").filter(|_| !moved);
    let wanted = given(scene, "pipelineStageId").or_else(|| kept.map(str::to_owned));
    let stage = pipelines::stage(scene.store, &opportunity.location, &pipeline, wanted.as_deref())?;
    let written = lay_over(scene, &mut opportunity, &stage)?;
    Ok((opportunity, written))
}

fn lay_over(scene: &Scene<'_>, opportunity: &mut Document, stage: &str) -> Result<Value, Reply> {
    let mut body = scene.body.clone();
    body.insert("pipelineStageId".to_owned(), json!(stage));
    for name in ["id", "isRemoveAllFollowers", "followersActionType"] {
        body.shift_remove(name);
    }
    if let Some(fields) = body.get("customFields").and_then(Value::as_array).cloned() {
        let location = scene.location(&opportunity.location)?;
        let merged = merged_fields(opportunity.fields.get("customFields"), &fields, location);
        body.insert("customFields".to_owned(), merged);
    }
    if let Some(named) = body.shift_remove("followers") {
        let mut followers = texts(opportunity.fields.get("followers"));
        match scene.body.get("followersActionType").and_then(Value::as_str) {
            Some("remove") if scene.body.get("isRemoveAllFollowers") == Some(&json!(true)) => {
                followers.clear();
            }
            Some("remove") => drop(remove(&mut followers, &texts(Some(&named)))),
            _ => drop(add(&mut followers, &texts(Some(&named)))),
        }
        body.insert("followers".to_owned(), json!(followers));
    }
    if opportunity.text("contactId").is_some() {
        body.shift_remove("contactId"); // it stays with its contact
    }
    let written = opportunity.apply(&body, scene.now);
    let now = json!(scene.now.to_string());
    for (field, moment) in [
        ("status", "lastStatusChangeAt"),
        ("pipelineStageId", "lastStageChangeAt"),
    ] {
        if written.contains_key(field) || !opportunity.fields.contains_key(moment) {
            opportunity.fields.insert(moment.to_owned(), now.clone());
        }
    }
    Ok(Value::Object(written))
}

/// The values that are there with those of a body over them, by id; a key that the location doesn't define is dropped.
fn merged_fields(old: Option<&Value>, fields: &[Value], location: &Location) -> Value {
    let mut merged = old.and_then(Value::as_array).cloned().unwrap_or_default();
    for field in fields {
        let by_key = || {
            let key = field.get("key").and_then(Value::as_str)?;
            let key = key.strip_prefix("opportunity.").unwrap_or(key);
            let mut defined = location.custom_fields.iter();
            let found = defined.find(|defined| defined.model == "opportunity" && defined.key == key);
            found.map(|found| found.id.clone())
        };
        let by_id = field.get("id").and_then(Value::as_str).map(str::to_owned);
        if let Some(id) = by_id.or_else(by_key) {
            merged.retain(|other| other["id"] != id.as_str());
            merged.push(json!({"id": id, "fieldValue": field.get("field_value")}));
        }
    }
    Value::Array(merged)
}

/// `all`, which the description lists, is for searches.
fn check_status(scene: &Scene<'_>) -> Result<(), Reply> {
    match given(scene, "status") {
        Some(status) if !STATUSES.contains(&status.as_str()) => {
            let allowed = STATUSES.join(", ");
            let message = format!("status must be one of the following values: {allowed}");
            Err(Reply::unprocessable(&[message]))
        }
        _ => Ok(()),
    }
}

fn check_contact(scene: &Scene<'_>, location: &str, id: &str) -> Result<(), Reply> {
    if scene.contact(id)?.location_id == location {
        Ok(())
    } else {
        Err(Reply::wrong_location())
    }
}

/// The contact's first opportunity in a pipeline.
fn of_contact(scene: &Scene<'_>, location: &str, contact_id: &str, pipeline: &str) -> Option<Document> {
    let mut all = scene.store.documents.of(KIND, location);
    let found = all.find(|opportunity| {
        opportunity.text("contactId") == Some(contact_id) && opportunity.text("pipelineId") == Some(pipeline)
    });
    found.cloned()
}

fn given(scene: &Scene<'_>, name: &str) -> Option<String> {
    scene.body.get(name).and_then(Value::as_str).map(str::to_owned)
}

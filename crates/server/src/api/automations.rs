//! Automations: list, apply, enable, remove, plan.

use axum::Json;
use axum::extract::{Path, State};
use cartlane_engine::Handle;
use cartlane_engine::records::Automation;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use crate::Problem;
use crate::api::id;

/// Lists the automations in their order, with their documents.
pub async fn list_automations(State(engine): State<Handle>) -> Result<Json<Value>, Problem> {
    let automations = engine.automations().await?;
    let out: Vec<Value> = automations.iter().map(automation_out).collect();
    Ok(Json(json!({"automations": out})))
}

fn automation_out(row: &Automation) -> Value {
    json!({
        "id": row.id, "name": row.name, "position": row.position, "version": row.version,
        "enabled": row.enabled, "updated_at": row.updated_at.to_string(), "document": row.document,
    })
}

/// Documents to save.
#[derive(Deserialize)]
pub struct ApplyIn {
    documents: Vec<Value>,
    note: Option<String>,
}

/// Saves documents under their names: all of them or, where one has a fault, none.
pub async fn apply_automations(
    Caller(engine): Caller,
    Json(apply): Json<ApplyIn>,
) -> Result<Json<Value>, Problem> {
    let applied = engine.save(&apply.documents, apply.note.as_deref()).await?;
    let present = engine.automations().await?;
    let out = applied.into_iter().map(|(name, applied)| {
        let row = present.iter().find(|row| row.name == name);
        let (version, enabled) = (row.map(|row| row.version), row.map(|row| row.enabled));
        json!({"name": name, "applied": applied.as_str(), "version": version, "enabled": enabled})
    });
    Ok(Json(json!({"automations": out.collect::<Vec<_>>()})))
}

/// What to change of an automation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutomationPatch {
    enabled: bool,
}

/// Says whether events start an automation.
pub async fn update_automation(
    Caller(engine): Caller,
    Path(automation): Path<String>,
    Json(patch): Json<AutomationPatch>,
) -> Result<Json<Value>, Problem> {
    engine
        .set_automation_enabled(id(&automation)?, patch.enabled)
        .await?;
    Ok(Json(json!({"id": automation, "enabled": patch.enabled})))
}

/// Removes an automation.
pub async fn remove_automation(
    Caller(engine): Caller,
    Path(automation): Path<String>,
) -> Result<Json<Value>, Problem> {
    engine.remove_automation(id(&automation)?).await?;
    Ok(Json(json!({"id": automation, "removed": true})))
}

/// What the automations would do with an event.
pub async fn plan_event(
    State(engine): State<Handle>,
    Path(event): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(engine.plan(id(&event)?).await?))
}

//! Automations: list, apply, enable, remove, run, plan.

use axum::Json;
use axum::extract::{Path, State};
use cartlane_engine::Handle;
use cartlane_engine::records::{Applied, Automation};
use serde::Deserialize;
use serde_json::{Value, json};

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
    author: String,
}

/// Saves documents under their names: all of them or, where one has a fault, none.
pub async fn apply_automations(
    State(engine): State<Handle>,
    Json(apply): Json<ApplyIn>,
) -> Result<Json<Value>, Problem> {
    let prices = engine.prices(&apply.documents).await?; // before they count as polled already
    let applied = engine.apply(&apply.documents, &apply.author).await?;
    let present = engine.automations().await?;
    let out = applied.into_iter().map(|(name, applied)| {
        let row = present.iter().find(|row| row.name == name);
        let applied = match applied {
            Applied::Created => "created",
            Applied::Changed { .. } => "changed",
            Applied::Unchanged => "unchanged",
            Applied::Restored { .. } => "restored",
        };
        let (version, enabled) = (row.map(|row| row.version), row.map(|row| row.enabled));
        json!({"name": name, "applied": applied, "version": version, "enabled": enabled})
    });
    Ok(Json(
        json!({"automations": out.collect::<Vec<_>>(), "polls": prices}),
    ))
}

/// What to change of an automation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutomationPatch {
    enabled: bool,
}

/// Says whether events start an automation.
pub async fn update_automation(
    State(engine): State<Handle>,
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
    State(engine): State<Handle>,
    Path(automation): Path<String>,
) -> Result<Json<Value>, Problem> {
    engine.remove_automation(id(&automation)?).await?;
    Ok(Json(json!({"id": automation, "removed": true})))
}

/// Starts an automation by hand, with the event in the body; the event's id.
pub async fn run_automation(
    State(engine): State<Handle>,
    Path(automation): Path<String>,
    Json(event): Json<Value>,
) -> Result<Json<Value>, Problem> {
    let event = engine.run_automation(id(&automation)?, &event).await?;
    Ok(Json(json!({"id": automation, "event_id": event})))
}

/// What the automations would do with an event.
pub async fn plan_event(
    State(engine): State<Handle>,
    Path(event): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(engine.plan(id(&event)?).await?))
}

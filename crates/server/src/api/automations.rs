//! Automations: list, apply, plan.

use axum::Json;
use axum::extract::{Path, State};
use cartlane_engine::Handle;
use cartlane_engine::records::Applied;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Problem;
use crate::api::id;

/// Lists the automations in their order, with their documents.
pub async fn list_automations(State(engine): State<Handle>) -> Result<Json<Value>, Problem> {
    let automations = engine.automations().await?;
    let out = automations.iter().map(|row| {
        json!({
            "id": row.id, "name": row.name, "position": row.position, "version": row.version,
            "enabled": row.enabled, "updated_at": row.updated_at.to_string(), "document": row.document,
        })
    });
    Ok(Json(json!({"automations": out.collect::<Vec<_>>()})))
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
    let applied = engine.apply(&apply.documents, &apply.author).await?;
    let out = applied.into_iter().map(|(name, applied)| match applied {
        Applied::Created => json!({"name": name, "applied": "created", "version": 1}),
        Applied::Changed { version } => json!({"name": name, "applied": "changed", "version": version}),
        Applied::Unchanged => json!({"name": name, "applied": "unchanged"}),
    });
    Ok(Json(json!({"automations": out.collect::<Vec<_>>()})))
}

/// What the automations would do with an event.
pub async fn plan_event(
    State(engine): State<Handle>,
    Path(event): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(engine.plan(id(&event)?).await?))
}

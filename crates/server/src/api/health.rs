//! How the installation is.

use axum::Json;
use axum::extract::State;
use cartlane_engine::Handle;
use serde_json::{Value, json};

use crate::Problem;

/// The connections with their addresses and troubles, and what is waiting.
pub async fn read_health(State(engine): State<Handle>) -> Result<Json<Value>, Problem> {
    let health = engine.health().await?;
    let connections = health.connections.iter().map(|row| {
        json!({
            "id": row.id, "name": row.name, "kind": row.kind, "settings": row.settings,
            "hook_path": row.hook_key.as_ref().map(|key| format!("/hooks/{}/{key}", row.kind)),
            "last_checked_at": row.last_checked_at.map(|at| at.to_string()),
            "last_received_at": row.last_received_at.map(|at| at.to_string()),
            "trouble": row.trouble.as_ref().map(|trouble| json!({
                "code": trouble.code, "reason": trouble.reason, "since": trouble.since.to_string()})),
        })
    });
    Ok(Json(json!({
        "connections": connections.collect::<Vec<_>>(), "open_runs": health.open_runs,
        "oldest_open_run_at": health.oldest_open_run_at.map(|at| at.to_string()),
    })))
}

//! How the installation is.

use axum::Json;
use axum::extract::State;
use cartlane_engine::Handle;
use serde_json::{Value, json};

use super::connections;
use crate::Problem;

/// The connections with their addresses and troubles, and what is waiting.
pub async fn read_health(State(engine): State<Handle>) -> Result<Json<Value>, Problem> {
    let health = engine.health().await?;
    let polls = engine.polls().await?;
    let in_trouble = polls.iter().filter(|poll| poll.trouble.is_some());
    let in_trouble: Vec<Value> = in_trouble.map(super::polls::out).collect();
    let rows = health.connections.iter();
    let rows = rows.map(|connection| connections::out(connection, &health.budgets));
    Ok(Json(json!({
        "connections": rows.collect::<Vec<_>>(), "open_runs": health.open_runs,
        "polls": polls.len(), "polls_in_trouble": in_trouble,
        "oldest_open_run_at": health.oldest_open_run_at.map(|at| at.to_string()),
    })))
}

//! How the installation is.

use axum::Json;
use axum::extract::State;
use cartlane_engine::{BudgetLeft, Handle};
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
            "budget": health.budgets.iter().find(|budget| budget.all.connection == row.id).map(budget),
            "trouble": row.trouble.as_ref().map(|trouble| json!({
                "code": trouble.code, "reason": trouble.reason, "since": trouble.since.to_string()})),
        })
    });
    Ok(Json(json!({
        "connections": connections.collect::<Vec<_>>(), "open_runs": health.open_runs,
        "oldest_open_run_at": health.oldest_open_run_at.map(|at| at.to_string()),
    })))
}

/// What is left of a connection's limits: `null` where no answer has told.
fn budget(left: &BudgetLeft) -> Value {
    let limits = left.all.limits;
    json!({
        "burst_left": left.burst, "burst_limit": limits.map(|limits| limits.max),
        "interval_ms": limits.map(|limits| limits.interval_ms),
        "day_left": left.all.day, "day_limit": limits.and_then(|limits| limits.daily),
        "day_reset_at": left.all.day_reset_at.map(|at| at.to_string()), "polls_left": left.all.polls,
    })
}

//! Polls: what is polled, and what polls would cost.

use axum::Json;
use axum::extract::State;
use cartlane_engine::{Handle, PollHealth};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Problem;

/// Lists the polls: for whom, when last and next, what they cost, what is wrong.
pub async fn list_polls(State(engine): State<Handle>) -> Result<Json<Value>, Problem> {
    let polls = engine.polls().await?;
    Ok(Json(json!({"polls": polls.iter().map(out).collect::<Vec<_>>()})))
}

pub(super) fn out(poll: &PollHealth) -> Value {
    json!({
        "id": poll.id, "operation": poll.operation, "connection": poll.connection,
        "inputs": serde_json::from_str::<Value>(&poll.inputs).unwrap_or_default(),
        "automations": poll.automations, "every_minutes": poll.every_ms / 60_000,
        "next_at": poll.next_at.map(|at| at.to_string()), "last_at": poll.last_at.map(|at| at.to_string()),
        "items": poll.items, "calls": poll.calls, "calls_per_day": poll.calls_per_day, "failures": poll.failures,
        "trouble": poll.trouble.as_ref().map(|(code, reason)| json!({"code": code, "reason": reason})),
    })
}

/// Documents whose polls are to be priced.
#[derive(Deserialize)]
pub struct PriceIn {
    documents: Vec<Value>,
}

/// What the polls of documents would cost a day, before they are applied.
pub async fn price_polls(
    State(engine): State<Handle>,
    Json(price): Json<PriceIn>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"polls": engine.prices(&price.documents).await?})))
}

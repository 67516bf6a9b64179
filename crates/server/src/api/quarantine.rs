//! Quarantine: list, release.

use axum::Json;
use axum::extract::{Path, State};
use cartlane_engine::{Accepted, Handle};
use serde_json::{Value, json};

use super::caller::Caller;
use crate::Problem;
use crate::api::{MOST_ROWS, id};

/// Lists deliveries in quarantine, newest first.
pub async fn list_quarantine(State(engine): State<Handle>) -> Result<Json<Value>, Problem> {
    let rows = engine.quarantine(MOST_ROWS).await?;
    let out = rows.iter().map(|row| {
        json!({
            "id": row.id, "connection_id": row.connection_id, "received_at": row.received_at.to_string(),
            "reason": row.reason, "released_at": row.released_at.map(|at| at.to_string()),
        })
    });
    Ok(Json(json!({"quarantine": out.collect::<Vec<_>>()})))
}

/// Lets a delivery in.
pub async fn release_quarantine(
    Caller(engine): Caller,
    Path(delivery): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (event_id, is_new) = match engine.release(id(&delivery)?).await? {
        Accepted::Checked => (None, false),
        Accepted::New(event) => (Some(event), true),
        Accepted::Repeat(event) => (Some(event), false),
    };
    Ok(Json(
        json!({"released": delivery, "event_id": event_id, "is_new": is_new}),
    ))
}

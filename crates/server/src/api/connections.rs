//! Connections: authorize one, try one. How they are stands in [`super::health`].

use axum::Json;
use axum::extract::{Path, State};
use cartlane_engine::{Handle, Tried};
use serde_json::{Value, json};

use crate::Problem;

/// Begins an authorization: the address that a person opens.
pub async fn reauthorize_connection(
    State(engine): State<Handle>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let open = engine.reauthorize(&name).await?;
    Ok(Json(json!({"connection": name, "open": open})))
}

/// Tries a connection with one cheap call.
pub async fn test_connection(
    State(engine): State<Handle>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (works, reason) = match engine.try_connection(&name).await? {
        Tried::Works => (Some(true), None),
        Tried::Untried => (None, None),
        Tried::Fails(why) => (Some(false), Some(why)),
    };
    Ok(Json(
        json!({"connection": name, "works": works, "reason": reason}),
    ))
}

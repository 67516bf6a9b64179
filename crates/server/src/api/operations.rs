//! Operations: call one, list the choices of an input.

use axum::Json;
use axum::extract::{Path, Query, State};
use cartlane_engine::Handle;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Problem;

/// The largest call that is taken: files of 50 MB in all, as base64, and the rest.
pub const CALL_BYTES: usize = 72 << 20;

/// A call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallIn {
    connection: String,
    inputs: Value,
    #[serde(default)]
    dry_run: bool,
}

/// Does an operation, or with `dry_run` says which request would be sent first.
pub async fn call_operation(
    State(engine): State<Handle>,
    Path(operation): Path<String>,
    Json(call): Json<CallIn>,
) -> Result<Json<Value>, Problem> {
    let executor = engine.executor();
    if call.dry_run {
        let request = executor.plan(&call.connection, &operation, &call.inputs)?;
        return Ok(Json(json!({"request": request})));
    }
    let output = executor.call(&call.connection, &operation, &call.inputs).await?;
    Ok(Json(json!({"output": output.value, "warnings": output.warnings})))
}

/// Which list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChoicesQuery {
    connection: String,
    #[serde(default)]
    refresh: bool,
    /// The other inputs as a JSON object; some lists depend on them.
    inputs: Option<String>,
}

/// Lists the choices of inputs that name this list.
pub async fn list_choices(
    State(engine): State<Handle>,
    Path(list): Path<String>,
    Query(query): Query<ChoicesQuery>,
) -> Result<Json<Value>, Problem> {
    // What is no JSON gives nothing, and the answer says what is to be given.
    let given = query
        .inputs
        .map(|inputs| serde_json::from_str(&inputs).unwrap_or_default());
    let choices = engine
        .executor()
        .choices(
            &query.connection,
            &list,
            &given.unwrap_or_default(),
            query.refresh,
        )
        .await?;
    Ok(Json(json!({
        "choices": &choices.choices[..], "is_cut": choices.is_cut, "is_kept": choices.is_kept,
    })))
}

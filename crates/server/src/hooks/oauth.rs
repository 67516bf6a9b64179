//! Where a person comes back who has agreed that our app may work in their account.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::Hooks;
use crate::Problem;

/// What they are sent back with.
#[derive(Deserialize)]
pub(super) struct Returned {
    code: Option<String>,
    state: Option<String>,
}

/// Ends an authorization.
pub(super) async fn end_authorization(
    State(hooks): State<Hooks>,
    Query(returned): Query<Returned>,
) -> Result<String, Problem> {
    let Returned {
        code: Some(code),
        state: Some(state),
    } = returned
    else {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "oauth.incomplete",
            "you were sent back without `code` and `state`; begin again with `cartlane connections reauthorize NAME`",
        ));
    };
    let connection = hooks.engine.authorized(&state, &code).await?;
    Ok(format!(
        "Connection {connection} is authorized. You can close this page.\n"
    ))
}

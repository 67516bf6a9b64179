//! What an automation that need not be saved would do: with one event, or with those of a period.

use axum::Json;
use axum::extract::{Path, State};
use cartlane_engine::plan::{Happening, Planning};
use cartlane_engine::{Backtest, Backtested, Handle};
use cartlane_model::UnixMs;
use serde::Deserialize;
use serde_json::Value;

use super::automations::SenderIn;
use crate::Problem;
use crate::api::id;

/// What to plan: for an event that is stored, or a payload.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanIn {
    document: Value,
    event: Option<String>,
    sender: Option<SenderIn>,
    payload: Option<Value>,
    against: Option<String>,
}

/// Says what the saved automations would do with an event.
pub async fn plan_event(
    State(engine): State<Handle>,
    Path(event): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(engine.plan(id(&event)?).await?))
}

/// Says what an automation would do with an event.
pub async fn plan_automation(
    State(engine): State<Handle>,
    Json(asked): Json<PlanIn>,
) -> Result<Json<Value>, Problem> {
    let happens = match (&asked.event, asked.sender, &asked.payload) {
        (Some(event), None, None) => Happening::Stored(id(event)?),
        (None, Some(sender), Some(payload)) => Happening::Payload {
            sender: sender.into(),
            body: payload.to_string().into_bytes(),
        },
        _ => {
            return Err(Problem::new(
                axum::http::StatusCode::BAD_REQUEST,
                "http.bad_body",
                "give `event`, the id of one that came in, or `sender` and `payload`",
            ));
        }
    };
    let planning = Planning {
        document: asked.document,
        happens,
        against: asked.against,
    };
    Ok(Json(engine.plan_document(&planning).await?))
}

/// What to try on which events. Times are milliseconds since 1970.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BacktestIn {
    document: Value,
    instead_of: Option<String>,
    #[serde(default)]
    from: i64,
    until: Option<i64>,
    event: Option<String>,
}

/// Says which stored events an automation would treat differently from what was done.
pub async fn backtest_automation(
    State(engine): State<Handle>,
    Json(asked): Json<BacktestIn>,
) -> Result<Json<Backtested>, Problem> {
    let wanted = Backtest {
        document: asked.document,
        instead_of: asked.instead_of,
        from: UnixMs(asked.from),
        until: UnixMs(asked.until.unwrap_or(i64::MAX)),
        event: asked.event.map(|event| id(&event)).transpose()?,
    };
    Ok(Json(engine.backtest(&wanted).await?))
}

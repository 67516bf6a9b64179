//! Runs: list, read with their calls, retry.

use axum::Json;
use axum::extract::{Path, Query, State};
use cartlane_engine::records::{Call, RunFilter, RunRow, Step};
use cartlane_engine::{Handle, Replayed};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use crate::Problem;
use crate::api::{MOST_ROWS, ROWS, id};

/// Which runs; every field narrows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunQuery {
    state: Option<String>,
    event: Option<String>,
    automation: Option<String>,
    before: Option<String>,
    limit: Option<i64>,
}

/// Lists runs, newest first.
pub async fn list_runs(
    State(engine): State<Handle>,
    Query(query): Query<RunQuery>,
) -> Result<Json<Value>, Problem> {
    let filter = RunFilter {
        state: query.state,
        event: query.event.as_deref().map(id).transpose()?,
        automation: query.automation.as_deref().map(id).transpose()?,
        id: None,
        before: query.before.as_deref().map(id).transpose()?,
    };
    let runs = engine
        .runs(filter, query.limit.unwrap_or(ROWS).clamp(1, MOST_ROWS))
        .await?;
    Ok(Json(
        json!({"runs": runs.iter().map(run_out).collect::<Vec<_>>()}),
    ))
}

pub(crate) fn run_out(run: &RunRow) -> Value {
    json!({
        "id": run.id, "event_id": run.event_id, "automation_id": run.automation_id, "automation": run.automation,
        "version": run.version, "state": run.state, "attempts": run.attempts, "error_code": run.error_code,
        "error": run.error, "warnings": run.warnings, "after": run.after, "is_replay": run.is_replay,
        "created_at": run.created_at.to_string(), "finished_at": run.finished_at.map(|at| at.to_string()),
    })
}

/// Reads one run with what its steps came to and what went over the wire.
pub async fn read_run(State(engine): State<Handle>, Path(run): Path<String>) -> Result<Json<Value>, Problem> {
    let detail = engine.run(id(&run)?).await?;
    let steps: Vec<Value> = detail.steps.iter().map(step_out).collect();
    let calls: Vec<Value> = detail.calls.iter().map(call_out).collect();
    Ok(Json(json!({
        "run": run_out(&detail.run), "steps": steps, "calls": calls,
        "calls_used": detail.calls_used(), "calls_naive": detail.calls_naive(),
    })))
}

fn step_out(step: &Step) -> Value {
    json!({"step": step.step_id, "state": step.state.as_str(), "output": step.output, "reason": step.reason})
}

fn call_out(call: &Call) -> Value {
    json!({
        "id": call.id, "step": call.step_id, "operation": call.operation, "request": call.request,
        "outcome": call.outcome.as_str(), "http_status": call.http_status, "response": call.response,
        "error": call.error, "trace_id": call.trace_id, "sent_at": call.sent_at.to_string(),
        "finished_at": call.finished_at.map(|at| at.to_string()),
    })
}

/// Which failed runs; every field narrows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryIn {
    event: Option<String>,
    automation: Option<String>,
}

/// Makes a new run of a run's event and automation.
pub async fn replay_run(Caller(engine): Caller, Path(run): Path<String>) -> Result<Json<Replayed>, Problem> {
    Ok(Json(engine.replay_run(id(&run)?).await?))
}

/// Queues all failed runs that fit again.
pub async fn retry_runs(Caller(engine): Caller, Json(wanted): Json<RetryIn>) -> Result<Json<Value>, Problem> {
    let filter = RunFilter {
        event: wanted.event.as_deref().map(id).transpose()?,
        automation: wanted.automation.as_deref().map(id).transpose()?,
        ..RunFilter::default()
    };
    Ok(Json(json!({"queued": engine.retry_failed(filter).await?})))
}

/// Queues a failed run again.
pub async fn retry_run(Caller(engine): Caller, Path(run): Path<String>) -> Result<Json<Value>, Problem> {
    let after = engine.retry(id(&run)?).await?;
    Ok(Json(json!({"queued": run, "after": after})))
}

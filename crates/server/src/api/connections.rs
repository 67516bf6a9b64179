//! Connections: how they are, and what a person changes of them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use cartlane_engine::{
    AccountConfig, BudgetLeft, ConnectionConfig, ConnectionHealth, Handle, Overlap, Rotation, SecretName,
    Secrets, Tried,
};
use cartlane_model::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use crate::Problem;

/// Many locations of one agency.
const MOST_LOCATIONS: usize = 10_000;

/// A connection as it is shown.
pub(super) fn out(connection: &ConnectionHealth, budgets: &[BudgetLeft]) -> Value {
    let row = &connection.row;
    let budget = budgets.iter().find(|budget| budget.all.connection == row.id);
    let paths = connection.hook_paths.iter();
    json!({
        "id": row.id, "name": row.name, "kind": row.kind, "settings": row.settings,
        "origin": row.origin.as_str(), "is_used": connection.is_used,
        "hook_path": connection.hook_paths.first().map(|(path, _)| path),
        "hook_paths": paths.map(|(path, until)| json!({
            "path": path, "until": until.map(|until| until.to_string())})).collect::<Vec<_>>(),
        "last_checked_at": row.last_checked_at.map(|at| at.to_string()),
        "last_received_at": row.last_received_at.map(|at| at.to_string()),
        "last_heard_at": connection.last_heard_at.map(|at| at.to_string()),
        "lapses_at": connection.lapses_at.map(|at| at.to_string()),
        "days_left": connection.days_left,
        "scopes": connection.scopes.as_ref().map(|scopes| json!({
            "needed": scopes.needed, "held": scopes.held, "lacking": scopes.lacking})),
        "notes": connection.notes,
        "budget": budget.map(budget_out),
        "trouble": row.trouble.as_ref().map(|trouble| json!({
            "code": trouble.code, "reason": trouble.reason, "since": trouble.since.to_string()})),
    })
}

/// What is left of a connection's limits: `null` where no answer has told.
fn budget_out(left: &BudgetLeft) -> Value {
    let limits = left.all.limits;
    json!({
        "burst_left": left.burst, "burst_limit": limits.map(|limits| limits.max),
        "interval_ms": limits.map(|limits| limits.interval_ms),
        "day_left": left.all.day, "day_limit": limits.and_then(|limits| limits.daily),
        "day_reset_at": left.all.day_reset_at.map(|at| at.to_string()), "polls_left": left.all.polls,
    })
}

/// A connection to be added: the configuration's keys, and the values of its secrets.
#[derive(Deserialize)]
pub(super) struct ConnectionIn {
    name: String,
    account: AccountConfig,
    #[serde(default)]
    secrets: BTreeMap<SecretName, SecretString>,
}

/// Adds a connection.
pub async fn add_connection(
    Caller(engine): Caller,
    Json(given): Json<ConnectionIn>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let secrets = given.secrets.into_iter();
    let config = ConnectionConfig {
        name: given.name.clone(),
        account: given.account,
        secrets: secrets.fold(Secrets::default(), |all, (name, secret)| all.with(name, secret)),
    };
    let tried = engine.add_connection(config).await?;
    Ok((StatusCode::CREATED, Json(tried_out(&given.name, tried))))
}

/// Whether a connection is removed that others use.
#[derive(Deserialize)]
pub(super) struct Removal {
    #[serde(default)]
    force: bool,
}

/// Removes a connection with its secrets.
pub async fn remove_connection(
    Caller(engine): Caller,
    Path(name): Path<String>,
    Query(removal): Query<Removal>,
) -> Result<Json<Value>, Problem> {
    engine.remove_connection(&name, removal.force).await?;
    Ok(Json(json!({"connection": name, "removed": true})))
}

/// How a secret is changed.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) struct RotationIn {
    #[serde(default)]
    action: Action,
    value: Option<SecretString>,
    overlap_days: Option<u16>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    To,
    Revert,
    EndFormer,
}

/// Changes a secret that the vault holds.
pub async fn rotate_secret(
    Caller(engine): Caller,
    Path((name, secret)): Path<(String, SecretName)>,
    Json(given): Json<RotationIn>,
) -> Result<Json<Value>, Problem> {
    let rotation = match given.action {
        Action::To => Rotation::To(given.value),
        Action::Revert => Rotation::Revert,
        Action::EndFormer => Rotation::EndFormer,
    };
    let overlap = given.overlap_days.map_or_else(Overlap::default, Overlap::days);
    let until = engine.rotate_secret(&name, secret, rotation, overlap).await?;
    Ok(Json(json!({
        "connection": name, "secret": secret, "former_until": until.map(|until| until.to_string()),
    })))
}

/// The locations in which an agency's app is installed.
pub async fn list_locations(
    State(engine): State<Handle>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let mut pages = engine.installed_locations(&name).await?;
    let mut locations = Vec::new();
    while let Some(page) = pages.next_page().await? {
        locations.extend(page);
        if locations.len() > MOST_LOCATIONS {
            break;
        }
    }
    Ok(Json(json!({"connection": name, "locations": locations})))
}

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
    let tried = engine.try_connection(&name).await?;
    Ok(Json(tried_out(&name, tried)))
}

fn tried_out(name: &str, tried: Tried) -> Value {
    let (works, reason) = match tried {
        Tried::Works => (Some(true), None),
        Tried::Untried => (None, None),
        Tried::Fails(why) => (Some(false), Some(why)),
    };
    json!({"connection": name, "works": works, "reason": reason})
}

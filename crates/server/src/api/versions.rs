//! Versions of an automation: list, read, compare, roll back; copies.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use cartlane_engine::records::Version;
use cartlane_engine::{Diff, Handle};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use crate::Problem;
use crate::api::id;

/// Lists the versions of an automation, newest first.
pub async fn list_versions(
    State(engine): State<Handle>,
    Path(automation): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (row, versions) = engine.versions(id(&automation)?).await?;
    let out: Vec<Value> = versions.iter().map(version_out).collect();
    Ok(Json(
        json!({"name": row.name, "present": row.version, "versions": out}),
    ))
}

fn version_out(version: &Version) -> Value {
    json!({
        "version": version.version, "saved_at": version.created_at.to_string(), "author": version.author,
        "note": version.note,
    })
}

/// Reads one version with its document.
pub async fn read_version(
    State(engine): State<Handle>,
    Path((automation, version)): Path<(String, i64)>,
) -> Result<Json<Value>, Problem> {
    let detail = engine.version(id(&automation)?, version).await?;
    let mut out = version_out(&detail.version);
    out["id"] = json!(detail.automation.id);
    out["name"] = detail.automation.name.into();
    out["document"] = detail.document;
    Ok(Json(out))
}

/// Which versions to compare.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffQuery {
    from: Option<i64>,
    to: Option<i64>,
}

/// What differs between two versions: the present one and the one before unless others are named.
pub async fn diff_versions(
    State(engine): State<Handle>,
    Path(automation): Path<String>,
    Query(query): Query<DiffQuery>,
) -> Result<Json<Diff>, Problem> {
    Ok(Json(engine.diff(id(&automation)?, query.from, query.to).await?))
}

/// Where to roll back to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackIn {
    version: i64,
    /// Why it goes live although its go-live check is not green.
    #[serde(default)]
    r#override: Option<String>,
}

/// Saves the document of a former version as a new one.
pub async fn roll_back(
    Caller(engine): Caller,
    Path(automation): Path<String>,
    Json(rollback): Json<RollbackIn>,
) -> Result<Json<Value>, Problem> {
    let automation = id(&automation)?;
    let applied = {
        let reason = super::automations::reason(rollback.r#override);
        engine
            .roll_back_checked(automation, rollback.version, reason.as_deref())
            .await?
    };
    let (row, _) = engine.versions(automation).await?;
    Ok(Json(json!({
        "id": row.id, "name": row.name, "applied": applied.as_str(), "version": row.version, "enabled": row.enabled,
    })))
}

/// What a copy is called.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuplicateIn {
    name: String,
}

/// Makes a copy of an automation, which is disabled.
pub async fn duplicate_automation(
    Caller(engine): Caller,
    Path(automation): Path<String>,
    Json(duplicate): Json<DuplicateIn>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let copy = engine.duplicate(id(&automation)?, &duplicate.name).await?;
    let out = json!({"id": copy.id, "name": copy.name, "version": copy.version, "enabled": copy.enabled});
    Ok((StatusCode::CREATED, Json(out)))
}

//! The audit log.

use axum::Json;
use axum::extract::{Query, State};
use cartlane_engine::Handle;
use cartlane_engine::records::{AuditFilter, Numbered};
use cartlane_model::UnixMs;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Problem;
use crate::api::{MOST_ROWS, ROWS};

/// Which entries; every field narrows.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    from: Option<i64>,
    to: Option<i64>,
    actor: Option<String>,
    action: Option<String>,
    subject: Option<String>,
    before: Option<i64>,
    limit: Option<i64>,
}

/// Lists entries, newest first.
pub async fn list_audit(
    State(engine): State<Handle>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Value>, Problem> {
    let limit = query.limit.unwrap_or(ROWS).clamp(1, MOST_ROWS);
    let filter = AuditFilter {
        from: query.from.map(UnixMs),
        to: query.to.map(UnixMs),
        actor: query.actor,
        action: query.action,
        subject: query.subject,
        before: query.before,
    };
    let rows = engine.audit(filter, limit).await?;
    Ok(Json(
        json!({"entries": rows.iter().map(entry_out).collect::<Vec<_>>()}),
    ))
}

fn entry_out(row: &Numbered) -> Value {
    let entry = &row.entry;
    json!({
        "number": row.number, "at": entry.at.to_string(), "actor": entry.actor, "action": entry.action,
        "subject": entry.subject, "detail": entry.detail,
    })
}

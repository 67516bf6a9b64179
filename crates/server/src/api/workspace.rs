//! A whole workspace: export and import.

use axum::Json;
use axum::extract::State;
use cartlane_engine::{Handle, ImportOptions, Imported, Workspace};
use serde::Deserialize;
use serde_json::Value;

use super::caller::Caller;
use crate::Problem;

/// The workspace as it is, without secrets.
pub async fn export_workspace(State(engine): State<Handle>) -> Result<Json<Workspace>, Problem> {
    Ok(Json(engine.export().await?))
}

/// A workspace to be brought in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportIn {
    workspace: Value,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    disabled: bool,
    /// Why automations go live although their go-live check is not green.
    #[serde(default)]
    r#override: Option<String>,
}

/// Brings a workspace in: all of it or, where anything is wrong with it, nothing.
pub async fn import_workspace(
    Caller(engine): Caller,
    Json(import): Json<ImportIn>,
) -> Result<Json<Imported>, Problem> {
    let workspace = Workspace::from_json(&import.workspace)?;
    let options = ImportOptions {
        dry_run: import.dry_run,
        disabled: import.disabled,
        override_reason: super::automations::reason(import.r#override),
    };
    Ok(Json(engine.import(&workspace, options).await?))
}

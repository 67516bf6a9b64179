//! Automations and their versions. Every change is a new version; runs name the version they were made with.
//!
//! Whether an automation is enabled is no part of its document: applying a new one leaves it as it is. A removed
//! automation keeps its row and its versions, because runs name them; applied again it has its former id, so that what it
//! has done is not done twice.

use cartlane_model::{AutomationId, UnixMs, WorkspaceId};
use serde_json::Value as Json;

use crate::db::{Error, Row, Tx, Value};

/// An automation with its present version.
#[derive(Clone, Debug, PartialEq)]
pub struct Automation {
    /// Its id, the same for good.
    pub id: AutomationId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// Its name, unique in the workspace.
    pub name: String,
    /// Where it stands in the order of one event's automations.
    pub position: i64,
    /// Its present version, from 1.
    pub version: i64,
    /// Whether events start it.
    pub enabled: bool,
    /// When the present version was made.
    pub updated_at: UnixMs,
    /// The document of the present version.
    pub document: Json,
}

/// What applying a document came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is new.
    Created,
    /// It has a new version.
    Changed {
        /// The new version.
        version: i64,
    },
    /// It is what was there.
    Unchanged,
    /// It had been removed and is back, enabled and last.
    Restored {
        /// Its version.
        version: i64,
    },
}

/// All automations of the installation in their order, without those that were removed.
pub fn list(tx: &mut dyn Tx) -> Result<Vec<Automation>, Error> {
    let rows = tx.query(
        "SELECT a.id, a.workspace_id, a.name, a.position, a.version, a.enabled, a.updated_at, v.document \
         FROM automations a JOIN automation_versions v ON v.automation_id = a.id AND v.version = a.version \
         WHERE a.removed_at IS NULL ORDER BY a.position, a.id",
        &[],
    )?;
    rows.iter().map(automation).collect()
}

/// Whether the installation has, or has had, an automation.
pub fn has_had_any(tx: &mut dyn Tx) -> Result<bool, Error> {
    Ok(!tx.query("SELECT 1 FROM automations LIMIT 1", &[])?.is_empty())
}

/// Says whether events start it; `false` where there is none with this id.
pub fn set_enabled(tx: &mut dyn Tx, id: AutomationId, enabled: bool) -> Result<bool, Error> {
    let changed = tx.execute(
        "UPDATE automations SET enabled = ?2 WHERE id = ?1 AND removed_at IS NULL",
        &[Value::id(&id), enabled.into()],
    )?;
    Ok(changed > 0)
}

/// Removes it; `false` where there is none with this id. Runs that it has go on.
pub fn remove(tx: &mut dyn Tx, id: AutomationId, now: UnixMs) -> Result<bool, Error> {
    let changed = tx.execute(
        "UPDATE automations SET removed_at = ?2 WHERE id = ?1 AND removed_at IS NULL",
        &[Value::id(&id), now.into()],
    )?;
    Ok(changed > 0)
}

fn automation(row: &Row) -> Result<Automation, Error> {
    Ok(Automation {
        id: row.id(0)?,
        workspace_id: row.id(1)?,
        name: row.text(2)?.to_owned(),
        position: row.int(3)?,
        version: row.int(4)?,
        enabled: row.int(5)? != 0,
        updated_at: UnixMs(row.int(6)?),
        document: document(row, 7)?,
    })
}

fn document(row: &Row, column: usize) -> Result<Json, Error> {
    serde_json::from_str(row.text(column)?)
        .map_err(|error| Error::Corrupt(format!("an automation's document: {error}")))
}

/// The document of one version.
pub fn version(tx: &mut dyn Tx, id: AutomationId, version: i64) -> Result<Option<Json>, Error> {
    let rows = tx.query(
        "SELECT document FROM automation_versions WHERE automation_id = ?1 AND version = ?2",
        &[Value::id(&id), version.into()],
    )?;
    rows.first().map(|row| document(row, 0)).transpose()
}

/// Saves a document under its name: a new automation stands last, a changed one gets a new version.
pub fn apply(
    tx: &mut dyn Tx,
    workspace: WorkspaceId,
    name: &str,
    new_document: &Json,
    author: &str,
    now: UnixMs,
) -> Result<Applied, Error> {
    let rows = tx.query(
        "SELECT a.id, a.version, v.document, a.removed_at FROM automations a JOIN automation_versions v \
         ON v.automation_id = a.id AND v.version = a.version WHERE a.workspace_id = ?1 AND a.name = ?2",
        &[Value::id(&workspace), name.into()],
    )?;
    let (id, version, applied) = match rows.first() {
        None => (AutomationId::new(now), 1, Applied::Created),
        Some(row) => {
            let is_same = document(row, 2)? == *new_document;
            let version = row.int(1)? + i64::from(!is_same);
            let applied = match row.opt_int(3)? {
                Some(_) => Applied::Restored { version },
                None if is_same => return Ok(Applied::Unchanged),
                None => Applied::Changed { version },
            };
            (row.id::<AutomationId>(0)?, version, applied)
        }
    };
    // Two nodes that start on an empty database may both come here: the row that is there decides the id.
    let rows = tx.query(
        "INSERT INTO automations (id, workspace_id, name, position, version, enabled, created_at, updated_at) \
         VALUES (?1, ?2, ?3, (SELECT COALESCE(MAX(position), 0) + 1 FROM automations), ?4, 1, ?5, ?5) \
         ON CONFLICT (workspace_id, name) DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at, \
         enabled = CASE WHEN automations.removed_at IS NULL THEN automations.enabled ELSE 1 END, \
         position = CASE WHEN automations.removed_at IS NULL THEN automations.position ELSE excluded.position END, \
         removed_at = NULL RETURNING id",
        &[Value::id(&id), Value::id(&workspace), name.into(), version.into(), now.into()],
    )?;
    let id: AutomationId = rows
        .first()
        .ok_or_else(|| Error::Corrupt("an automation vanished while it was saved".into()))?
        .id(0)?;
    tx.execute(
        "INSERT INTO automation_versions (automation_id, version, document, created_at, author) \
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        &[
            Value::id(&id),
            version.into(),
            new_document.to_string().into(),
            now.into(),
            author.into(),
        ],
    )?;
    Ok(applied)
}

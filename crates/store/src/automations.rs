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

/// A version in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number, from 1.
    pub version: i64,
    /// When it was saved.
    pub created_at: UnixMs,
    /// Who saved it; nothing where nobody noted that.
    pub author: Option<String>,
    /// What they said of it.
    pub note: Option<String>,
}

/// A document that somebody saves.
#[derive(Clone, Copy, Debug)]
pub struct Save<'a> {
    /// Whose it becomes.
    pub workspace: WorkspaceId,
    /// The automation's name.
    pub name: &'a str,
    /// The document.
    pub document: &'a Json,
    /// Who saves it.
    pub author: &'a str,
    /// What they say of it.
    pub note: Option<&'a str>,
    /// The moment.
    pub now: UnixMs,
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

impl Applied {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed { .. } => "changed",
            Self::Unchanged => "unchanged",
            Self::Restored { .. } => "restored",
        }
    }
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

/// One automation that is not removed.
pub fn get(tx: &mut dyn Tx, id: AutomationId) -> Result<Option<Automation>, Error> {
    Ok(list(tx)?.into_iter().find(|row| row.id == id))
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

/// All versions of one automation, newest first.
pub fn versions(tx: &mut dyn Tx, id: AutomationId) -> Result<Vec<Version>, Error> {
    let rows = tx.query(
        "SELECT version, created_at, author, note FROM automation_versions WHERE automation_id = ?1 \
         ORDER BY version DESC",
        &[Value::id(&id)],
    )?;
    let version = |row: &Row| {
        Ok(Version {
            version: row.int(0)?,
            created_at: UnixMs(row.int(1)?),
            author: row.opt_text(2)?.map(str::to_owned),
            note: row.opt_text(3)?.map(str::to_owned),
        })
    };
    rows.iter().map(version).collect()
}

/// Puts automations first, in this order; the others follow in the order that they had.
pub fn put_first(tx: &mut dyn Tx, ids: &[AutomationId]) -> Result<(), Error> {
    let present = list(tx)?;
    let others = present.iter().map(|row| row.id).filter(|id| !ids.contains(id));
    let order = ids.iter().copied().chain(others);
    for (position, id) in (1_i64..).zip(order.collect::<Vec<_>>()) {
        tx.execute(
            "UPDATE automations SET position = ?2 WHERE id = ?1 AND position <> ?2",
            &[Value::id(&id), position.into()],
        )?;
    }
    Ok(())
}

/// Lets nobody else save automations of this workspace until the transaction ends. Of two who save at once the second
/// then sees what the first has saved.
pub fn lock(tx: &mut dyn Tx, workspace: WorkspaceId) -> Result<(), Error> {
    tx.execute(
        "UPDATE workspaces SET name = name WHERE id = ?1",
        &[Value::id(&workspace)],
    )?;
    Ok(())
}

/// Saves a document under its name: a new automation stands last, a changed one gets a new version.
pub fn apply(tx: &mut dyn Tx, save: &Save) -> Result<Applied, Error> {
    lock(tx, save.workspace)?;
    let rows = tx.query(
        "SELECT a.id, a.version, v.document, a.removed_at FROM automations a JOIN automation_versions v \
         ON v.automation_id = a.id AND v.version = a.version WHERE a.workspace_id = ?1 AND a.name = ?2",
        &[Value::id(&save.workspace), save.name.into()],
    )?;
    let Some(row) = rows.first() else {
        let id = AutomationId::new(save.now);
        put(tx, save, id, 1)?;
        add_version(tx, save, id, 1)?;
        return Ok(Applied::Created);
    };
    let is_same = document(row, 2)? == *save.document;
    let (id, version) = (row.id(0)?, row.int(1)? + i64::from(!is_same));
    let is_removed = row.opt_int(3)?.is_some();
    if is_same && !is_removed {
        return Ok(Applied::Unchanged);
    }
    put(tx, save, id, version)?;
    if !is_same {
        add_version(tx, save, id, version)?;
    }
    Ok(if is_removed {
        Applied::Restored { version }
    } else {
        Applied::Changed { version }
    })
}

/// The row of an automation: a new one, or one that has another version now.
fn put(tx: &mut dyn Tx, save: &Save, id: AutomationId, version: i64) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO automations (id, workspace_id, name, position, version, enabled, created_at, updated_at) \
         VALUES (?1, ?2, ?3, (SELECT COALESCE(MAX(position), 0) + 1 FROM automations), ?4, 1, ?5, ?5) \
         ON CONFLICT (workspace_id, name) DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at, \
         enabled = CASE WHEN automations.removed_at IS NULL THEN automations.enabled ELSE 1 END, \
         position = CASE WHEN automations.removed_at IS NULL THEN automations.position ELSE excluded.position END, \
         removed_at = NULL",
        &[
            Value::id(&id),
            Value::id(&save.workspace),
            save.name.into(),
            version.into(),
            save.now.into(),
        ],
    )?;
    Ok(())
}

fn add_version(tx: &mut dyn Tx, save: &Save, id: AutomationId, version: i64) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO automation_versions (automation_id, version, document, created_at, author, note) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            Value::id(&id),
            version.into(),
            save.document.to_string().into(),
            save.now.into(),
            save.author.into(),
            save.note.into(),
        ],
    )?;
    Ok(())
}

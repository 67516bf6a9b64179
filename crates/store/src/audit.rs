//! The audit log: who changed what, and when.
//!
//! What always holds: an entry is written in the transaction of the change that it tells of, so that neither is there
//! without the other; entries come and never change, which the database itself sees to; no entry holds a secret.

use cartlane_model::{UnixMs, WorkspaceId};
use serde_json::Value as Json;

use crate::db::{Error, Row, Tx, Value};

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An automation was saved, as a new one or as a new version.
    AutomationSaved,
    /// An automation has its document of a former version again, as a new one.
    AutomationRolledBack,
    /// An automation was made as a copy of another one.
    AutomationDuplicated,
    /// Events start an automation from now on.
    AutomationEnabled,
    /// No event starts an automation any more.
    AutomationDisabled,
    /// An automation was removed.
    AutomationRemoved,
    /// A workspace was imported.
    WorkspaceImported,
    /// A connection was added.
    ConnectionAdded,
    /// A connection was removed.
    ConnectionRemoved,
    /// A secret of a connection was changed.
    SecretRotated,
    /// A delivery in quarantine was let in.
    DeliveryReleased,
    /// Past events, one or several, were run again from the start.
    EventsReplayed,
    /// Failed runs, one or several, were queued again.
    RunsRetried,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::AutomationSaved,
        Self::AutomationRolledBack,
        Self::AutomationDuplicated,
        Self::AutomationEnabled,
        Self::AutomationDisabled,
        Self::AutomationRemoved,
        Self::WorkspaceImported,
        Self::ConnectionAdded,
        Self::ConnectionRemoved,
        Self::SecretRotated,
        Self::DeliveryReleased,
        Self::EventsReplayed,
        Self::RunsRetried,
    ];

    /// As it is stored and shown: the noun, and what happened to it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AutomationSaved => "automation.saved",
            Self::AutomationRolledBack => "automation.rolled_back",
            Self::AutomationDuplicated => "automation.duplicated",
            Self::AutomationEnabled => "automation.enabled",
            Self::AutomationDisabled => "automation.disabled",
            Self::AutomationRemoved => "automation.removed",
            Self::WorkspaceImported => "workspace.imported",
            Self::ConnectionAdded => "connection.added",
            Self::ConnectionRemoved => "connection.removed",
            Self::SecretRotated => "secret.rotated",
            Self::DeliveryReleased => "delivery.released",
            Self::EventsReplayed => "events.replayed",
            Self::RunsRetried => "runs.retried",
        }
    }
}

/// One entry that is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// Its number: the newer, the greater.
    pub number: i64,
    /// What it says.
    pub entry: Entry,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// When it was done.
    pub at: UnixMs,
    /// Who did it: a person's name, or `cartlane` for the program itself.
    pub actor: String,
    /// What was done, as [`Action::as_str`] writes it.
    pub action: String,
    /// What it was done to: the name of an automation or a connection.
    pub subject: String,
    /// What else there is to say, without secrets.
    pub detail: Json,
}

/// Which entries. Every field that is there narrows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// At this moment or later.
    pub from: Option<UnixMs>,
    /// Before this moment.
    pub to: Option<UnixMs>,
    /// By this one.
    pub actor: Option<String>,
    /// Of this action, or of all that begin so: `automation`.
    pub action: Option<String>,
    /// About this one.
    pub subject: Option<String>,
    /// Older than this one: the page after it.
    pub before: Option<i64>,
}

/// Writes an entry, in the transaction of what it tells of.
pub fn append(tx: &mut dyn Tx, entry: &Entry) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO audit_log (workspace_id, at, actor, action, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            Value::id(&entry.workspace_id),
            entry.at.into(),
            entry.actor.as_str().into(),
            entry.action.as_str().into(),
            entry.subject.as_str().into(),
            entry.detail.to_string().into(),
        ],
    )?;
    Ok(())
}

/// Entries that fit `filter`, newest first.
pub fn list(tx: &mut dyn Tx, filter: &Filter, limit: i64) -> Result<Vec<Numbered>, Error> {
    let noun = filter.action.as_ref().map(|action| format!("{action}."));
    let rows = tx.query(
        "SELECT number, workspace_id, at, actor, action, subject, detail FROM audit_log WHERE \
         (CAST(?1 AS BIGINT) IS NULL OR at >= ?1) AND (CAST(?2 AS BIGINT) IS NULL OR at < ?2) \
         AND (CAST(?3 AS TEXT) IS NULL OR actor = ?3) \
         AND (CAST(?4 AS TEXT) IS NULL OR action = ?4 OR SUBSTR(action, 1, LENGTH(?5)) = ?5) \
         AND (CAST(?6 AS TEXT) IS NULL OR subject = ?6) AND (CAST(?7 AS BIGINT) IS NULL OR number < ?7) \
         ORDER BY number DESC LIMIT ?8",
        &[
            filter.from.map(|at| at.0).into(),
            filter.to.map(|at| at.0).into(),
            filter.actor.as_deref().into(),
            filter.action.as_deref().into(),
            noun.into(),
            filter.subject.as_deref().into(),
            filter.before.into(),
            limit.into(),
        ],
    )?;
    rows.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<Numbered, Error> {
    let entry = Entry {
        workspace_id: row.id(1)?,
        at: UnixMs(row.int(2)?),
        actor: row.text(3)?.to_owned(),
        action: row.text(4)?.to_owned(),
        subject: row.text(5)?.to_owned(),
        detail: serde_json::from_str(row.text(6)?)
            .map_err(|error| Error::Corrupt(format!("detail of an audit entry: {error}")))?,
    };
    Ok(Numbered {
        number: row.int(0)?,
        entry,
    })
}

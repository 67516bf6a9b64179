//! Connections: what they were declared to be, and how each one is.

use cartlane_model::{ConnectionId, UnixMs, WorkspaceId};
use serde_json::Value as Json;

use crate::db::{Error, Row, Tx, Value};

/// A connection as it is known to the database. Its secrets are in [`crate::secrets`].
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Its id, the same for good.
    pub id: ConnectionId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// Its name, unique among those that are not removed.
    pub name: String,
    /// `thrivecart`, `ghl`, `slack`, `smtp` or `http`.
    pub kind: String,
    /// What it was declared to be, less its secrets.
    pub settings: Json,
    /// Who declares it.
    pub origin: Origin,
    /// Grows with every change of its settings and secrets.
    pub version: i64,
    /// When the sender last checked the address of its web hooks.
    pub last_checked_at: Option<UnixMs>,
    /// When the last event came in by it.
    pub last_received_at: Option<UnixMs>,
    /// Why it is paused, when it is.
    pub trouble: Option<Trouble>,
}

/// Who declares a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The configuration.
    File,
    /// A person, while the server ran.
    Added,
}

impl Origin {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Added => "added",
        }
    }
}

/// Why a connection is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// A stable code, `ghl.invalid_token`.
    pub code: String,
    /// What happened and what to do.
    pub reason: String,
    /// Since when.
    pub since: UnixMs,
}

/// What a connection is declared to be.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The id it gets if it is new.
    pub id: ConnectionId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// What it is, less its secrets.
    pub settings: Json,
    /// Who says so.
    pub origin: Origin,
    /// The moment.
    pub now: UnixMs,
}

/// Makes the workspace of a new installation.
pub fn ensure_workspace(tx: &mut dyn Tx, workspace: WorkspaceId, now: UnixMs) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO workspaces (id, name, created_at) VALUES (?1, 'main', ?2) ON CONFLICT DO NOTHING",
        &[Value::id(&workspace), now.into()],
    )?;
    Ok(())
}

/// Brings the row of a connection that the configuration declares up to date; its id is kept, also that of one which was
/// added before.
pub fn declare(tx: &mut dyn Tx, declared: &Declared) -> Result<Connection, Error> {
    tx.execute(
        "INSERT INTO connections (id, workspace_id, name, kind, settings, origin, state, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'ok', ?7) ON CONFLICT (workspace_id, name) WHERE removed_at IS NULL \
         DO UPDATE SET kind = excluded.kind, settings = excluded.settings, origin = excluded.origin, \
         version = connections.version + 1 WHERE connections.kind <> excluded.kind \
         OR connections.settings <> excluded.settings OR connections.origin <> excluded.origin",
        &row(declared),
    )?;
    list(tx)?
        .into_iter()
        .find(|row| row.workspace_id == declared.workspace_id && row.name == declared.name)
        .ok_or_else(|| Error::Corrupt("a connection vanished while it was declared".into()))
}

/// Adds a connection. `false` where there is one of this name.
pub fn add(tx: &mut dyn Tx, declared: &Declared) -> Result<bool, Error> {
    let added = tx.execute(
        "INSERT INTO connections (id, workspace_id, name, kind, settings, origin, state, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'ok', ?7) ON CONFLICT DO NOTHING",
        &row(declared),
    )?;
    Ok(added == 1)
}

fn row(declared: &Declared) -> [Value<'_>; 7] {
    [
        Value::id(&declared.id),
        Value::id(&declared.workspace_id),
        declared.name.as_str().into(),
        declared.kind.as_str().into(),
        declared.settings.to_string().into(),
        declared.origin.as_str().into(),
        declared.now.into(),
    ]
}

/// Notes that the secrets of a connection are being changed; first in its transaction, so that two changes go one after
/// the other. `false` where there is no such connection.
pub fn touch(tx: &mut dyn Tx, connection: ConnectionId) -> Result<bool, Error> {
    let touched = tx.execute(
        "UPDATE connections SET version = version + 1 WHERE id = ?1 AND removed_at IS NULL",
        &[Value::id(&connection)],
    )?;
    Ok(touched == 1)
}

/// Removes a connection with its secrets and tokens; its row stays for its events. Lanes that wait for it are due. How
/// many there were; `None` where there is no such connection.
pub fn remove(tx: &mut dyn Tx, connection: ConnectionId, now: UnixMs) -> Result<Option<u64>, Error> {
    let removed = tx.execute(
        "UPDATE connections SET removed_at = ?2, version = version + 1, state = 'ok' \
         WHERE id = ?1 AND removed_at IS NULL",
        &[Value::id(&connection), now.into()],
    )?;
    if removed == 0 {
        return Ok(None);
    }
    for sql in [
        "DELETE FROM connection_secrets WHERE connection_id = ?1",
        "DELETE FROM oauth_tokens WHERE connection_id = ?1",
        "DELETE FROM oauth_states WHERE connection_id = ?1",
    ] {
        tx.execute(sql, &[Value::id(&connection)])?;
    }
    crate::lanes::wake(tx, connection).map(Some)
}

/// All connections that are not removed, by name.
pub fn list(tx: &mut dyn Tx) -> Result<Vec<Connection>, Error> {
    let rows = tx.query(
        "SELECT id, workspace_id, name, kind, settings, origin, version, last_checked_at, last_received_at, state, \
         state_code, state_reason, state_since FROM connections WHERE removed_at IS NULL ORDER BY name",
        &[],
    )?;
    rows.iter().map(connection).collect()
}

fn connection(row: &Row) -> Result<Connection, Error> {
    let trouble = (row.text(9)? == "paused")
        .then(|| {
            Ok::<_, Error>(Trouble {
                code: row.opt_text(10)?.unwrap_or_default().to_owned(),
                reason: row.opt_text(11)?.unwrap_or_default().to_owned(),
                since: UnixMs(row.opt_int(12)?.unwrap_or_default()),
            })
        })
        .transpose()?;
    Ok(Connection {
        id: row.id(0)?,
        workspace_id: row.id(1)?,
        name: row.text(2)?.to_owned(),
        kind: row.text(3)?.to_owned(),
        settings: serde_json::from_str(row.text(4)?)
            .map_err(|error| Error::Corrupt(format!("settings of a connection: {error}")))?,
        origin: match row.text(5)? {
            "added" => Origin::Added,
            _ => Origin::File,
        },
        version: row.int(6)?,
        last_checked_at: row.opt_int(7)?.map(UnixMs),
        last_received_at: row.opt_int(8)?.map(UnixMs),
        trouble,
    })
}

/// Notes that the sender has checked the hook's address.
pub fn checked(tx: &mut dyn Tx, connection: ConnectionId) -> Result<(), Error> {
    tx.execute(
        "UPDATE connections SET last_checked_at = now_ms() WHERE id = ?1",
        &[Value::id(&connection)],
    )?;
    Ok(())
}

/// Notes that an event came in.
pub fn received(tx: &mut dyn Tx, connection: ConnectionId, at: UnixMs) -> Result<(), Error> {
    tx.execute(
        "UPDATE connections SET last_received_at = ?2 WHERE id = ?1",
        &[Value::id(&connection), at.into()],
    )?;
    Ok(())
}

/// Pauses a connection: its lanes wait. `true` when it was not paused before.
pub fn pause(
    tx: &mut dyn Tx,
    connection: ConnectionId,
    code: &str,
    reason: &str,
    probe_in_ms: i64,
) -> Result<bool, Error> {
    let changed = tx.execute(
        "UPDATE connections SET state = 'paused', state_code = ?2, state_reason = ?3, state_since = now_ms(), \
         probe_at = now_ms() + ?4 WHERE id = ?1 AND state = 'ok' AND removed_at IS NULL",
        &[Value::id(&connection), code.into(), reason.into(), probe_in_ms.into()],
    )?;
    Ok(changed > 0)
}

/// Takes the right to probe a paused connection, when a probe is due; the next is due in `again_in_ms`.
pub fn take_probe(tx: &mut dyn Tx, connection: ConnectionId, again_in_ms: i64) -> Result<bool, Error> {
    let changed = tx.execute(
        "UPDATE connections SET probe_at = now_ms() + ?2 WHERE id = ?1 AND state = 'paused' \
         AND (probe_at IS NULL OR probe_at <= now_ms() OR probe_at > now_ms() + ?3)",
        &[
            Value::id(&connection),
            again_in_ms.into(),
            crate::lanes::FURTHEST_AHEAD_MS.into(),
        ],
    )?;
    Ok(changed > 0)
}

/// Takes the right to check a connection that is not paused, when a check is due; the next is due in `again_in_ms`.
pub fn take_check(tx: &mut dyn Tx, connection: ConnectionId, again_in_ms: i64) -> Result<bool, Error> {
    let changed = tx.execute(
        "UPDATE connections SET probe_at = now_ms() + ?2 WHERE id = ?1 AND state = 'ok' \
         AND (probe_at IS NULL OR probe_at <= now_ms() OR probe_at > now_ms() + ?2)",
        &[Value::id(&connection), again_in_ms.into()],
    )?;
    Ok(changed > 0)
}

/// Ends a pause; the lanes that waited are due. How many there were.
pub fn resume(tx: &mut dyn Tx, connection: ConnectionId) -> Result<u64, Error> {
    tx.execute(
        "UPDATE connections SET state = 'ok', state_code = NULL, state_reason = NULL, state_since = NULL, \
         probe_at = NULL WHERE id = ?1",
        &[Value::id(&connection)],
    )?;
    crate::lanes::wake(tx, connection)
}

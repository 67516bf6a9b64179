//! Connections: what the configuration declared, and how each one is.

use cartlane_model::{ConnectionId, UnixMs, WorkspaceId};
use serde_json::Value as Json;

use crate::db::{Error, Row, Tx, Value};

/// A connection as it is known to the database. Its secrets are elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Its id, the same for good.
    pub id: ConnectionId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// Its name in the configuration.
    pub name: String,
    /// `thrivecart` or `ghl`.
    pub kind: String,
    /// What the configuration says of it, less its secrets.
    pub settings: Json,
    /// The secret part of its web hook's address.
    pub hook_key: Option<String>,
    /// When the sender last checked the address.
    pub last_checked_at: Option<UnixMs>,
    /// When the last event came in by it.
    pub last_received_at: Option<UnixMs>,
    /// Why it is paused, when it is.
    pub trouble: Option<Trouble>,
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

/// What the configuration declares.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The id it gets if it is new.
    pub id: ConnectionId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// Its name.
    pub name: String,
    /// `thrivecart` or `ghl`.
    pub kind: String,
    /// What the configuration says of it, less its secrets.
    pub settings: Json,
    /// The key of its web hook; where it has none and this one is not declared, the key that is there stays.
    pub hook_key: Option<String>,
    /// Whether the configuration itself names the key.
    pub hook_key_is_declared: bool,
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

/// Brings the row of a declared connection up to date; its id is kept.
pub fn declare(tx: &mut dyn Tx, declared: &Declared) -> Result<Connection, Error> {
    tx.execute(
        "INSERT INTO connections (id, workspace_id, name, kind, settings, hook_key, state, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'ok', ?7) ON CONFLICT (workspace_id, name) DO UPDATE SET \
         kind = excluded.kind, settings = excluded.settings, hook_key = CASE WHEN ?8 = 1 \
         THEN excluded.hook_key ELSE COALESCE(connections.hook_key, excluded.hook_key) END",
        &[
            Value::id(&declared.id),
            Value::id(&declared.workspace_id),
            declared.name.as_str().into(),
            declared.kind.as_str().into(),
            declared.settings.to_string().into(),
            declared.hook_key.as_deref().into(),
            declared.now.into(),
            i64::from(declared.hook_key_is_declared).into(),
        ],
    )?;
    list(tx)?
        .into_iter()
        .find(|row| row.workspace_id == declared.workspace_id && row.name == declared.name)
        .ok_or_else(|| Error::Corrupt("a connection vanished while it was declared".into()))
}

/// All connections, by name.
pub fn list(tx: &mut dyn Tx) -> Result<Vec<Connection>, Error> {
    let rows = tx.query(
        "SELECT id, workspace_id, name, kind, settings, hook_key, last_checked_at, last_received_at, state, \
         state_code, state_reason, state_since FROM connections ORDER BY name",
        &[],
    )?;
    rows.iter().map(connection).collect()
}

fn connection(row: &Row) -> Result<Connection, Error> {
    let trouble = (row.text(8)? == "paused")
        .then(|| {
            Ok::<_, Error>(Trouble {
                code: row.opt_text(9)?.unwrap_or_default().to_owned(),
                reason: row.opt_text(10)?.unwrap_or_default().to_owned(),
                since: UnixMs(row.opt_int(11)?.unwrap_or_default()),
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
        hook_key: row.opt_text(5)?.map(str::to_owned),
        last_checked_at: row.opt_int(6)?.map(UnixMs),
        last_received_at: row.opt_int(7)?.map(UnixMs),
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
         probe_at = now_ms() + ?4 WHERE id = ?1 AND state = 'ok'",
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

/// Ends a pause; the lanes that waited are due. How many there were.
pub fn resume(tx: &mut dyn Tx, connection: ConnectionId) -> Result<u64, Error> {
    tx.execute(
        "UPDATE connections SET state = 'ok', state_code = NULL, state_reason = NULL, state_since = NULL, \
         probe_at = NULL WHERE id = ?1",
        &[Value::id(&connection)],
    )?;
    crate::lanes::wake(tx, connection)
}

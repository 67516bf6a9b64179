//! Deliveries that were refused (a wrong secret) and may have to be let in after all: the sender may never come back.
//! What they hold is sealed by the engine; this table sees ciphertext.

use cartlane_model::{ConnectionId, QuarantineId, UnixMs, WorkspaceId};

use crate::db::{Error, Row, Tx, Value};

/// One delivery put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Its id.
    pub id: QuarantineId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// The connection that refused it.
    pub connection_id: ConnectionId,
    /// When it came.
    pub received_at: UnixMs,
    /// Why it was refused.
    pub reason: String,
    /// When it was let in.
    pub released_at: Option<UnixMs>,
    /// Nonce and ciphertext.
    pub sealed: Vec<u8>,
}

/// Puts a delivery aside. Of each connection the newest `keep` are kept, so that a stranger cannot fill the disk.
pub fn put(tx: &mut dyn Tx, aside: &Aside, keep: i64) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO quarantine (id, workspace_id, connection_id, received_at, reason, sealed) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            Value::id(&aside.id),
            Value::id(&aside.workspace_id),
            Value::id(&aside.connection_id),
            aside.received_at.into(),
            aside.reason.as_str().into(),
            Value::from(aside.sealed.as_slice()),
        ],
    )?;
    tx.execute(
        "DELETE FROM quarantine WHERE connection_id = ?1 AND id <= (SELECT id FROM quarantine \
         WHERE connection_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        &[Value::id(&aside.connection_id), keep.into()],
    )?;
    Ok(())
}

/// What is put aside, newest first.
pub fn list(tx: &mut dyn Tx, limit: i64) -> Result<Vec<Aside>, Error> {
    let rows = tx.query(
        "SELECT id, workspace_id, connection_id, received_at, reason, released_at, sealed FROM quarantine \
         ORDER BY id DESC LIMIT ?1",
        &[limit.into()],
    )?;
    rows.iter().map(aside).collect()
}

/// The ids of all that is put aside.
pub fn ids(tx: &mut dyn Tx) -> Result<Vec<QuarantineId>, Error> {
    let rows = tx.query("SELECT id FROM quarantine ORDER BY id", &[])?;
    rows.iter().map(|row| row.id(0)).collect()
}

/// Puts another sealing of the same delivery in the place of the one that is there.
pub fn reseal(tx: &mut dyn Tx, id: QuarantineId, sealed: &[u8]) -> Result<(), Error> {
    tx.execute(
        "UPDATE quarantine SET sealed = ?2 WHERE id = ?1",
        &[Value::id(&id), Value::from(sealed)],
    )?;
    Ok(())
}

/// One of them.
pub fn get(tx: &mut dyn Tx, id: QuarantineId) -> Result<Option<Aside>, Error> {
    let rows = tx.query(
        "SELECT id, workspace_id, connection_id, received_at, reason, released_at, sealed FROM quarantine \
         WHERE id = ?1",
        &[Value::id(&id)],
    )?;
    rows.first().map(aside).transpose()
}

fn aside(row: &Row) -> Result<Aside, Error> {
    Ok(Aside {
        id: row.id(0)?,
        workspace_id: row.id(1)?,
        connection_id: row.id(2)?,
        received_at: UnixMs(row.int(3)?),
        reason: row.text(4)?.to_owned(),
        released_at: row.opt_int(5)?.map(UnixMs),
        sealed: row.blob(6)?.to_vec(),
    })
}

/// Notes that it was let in.
pub fn released(tx: &mut dyn Tx, id: QuarantineId) -> Result<(), Error> {
    tx.execute(
        "UPDATE quarantine SET released_at = now_ms() WHERE id = ?1",
        &[Value::id(&id)],
    )?;
    Ok(())
}

//! The secrets of connections, one row for each: sealed by the engine; this table sees ciphertext.

use cartlane_model::ConnectionId;

use crate::db::{Error, Tx, Value};

/// What is sealed of a connection.
pub fn get(tx: &mut dyn Tx, connection: ConnectionId) -> Result<Option<Vec<u8>>, Error> {
    let rows = tx.query(
        "SELECT sealed FROM connection_secrets WHERE connection_id = ?1",
        &[Value::id(&connection)],
    )?;
    rows.first().map(|row| Ok(row.blob(0)?.to_vec())).transpose()
}

/// Puts another sealed value in the place of what is there.
pub fn put(tx: &mut dyn Tx, connection: ConnectionId, sealed: &[u8]) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO connection_secrets (connection_id, sealed) VALUES (?1, ?2) \
         ON CONFLICT (connection_id) DO UPDATE SET sealed = excluded.sealed",
        &[Value::id(&connection), Value::from(sealed)],
    )?;
    Ok(())
}

/// All connections that have secrets.
pub fn connections(tx: &mut dyn Tx) -> Result<Vec<ConnectionId>, Error> {
    let rows = tx.query(
        "SELECT connection_id FROM connection_secrets ORDER BY connection_id",
        &[],
    )?;
    rows.iter().map(|row| row.id(0)).collect()
}

//! Tokens that came by OAuth. What they are is sealed by the engine; this table sees ciphertext.
//!
//! A refresh token works once, so that only one node may send it at a time: who does has a claim, written before the
//! request. A claim ends with the new pair, or when its time is up.

use cartlane_model::{ConnectionId, NodeId, UnixMs};

use crate::db::{Error, Row, Tx, Value};

/// The tokens of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The sealed pair.
    pub sealed: Vec<u8>,
    /// When it came.
    pub issued_at: UnixMs,
    /// When its access token expires.
    pub expires_at: UnixMs,
    /// Grows with every pair.
    pub version: i64,
    /// What the person has agreed to, separated by spaces; empty where the answer did not say.
    pub scopes: String,
    /// Why its refresh token is of no use any more; a person has to authorize anew.
    pub dead_because: Option<String>,
}

/// The tokens of a connection.
pub fn get(tx: &mut dyn Tx, connection: ConnectionId) -> Result<Option<Pair>, Error> {
    let rows = tx.query(
        "SELECT sealed, issued_at, expires_at, version, scopes, dead_because FROM oauth_tokens WHERE connection_id = ?1",
        &[Value::id(&connection)],
    )?;
    rows.first().map(pair).transpose()
}

fn pair(row: &Row) -> Result<Pair, Error> {
    Ok(Pair {
        sealed: row.blob(0)?.to_vec(),
        issued_at: UnixMs(row.int(1)?),
        expires_at: UnixMs(row.int(2)?),
        version: row.int(3)?,
        scopes: row.text(4)?.to_owned(),
        dead_because: row.opt_text(5)?.map(str::to_owned),
    })
}

/// All connections that have tokens.
pub fn connections(tx: &mut dyn Tx) -> Result<Vec<ConnectionId>, Error> {
    let rows = tx.query(
        "SELECT connection_id FROM oauth_tokens ORDER BY connection_id",
        &[],
    )?;
    rows.iter().map(|row| row.id(0)).collect()
}

/// Claims the next refresh of this version for `lasts_ms`. `false` where another one may be under way, or the version is
/// not the last one.
pub fn claim(
    tx: &mut dyn Tx,
    connection: ConnectionId,
    version: i64,
    node: NodeId,
    lasts_ms: i64,
) -> Result<bool, Error> {
    let claimed = tx.execute(
        "UPDATE oauth_tokens SET claimed_by = ?3, claimed_until = now_ms() + ?4 WHERE connection_id = ?1 \
         AND version = ?2 AND dead_because IS NULL AND (claimed_until IS NULL OR claimed_until <= now_ms())",
        &[
            Value::id(&connection),
            version.into(),
            Value::id(&node),
            lasts_ms.into(),
        ],
    )?;
    Ok(claimed == 1)
}

/// Lets a claim end in so many milliseconds: 0 where the request was never sent, else when it can no longer take effect.
pub fn unclaim(
    tx: &mut dyn Tx,
    connection: ConnectionId,
    version: i64,
    node: NodeId,
    in_ms: i64,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE oauth_tokens SET claimed_until = now_ms() + ?4 WHERE connection_id = ?1 AND version = ?2 \
         AND claimed_by = ?3",
        &[
            Value::id(&connection),
            version.into(),
            Value::id(&node),
            in_ms.into(),
        ],
    )?;
    Ok(())
}

/// Puts a refreshed pair in the place of its predecessor, and ends the claim. `false` where that is not the last one.
pub fn renew(tx: &mut dyn Tx, connection: ConnectionId, pair: &Pair) -> Result<bool, Error> {
    let renewed = tx.execute(
        "UPDATE oauth_tokens SET sealed = ?3, issued_at = ?4, expires_at = ?5, version = ?2, \
         scopes = CASE WHEN ?6 = '' THEN scopes ELSE ?6 END, claimed_by = NULL, claimed_until = NULL \
         WHERE connection_id = ?1 AND version = ?2 - 1",
        &[
            Value::id(&connection),
            pair.version.into(),
            Value::from(pair.sealed.as_slice()),
            pair.issued_at.into(),
            pair.expires_at.into(),
            pair.scopes.as_str().into(),
        ],
    )?;
    Ok(renewed == 1)
}

/// Notes that the refresh token of this version is refused.
pub fn give_up(tx: &mut dyn Tx, connection: ConnectionId, version: i64, because: &str) -> Result<(), Error> {
    tx.execute(
        "UPDATE oauth_tokens SET dead_because = ?3, claimed_by = NULL, claimed_until = NULL \
         WHERE connection_id = ?1 AND version = ?2",
        &[Value::id(&connection), version.into(), because.into()],
    )?;
    Ok(())
}

/// Keeps the pair of a new authorization, whatever was there; its version follows the last one's.
pub fn put(tx: &mut dyn Tx, connection: ConnectionId, pair: &Pair) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO oauth_tokens (connection_id, sealed, issued_at, expires_at, version, scopes) VALUES (?1, ?2, ?3, ?4, 1, ?5) \
         ON CONFLICT (connection_id) DO UPDATE SET sealed = excluded.sealed, issued_at = excluded.issued_at, \
         expires_at = excluded.expires_at, version = oauth_tokens.version + 1, \
         scopes = excluded.scopes, claimed_by = NULL, claimed_until = NULL, dead_because = NULL",
        &[
            Value::id(&connection),
            Value::from(pair.sealed.as_slice()),
            pair.issued_at.into(),
            pair.expires_at.into(),
            pair.scopes.as_str().into(),
        ],
    )?;
    Ok(())
}

/// Puts another sealing of the same pair in the place of the one that is there.
pub fn reseal(tx: &mut dyn Tx, connection: ConnectionId, sealed: &[u8]) -> Result<(), Error> {
    tx.execute(
        "UPDATE oauth_tokens SET sealed = ?2 WHERE connection_id = ?1",
        &[Value::id(&connection), Value::from(sealed)],
    )?;
    Ok(())
}

/// Begins an authorization; those whose time is up are forgotten.
pub fn begin(
    tx: &mut dyn Tx,
    state_hash: &str,
    connection: ConnectionId,
    lasts_ms: i64,
) -> Result<(), Error> {
    tx.execute("DELETE FROM oauth_states WHERE expires_at <= now_ms()", &[])?;
    tx.execute(
        "INSERT INTO oauth_states (state_hash, connection_id, expires_at) VALUES (?1, ?2, now_ms() + ?3)",
        &[state_hash.into(), Value::id(&connection), lasts_ms.into()],
    )?;
    Ok(())
}

/// Ends an authorization: whose it is. `None` where there is no such one, or its time is up; it ends only once.
pub fn end(tx: &mut dyn Tx, state_hash: &str) -> Result<Option<ConnectionId>, Error> {
    let rows = tx.query(
        "SELECT connection_id FROM oauth_states WHERE state_hash = ?1 AND expires_at > now_ms()",
        &[state_hash.into()],
    )?;
    let connection = rows.first().map(|row| row.id(0)).transpose()?;
    let ended = tx.execute(
        "DELETE FROM oauth_states WHERE state_hash = ?1",
        &[state_hash.into()],
    )?;
    Ok(connection.filter(|_| ended == 1))
}

//! Small facts about an installation, each under a key of its own.

use crate::db::{Error, Tx};

/// What is kept under `key`.
pub fn get(tx: &mut dyn Tx, key: &str) -> Result<Option<String>, Error> {
    let rows = tx.query("SELECT value FROM meta WHERE key = ?1", &[key.into()])?;
    rows.first().map(|row| Ok(row.text(0)?.to_owned())).transpose()
}

/// Keeps `value` under `key` where nothing is kept yet; what is kept then. Of two nodes at once the first decides.
pub fn keep_first(tx: &mut dyn Tx, key: &str, value: &str) -> Result<String, Error> {
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
        &[key.into(), value.into()],
    )?;
    Ok(get(tx, key)?.unwrap_or_else(|| value.to_owned()))
}

/// Keeps `value` under `key` in place of what was there.
pub fn replace(tx: &mut dyn Tx, key: &str, value: &str) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        &[key.into(), value.into()],
    )?;
    Ok(())
}

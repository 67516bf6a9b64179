//! Schedules: when each is due next. Whoever moves that on makes the event, in the same transaction.

use std::collections::HashMap;

use cartlane_model::UnixMs;

use crate::db::{Error, Row, Tx};

/// A schedule that automations ask for, and when it is due next if it is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The hash of its connection, cron and zone.
    pub id: String,
    /// When it is due next.
    pub first_at: UnixMs,
}

/// All schedules, with when each is due next.
pub fn list(tx: &mut dyn Tx) -> Result<HashMap<String, UnixMs>, Error> {
    let rows = tx.query("SELECT id, next_at FROM schedules", &[])?;
    let one = |row: &Row| Ok((row.text(0)?.to_owned(), UnixMs(row.int(1)?)));
    rows.iter().map(one).collect()
}

/// Says which schedules are asked for. What nobody asks for is forgotten; times that pass then are not missed.
pub fn want(tx: &mut dyn Tx, wanted: &[Wanted]) -> Result<(), Error> {
    for one in wanted {
        tx.execute(
            "INSERT INTO schedules (id, next_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            &[one.id.as_str().into(), one.first_at.into()],
        )?;
    }
    for id in list(tx)?
        .keys()
        .filter(|id| !wanted.iter().any(|one| one.id == **id))
    {
        tx.execute("DELETE FROM schedules WHERE id = ?1", &[id.as_str().into()])?;
    }
    Ok(())
}

/// Moves a schedule on; `false` where another node has.
pub fn advance(tx: &mut dyn Tx, id: &str, from: UnixMs, to: UnixMs) -> Result<bool, Error> {
    let changed = tx.execute(
        "UPDATE schedules SET next_at = ?3 WHERE id = ?1 AND next_at = ?2",
        &[id.into(), from.into(), to.into()],
    )?;
    Ok(changed > 0)
}

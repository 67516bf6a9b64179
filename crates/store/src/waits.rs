//! Runs that wait for a moment or an event: out of their lanes until then, and back at the tail.

use cartlane_model::{ContactId, EventId, RunId, UnixMs};

use crate::db::{Error, Tx, Value};
use crate::runs::{self, EVENT_COLUMNS, StoredEvent};

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Until when.
    pub until: UnixMs,
    /// Or until its contact has an event of one of these kinds; `*` is any.
    pub kinds: Vec<String>,
    /// Behind this one.
    pub after: EventId,
}

/// Lets a run wait. Call after [`crate::lanes::hold`].
pub fn park(tx: &mut dyn Tx, run: RunId, wait: &Wait, warnings: &[String]) -> Result<(), Error> {
    let kinds = (!wait.kinds.is_empty()).then(|| format!(",{},", wait.kinds.join(",")));
    tx.execute(
        "UPDATE runs SET state = 'waiting', wake_at = ?2, waits_for = ?3, waits_after = ?4, warnings = ?5, \
         started_at = COALESCE(started_at, now_ms()), attempts = 0, held_ms = 0, error_code = NULL, error = NULL \
         WHERE id = ?1",
        &[
            Value::id(&run),
            wait.until.into(),
            kinds.into(),
            Value::id(&wait.after),
            runs::warnings_json(warnings).into(),
        ],
    )?;
    Ok(())
}

/// Puts runs whose moment or event has come back at the tail of their lanes: up to `limit` of each. How many there were.
/// Uses `runs_waiting` and `events_by_contact`.
pub fn wake(tx: &mut dyn Tx, now: UnixMs, limit: i64) -> Result<u64, Error> {
    let mut due = tx.query(
        "SELECT id, lane_id, workspace_id FROM runs WHERE state = 'waiting' AND wake_at <= ?1 ORDER BY wake_at LIMIT ?2",
        &[now.into(), limit.into()],
    )?;
    // A kind's `_` stands for any letter here: who wakes looks again.
    let called = tx.query(
        "SELECT r.id, r.lane_id, r.workspace_id FROM runs r JOIN events e0 ON e0.id = r.event_id \
         WHERE r.state = 'waiting' AND r.wake_at > ?1 AND r.waits_for IS NOT NULL AND EXISTS (SELECT 1 FROM events e \
         WHERE e.contact_id = e0.contact_id AND e.id > r.waits_after AND (r.waits_for = ',*,' OR r.waits_for LIKE '%,' || e.kind || ',%')) LIMIT ?2",
        &[now.into(), limit.into()],
    )?;
    due.extend(called);
    let mut woken = 0;
    for row in &due {
        let run: RunId = row.id(0)?;
        // Another node may have been here first.
        let is_ours = tx.execute(
            "UPDATE runs SET state = 'queued' WHERE id = ?1 AND state = 'waiting'",
            &[Value::id(&run)],
        )?;
        if is_ours == 1 {
            runs::requeue(tx, run, row.text(1)?, row.id(2)?, None)?;
            woken += 1;
        }
    }
    Ok(woken)
}

/// Events of a contact behind another one, of these kinds, oldest first.
pub fn events_after(
    tx: &mut dyn Tx,
    contact: ContactId,
    after: EventId,
    kinds: &[String],
    limit: i64,
) -> Result<Vec<StoredEvent>, Error> {
    let kinds = format!(",{},", kinds.join(","));
    let rows = tx.query(
        "SELECT id, workspace_id, connection_id, contact_id, occurred_at, received_at, content_type, body FROM events \
         WHERE contact_id = ?1 AND id > ?2 AND (?3 = ',*,' OR ?3 LIKE '%,' || kind || ',%') ORDER BY id LIMIT ?4",
        &[Value::id(&contact), Value::id(&after), kinds.into(), limit.into()],
    )?;
    debug_assert_eq!(EVENT_COLUMNS, 8, "the columns of a stored event");
    rows.iter().map(|row| runs::stored_event(row, 0)).collect()
}

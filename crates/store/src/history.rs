//! A contact's events up to one of them: what is known about somebody is folded from these.
//!
//! Events of a contact that was joined into this one count from the event on that joined them, so that a replay of an
//! earlier event finds what there was then. Needs no isolation: what it reads was committed before the event that it is
//! asked for, and never changes.

use cartlane_model::{ContactId, EventId};

use crate::db::{Error, Tx, Value};
use crate::runs::{self, StoredEvent};

/// The contact and all who were joined into it by the time of `until`, sorted. Index: `contact_joins_by_keeper`.
pub fn members(tx: &mut dyn Tx, contact: ContactId, until: EventId) -> Result<Vec<ContactId>, Error> {
    let mut members = vec![contact];
    let mut at = 0;
    while let Some(keeper) = members.get(at) {
        let rows = tx.query(
            "SELECT contact_id FROM contact_joins WHERE joined_into = ?1 AND event_id <= ?2",
            &[Value::id(keeper), Value::id(&until)],
        )?;
        for row in &rows {
            let joined = row.id(0)?;
            if !members.contains(&joined) {
                members.push(joined);
            }
        }
        at += 1;
    }
    members.sort_unstable();
    Ok(members)
}

/// Which part of a contact's events.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Of these kinds.
    pub kinds: &'a [&'a str],
    /// Of test mode, or of all else.
    pub is_test: bool,
    /// Later than this one.
    pub after: Option<EventId>,
    /// This one is the last.
    pub until: EventId,
    /// As many at the most.
    pub limit: i64,
}

/// The events of one member, oldest first. Index: `events_by_contact`.
pub fn events(tx: &mut dyn Tx, member: ContactId, part: Part<'_>) -> Result<Vec<StoredEvent>, Error> {
    let rows = tx.query(
        "SELECT id, workspace_id, connection_id, contact_id, occurred_at, received_at, content_type, body FROM events \
         WHERE contact_id = ?1 AND id > ?2 AND id <= ?3 AND CASE WHEN mode = 'test' THEN 1 ELSE 0 END = ?4 \
         AND CAST(?5 AS TEXT) LIKE '%,' || kind || ',%' ORDER BY id LIMIT ?6",
        &[
            Value::id(&member),
            part.after.map(|after| after.to_string()).unwrap_or_default().into(),
            Value::id(&part.until),
            part.is_test.into(),
            format!(",{},", part.kinds.join(",")).into(),
            part.limit.into(),
        ],
    )?;
    rows.iter().map(|row| runs::stored_event(row, 0)).collect()
}

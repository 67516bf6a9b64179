//! People, and the names under which they are known.
//!
//! A contact is found by any of its keys; the first key that is known decides (the e-mail stands first). When two keys
//! are known as two contacts, the second is joined into the first: a change of e-mail does not split a person.

use cartlane_model::{ConnectionId, ContactId, ContactKey, UnixMs, WorkspaceId};

use crate::db::{Error, Tx, Value};
use crate::lanes;

/// Where a person's runs go.
pub(crate) struct Resolved {
    pub contact: ContactId,
    pub lane: String,
    /// A lane that was this person's too, and still holds runs: they go first.
    pub after: Option<String>,
}

/// Finds the contact that has one of `keys`, or makes it; all keys are its own afterwards.
pub(crate) fn resolve(
    tx: &mut dyn Tx,
    workspace: WorkspaceId,
    keys: &[ContactKey],
    now: UnixMs,
) -> Result<Resolved, Error> {
    let mut known = Vec::new();
    let mut missing = Vec::new();
    for key in keys {
        match find(tx, workspace, key)? {
            Some(found) if known.contains(&found) => {}
            Some(found) => known.push(found),
            None => missing.push(key),
        }
    }
    let (contact, lane) = match known.first() {
        Some(first) => first.clone(),
        None => create(tx, workspace, now)?,
    };
    for key in missing {
        let (kind, value) = key.parts();
        tx.execute(
            "INSERT INTO contact_aliases (workspace_id, kind, value, contact_id, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            &[
                Value::id(&workspace),
                kind.into(),
                value.as_str().into(),
                Value::id(&contact),
                now.into(),
            ],
        )?;
    }
    let mut resolved = Resolved {
        contact,
        lane,
        after: None,
    };
    for (other, other_lane) in known.into_iter().skip(1) {
        join(tx, &mut resolved, other, other_lane)?;
    }
    Ok(resolved)
}

fn find(
    tx: &mut dyn Tx,
    workspace: WorkspaceId,
    key: &ContactKey,
) -> Result<Option<(ContactId, String)>, Error> {
    let (kind, value) = key.parts();
    let rows = tx.query(
        "SELECT c.id, c.lane_id FROM contact_aliases a JOIN contacts c ON c.id = a.contact_id \
         WHERE a.workspace_id = ?1 AND a.kind = ?2 AND a.value = ?3",
        &[Value::id(&workspace), kind.into(), value.as_str().into()],
    )?;
    rows.first()
        .map(|row| Ok((row.id(0)?, row.text(1)?.to_owned())))
        .transpose()
}

fn create(tx: &mut dyn Tx, workspace: WorkspaceId, now: UnixMs) -> Result<(ContactId, String), Error> {
    let contact = ContactId::new(now);
    let lane = contact.to_string();
    tx.execute(
        "INSERT INTO contacts (id, workspace_id, lane_id, created_at) VALUES (?1, ?2, ?3, ?4)",
        &[
            Value::id(&contact),
            Value::id(&workspace),
            lane.as_str().into(),
            now.into(),
        ],
    )?;
    Ok((contact, lane))
}

/// Makes `other` the same person as `keep`. Runs are not moved between lanes: the emptier lane is left, and where both
/// hold runs the other's go first.
fn join(tx: &mut dyn Tx, keep: &mut Resolved, other: ContactId, other_lane: String) -> Result<(), Error> {
    let pair = [Value::id(&keep.contact), Value::id(&other)];
    tx.execute(
        "UPDATE contact_aliases SET contact_id = ?1 WHERE contact_id = ?2",
        &pair,
    )?;
    tx.execute(
        "UPDATE contact_links SET contact_id = ?1 WHERE contact_id = ?2 AND NOT EXISTS \
         (SELECT 1 FROM contact_links l WHERE l.contact_id = ?1 AND l.connection_id = contact_links.connection_id)",
        &pair,
    )?;
    tx.execute(
        "UPDATE contact_states SET contact_id = ?1 WHERE contact_id = ?2 AND NOT EXISTS \
         (SELECT 1 FROM contact_states s WHERE s.contact_id = ?1 AND s.key = contact_states.key \
          AND s.connection_id = contact_states.connection_id)",
        &pair,
    )?;
    if other_lane == keep.lane || !lanes::has_open_runs(tx, &other_lane)? {
        return Ok(());
    }
    if lanes::has_open_runs(tx, &keep.lane)? {
        keep.after = Some(other_lane);
    } else {
        tx.execute(
            "UPDATE contacts SET lane_id = ?2 WHERE id = ?1",
            &[Value::id(&keep.contact), other_lane.as_str().into()],
        )?;
        keep.lane = other_lane;
    }
    Ok(())
}

/// What is remembered of a contact in one outside account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its id there.
    pub remote_id: String,
    /// The fields last seen to hold something there.
    pub filled: Vec<String>,
}

/// The contact's link to `connection`.
pub fn link(tx: &mut dyn Tx, contact: ContactId, connection: ConnectionId) -> Result<Option<Link>, Error> {
    let rows = tx.query(
        "SELECT remote_id, filled FROM contact_links WHERE contact_id = ?1 AND connection_id = ?2",
        &[Value::id(&contact), Value::id(&connection)],
    )?;
    rows.first()
        .map(|row| {
            let filled = row
                .text(1)?
                .split(',')
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect();
            Ok(Link {
                remote_id: row.text(0)?.to_owned(),
                filled,
            })
        })
        .transpose()
}

/// Remembers the contact's id in an outside account.
pub fn remember_link(
    tx: &mut dyn Tx,
    contact: ContactId,
    connection: ConnectionId,
    link: &Link,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO contact_links (contact_id, connection_id, remote_id, filled, updated_at) \
         VALUES (?1, ?2, ?3, ?4, now_ms()) ON CONFLICT (contact_id, connection_id) DO UPDATE \
         SET remote_id = excluded.remote_id, filled = excluded.filled, updated_at = excluded.updated_at",
        &[
            Value::id(&contact),
            Value::id(&connection),
            link.remote_id.as_str().into(),
            link.filled.join(",").into(),
        ],
    )?;
    Ok(())
}

/// Forgets the contact's id in an outside account: it is gone there.
pub fn forget_link(tx: &mut dyn Tx, contact: ContactId, connection: ConnectionId) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM contact_links WHERE contact_id = ?1 AND connection_id = ?2",
        &[Value::id(&contact), Value::id(&connection)],
    )?;
    Ok(())
}

/// When the event happened that last set the state `key` of this contact.
pub fn state_set_at(
    tx: &mut dyn Tx,
    contact: ContactId,
    connection: ConnectionId,
    key: &str,
) -> Result<Option<UnixMs>, Error> {
    let rows = tx.query(
        "SELECT occurred_at FROM contact_states WHERE contact_id = ?1 AND connection_id = ?2 AND key = ?3",
        &[Value::id(&contact), Value::id(&connection), key.into()],
    )?;
    rows.first().map(|row| row.int(0).map(UnixMs)).transpose()
}

/// Remembers that an event which happened at `occurred_at` set the state `key`; an older one changes nothing.
pub fn remember_state(
    tx: &mut dyn Tx,
    contact: ContactId,
    connection: ConnectionId,
    key: &str,
    occurred_at: UnixMs,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO contact_states (contact_id, connection_id, key, occurred_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (contact_id, connection_id, key) DO UPDATE SET occurred_at = excluded.occurred_at \
         WHERE excluded.occurred_at >= contact_states.occurred_at",
        &[
            Value::id(&contact),
            Value::id(&connection),
            key.into(),
            occurred_at.into(),
        ],
    )?;
    Ok(())
}

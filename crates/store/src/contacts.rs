//! What is remembered of a person: who they are in outside accounts, and which states were set on them when.
//!
//! How a delivery finds its person stands in `people`.

use cartlane_model::contact::email_key;
use cartlane_model::{ConnectionId, ContactId, UnixMs, WorkspaceId};

use crate::db::{Error, Tx, Value};

/// What is remembered of a contact in one outside account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its id there.
    pub remote_id: String,
    /// The fields last seen to hold something there.
    pub filled: Vec<String>,
}

/// The contact with this e-mail. Index: the primary key of `contact_aliases`.
pub fn by_email(tx: &mut dyn Tx, workspace: WorkspaceId, email: &str) -> Result<Option<ContactId>, Error> {
    let rows = tx.query(
        "SELECT contact_id FROM contact_aliases WHERE workspace_id = ?1 AND kind = 'email' AND value = ?2",
        &[Value::id(&workspace), email_key(email).into()],
    )?;
    rows.first().map(|row| row.id(0)).transpose()
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

/// Remembers the contact's id in an outside account, and finds the contact by it from now on.
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
    // What comes from that account names the contact by this id. Where it is somebody's already, their next common
    // event joins the two.
    tx.execute(
        "INSERT INTO contact_aliases (workspace_id, kind, value, contact_id, created_at) \
         SELECT workspace_id, 'customer', ?2, id, now_ms() FROM contacts WHERE id = ?1 ON CONFLICT DO NOTHING",
        &[
            Value::id(&contact),
            format!("{connection}/{}", link.remote_id).into(),
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

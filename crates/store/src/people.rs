//! Whose a delivery is, for a group of deliveries at once.
//!
//! A contact is found by any of its keys; the first key that is known decides (the e-mail stands first). When two keys
//! are known as two contacts, the second is joined into the first: a change of e-mail does not split a person.
//!
//! ```text
//! People::read (one look for all keys) ─► place, delivery by delivery, in memory ─► write (new contacts and keys)
//!                                            └─ two contacts are one: write, then join in the store
//! ```

use std::collections::HashMap;

use cartlane_model::{ContactId, ContactKey, EventId, UnixMs, WorkspaceId};

use crate::bulk::{self, Bulk};
use crate::db::{Dialect, Error, Tx, Value};
use crate::lanes;

/// A key of a person, with the workspace that it counts in.
type Key = (WorkspaceId, ContactKey);

/// Everybody whom a group of deliveries may be about.
pub(crate) struct People {
    contacts: HashMap<Key, ContactId>,
    lanes: HashMap<ContactId, String>,
    new_contacts: Vec<(ContactId, WorkspaceId, UnixMs)>,
    new_keys: Vec<(Key, ContactId, UnixMs)>,
}

/// Where a person's runs go.
pub(crate) struct Resolved {
    pub contact: ContactId,
    pub lane: String,
    /// A lane that was this person's too, and still holds runs: they go first.
    pub after: Option<String>,
}

/// The contacts that one delivery's keys are known as.
pub(crate) struct Found {
    known: Vec<ContactId>,
    missing: Vec<ContactKey>,
}

impl Found {
    /// Two or more contacts turn out to be one person: what waits to be written must be, before they are joined.
    pub(crate) fn joins(&self) -> bool {
        self.known.len() > 1
    }
}

const CONTACTS: Bulk = Bulk {
    sqlite: "INSERT INTO contacts (id, workspace_id, lane_id, created_at) VALUES (?1, ?2, ?3, ?4)",
    postgres: "INSERT INTO contacts (id, workspace_id, lane_id, created_at) \
               SELECT * FROM unnest(?1::text[], ?2::text[], ?3::text[], ?4::int8[])",
};

const KEYS: Bulk = Bulk {
    sqlite: "INSERT INTO contact_aliases (workspace_id, kind, value, contact_id, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    postgres: "INSERT INTO contact_aliases (workspace_id, kind, value, contact_id, created_at) \
               SELECT * FROM unnest(?1::text[], ?2::text[], ?3::text[], ?4::text[], ?5::int8[]) \
               ON CONFLICT DO NOTHING",
};

impl People {
    /// Looks for `keys`, which must be locked: nobody else may be adding them.
    pub(crate) fn read(tx: &mut dyn Tx, keys: &[Key]) -> Result<Self, Error> {
        let mut people = Self {
            contacts: HashMap::new(),
            lanes: HashMap::new(),
            new_contacts: Vec::new(),
            new_keys: Vec::new(),
        };
        let found = match tx.dialect() {
            Dialect::Sqlite => read_one_by_one(tx, keys)?,
            Dialect::Postgres => read_at_once(tx, keys)?,
        };
        for (place, contact, lane) in found {
            people.contacts.insert(keys[place].clone(), contact);
            people.lanes.insert(contact, lane);
        }
        Ok(people)
    }

    /// What is known of a delivery's keys.
    pub(crate) fn find(&self, workspace: WorkspaceId, keys: &[ContactKey]) -> Found {
        let mut found = Found {
            known: Vec::new(),
            missing: Vec::new(),
        };
        for key in keys {
            match self.contacts.get(&(workspace, key.clone())) {
                Some(contact) if found.known.contains(contact) => {}
                Some(contact) => found.known.push(*contact),
                None => found.missing.push(key.clone()),
            }
        }
        found
    }

    /// The person that has the keys, made if there is none; all keys are its own afterwards, since `event` at `now` says
    /// so. Where [`Found::joins`], everything before must have been written.
    pub(crate) fn resolve(
        &mut self,
        tx: &mut dyn Tx,
        workspace: WorkspaceId,
        found: Found,
        (event, now): (EventId, UnixMs),
    ) -> Result<Resolved, Error> {
        let contact = match found.known.first() {
            Some(contact) => *contact,
            None => self.make(workspace, now),
        };
        for key in found.missing {
            let key = (workspace, key);
            self.contacts.insert(key.clone(), contact);
            self.new_keys.push((key, contact, now));
        }
        let mut resolved = Resolved {
            contact,
            lane: self.lane(contact)?,
            after: None,
        };
        for other in found.known.into_iter().skip(1) {
            let other_lane = self.lane(other)?;
            join(tx, &mut resolved, other, other_lane, event)?;
            for known in self.contacts.values_mut().filter(|known| **known == other) {
                *known = contact;
            }
            self.lanes.insert(contact, resolved.lane.clone());
        }
        Ok(resolved)
    }

    fn make(&mut self, workspace: WorkspaceId, now: UnixMs) -> ContactId {
        let contact = ContactId::new(now);
        self.lanes.insert(contact, contact.to_string());
        self.new_contacts.push((contact, workspace, now));
        contact
    }

    fn lane(&self, contact: ContactId) -> Result<String, Error> {
        let lane = self.lanes.get(&contact).cloned();
        lane.ok_or_else(|| Error::Corrupt("a contact without a lane".into()))
    }

    /// Writes the contacts and keys that are new.
    pub(crate) fn write(&mut self, tx: &mut dyn Tx) -> Result<(), Error> {
        let contacts = std::mem::take(&mut self.new_contacts);
        let rows = contacts.iter().map(|(contact, workspace, now)| {
            let id = Value::id(contact);
            vec![id.clone(), Value::id(workspace), id, (*now).into()]
        });
        CONTACTS.execute(tx, rows.collect())?;
        let keys = std::mem::take(&mut self.new_keys);
        let rows = keys.iter().map(|((workspace, key), contact, now)| {
            let (kind, value) = key.parts();
            let contact = Value::id(contact);
            vec![
                Value::id(workspace),
                kind.into(),
                value.into(),
                contact,
                (*now).into(),
            ]
        });
        KEYS.execute(tx, rows.collect())?;
        Ok(())
    }
}

/// By place in `keys`: the contact and its lane.
type Rows = Vec<(usize, ContactId, String)>;

fn read_one_by_one(tx: &mut dyn Tx, keys: &[Key]) -> Result<Rows, Error> {
    let mut found = Vec::new();
    for (place, (workspace, key)) in keys.iter().enumerate() {
        let (kind, value) = key.parts();
        let row = tx.query_opt(
            "SELECT c.id, c.lane_id FROM contact_aliases a JOIN contacts c ON c.id = a.contact_id \
             WHERE a.workspace_id = ?1 AND a.kind = ?2 AND a.value = ?3",
            &[Value::id(workspace), kind.into(), value.into()],
        )?;
        if let Some(row) = row {
            found.push((place, row.id(0)?, row.text(1)?.to_owned()));
        }
    }
    Ok(found)
}

fn read_at_once(tx: &mut dyn Tx, keys: &[Key]) -> Result<Rows, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = keys.iter().map(|(workspace, key)| {
        let (kind, value) = key.parts();
        vec![Value::id(workspace), kind.into(), value.into()]
    });
    let rows = tx.query(
        "SELECT wanted.place, c.id, c.lane_id FROM unnest(?1::text[], ?2::text[], ?3::text[]) \
         WITH ORDINALITY AS wanted (workspace_id, kind, value, place) \
         JOIN contact_aliases a ON a.workspace_id = wanted.workspace_id AND a.kind = wanted.kind \
         AND a.value = wanted.value JOIN contacts c ON c.id = a.contact_id",
        &bulk::columns(rows.collect()),
    )?;
    rows.iter()
        .map(|row| {
            let place = usize::try_from(row.int(0)? - 1);
            let place = place.map_err(|_| Error::Corrupt("a place below 1".into()))?;
            Ok((place, row.id(1)?, row.text(2)?.to_owned()))
        })
        .collect()
}

/// Makes `other` the same person as `keep`. Runs are not moved between lanes: the emptier lane is left, and where both
/// hold runs the other's go first.
fn join(
    tx: &mut dyn Tx,
    keep: &mut Resolved,
    other: ContactId,
    other_lane: String,
    event: EventId,
) -> Result<(), Error> {
    let pair = [Value::id(&keep.contact), Value::id(&other)];
    tx.execute(
        "INSERT INTO contact_joins (contact_id, joined_into, event_id) VALUES (?2, ?1, ?3) \
         ON CONFLICT (contact_id) DO NOTHING",
        &[pair[0].clone(), pair[1].clone(), Value::id(&event)],
    )?;
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

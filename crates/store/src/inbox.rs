//! What comes in: one transaction holds an event, its dedupe keys, its contact and its runs.
//!
//! ```text
//! dedupe keys ──any known──► the event that is there: counted as a repeat
//!      └─all new──► contact by its keys ─► lane ─► event ─► runs at the lane's tail
//! ```
//!
//! Needs no isolation above READ COMMITTED: on PostgreSQL every transaction first takes advisory locks on all keys of
//! its deliveries in sorted order, so that two of one person, or two of one delivery, come one after the other.

use std::collections::BTreeSet;

use cartlane_model::{
    AutomationId, ConnectionId, ContactId, ContactKey, EventId, RunId, UnixMs, WorkspaceId,
};
use sha2::{Digest, Sha256};

use crate::contacts::{self, Resolved};
use crate::db::{Dialect, Error, Tx, Value};
use crate::lanes;

/// One delivery, decoded and ready to be kept.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The id that the event gets if it is new.
    pub event_id: EventId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// The connection it came by.
    pub connection_id: ConnectionId,
    /// The event's kind.
    pub kind: String,
    /// `live`, `test` or nothing.
    pub mode: Option<&'static str>,
    /// When it happened.
    pub occurred_at: UnixMs,
    /// When it came in.
    pub received_at: UnixMs,
    /// The names of the person it is about, the deciding one first; empty where it is about nobody.
    pub contact_keys: Vec<ContactKey>,
    /// The e-mail as written, for lists.
    pub email: Option<String>,
    /// The order, for lists.
    pub order_id: Option<String>,
    /// The items' keys, for lists and filters.
    pub items: Vec<String>,
    /// The amount in hundredths.
    pub amount_minor: Option<i64>,
    /// The amount's currency.
    pub currency: Option<String>,
    /// How the body is written: `form` or `json`.
    pub content_type: &'static str,
    /// The raw body, its secret masked; compressed when stored.
    pub body: Vec<u8>,
    /// The names under which it is recognised when it comes again.
    pub dedupe_keys: Vec<String>,
    /// The runs to make: automations in their order, each with the version that is pinned.
    pub runs: Vec<NewRun>,
}

/// A run to make with an event.
#[derive(Clone, Copy, Debug)]
pub struct NewRun {
    /// The run's id.
    pub id: RunId,
    /// The automation.
    pub automation_id: AutomationId,
    /// Its version now.
    pub version: i64,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is a new event.
    New(EventId),
    /// It was there already, as this event.
    Repeat(EventId),
}

/// Keeps deliveries, in their order, in one transaction.
pub fn take(tx: &mut dyn Tx, deliveries: &[Delivery]) -> Result<Vec<Taken>, Error> {
    lock(tx, deliveries)?;
    deliveries.iter().map(|delivery| take_one(tx, delivery)).collect()
}

fn lock(tx: &mut dyn Tx, deliveries: &[Delivery]) -> Result<(), Error> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(()); // one writer
    }
    let mut locks = BTreeSet::new();
    for delivery in deliveries {
        for key in &delivery.contact_keys {
            let (kind, value) = key.parts();
            locks.insert(lock_number(&format!("{}/{kind}/{value}", delivery.workspace_id)));
        }
        if delivery.contact_keys.is_empty() {
            locks.insert(lock_number(&delivery.connection_id.to_string()));
        }
    }
    let locks = locks.into_iter().map(Some).collect();
    tx.query(
        "SELECT COUNT(pg_advisory_xact_lock(key)) FROM (SELECT unnest(?1::int8[]) AS key ORDER BY 1) AS keys",
        &[Value::IntArray(locks)],
    )?;
    Ok(())
}

fn lock_number(text: &str) -> i64 {
    let digest = Sha256::digest(text.as_bytes());
    i64::from_be_bytes(std::array::from_fn(|index| digest[index]))
}

fn digest(key: &str) -> [u8; 16] {
    let digest = Sha256::digest(key.as_bytes());
    std::array::from_fn(|index| digest[index])
}

fn take_one(tx: &mut dyn Tx, delivery: &Delivery) -> Result<Taken, Error> {
    let scope = delivery.connection_id.to_string();
    let digests: Vec<[u8; 16]> = delivery.dedupe_keys.iter().map(|key| digest(key)).collect();
    if let Some(known) = find_repeat(tx, &scope, &digests)? {
        tx.execute(
            "UPDATE events SET repeats = repeats + 1, last_repeat_at = ?2 WHERE id = ?1",
            &[Value::id(&known), delivery.received_at.into()],
        )?;
        remember_keys(tx, &scope, &digests, known)?;
        return Ok(Taken::Repeat(known));
    }
    let (contact, lane) = place(tx, delivery)?;
    insert_event(tx, delivery, contact, &lane.id)?;
    remember_keys(tx, &scope, &digests, delivery.event_id)?;
    insert_runs(tx, delivery, &lane)?;
    Ok(Taken::New(delivery.event_id))
}

fn find_repeat(tx: &mut dyn Tx, scope: &str, digests: &[[u8; 16]]) -> Result<Option<EventId>, Error> {
    for digest in digests {
        let rows = tx.query(
            "SELECT event_id FROM event_keys WHERE scope = ?1 AND digest = ?2",
            &[scope.into(), Value::from(digest.as_slice())],
        )?;
        if let Some(row) = rows.first() {
            return row.id(0).map(Some);
        }
    }
    Ok(None)
}

fn remember_keys(tx: &mut dyn Tx, scope: &str, digests: &[[u8; 16]], event: EventId) -> Result<(), Error> {
    for digest in digests {
        tx.execute(
            "INSERT INTO event_keys (scope, digest, event_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            &[scope.into(), Value::from(digest.as_slice()), Value::id(&event)],
        )?;
    }
    Ok(())
}

/// The lane that a delivery's runs go to, and the lane that must be empty before they start.
struct Place {
    id: String,
    after: Option<String>,
}

fn place(tx: &mut dyn Tx, delivery: &Delivery) -> Result<(Option<ContactId>, Place), Error> {
    if delivery.contact_keys.is_empty() {
        return Ok((
            None,
            Place {
                id: delivery.connection_id.to_string(),
                after: None,
            },
        ));
    }
    let Resolved { contact, lane, after } = contacts::resolve(
        tx,
        delivery.workspace_id,
        &delivery.contact_keys,
        delivery.received_at,
    )?;
    Ok((Some(contact), Place { id: lane, after }))
}

fn insert_event(
    tx: &mut dyn Tx,
    delivery: &Delivery,
    contact: Option<ContactId>,
    lane: &str,
) -> Result<(), Error> {
    let items = match delivery.items.as_slice() {
        [] => String::new(),
        items => format!(",{},", items.join(",")),
    };
    let body = lz4_flex::compress_prepend_size(&delivery.body);
    tx.execute(
        "INSERT INTO events (id, workspace_id, connection_id, contact_id, lane_id, kind, mode, occurred_at, \
         received_at, email, order_id, items, amount_minor, currency, content_type, body) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        &[
            Value::id(&delivery.event_id),
            Value::id(&delivery.workspace_id),
            Value::id(&delivery.connection_id),
            Value::opt_id(contact.as_ref()),
            lane.into(),
            delivery.kind.as_str().into(),
            delivery.mode.into(),
            delivery.occurred_at.into(),
            delivery.received_at.into(),
            delivery.email.as_deref().into(),
            delivery.order_id.as_deref().into(),
            items.as_str().into(),
            delivery.amount_minor.into(),
            delivery.currency.as_deref().into(),
            delivery.content_type.into(),
            Value::from(body.as_slice()),
        ],
    )?;
    Ok(())
}

fn insert_runs(tx: &mut dyn Tx, delivery: &Delivery, lane: &Place) -> Result<(), Error> {
    if delivery.runs.is_empty() {
        return Ok(());
    }
    let count = i64::try_from(delivery.runs.len()).unwrap_or(i64::MAX);
    let first = lanes::extend(tx, &lane.id, delivery.workspace_id, count)?;
    for (run, seq) in delivery.runs.iter().zip(first..) {
        tx.execute(
            "INSERT INTO runs (id, workspace_id, lane_id, lane_seq, after_lane, event_id, automation_id, \
             automation_version, state, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'queued', ?9)",
            &[
                Value::id(&run.id),
                Value::id(&delivery.workspace_id),
                lane.id.as_str().into(),
                seq.into(),
                lane.after.as_deref().into(),
                Value::id(&delivery.event_id),
                Value::id(&run.automation_id),
                run.version.into(),
                delivery.received_at.into(),
            ],
        )?;
    }
    Ok(())
}

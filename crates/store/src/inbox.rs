//! What comes in: one transaction holds an event, its dedupe keys, its contact and its runs.
//!
//! A group of deliveries is taken in one go: one look for all their dedupe keys, one for all their people, then each in
//! its order in memory, and at the end one write of each kind (PostgreSQL: one statement; SQLite: one prepared one).
//!
//! ```text
//! dedupe keys ──any known──► the event that is there: counted as a repeat
//!      └─all new──► contact by its keys ─► lane ─► event ─► runs at the lane's tail
//! ```
//!
//! Needs no isolation above READ COMMITTED: on PostgreSQL every transaction first takes advisory locks on all keys of
//! its deliveries in sorted order, so that two of one person, or two of one delivery, come one after the other.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cartlane_model::{
    AutomationId, ConnectionId, ContactId, ContactKey, EventId, RunId, UnixMs, WorkspaceId,
};
use sha2::{Digest, Sha256};

use crate::bulk::Bulk;
use crate::db::{Dialect, Error, Tx, Value};
use crate::installs::{self, Install};
use crate::items::Seen;
use crate::lanes;
use crate::people::{People, Resolved};

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
    /// What it is about, for lists and filters.
    pub items: Vec<DeliveredItem>,
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
    /// What it says of the vendor's app, where that is what it is about.
    pub install: Option<Install>,
}

/// One thing that a delivery is about.
#[derive(Clone, Debug)]
pub struct DeliveredItem {
    /// `product-12`.
    pub key: String,
    /// What people call it.
    pub name: Option<String>,
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
    let digests: Vec<Vec<Digest16>> = deliveries.iter().map(digests).collect();
    let mut group = Group::read(tx, deliveries, &digests)?;
    let mut taken = Vec::with_capacity(deliveries.len());
    for (delivery, digests) in deliveries.iter().zip(&digests) {
        taken.push(group.take(tx, delivery, digests)?);
    }
    group.write(tx)?;
    group.seen.write(tx)?; // once, at the end, so that nodes lock rows in one order
    Ok(taken)
}

/// Takes the locks that [`take`] needs, for a transaction that also locks rows: keys come before rows, so that no two wait
/// for each other.
pub fn lock(tx: &mut dyn Tx, deliveries: &[Delivery]) -> Result<(), Error> {
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

/// A dedupe key as stored.
type Digest16 = [u8; 16];

fn digests(delivery: &Delivery) -> Vec<Digest16> {
    let scope = delivery.connection_id.to_string();
    let digest = |key: &String| {
        let digest = Sha256::digest(format!("{scope}/{key}").as_bytes());
        std::array::from_fn(|index| digest[index])
    };
    delivery.dedupe_keys.iter().map(digest).collect()
}

/// Deliveries that are being taken: what the store knew, what they add to that, and what is still to be written.
struct Group<'d> {
    known: HashMap<Digest16, EventId>,
    people: People,
    new_keys: BTreeMap<Digest16, EventId>,
    events: Vec<NewEvent<'d>>,
    repeats: BTreeMap<EventId, (i64, UnixMs)>,
    /// By lane: how many runs it gets.
    lanes: BTreeMap<String, (WorkspaceId, i64)>,
    runs: Vec<QueuedRun<'d>>,
    seen: Seen<'d>,
}

struct NewEvent<'d> {
    delivery: &'d Delivery,
    contact: Option<ContactId>,
    lane: String,
}

struct QueuedRun<'d> {
    run: &'d NewRun,
    delivery: &'d Delivery,
    lane: String,
    /// Its number among the lane's runs of this group.
    place: i64,
    after: Option<String>,
}

impl<'d> Group<'d> {
    fn read(tx: &mut dyn Tx, deliveries: &[Delivery], digests: &[Vec<Digest16>]) -> Result<Self, Error> {
        let wanted: BTreeSet<Digest16> = digests.iter().flatten().copied().collect();
        let known = find_known(tx, &wanted)?;
        let keys: HashSet<_> = deliveries
            .iter()
            .flat_map(|delivery| {
                delivery
                    .contact_keys
                    .iter()
                    .map(|key| (delivery.workspace_id, key.clone()))
            })
            .collect();
        Ok(Self {
            known,
            people: People::read(tx, &keys.into_iter().collect::<Vec<_>>())?,
            new_keys: BTreeMap::new(),
            events: Vec::new(),
            repeats: BTreeMap::new(),
            lanes: BTreeMap::new(),
            runs: Vec::new(),
            seen: Seen::default(),
        })
    }

    fn take(
        &mut self,
        tx: &mut dyn Tx,
        delivery: &'d Delivery,
        digests: &[Digest16],
    ) -> Result<Taken, Error> {
        let known = digests.iter().find_map(|digest| self.known.get(digest)).copied();
        let event = known.unwrap_or(delivery.event_id);
        for digest in digests {
            if !self.known.contains_key(digest) {
                self.known.insert(*digest, event);
                self.new_keys.insert(*digest, event);
            }
        }
        if known.is_some() {
            let repeats = self.repeats.entry(event).or_insert((0, delivery.received_at));
            *repeats = (repeats.0 + 1, delivery.received_at);
            return Ok(Taken::Repeat(event));
        }
        if let Some(install) = &delivery.install {
            installs::record(tx, install)?;
        }
        let (contact, lane, after) = self.place(tx, delivery)?;
        self.queue_runs(delivery, &lane, after.as_deref());
        self.seen.note(delivery);
        self.events.push(NewEvent {
            delivery,
            contact,
            lane,
        });
        Ok(Taken::New(event))
    }

    /// The contact, the lane that the delivery's runs go to, and the lane that must be empty before they start.
    fn place(
        &mut self,
        tx: &mut dyn Tx,
        delivery: &Delivery,
    ) -> Result<(Option<ContactId>, String, Option<String>), Error> {
        if delivery.contact_keys.is_empty() {
            return Ok((None, delivery.connection_id.to_string(), None));
        }
        let workspace = delivery.workspace_id;
        let found = self.people.find(workspace, &delivery.contact_keys);
        if found.joins() {
            self.write(tx)?; // which of the two lanes holds runs is looked up in the store
        }
        let resolved =
            self.people
                .resolve(tx, workspace, found, (delivery.event_id, delivery.received_at))?;
        let Resolved { contact, lane, after } = resolved;
        Ok((Some(contact), lane, after))
    }

    fn queue_runs(&mut self, delivery: &'d Delivery, lane: &str, after: Option<&str>) {
        for run in &delivery.runs {
            let of_lane = self.lanes.entry(lane.to_owned());
            let (_, count) = of_lane.or_insert((delivery.workspace_id, 0));
            self.runs.push(QueuedRun {
                run,
                delivery,
                lane: lane.to_owned(),
                place: *count,
                after: after.map(str::to_owned),
            });
            *count += 1;
        }
    }

    /// Writes what is not written yet.
    fn write(&mut self, tx: &mut dyn Tx) -> Result<(), Error> {
        self.people.write(tx)?;
        let events = std::mem::take(&mut self.events);
        EVENTS.execute(tx, events.iter().map(event_row).collect())?;
        let keys = std::mem::take(&mut self.new_keys);
        let rows = keys
            .iter()
            .map(|(digest, event)| vec![Value::from(digest), Value::id(event)]);
        KEYS.execute(tx, rows.collect())?;
        let lanes = std::mem::take(&mut self.lanes);
        let wanted: Vec<_> = lanes
            .iter()
            .map(|(lane, (workspace, count))| (lane.as_str(), *workspace, *count))
            .collect();
        let first = lanes::extend_many(tx, &wanted)?;
        let runs = std::mem::take(&mut self.runs);
        let rows = runs.iter().map(|run| run_row(run, first[&run.lane]));
        RUNS.execute(tx, rows.collect())?;
        let repeats = std::mem::take(&mut self.repeats);
        let rows = repeats
            .iter()
            .map(|(event, (count, at))| vec![Value::id(event), (*count).into(), (*at).into()]);
        REPEATS.execute(tx, rows.collect())?;
        Ok(())
    }
}

fn find_known(tx: &mut dyn Tx, wanted: &BTreeSet<Digest16>) -> Result<HashMap<Digest16, EventId>, Error> {
    let mut known = HashMap::new();
    if tx.dialect() == Dialect::Sqlite {
        for digest in wanted {
            let row = tx.query_opt(
                "SELECT event_id FROM event_keys WHERE digest = ?1",
                &[digest.into()],
            )?;
            if let Some(row) = row {
                known.insert(*digest, row.id(0)?);
            }
        }
        return Ok(known);
    }
    let digests = wanted
        .iter()
        .map(|digest| Some(digest.as_slice().into()))
        .collect();
    let rows = tx.query(
        "SELECT k.digest, k.event_id FROM unnest(?1::bytea[]) AS wanted (digest) \
         JOIN event_keys k ON k.digest = wanted.digest",
        &[Value::BlobArray(digests)],
    )?;
    for row in &rows {
        let digest = Digest16::try_from(row.blob(0)?);
        let digest = digest.map_err(|_| Error::Corrupt("a dedupe key of another length".into()))?;
        known.insert(digest, row.id(1)?);
    }
    Ok(known)
}

const EVENTS: Bulk = Bulk {
    sqlite: "INSERT INTO events (id, workspace_id, connection_id, contact_id, lane_id, kind, mode, occurred_at, \
             received_at, email, order_id, items, amount_minor, currency, content_type, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    postgres: "INSERT INTO events (id, workspace_id, connection_id, contact_id, lane_id, kind, mode, occurred_at, \
               received_at, email, order_id, items, amount_minor, currency, content_type, body) \
               SELECT * FROM unnest(?1::text[], ?2::text[], ?3::text[], ?4::text[], ?5::text[], ?6::text[], \
               ?7::text[], ?8::int8[], ?9::int8[], ?10::text[], ?11::text[], ?12::text[], ?13::int8[], \
               ?14::text[], ?15::text[], ?16::bytea[])",
};

const KEYS: Bulk = Bulk {
    sqlite: "INSERT INTO event_keys (digest, event_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    postgres: "INSERT INTO event_keys (digest, event_id) SELECT * FROM unnest(?1::bytea[], ?2::text[]) \
               ON CONFLICT DO NOTHING",
};

const RUNS: Bulk = Bulk {
    sqlite: "INSERT INTO runs (id, workspace_id, lane_id, lane_seq, after_lane, event_id, automation_id, \
             automation_version, created_at, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'queued')",
    postgres: "INSERT INTO runs (id, workspace_id, lane_id, lane_seq, after_lane, event_id, automation_id, \
               automation_version, created_at, state) SELECT *, 'queued' FROM unnest(?1::text[], ?2::text[], \
               ?3::text[], ?4::int8[], ?5::text[], ?6::text[], ?7::text[], ?8::int8[], ?9::int8[])",
};

const REPEATS: Bulk = Bulk {
    sqlite: "UPDATE events SET repeats = repeats + ?2, last_repeat_at = ?3 WHERE id = ?1",
    postgres: "UPDATE events SET repeats = repeats + again.count, last_repeat_at = again.at \
               FROM unnest(?1::text[], ?2::int8[], ?3::int8[]) AS again (id, count, at) WHERE events.id = again.id",
};

fn event_row<'e>(event: &'e NewEvent<'_>) -> Vec<Value<'e>> {
    let delivery = event.delivery;
    let items = match delivery.items.as_slice() {
        [] => String::new(),
        items => items
            .iter()
            .map(|item| format!(",{}", item.key))
            .chain([",".to_owned()])
            .collect(),
    };
    vec![
        Value::id(&delivery.event_id),
        Value::id(&delivery.workspace_id),
        Value::id(&delivery.connection_id),
        Value::opt_id(event.contact.as_ref()),
        event.lane.as_str().into(),
        delivery.kind.as_str().into(),
        delivery.mode.into(),
        delivery.occurred_at.into(),
        delivery.received_at.into(),
        delivery.email.as_deref().into(),
        delivery.order_id.as_deref().into(),
        items.into(),
        delivery.amount_minor.into(),
        delivery.currency.as_deref().into(),
        delivery.content_type.into(),
        lz4_flex::compress_prepend_size(&delivery.body).into(),
    ]
}

fn run_row<'r>(queued: &'r QueuedRun<'_>, first: i64) -> Vec<Value<'r>> {
    vec![
        Value::id(&queued.run.id),
        Value::id(&queued.delivery.workspace_id),
        queued.lane.as_str().into(),
        (first + queued.place).into(),
        queued.after.as_deref().into(),
        Value::id(&queued.delivery.event_id),
        Value::id(&queued.run.automation_id),
        queued.run.version.into(),
        queued.delivery.received_at.into(),
    ]
}

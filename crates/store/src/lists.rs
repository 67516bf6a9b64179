//! Lists for people: events and runs by filter, newest first, paged by id.

use cartlane_model::{AutomationId, ConnectionId, ContactId, EventId, RunId, UnixMs};

use crate::db::{Error, Row, Tx, Value};
use crate::runs::{self, StoredEvent};

/// Which events. Every field that is there narrows.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Received at this moment or later.
    pub from: Option<UnixMs>,
    /// Received before this moment.
    pub to: Option<UnixMs>,
    /// Of this kind.
    pub kind: Option<String>,
    /// With this item, `product-12`.
    pub product: Option<String>,
    /// With a run in this state; `none` for events without a run.
    pub status: Option<String>,
    /// Of the contact with this id, or with this e-mail.
    pub contact: Option<String>,
    /// `live` or `test`.
    pub mode: Option<String>,
    /// Older than this one: the page after it.
    pub before: Option<EventId>,
}

/// An event in a list.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Its id.
    pub id: EventId,
    /// The connection it came by.
    pub connection_id: ConnectionId,
    /// The person it is about.
    pub contact_id: Option<ContactId>,
    /// What happened.
    pub kind: String,
    /// `live`, `test` or nothing.
    pub mode: Option<String>,
    /// When it happened.
    pub occurred_at: UnixMs,
    /// When it came in.
    pub received_at: UnixMs,
    /// The e-mail as written.
    pub email: Option<String>,
    /// The order.
    pub order_id: Option<String>,
    /// The items' keys.
    pub items: Vec<String>,
    /// The amount in hundredths.
    pub amount_minor: Option<i64>,
    /// Its currency.
    pub currency: Option<String>,
    /// How often it came again.
    pub repeats: i64,
    /// The states of its runs, in their order.
    pub run_states: Vec<String>,
}

/// Events that fit `filter`, newest first.
pub fn events(tx: &mut dyn Tx, filter: &EventFilter, limit: i64) -> Result<Vec<EventRow>, Error> {
    let product = filter.product.as_ref().map(|product| like(product));
    let contact = filter
        .contact
        .as_ref()
        .map(|contact| cartlane_model::contact::email_key(contact));
    let rows = tx.query(
        "SELECT e.id, e.connection_id, e.contact_id, e.kind, e.mode, e.occurred_at, e.received_at, e.email, \
         e.order_id, e.items, e.amount_minor, e.currency, e.repeats FROM events e WHERE \
         (CAST(?1 AS BIGINT) IS NULL OR e.received_at >= ?1) AND (CAST(?2 AS BIGINT) IS NULL OR e.received_at < ?2) \
         AND (CAST(?3 AS TEXT) IS NULL OR e.kind = ?3) AND (CAST(?4 AS TEXT) IS NULL OR e.items LIKE ?4 ESCAPE '!') \
         AND (CAST(?5 AS TEXT) IS NULL OR (?5 = 'none' AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.event_id = e.id)) \
              OR EXISTS (SELECT 1 FROM runs r WHERE r.event_id = e.id AND r.state = ?5)) \
         AND (CAST(?6 AS TEXT) IS NULL OR e.contact_id = ?6 OR e.contact_id IN \
              (SELECT contact_id FROM contact_aliases WHERE kind = 'email' AND value = ?6)) \
         AND (CAST(?7 AS TEXT) IS NULL OR e.mode = ?7) AND (CAST(?8 AS TEXT) IS NULL OR e.id < ?8) \
         ORDER BY e.id DESC LIMIT ?9",
        &[
            filter.from.map(|at| at.0).into(),
            filter.to.map(|at| at.0).into(),
            filter.kind.as_deref().into(),
            product.into(),
            filter.status.as_deref().into(),
            contact.into(),
            filter.mode.as_deref().into(),
            Value::opt_id(filter.before.as_ref()),
            limit.into(),
        ],
    )?;
    rows.iter().map(|row| event_row(tx, row)).collect()
}

/// The pattern of lists with this item, whose letters stand for themselves.
fn like(item: &str) -> String {
    let item = item.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%,{item},%")
}

fn event_row(tx: &mut dyn Tx, row: &Row) -> Result<EventRow, Error> {
    let id: EventId = row.id(0)?;
    let states = tx.query(
        "SELECT state FROM runs WHERE event_id = ?1 ORDER BY lane_seq",
        &[Value::id(&id)],
    )?;
    Ok(EventRow {
        id,
        connection_id: row.id(1)?,
        contact_id: row.opt_id(2)?,
        kind: row.text(3)?.to_owned(),
        mode: row.opt_text(4)?.map(str::to_owned),
        occurred_at: UnixMs(row.int(5)?),
        received_at: UnixMs(row.int(6)?),
        email: row.opt_text(7)?.map(str::to_owned),
        order_id: row.opt_text(8)?.map(str::to_owned),
        items: row
            .text(9)?
            .split(',')
            .filter(|key| !key.is_empty())
            .map(str::to_owned)
            .collect(),
        amount_minor: row.opt_int(10)?,
        currency: row.opt_text(11)?.map(str::to_owned),
        repeats: row.int(12)?,
        run_states: states
            .iter()
            .map(|row| Ok(row.text(0)?.to_owned()))
            .collect::<Result<_, Error>>()?,
    })
}

/// One event as it was kept.
pub fn event(tx: &mut dyn Tx, id: EventId) -> Result<Option<StoredEvent>, Error> {
    let rows = tx.query(
        "SELECT id, workspace_id, connection_id, contact_id, occurred_at, received_at, content_type, body \
         FROM events WHERE id = ?1",
        &[Value::id(&id)],
    )?;
    rows.first().map(|row| runs::stored_event(row, 0)).transpose()
}

/// Which runs. Every field that is there narrows.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// In this state.
    pub state: Option<String>,
    /// Of this event.
    pub event: Option<EventId>,
    /// Of this automation.
    pub automation: Option<AutomationId>,
    /// This one alone.
    pub id: Option<RunId>,
    /// Older than this one: the page after it.
    pub before: Option<RunId>,
}

/// A run in a list.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// Its event.
    pub event_id: EventId,
    /// Its automation.
    pub automation_id: AutomationId,
    /// The automation's name.
    pub automation: String,
    /// The version that was pinned.
    pub version: i64,
    /// Its state.
    pub state: String,
    /// How often it was put off.
    pub attempts: i64,
    /// A stable code of what went wrong.
    pub error_code: Option<String>,
    /// What went wrong and what to do.
    pub error: Option<String>,
    /// What it has to say.
    pub warnings: Vec<String>,
    /// Newer runs that a retry by hand came after.
    pub after: Option<String>,
    /// Whether it is a replay.
    pub is_replay: bool,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it ended.
    pub finished_at: Option<UnixMs>,
}

/// Runs that fit `filter`, newest first.
pub fn runs(tx: &mut dyn Tx, filter: &RunFilter, limit: i64) -> Result<Vec<RunRow>, Error> {
    let rows = tx.query(
        "SELECT r.id, r.event_id, r.automation_id, a.name, r.automation_version, r.state, r.attempts, r.error_code, \
         r.error, r.warnings, r.after_note, r.is_replay, r.created_at, r.finished_at FROM runs r \
         JOIN automations a ON a.id = r.automation_id WHERE (CAST(?1 AS TEXT) IS NULL OR r.state = ?1) \
         AND (CAST(?2 AS TEXT) IS NULL OR r.event_id = ?2) AND (CAST(?3 AS TEXT) IS NULL OR r.automation_id = ?3) \
         AND (CAST(?4 AS TEXT) IS NULL OR r.id = ?4) AND (CAST(?5 AS TEXT) IS NULL OR r.id < ?5) \
         ORDER BY r.id DESC LIMIT ?6",
        &[
            filter.state.as_deref().into(),
            Value::opt_id(filter.event.as_ref()),
            Value::opt_id(filter.automation.as_ref()),
            Value::opt_id(filter.id.as_ref()),
            Value::opt_id(filter.before.as_ref()),
            limit.into(),
        ],
    )?;
    rows.iter().map(run_row).collect()
}

fn run_row(row: &Row) -> Result<RunRow, Error> {
    Ok(RunRow {
        id: row.id(0)?,
        event_id: row.id(1)?,
        automation_id: row.id(2)?,
        automation: row.text(3)?.to_owned(),
        version: row.int(4)?,
        state: row.text(5)?.to_owned(),
        attempts: row.int(6)?,
        error_code: row.opt_text(7)?.map(str::to_owned),
        error: row.opt_text(8)?.map(str::to_owned),
        warnings: runs::warnings(row, 9)?,
        after: row.opt_text(10)?.map(str::to_owned),
        is_replay: row.int(11)? != 0,
        created_at: UnixMs(row.int(12)?),
        finished_at: row.opt_int(13)?.map(UnixMs),
    })
}

//! Runs: one automation version applied to one event.
//!
//! ```text
//! queued ─► working ─► done | skipped | failed
//!    ▲         │ └► retrying ─► working        (keeps its lane)
//!    │         └──► held ──────► queued        (leaves its lane: a scope is missing; comes back at the tail)
//!    └── retried by hand, from failed ──┘
//! ```

use cartlane_model::{AutomationId, ConnectionId, ContactId, EventId, RunId, UnixMs, WorkspaceId};

use crate::db::{Error, Row, Tx, Value};
use crate::journal::{self, Call, Step};
use crate::lanes::{self, Lane};

/// The head run of a lane with all that working it needs.
#[derive(Clone, Debug)]
pub struct Work {
    /// The run.
    pub run_id: RunId,
    /// Its automation.
    pub automation_id: AutomationId,
    /// The version of it that was pinned when the event was stored.
    pub automation_version: i64,
    /// Its number in its lane.
    pub number: i64,
    /// The number of the lane's newest run: those up to it were there already when this one's turn began.
    pub newest: i64,
    /// How often it has been tried and put off.
    pub attempts: i64,
    /// How long it has held its lane by retrying, as the sum of its requests and planned delays:
    /// no clock can make it longer.
    pub held_ms: i64,
    /// What it has to say so far.
    pub warnings: Vec<String>,
    /// A lane whose open runs go first.
    pub after_lane: Option<String>,
    /// The event.
    pub event: StoredEvent,
    /// What its steps came to so far, in the order in which they ended.
    pub steps: Vec<Step>,
    /// The calls that all runs of this event and automation have made, oldest first.
    pub calls: Vec<Call>,
}

/// An event as it was kept.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// Its id.
    pub id: EventId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// The connection it came by.
    pub connection_id: ConnectionId,
    /// The person it is about.
    pub contact_id: Option<ContactId>,
    /// When it happened.
    pub occurred_at: UnixMs,
    /// When it came in.
    pub received_at: UnixMs,
    /// `form` or `json`.
    pub content_type: String,
    /// The raw body, its secret masked.
    pub body: Vec<u8>,
}

pub(crate) const EVENT_COLUMNS: usize = 8;

pub(crate) fn stored_event(row: &Row, first: usize) -> Result<StoredEvent, Error> {
    let body = lz4_flex::decompress_size_prepended(row.blob(first + 7)?)
        .map_err(|error| Error::Corrupt(format!("an event's body does not decompress: {error}")))?;
    Ok(StoredEvent {
        id: row.id(first)?,
        workspace_id: row.id(first + 1)?,
        connection_id: row.id(first + 2)?,
        contact_id: row.opt_id(first + 3)?,
        occurred_at: UnixMs(row.int(first + 4)?),
        received_at: UnixMs(row.int(first + 5)?),
        content_type: row.text(first + 6)?.to_owned(),
        body,
    })
}

/// The lane's head run; `None` when it has none that may run.
pub fn head(tx: &mut dyn Tx, lane: &Lane) -> Result<Option<Work>, Error> {
    Ok(works(tx, lane, -1, 1)?.pop())
}

/// Up to `limit` runs that wait in the lane behind the number `head` and were never begun, in their order.
pub fn behind(tx: &mut dyn Tx, lane: &Lane, head: i64, limit: i64) -> Result<Vec<Work>, Error> {
    let mut works = works(tx, lane, head, limit)?;
    let is_untouched = |work: &&Work| {
        work.attempts == 0 && work.steps.is_empty() && work.calls.is_empty() && work.after_lane.is_none()
    };
    works.truncate(works.iter().take_while(|work| is_untouched(work)).count());
    Ok(works)
}

/// The lane's first runs that may run behind the number `after`.
fn works(tx: &mut dyn Tx, lane: &Lane, after: i64, limit: i64) -> Result<Vec<Work>, Error> {
    let rows = tx.query(
        "SELECT e.id, e.workspace_id, e.connection_id, e.contact_id, e.occurred_at, e.received_at, \
         e.content_type, e.body, r.id, r.automation_id, r.automation_version, r.attempts, r.held_ms, r.warnings, \
         r.after_lane, r.lane_seq, l.next_seq - 1 FROM runs r JOIN events e ON e.id = r.event_id \
         JOIN lanes l ON l.id = r.lane_id WHERE r.id IN (SELECT id FROM runs WHERE \
         lane_id = ?1 AND lane_seq > ?2 AND finished_at IS NULL AND state NOT IN ('held', 'waiting') \
         ORDER BY lane_seq LIMIT ?3) ORDER BY r.lane_seq",
        &[lane.id.as_str().into(), after.into(), limit.into()],
    )?;
    rows.iter().map(|row| work(tx, row)).collect()
}

fn work(tx: &mut dyn Tx, row: &Row) -> Result<Work, Error> {
    let event = stored_event(row, 0)?;
    let run = EVENT_COLUMNS;
    let automation_id = row.id(run + 1)?;
    Ok(Work {
        run_id: row.id(run)?,
        automation_id,
        automation_version: row.int(run + 2)?,
        number: row.int(run + 7)?,
        newest: row.int(run + 8)?,
        attempts: row.int(run + 3)?,
        held_ms: row.int(run + 4)?,
        warnings: warnings(row, run + 5)?,
        after_lane: row.opt_text(run + 6)?.map(str::to_owned),
        steps: journal::steps(tx, event.id, automation_id)?,
        calls: journal::calls(tx, event.id, automation_id)?,
        event,
    })
}

pub(crate) fn warnings(row: &Row, column: usize) -> Result<Vec<String>, Error> {
    row.opt_text(column)?
        .map(|text| serde_json::from_str(text).map_err(|error| Error::Corrupt(format!("warnings: {error}"))))
        .transpose()
        .map(Option::unwrap_or_default)
}

/// Whether the lane that goes first still has open runs made before `run`.
pub fn waits_for(tx: &mut dyn Tx, after_lane: &str, run: RunId) -> Result<bool, Error> {
    let rows = tx.query(
        "SELECT 1 FROM runs WHERE lane_id = ?1 AND finished_at IS NULL AND state NOT IN ('held', 'waiting') AND id < ?2 LIMIT 1",
        &[after_lane.into(), Value::id(&run)],
    )?;
    Ok(!rows.is_empty())
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All its steps are done or were skipped.
    Done,
    /// Its condition did not hold.
    Skipped,
    /// It was given up; people are told.
    Failed,
}

impl End {
    /// The state as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// Why a run failed, waits or was skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason {
    /// A stable code, `ghl.missing_scope`.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
}

/// Ends a run. Call after [`lanes::hold`].
pub fn finish(
    tx: &mut dyn Tx,
    run: RunId,
    end: End,
    reason: Option<&Reason>,
    warnings: &[String],
) -> Result<(), Error> {
    tx.execute(
        "UPDATE runs SET state = ?2, finished_at = now_ms(), error_code = ?3, error = ?4, warnings = ?5, \
         started_at = COALESCE(started_at, created_at) WHERE id = ?1",
        &[
            Value::id(&run),
            end.as_str().into(),
            reason.map(|reason| reason.code.as_str()).into(),
            reason.map(|reason| reason.message.as_str()).into(),
            warnings_json(warnings).into(),
        ],
    )?;
    Ok(())
}

pub(crate) fn warnings_json(warnings: &[String]) -> Option<String> {
    if warnings.is_empty() {
        None
    } else {
        serde_json::to_string(warnings).ok()
    }
}

/// Takes the lane's next run, or lets the lane go when there is none. Call after [`lanes::hold`].
pub fn next_or_release(tx: &mut dyn Tx, lane: &Lane) -> Result<Option<Work>, Error> {
    let next = head(tx, lane)?;
    if next.is_none() {
        lanes::release_idle(tx, lane)?;
    }
    Ok(next)
}

/// Puts a run off: it keeps its place in the lane. Call after [`lanes::hold`].
pub fn put_off(
    tx: &mut dyn Tx,
    run: RunId,
    attempts: i64,
    held_ms: i64,
    reason: &Reason,
    warnings: &[String],
) -> Result<(), Error> {
    tx.execute(
        "UPDATE runs SET state = 'retrying', attempts = ?2, held_ms = ?3, error_code = ?4, error = ?5, \
         warnings = ?6, started_at = COALESCE(started_at, now_ms()) WHERE id = ?1",
        &[
            Value::id(&run),
            attempts.into(),
            held_ms.into(),
            reason.code.as_str().into(),
            reason.message.as_str().into(),
            warnings_json(warnings).into(),
        ],
    )?;
    Ok(())
}

/// Takes a run out of its lane until what it lacks is there (a scope). Call after [`lanes::hold`].
pub fn set_aside(tx: &mut dyn Tx, run: RunId, reason: &Reason) -> Result<(), Error> {
    tx.execute(
        "UPDATE runs SET state = 'held', error_code = ?2, error = ?3 WHERE id = ?1",
        &[
            Value::id(&run),
            reason.code.as_str().into(),
            reason.message.as_str().into(),
        ],
    )?;
    Ok(())
}

/// Puts runs that were set aside back at the tail of their lanes, oldest first: up to `limit` of each automation.
pub fn bring_back(tx: &mut dyn Tx, limit: i64) -> Result<u64, Error> {
    let rows = tx.query(
        "SELECT id, lane_id, workspace_id FROM (SELECT id, lane_id, workspace_id, ROW_NUMBER() OVER \
         (PARTITION BY automation_id ORDER BY id) AS place FROM runs WHERE state = 'held' AND finished_at IS NULL) \
         AS held WHERE place <= ?1 ORDER BY id",
        &[limit.into()],
    )?;
    for row in &rows {
        requeue(tx, row.id(0)?, row.text(1)?, row.id(2)?, None)?;
    }
    Ok(rows.len() as u64)
}

pub(crate) fn requeue(
    tx: &mut dyn Tx,
    run: RunId,
    lane: &str,
    workspace: WorkspaceId,
    after: Option<&str>,
) -> Result<(), Error> {
    let seq = lanes::extend(tx, lane, workspace, 1)?;
    tx.execute(
        "UPDATE runs SET state = 'queued', finished_at = NULL, attempts = 0, held_ms = 0, error_code = NULL, \
         error = NULL, wake_at = NULL, waits_for = NULL, lane_seq = ?2, after_note = COALESCE(?3, after_note) WHERE id = ?1",
        &[Value::id(&run), seq.into(), after.into()],
    )?;
    Ok(())
}

/// What a retry by hand came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// It is queued at its lane's tail; these newer runs of the lane came before it.
    Queued {
        /// Newer runs of the same lane that are finished or ahead of it.
        after: Vec<RunId>,
    },
    /// It is not one that can be retried: its state.
    NotFailed(String),
    /// There is no such run.
    Unknown,
}

/// Queues a failed run again from its failed step, at its lane's tail.
pub fn retry(tx: &mut dyn Tx, run: RunId) -> Result<Retried, Error> {
    let rows = tx.query(
        "SELECT state, lane_id, workspace_id, event_id, automation_id, lane_seq, error_code FROM runs WHERE id = ?1",
        &[Value::id(&run)],
    )?;
    let Some(row) = rows.first() else {
        return Ok(Retried::Unknown);
    };
    if row.text(0)? != "failed" {
        return Ok(Retried::NotFailed(row.text(0)?.to_owned()));
    }
    let lane = row.text(1)?;
    let newer = tx.query(
        "SELECT id FROM runs WHERE lane_id = ?1 AND lane_seq > ?2 ORDER BY lane_seq LIMIT 20",
        &[lane.into(), row.int(5)?.into()],
    )?;
    let after: Vec<RunId> = newer.iter().map(|row| row.id(0)).collect::<Result<_, _>>()?;
    let note = after
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    journal::forget_open_steps_of_run(tx, run)?;
    if row.opt_text(6)? == Some("call.unclear") {
        journal::settle_by_hand(tx, row.id(3)?, row.id(4)?)?;
    }
    journal::forget_refusals(tx, row.id(3)?, row.id(4)?)?;
    requeue(
        tx,
        run,
        lane,
        row.id(2)?,
        (!note.is_empty()).then_some(note.as_str()),
    )?;
    Ok(Retried::Queued { after })
}

/// Makes new runs of a stored event at its lane's tail. Effects that were made are kept in the journal and are not
/// repeated.
pub fn replay(
    tx: &mut dyn Tx,
    event: EventId,
    runs: &[crate::inbox::NewRun],
    now: UnixMs,
) -> Result<(), Error> {
    let rows = tx.query(
        "SELECT e.workspace_id, COALESCE(c.lane_id, e.lane_id) FROM events e \
         LEFT JOIN contacts c ON c.id = e.contact_id WHERE e.id = ?1",
        &[Value::id(&event)],
    )?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (workspace, lane): (WorkspaceId, &str) = (row.id(0)?, row.text(1)?);
    let first = lanes::extend(tx, lane, workspace, i64::try_from(runs.len()).unwrap_or(i64::MAX))?;
    for (run, seq) in runs.iter().zip(first..) {
        journal::forget_skipped_steps(tx, event, run.automation_id)?;
        journal::forget_refusals(tx, event, run.automation_id)?;
        tx.execute(
            "INSERT INTO runs (id, workspace_id, lane_id, lane_seq, event_id, automation_id, automation_version, \
             state, created_at, is_replay) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'queued', ?8, 1)",
            &[
                Value::id(&run.id),
                Value::id(&workspace),
                lane.into(),
                seq.into(),
                Value::id(&event),
                Value::id(&run.automation_id),
                run.version.into(),
                now.into(),
            ],
        )?;
    }
    Ok(())
}

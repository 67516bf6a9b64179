//! The journal: what steps came to, and every call that went, or was about to go, over the wire.
//!
//! A step's record is keyed by (event, automation, step), not by run: a replay is another run of the same event and
//! finds what has been done. An unsafe call's intent is written before it is sent; a call without an outcome after a
//! crash is one whose outcome is unclear.

use std::collections::HashMap;

use cartlane_model::{AutomationId, CallId, ConnectionId, EventId, RunId, UnixMs};
use serde_json::Value as Json;

use crate::db::{Error, Row, Tx, Value};

/// What a step came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The step's id in its automation.
    pub step_id: String,
    /// How it ended.
    pub state: StepState,
    /// What it answered, for the steps behind it.
    pub output: Json,
    /// Why it was skipped, or has failed.
    pub reason: Option<String>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Its effect was made.
    Done,
    /// Its condition did not hold, or a newer event has set the state that it would set.
    Skipped,
    /// It has failed for good, and its `on_error` lets the run go on.
    Failed,
    /// It waits; its output says since when and for what.
    Waiting,
}

impl StepState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
        }
    }
}

/// The steps of (event, automation) that have ended, in that order.
pub fn steps(tx: &mut dyn Tx, event: EventId, automation: AutomationId) -> Result<Vec<Step>, Error> {
    let rows = tx.query(
        "SELECT step_id, state, output, reason FROM steps WHERE event_id = ?1 AND automation_id = ?2 ORDER BY place",
        &[Value::id(&event), Value::id(&automation)],
    )?;
    rows.iter().map(|row| step(row, 0)).collect()
}

/// What the steps of an automation came to for each of the events from one to another, in the order in which they ended.
pub(crate) fn steps_of_events(
    tx: &mut dyn Tx,
    automation: AutomationId,
    first: EventId,
    last: EventId,
) -> Result<HashMap<EventId, Vec<Step>>, Error> {
    let rows = tx.query(
        "SELECT event_id, step_id, state, output, reason FROM steps WHERE event_id >= ?1 AND event_id <= ?2 AND automation_id = ?3 \
         ORDER BY event_id, place",
        &[Value::id(&first), Value::id(&last), Value::id(&automation)],
    )?;
    let mut all: HashMap<EventId, Vec<Step>> = HashMap::new();
    for row in &rows {
        all.entry(row.id(0)?).or_default().push(step(row, 1)?);
    }
    Ok(all)
}

/// The step whose columns begin at `first`.
fn step(row: &Row, first: usize) -> Result<Step, Error> {
    Ok(Step {
        step_id: row.text(first)?.to_owned(),
        state: match row.text(first + 1)? {
            "done" => StepState::Done,
            "failed" => StepState::Failed,
            "waiting" => StepState::Waiting,
            _ => StepState::Skipped,
        },
        output: json(row.opt_text(first + 2)?)?.unwrap_or(Json::Null),
        reason: row.opt_text(first + 3)?.map(str::to_owned),
    })
}

fn json(text: Option<&str>) -> Result<Option<Json>, Error> {
    text.map(|text| serde_json::from_str(text).map_err(|error| Error::Corrupt(format!("journal: {error}"))))
        .transpose()
}

/// Writes what a step came to. `place` is its number among the automation's steps.
pub fn record_step(
    tx: &mut dyn Tx,
    (event, automation, run): (EventId, AutomationId, RunId),
    place: i64,
    step: &Step,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO steps (event_id, automation_id, step_id, place, run_id, state, output, reason, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, now_ms()) ON CONFLICT (event_id, automation_id, step_id) \
         DO UPDATE SET place = excluded.place, run_id = excluded.run_id, state = excluded.state, \
         output = excluded.output, reason = excluded.reason, updated_at = excluded.updated_at",
        &[
            Value::id(&event),
            Value::id(&automation),
            step.step_id.as_str().into(),
            place.into(),
            Value::id(&run),
            step.state.as_str().into(),
            step.output.to_string().into(),
            step.reason.as_deref().into(),
        ],
    )?;
    Ok(())
}

pub(crate) fn forget_skipped_steps(
    tx: &mut dyn Tx,
    event: EventId,
    automation: AutomationId,
) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM steps WHERE event_id = ?1 AND automation_id = ?2 AND state IN ('skipped', 'failed')",
        &[Value::id(&event), Value::id(&automation)],
    )?;
    Ok(())
}

/// Lets a step that was refused start anew: what refused calls answered is not gone on from any more. Of the runs of
/// (event, automation) that are finished; call before one of them is queued again.
pub(crate) fn forget_refusals(
    tx: &mut dyn Tx,
    event: EventId,
    automation: AutomationId,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE calls SET answer = NULL WHERE outcome = 'rejected' AND run_id IN (SELECT id FROM runs \
         WHERE event_id = ?1 AND automation_id = ?2 AND finished_at IS NOT NULL)",
        &[Value::id(&event), Value::id(&automation)],
    )?;
    Ok(())
}

pub(crate) fn forget_open_steps_of_run(tx: &mut dyn Tx, run: RunId) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM steps WHERE run_id = ?1 AND state IN ('skipped', 'failed')",
        &[Value::id(&run)],
    )?;
    Ok(())
}

/// Lets steps be done anew, because what they were done to is gone. Call after [`crate::lanes::hold`].
pub fn forget_steps(
    tx: &mut dyn Tx,
    (event, automation): (EventId, AutomationId),
    steps: &[String],
) -> Result<(), Error> {
    for step in steps {
        let of_step = [Value::id(&event), Value::id(&automation), step.as_str().into()];
        tx.execute(
            "DELETE FROM steps WHERE event_id = ?1 AND automation_id = ?2 AND step_id = ?3",
            &of_step,
        )?;
        tx.execute(
            "UPDATE calls SET outcome = 'gone' WHERE step_id = ?3 AND outcome NOT IN ('not_sent', 'absent') \
             AND run_id IN (SELECT id FROM runs WHERE event_id = ?1 AND automation_id = ?2)",
            &of_step,
        )?;
    }
    Ok(())
}

/// A person has looked, and retries: what was unclear in the runs of (event, automation) that are finished is taken as
/// absent.
pub(crate) fn settle_by_hand(tx: &mut dyn Tx, event: EventId, automation: AutomationId) -> Result<(), Error> {
    tx.execute(
        "UPDATE calls SET outcome = 'absent' WHERE outcome IN ('unclear', 'intent') AND run_id IN \
         (SELECT id FROM runs WHERE event_id = ?1 AND automation_id = ?2 AND finished_at IS NOT NULL)",
        &[Value::id(&event), Value::id(&automation)],
    )?;
    Ok(())
}

/// One call: what was asked, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// The run it was made for.
    pub run_id: RunId,
    /// The step it was made for.
    pub step_id: String,
    /// Its number among the calls that one step makes.
    pub part: i64,
    /// Whom it went to.
    pub connection_id: ConnectionId,
    /// The operation of the catalog.
    pub operation: String,
    /// What was sent: method, path and body; no credentials.
    pub request: Json,
    /// What came of it.
    pub outcome: Outcome,
    /// The HTTP status, where there was an answer.
    pub http_status: Option<i64>,
    /// The answer's body, cut to a size.
    pub response: Option<Json>,
    /// What the fold over the step's parts reads of it: kept whole where the step needs it to go on.
    pub answer: Option<Json>,
    /// What went wrong and what to do.
    pub error: Option<String>,
    /// The other side's name for this request.
    pub trace_id: Option<String>,
    /// When it was sent, or about to be.
    pub sent_at: UnixMs,
    /// When its outcome was known.
    pub finished_at: Option<UnixMs>,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// About to be sent. When this is what a crash left, it is unclear whether it took effect.
    Intent,
    /// It took effect, or was read.
    Ok,
    /// It never left.
    NotSent,
    /// Whether it took effect is unknown.
    Unclear,
    /// It was refused.
    Rejected,
    /// It was unclear, and a read found its effect.
    Confirmed,
    /// It was unclear, and a read found no effect after it could no longer be on its way.
    Absent,
    /// What it was done to has been deleted over there: it does not count any more.
    Gone,
}

const OUTCOMES: [(Outcome, &str); 8] = [
    (Outcome::Intent, "intent"),
    (Outcome::Ok, "ok"),
    (Outcome::NotSent, "not_sent"),
    (Outcome::Unclear, "unclear"),
    (Outcome::Rejected, "rejected"),
    (Outcome::Confirmed, "confirmed"),
    (Outcome::Absent, "absent"),
    (Outcome::Gone, "gone"),
];

impl Outcome {
    /// The outcome as stored.
    pub fn as_str(self) -> &'static str {
        OUTCOMES
            .iter()
            .find(|(outcome, _)| *outcome == self)
            .map_or("intent", |(_, text)| text)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        OUTCOMES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|(outcome, _)| *outcome)
            .ok_or_else(|| Error::Corrupt(format!("unknown outcome of a call: {text}")))
    }
}

/// Writes a call, or what came of one whose intent is there. Call after [`crate::lanes::hold`].
pub fn record_call(tx: &mut dyn Tx, call: &Call) -> Result<(), Error> {
    let text = |json: &Option<Json>| json.as_ref().map(Json::to_string);
    tx.execute(
        "INSERT INTO calls (id, run_id, step_id, part, connection_id, operation, request, outcome, http_status, \
         response, answer, error, trace_id, sent_at, finished_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT (id) DO UPDATE SET \
         outcome = excluded.outcome, http_status = excluded.http_status, response = excluded.response, \
         answer = excluded.answer, error = excluded.error, trace_id = excluded.trace_id, \
         finished_at = excluded.finished_at",
        &[
            Value::id(&call.id),
            Value::id(&call.run_id),
            call.step_id.as_str().into(),
            call.part.into(),
            Value::id(&call.connection_id),
            call.operation.as_str().into(),
            call.request.to_string().into(),
            call.outcome.as_str().into(),
            call.http_status.into(),
            text(&call.response).into(),
            text(&call.answer).into(),
            call.error.as_deref().into(),
            call.trace_id.as_deref().into(),
            call.sent_at.into(),
            call.finished_at.map(|at| at.0).into(),
        ],
    )?;
    Ok(())
}

/// The calls that all runs of (event, automation) have made, oldest first.
pub fn calls(tx: &mut dyn Tx, event: EventId, automation: AutomationId) -> Result<Vec<Call>, Error> {
    let rows = tx.query(
        "SELECT c.id, c.run_id, c.step_id, c.part, c.connection_id, c.operation, c.request, c.outcome, \
         c.http_status, c.response, c.answer, c.error, c.trace_id, c.sent_at, c.finished_at FROM runs r \
         JOIN calls c ON c.run_id = r.id WHERE r.event_id = ?1 AND r.automation_id = ?2 ORDER BY c.id",
        &[Value::id(&event), Value::id(&automation)],
    )?;
    rows.iter().map(call).collect()
}

/// The calls of a run, oldest first.
pub fn calls_of_run(tx: &mut dyn Tx, run: RunId) -> Result<Vec<Call>, Error> {
    let rows = tx.query(
        "SELECT id, run_id, step_id, part, connection_id, operation, request, outcome, http_status, response, \
         answer, error, trace_id, sent_at, finished_at FROM calls WHERE run_id = ?1 ORDER BY id",
        &[Value::id(&run)],
    )?;
    rows.iter().map(call).collect()
}

fn call(row: &Row) -> Result<Call, Error> {
    Ok(Call {
        id: row.id(0)?,
        run_id: row.id(1)?,
        step_id: row.text(2)?.to_owned(),
        part: row.int(3)?,
        connection_id: row.id(4)?,
        operation: row.text(5)?.to_owned(),
        request: json(Some(row.text(6)?))?.unwrap_or(Json::Null),
        outcome: Outcome::parse(row.text(7)?)?,
        http_status: row.opt_int(8)?,
        response: json(row.opt_text(9)?)?,
        answer: json(row.opt_text(10)?)?,
        error: row.opt_text(11)?.map(str::to_owned),
        trace_id: row.opt_text(12)?.map(str::to_owned),
        sent_at: UnixMs(row.int(13)?),
        finished_at: row.opt_int(14)?.map(UnixMs),
    })
}

//! Events of a period with what one automation did for them: what a backtest reads.

use std::collections::HashMap;

use cartlane_model::{AutomationId, EventId, UnixMs};

use crate::db::{Error, Row, Tx, Value};
use crate::journal::{self, Step};
use crate::runs::{StoredEvent, stored_event};

/// Which events.
#[derive(Clone, Debug)]
pub struct Period {
    /// That came in at this moment or later.
    pub from: UnixMs,
    /// That came in before this one.
    pub until: UnixMs,
    /// Of these kinds.
    pub kinds: Vec<String>,
    /// Of test mode as well.
    pub with_tests: bool,
}

/// An event, and what the automation did for it.
#[derive(Clone, Debug)]
pub struct Past {
    /// The event.
    pub event: StoredEvent,
    /// The automation's first run for it: its version, and its state.
    pub run: Option<(i64, String)>,
    /// What the steps of all its runs came to, in the order in which they ended.
    pub steps: Vec<Step>,
}

/// The events of a period behind `after`, oldest first, and at most `limit` of them. What `automation` is `None` of was
/// done for none.
pub fn page(
    tx: &mut dyn Tx,
    period: &Period,
    automation: Option<AutomationId>,
    after: Option<EventId>,
    limit: i64,
) -> Result<Vec<Past>, Error> {
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    let rows = tx.query(
        "SELECT id, workspace_id, connection_id, contact_id, occurred_at, received_at, content_type, body FROM events \
         WHERE id > ?1 AND received_at >= ?2 AND received_at < ?3 AND CAST(?4 AS TEXT) LIKE '%,' || kind || ',%' \
         AND (CAST(?5 AS BIGINT) = 1 OR mode IS NULL OR mode <> 'test') AND body IS NOT NULL ORDER BY id LIMIT ?6",
        &[
            after.into(),
            period.from.0.into(),
            period.until.0.into(),
            format!(",{},", period.kinds.join(",")).into(),
            i64::from(period.with_tests).into(),
            limit.into(),
        ],
    )?;
    with_work(tx, &rows, automation)
}

/// One event, in a list; nothing where there is none, or its body is gone.
pub fn one(tx: &mut dyn Tx, event: EventId, automation: Option<AutomationId>) -> Result<Vec<Past>, Error> {
    let rows = tx.query(
        "SELECT id, workspace_id, connection_id, contact_id, occurred_at, received_at, content_type, body FROM events \
         WHERE id = ?1 AND body IS NOT NULL",
        &[Value::id(&event)],
    )?;
    with_work(tx, &rows, automation)
}

/// The events of these rows, in the order of their ids, with what was done for them.
fn with_work(tx: &mut dyn Tx, rows: &[Row], automation: Option<AutomationId>) -> Result<Vec<Past>, Error> {
    let events: Vec<StoredEvent> = rows
        .iter()
        .map(|row| stored_event(row, 0))
        .collect::<Result<_, _>>()?;
    let (Some(automation), Some(first), Some(last)) = (automation, events.first(), events.last()) else {
        let none = |event| Past {
            event,
            run: None,
            steps: Vec::new(),
        };
        return Ok(events.into_iter().map(none).collect());
    };
    let range = [Value::id(&automation), Value::id(&first.id), Value::id(&last.id)];
    let runs = tx.query(
        "SELECT event_id, automation_version, state FROM runs WHERE automation_id = ?1 AND event_id >= ?2 AND event_id <= ?3 \
         ORDER BY id DESC",
        &range,
    )?;
    let mut first_runs: HashMap<EventId, (i64, String)> = HashMap::new();
    for row in &runs {
        first_runs.insert(row.id(0)?, (row.int(1)?, row.text(2)?.to_owned()));
    }
    let mut steps = journal::steps_of_events(tx, automation, first.id, last.id)?;
    let past = |event: StoredEvent| Past {
        run: first_runs.remove(&event.id),
        steps: steps.remove(&event.id).unwrap_or_default(),
        event,
    };
    Ok(events.into_iter().map(past).collect())
}

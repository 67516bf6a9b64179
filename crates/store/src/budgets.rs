//! What may still be asked of an outside account, shared by all nodes.
//!
//! A connection has `max` slots. A slot serves one request and is free again one interval after that request was
//! answered, so `max` slots can never make more than `max` requests in any interval. Slots are handed to nodes in
//! blocks ([`grant`]); a node that stops renewing keeps its block, counted as spent, until `expires_at`. The day's
//! allowance is handed out the same way.
//!
//! Polls may take at most half of a day. Nobody tells when an account's day begins, so that of any 24 hours is meant:
//! what polls spent is counted by the hour, and the hours that touch the last 24 count. What a dead node could still
//! have polled counts as polled.

use cartlane_model::{ConnectionId, NodeId, UnixMs};

use crate::db::{Dialect, Error, Row, Tx, Value};
use crate::lanes::FURTHEST_AHEAD_MS;

/// The day's requests where no answer tells (FACTS: 200,000 for each location).
const DOCUMENTED_DAY: i64 = 200_000;
const HOUR_MS: i64 = 3_600_000;
/// Hours that touch the last 24 of them.
const HOURS: i64 = 25;
/// What polls get at a time where the interval's limit is not known.
const POLLS_AT_A_TIME: i64 = 10;

/// What the other side's headers have told about its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests per interval.
    pub max: i64,
    /// The interval in milliseconds.
    pub interval_ms: i64,
    /// Requests per day, where the day is limited.
    pub daily: Option<i64>,
}

/// What a node asks for.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Whose budget.
    pub connection: ConnectionId,
    /// Who asks.
    pub node: NodeId,
    /// Slots that it needs to keep: in use, or not yet free again.
    pub busy: i64,
    /// Slots that it may use until it has this answer: they stay counted as its own for so long.
    pub held: i64,
    /// Whether requests wait for a slot.
    pub wants_more: bool,
    /// Requests sent since the last time.
    pub spent: i64,
    /// What the newest answer said is left of the day, less the node's requests sent after it.
    pub daily_left: Option<i64>,
    /// When the day begins anew, where an answer said so.
    pub daily_reset_at: Option<UnixMs>,
    /// How many of `spent` were polls.
    pub polls_spent: i64,
    /// Polls that it may still make until it has this answer.
    pub polls_held: i64,
    /// Whether polls wait.
    pub wants_polls: bool,
    /// How long the block lasts unless it is renewed: lease, interval and request time-out.
    pub lasts_ms: i64,
}

/// What a node gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Slots; 1 while the limits are not known, for one node alone.
    pub slots: i64,
    /// What it may spend of the day before it asks again; `None` where the day is not limited or not known.
    pub daily: Option<i64>,
    /// Polls that it may make before it asks again.
    pub polls: i64,
    /// When the day begins anew, when nothing is left of it.
    pub daily_reset_at: Option<UnixMs>,
    /// The limits; `None` while they are not known: the first request goes alone.
    pub limits: Option<Limits>,
}

/// Writes down what the headers told.
pub fn learn(tx: &mut dyn Tx, connection: ConnectionId, limits: Limits) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO budgets (connection_id, max_requests, interval_ms, daily_limit, learned_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, now_ms(), now_ms()) ON CONFLICT (connection_id) DO UPDATE SET \
         max_requests = excluded.max_requests, interval_ms = excluded.interval_ms, \
         daily_limit = excluded.daily_limit, learned_at = excluded.learned_at, updated_at = excluded.updated_at",
        &[Value::id(&connection), limits.max.into(), limits.interval_ms.into(), limits.daily.into()],
    )?;
    Ok(())
}

struct Known {
    limits: Option<Limits>,
    daily_left: Option<i64>,
    reset_at: Option<i64>,
    now: i64,
}

/// Renews and resizes a node's block.
pub fn grant(tx: &mut dyn Tx, ask: &Ask) -> Result<Grant, Error> {
    let known = known(tx, ask)?;
    let others = others(tx, ask)?;
    let daily_left = settle_day(tx, ask, &known, others.daily)?;
    let (slots, daily) = match known.limits {
        None => (i64::from(others.slots == 0), None),
        Some(limits) => (
            slots(ask, limits.max, &others),
            daily_left.map(|left| day_block(left, others.nodes)),
        ),
    };
    let kept = slots.max(ask.busy).max(ask.held);
    let polls = settle_polls(tx, ask, &known, &others)?;
    tx.execute(
        "INSERT INTO budget_grants (connection_id, node_id, slots, daily, wants_more, expires_at, polls) \
         VALUES (?1, ?2, ?3, ?4, ?5, now_ms() + ?6, ?7) ON CONFLICT (connection_id, node_id) DO UPDATE SET \
         slots = excluded.slots, daily = excluded.daily, wants_more = excluded.wants_more, \
         expires_at = excluded.expires_at, polls = excluded.polls",
        &[
            Value::id(&ask.connection),
            Value::id(&ask.node),
            kept.into(),
            daily.unwrap_or(0).into(),
            i64::from(ask.wants_more).into(),
            ask.lasts_ms.into(),
            polls.max(ask.polls_held).into(), // what it held it may have spent by now
        ],
    )?;
    let daily_reset_at = known.reset_at.filter(|_| daily == Some(0)).map(UnixMs);
    Ok(Grant {
        slots,
        daily,
        polls,
        daily_reset_at,
        limits: known.limits,
    })
}

fn known(tx: &mut dyn Tx, ask: &Ask) -> Result<Known, Error> {
    const SQLITE: &str = "SELECT max_requests, interval_ms, daily_limit, daily_left, daily_reset_at, now_ms() \
        FROM budgets WHERE connection_id = ?1";
    const POSTGRES: &str = "SELECT max_requests, interval_ms, daily_limit, daily_left, daily_reset_at, now_ms() \
        FROM budgets WHERE connection_id = ?1 FOR UPDATE";
    tx.execute(
        "INSERT INTO budgets (connection_id, updated_at) VALUES (?1, now_ms()) ON CONFLICT DO NOTHING",
        &[Value::id(&ask.connection)],
    )?;
    let sql = if tx.dialect() == Dialect::Sqlite {
        SQLITE
    } else {
        POSTGRES
    };
    let rows = tx.query(sql, &[Value::id(&ask.connection)])?;
    let row = rows
        .first()
        .ok_or_else(|| Error::Corrupt("a budget vanished".into()))?;
    Ok(Known {
        limits: limits(row, 0)?,
        daily_left: row.opt_int(3)?,
        reset_at: row.opt_int(4)?,
        now: row.int(5)?,
    })
}

/// The limits in three columns from `first` on.
fn limits(row: &Row, first: usize) -> Result<Option<Limits>, Error> {
    Ok(match (row.opt_int(first)?, row.opt_int(first + 1)?) {
        (Some(max), Some(interval_ms)) => Some(Limits {
            max,
            interval_ms,
            daily: row.opt_int(first + 2)?,
        }),
        _ => None,
    })
}

struct Others {
    slots: i64,
    daily: i64,
    polls: i64,
    nodes: i64,
    wanting: i64,
}

/// What other nodes hold. A block that lasts too long was written under a clock that has been set back: it is over.
fn others(tx: &mut dyn Tx, ask: &Ask) -> Result<Others, Error> {
    let over = tx.query(
        "SELECT CAST(COALESCE(SUM(polls), 0) AS BIGINT) FROM budget_grants WHERE connection_id = ?1 AND \
         (expires_at < now_ms() OR expires_at > now_ms() + ?2)",
        &[Value::id(&ask.connection), FURTHEST_AHEAD_MS.into()],
    )?;
    let polled = over.first().map_or(Ok(0), |row| row.int(0))?;
    count_polls(tx, ask.connection, polled)?;
    tx.execute(
        "DELETE FROM budget_grants WHERE connection_id = ?1 AND (expires_at < now_ms() OR expires_at > now_ms() + ?2)",
        &[Value::id(&ask.connection), FURTHEST_AHEAD_MS.into()],
    )?;
    let rows = tx.query(
        "SELECT slots, daily, wants_more, polls FROM budget_grants WHERE connection_id = ?1 AND node_id <> ?2",
        &[Value::id(&ask.connection), Value::id(&ask.node)],
    )?;
    let mut others = Others {
        slots: 0,
        daily: 0,
        polls: 0,
        nodes: 0,
        wanting: 0,
    };
    for row in &rows {
        others.slots += row.int(0)?;
        others.daily += row.int(1)?;
        others.wanting += row.int(2)?;
        others.polls += row.int(3)?;
        others.nodes += 1;
    }
    Ok(others)
}

/// As much as the others leave when requests wait here and nobody else wants more; the fair share when they do; and
/// what is busy plus some room when nothing waits.
fn slots(ask: &Ask, max: i64, others: &Others) -> i64 {
    let free = (max - others.slots).max(0);
    let fair = (max / (others.nodes + 1)).max(1);
    let wish = match (ask.wants_more, others.wanting > 0) {
        (true, false) => max,
        (true, true) => fair,
        (false, true) => ask.busy.min(fair),
        (false, false) => ask.busy + (max / 10).max(1),
    };
    wish.min(free)
}

/// A part of what is left of the day, so that a dead node takes only that with it.
fn day_block(left: i64, other_nodes: i64) -> i64 {
    if left <= 0 {
        0
    } else {
        (left / (4 * (other_nodes + 1))).max(1).min(left)
    }
}

/// What is left of the day after what the node spent, or by its newest header; an over day is unknown again, so that
/// one request may find out.
fn settle_day(tx: &mut dyn Tx, ask: &Ask, known: &Known, others: i64) -> Result<Option<i64>, Error> {
    let over = known.reset_at.is_some_and(|at| at <= known.now);
    let counted = known
        .daily_left
        .filter(|_| !over)
        .map(|left| (left - ask.spent).max(0));
    let told = ask.daily_left.map(|left| (left - others).max(0));
    let fresh = known.limits.and_then(|limits| limits.daily).filter(|_| over);
    let left = told.or(counted).or(fresh);
    let reset_at = ask
        .daily_reset_at
        .map(|at| at.0)
        .or(known.reset_at.filter(|_| !over));
    tx.execute(
        "UPDATE budgets SET daily_left = ?2, daily_reset_at = ?3, updated_at = now_ms() WHERE connection_id = ?1",
        &[Value::id(&ask.connection), left.into(), reset_at.into()],
    )?;
    Ok(left)
}

/// Counts what was polled, and says what may be polled further: of what is left of half a day, an interval's worth, so
/// that a dead node takes little with it.
fn settle_polls(tx: &mut dyn Tx, ask: &Ask, known: &Known, others: &Others) -> Result<i64, Error> {
    count_polls(tx, ask.connection, ask.polls_spent)?;
    if !ask.wants_polls {
        return Ok(0);
    }
    let polled = polled(tx, ask.connection, known.now)?;
    let left = (half(known.limits) - polled - others.polls).max(0);
    let at_a_time = known.limits.map_or(POLLS_AT_A_TIME, |limits| limits.max);
    Ok(((left + others.nodes) / (others.nodes + 1)).min(at_a_time.max(1)))
}

fn half(limits: Option<Limits>) -> i64 {
    limits.and_then(|limits| limits.daily).unwrap_or(DOCUMENTED_DAY) / 2
}

fn count_polls(tx: &mut dyn Tx, connection: ConnectionId, polls: i64) -> Result<(), Error> {
    if polls == 0 {
        return Ok(());
    }
    tx.execute(
        "INSERT INTO budget_polls (connection_id, hour, spent) VALUES (?1, now_ms() / ?2, ?3) \
         ON CONFLICT (connection_id, hour) DO UPDATE SET spent = budget_polls.spent + excluded.spent",
        &[Value::id(&connection), HOUR_MS.into(), polls.into()],
    )?;
    tx.execute(
        "DELETE FROM budget_polls WHERE connection_id = ?1 AND hour <= now_ms() / ?2 - ?3",
        &[Value::id(&connection), HOUR_MS.into(), HOURS.into()],
    )?;
    Ok(())
}

/// Polls of the last 24 hours.
fn polled(tx: &mut dyn Tx, connection: ConnectionId, now: i64) -> Result<i64, Error> {
    let since = now.div_euclid(HOUR_MS) - HOURS;
    let rows = tx.query(
        "SELECT CAST(COALESCE(SUM(spent), 0) AS BIGINT) FROM budget_polls WHERE connection_id = ?1 AND hour > ?2",
        &[Value::id(&connection), since.into()],
    )?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// What is left of a connection's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Whose.
    pub connection: ConnectionId,
    /// Its limits, where an answer has told them.
    pub limits: Option<Limits>,
    /// What is left of the day, where an answer has told it.
    pub day: Option<i64>,
    /// When the day begins anew, where none is left.
    pub day_reset_at: Option<UnixMs>,
    /// What is left to polls, of half a day.
    pub polls: i64,
    /// Slots that nodes other than `except` hold.
    pub held_by_others: i64,
}

/// What is left of every connection that was called; `except` knows what it holds itself.
pub fn left(tx: &mut dyn Tx, except: NodeId) -> Result<Vec<Left>, Error> {
    let rows = tx.query(
        "SELECT b.connection_id, b.max_requests, b.interval_ms, b.daily_limit, b.daily_left, b.daily_reset_at, \
         now_ms(), (SELECT CAST(COALESCE(SUM(g.slots), 0) AS BIGINT) FROM budget_grants g WHERE g.connection_id = b.connection_id \
         AND g.node_id <> ?1 AND g.expires_at >= now_ms()) FROM budgets b ORDER BY b.connection_id",
        &[Value::id(&except)],
    )?;
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let connection = row.id(0)?;
        let limits = limits(row, 1)?;
        let (now, reset_at) = (row.int(6)?, row.opt_int(5)?);
        let is_over = reset_at.is_some_and(|at| at <= now);
        let fresh = limits.and_then(|limits| limits.daily);
        all.push(Left {
            connection,
            limits,
            day: if is_over { fresh } else { row.opt_int(4)? },
            day_reset_at: reset_at.filter(|_| !is_over).map(UnixMs),
            polls: (half(limits) - polled(tx, connection, now)?).max(0),
            held_by_others: row.int(7)?,
        });
    }
    Ok(all)
}

/// Gives a node's block of a connection back, since it stops: all but `busy` slots, which are free again after
/// `busy_for_ms`.
pub fn give_back(
    tx: &mut dyn Tx,
    node: NodeId,
    connection: ConnectionId,
    busy: i64,
    busy_for_ms: i64,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE budget_grants SET expires_at = now_ms() + ?3, wants_more = 0, slots = CASE WHEN slots < ?4 THEN slots ELSE ?4 END \
         WHERE node_id = ?1 AND connection_id = ?2",
        &[Value::id(&node), Value::id(&connection), busy_for_ms.into(), busy.into()],
    )?;
    Ok(())
}

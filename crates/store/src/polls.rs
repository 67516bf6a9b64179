//! Polls: what is watched, how far it has been seen, and which node looks next.
//!
//! ```text
//! idle (next_at NULL) ◄──nobody asks── waiting ──due──► owned (owner, lease_until, round + 1) ──► waiting, next_at later
//!          └────────────asked for────────►▲                 └─ lease over: another node claims ─┘
//! ```
//!
//! Whatever a node writes of a poll goes through [`hold`] first, which fails once the poll has been claimed anew; so what a
//! poll has seen and the events that it made of that are one transaction, and made once.

use std::collections::HashMap;

use cartlane_model::{AutomationId, ConnectionId, NodeId, UnixMs, WorkspaceId};

use crate::bulk::Bulk;
use crate::db::{Dialect, Error, Row, Tx, Value};

/// An item, or a state of one, hashed.
pub type Digest = [u8; 16];

/// No poll is planned further ahead; what is was planned under a clock that has been set back.
const FURTHEST_AHEAD_MS: i64 = 2 * 3_600_000;
/// A poll that nobody asked for so long begins anew when somebody does.
const BEGINS_ANEW_AFTER_MS: i64 = 3_600_000;
/// One that nobody asked for so long is forgotten.
const FORGOTTEN_AFTER_MS: i64 = 30 * 24 * 3_600_000;

/// A poll that automations ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The hash of the three that follow.
    pub id: String,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// Whose account is asked.
    pub connection_id: ConnectionId,
    /// The operation.
    pub operation: String,
    /// Its inputs, as JSON.
    pub inputs: String,
    /// The shortest of the intervals that are asked for.
    pub every_ms: i64,
}

/// A poll.
#[derive(Clone, Debug)]
pub struct Poll {
    /// What is polled.
    pub wanted: Wanted,
    /// When it is polled next; `None` while nobody asks for it.
    pub next_at: Option<UnixMs>,
    /// The number of its last claim.
    pub round: i64,
    /// The newest change that was seen.
    pub cursor: Option<UnixMs>,
    /// When all that was there had been seen once.
    pub baseline_at: Option<UnixMs>,
    /// The automations that have been given what was there.
    pub existing_for: Vec<AutomationId>,
    /// When it was last polled without a fault.
    pub last_at: Option<UnixMs>,
    /// How many calls that took.
    pub last_calls: Option<i64>,
    /// How many items it saw.
    pub last_items: Option<i64>,
    /// How often in a row it has failed.
    pub failures: i64,
    /// The last failure's code and words.
    pub error: Option<(String, String)>,
}

/// A poll in the hands of a node.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The poll.
    pub poll: Poll,
    /// When it was due.
    pub due_at: UnixMs,
    /// The moment of the claim, by the database's clock.
    pub now: UnixMs,
}

/// What became of a poll that was read to its end.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The newest change that was seen.
    pub cursor: Option<UnixMs>,
    /// The automations that have been given what was there.
    pub existing_for: Vec<AutomationId>,
    /// How many calls it took.
    pub calls: i64,
    /// How many items there were.
    pub items: i64,
    /// When it is polled next.
    pub next_at: UnixMs,
}

macro_rules! columns {
    () => {
        "id, workspace_id, connection_id, operation, inputs, every_ms, next_at, round, cursor, baseline_at, existing_for, \
         last_at, last_calls, last_items, failures, error_code, error"
    };
}
const COLUMN_COUNT: usize = 17;

fn poll(row: &Row) -> Result<Poll, Error> {
    let existing_for = serde_json::from_str(row.text(10)?)
        .map_err(|error| Error::Corrupt(format!("a poll's automations: {error}")))?;
    let moment = |column| Ok::<_, Error>(row.opt_int(column)?.map(UnixMs));
    Ok(Poll {
        wanted: Wanted {
            id: row.text(0)?.to_owned(),
            workspace_id: row.id(1)?,
            connection_id: row.id(2)?,
            operation: row.text(3)?.to_owned(),
            inputs: row.text(4)?.to_owned(),
            every_ms: row.int(5)?,
        },
        next_at: moment(6)?,
        round: row.int(7)?,
        cursor: moment(8)?,
        baseline_at: moment(9)?,
        existing_for,
        last_at: moment(11)?,
        last_calls: row.opt_int(12)?,
        last_items: row.opt_int(13)?,
        failures: row.int(14)?,
        error: match (row.opt_text(15)?, row.opt_text(16)?) {
            (Some(code), Some(error)) => Some((code.to_owned(), error.to_owned())),
            _ => None,
        },
    })
}

/// All polls.
pub fn list(tx: &mut dyn Tx) -> Result<Vec<Poll>, Error> {
    let rows = tx.query(concat!("SELECT ", columns!(), " FROM polls ORDER BY id"), &[])?;
    rows.iter().map(poll).collect()
}

/// Says which polls are asked for. New ones are due at once; those that nobody asks for any more rest, and begin anew
/// where that lasted long.
pub fn want(tx: &mut dyn Tx, wanted: &[Wanted]) -> Result<(), Error> {
    let known: HashMap<String, Poll> = list(tx)?
        .into_iter()
        .map(|poll| (poll.wanted.id.clone(), poll))
        .collect();
    for one in wanted {
        match known.get(&one.id) {
            Some(poll) if poll.next_at.is_some() && poll.wanted == *one => {}
            Some(_) => {
                tx.execute(
                    "UPDATE polls SET every_ms = ?2, \
                     next_at = CASE WHEN next_at IS NULL THEN now_ms() WHEN next_at > now_ms() + ?2 AND failures = 0 \
                     THEN now_ms() + ?2 ELSE next_at END, \
                     baseline_at = CASE WHEN idle_since < now_ms() - ?3 THEN NULL ELSE baseline_at END, \
                     cursor = CASE WHEN idle_since < now_ms() - ?3 THEN NULL ELSE cursor END, \
                     idle_since = NULL WHERE id = ?1",
                    &[one.id.as_str().into(), one.every_ms.into(), BEGINS_ANEW_AFTER_MS.into()],
                )?;
            }
            None => insert(tx, one)?,
        }
    }
    let resting = known.values().filter(|poll| poll.next_at.is_some());
    for poll in resting.filter(|poll| !wanted.iter().any(|one| one.id == poll.wanted.id)) {
        tx.execute(
            "UPDATE polls SET next_at = NULL, owner = NULL, round = round + 1, idle_since = now_ms() WHERE id = ?1",
            &[poll.wanted.id.as_str().into()],
        )?;
    }
    tx.execute(
        "DELETE FROM poll_items WHERE poll_id IN (SELECT id FROM polls WHERE idle_since < now_ms() - ?1)",
        &[FORGOTTEN_AFTER_MS.into()],
    )?;
    tx.execute(
        "DELETE FROM polls WHERE idle_since < now_ms() - ?1",
        &[FORGOTTEN_AFTER_MS.into()],
    )?;
    Ok(())
}

fn insert(tx: &mut dyn Tx, one: &Wanted) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO polls (id, workspace_id, connection_id, operation, inputs, every_ms, next_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, now_ms()) ON CONFLICT DO NOTHING",
        &[
            one.id.as_str().into(),
            Value::id(&one.workspace_id),
            Value::id(&one.connection_id),
            one.operation.as_str().into(),
            one.inputs.as_str().into(),
            one.every_ms.into(),
        ],
    )?;
    Ok(())
}

macro_rules! claim_sql {
    ($lock:literal) => {
        concat!(
            "UPDATE polls SET owner = ?1, round = round + 1, lease_until = now_ms() + ?2 WHERE id IN \
             (SELECT id FROM polls WHERE next_at IS NOT NULL AND (next_at <= now_ms() OR next_at > now_ms() + ?4) \
             AND (owner IS NULL OR lease_until <= now_ms()) ORDER BY next_at LIMIT ?3",
            $lock,
            ") RETURNING ",
            columns!(),
            ", now_ms()"
        )
    };
}

/// Claims up to `limit` polls that are due, longest due first. Uses the partial index on `next_at`.
pub fn claim(tx: &mut dyn Tx, node: NodeId, lease_ms: i64, limit: i64) -> Result<Vec<Claimed>, Error> {
    let sql = match tx.dialect() {
        Dialect::Sqlite => claim_sql!(""),
        Dialect::Postgres => claim_sql!(" FOR UPDATE SKIP LOCKED"),
    };
    let params = [
        Value::id(&node),
        lease_ms.into(),
        limit.into(),
        FURTHEST_AHEAD_MS.into(),
    ];
    let rows = tx.query(sql, &params)?;
    let claimed = |row: &Row| {
        let (poll, now) = (poll(row)?, UnixMs(row.int(COLUMN_COUNT)?));
        let due_at = poll.next_at.unwrap_or(now);
        Ok(Claimed { poll, due_at, now })
    };
    rows.iter().map(claimed).collect()
}

/// Whether a poll is due: a look that costs nothing where none is.
pub fn any_due(tx: &mut dyn Tx) -> Result<bool, Error> {
    let rows = tx.query(
        "SELECT 1 FROM polls WHERE next_at IS NOT NULL AND (next_at <= now_ms() OR next_at > now_ms() + ?1) \
         AND (owner IS NULL OR lease_until <= now_ms()) LIMIT 1",
        &[FURTHEST_AHEAD_MS.into()],
    )?;
    Ok(!rows.is_empty())
}

/// Keeps the leases of this node alive.
pub fn extend_leases(tx: &mut dyn Tx, node: NodeId, lease_ms: i64) -> Result<(), Error> {
    tx.execute(
        "UPDATE polls SET lease_until = now_ms() + ?2 WHERE owner = ?1",
        &[Value::id(&node), lease_ms.into()],
    )?;
    Ok(())
}

/// Frees the polls of all other nodes, which are dead: on SQLite there is one node at a time.
pub fn take_from_the_dead(tx: &mut dyn Tx, node: NodeId) -> Result<(), Error> {
    tx.execute(
        "UPDATE polls SET owner = NULL WHERE owner <> ?1",
        &[Value::id(&node)],
    )?;
    Ok(())
}

/// Gives back what this node holds: it stops.
pub fn give_back(tx: &mut dyn Tx, node: NodeId) -> Result<(), Error> {
    tx.execute(
        "UPDATE polls SET owner = NULL, round = round + 1 WHERE owner = ?1",
        &[Value::id(&node)],
    )?;
    Ok(())
}

/// Whether this claim still counts; where it does, nobody else can claim the poll before the transaction ends.
pub fn hold(tx: &mut dyn Tx, poll: &Poll, node: NodeId) -> Result<bool, Error> {
    let changed = tx.execute(
        "UPDATE polls SET owner = owner WHERE id = ?1 AND round = ?2 AND owner = ?3",
        &[
            poll.wanted.id.as_str().into(),
            poll.round.into(),
            Value::id(&node),
        ],
    )?;
    Ok(changed > 0)
}

/// The states of those of these items that were seen.
pub fn known(tx: &mut dyn Tx, poll: &str, items: &[Digest]) -> Result<HashMap<Digest, Digest>, Error> {
    let mut known = HashMap::new();
    if tx.dialect() == Dialect::Sqlite {
        for item in items {
            let row = tx.query_opt(
                "SELECT item, state FROM poll_items WHERE poll_id = ?1 AND item = ?2",
                &[poll.into(), item.into()],
            )?;
            if let Some(row) = row {
                known.insert(*item, digest(&row, 1)?);
            }
        }
        return Ok(known);
    }
    let wanted = items.iter().map(|item| Some(item.as_slice().into())).collect();
    let rows = tx.query(
        "SELECT i.item, i.state FROM unnest(?2::bytea[]) AS wanted (item) \
         JOIN poll_items i ON i.poll_id = ?1 AND i.item = wanted.item",
        &[poll.into(), Value::BlobArray(wanted)],
    )?;
    for row in &rows {
        known.insert(digest(row, 0)?, digest(row, 1)?);
    }
    Ok(known)
}

/// All items that were seen.
pub fn all_known(tx: &mut dyn Tx, poll: &str) -> Result<Vec<Digest>, Error> {
    let rows = tx.query("SELECT item FROM poll_items WHERE poll_id = ?1", &[poll.into()])?;
    rows.iter().map(|row| digest(row, 0)).collect()
}

fn digest(row: &Row, column: usize) -> Result<Digest, Error> {
    Digest::try_from(row.blob(column)?).map_err(|_| Error::Corrupt("a digest of another length".into()))
}

const ITEMS: Bulk = Bulk {
    sqlite: "INSERT INTO poll_items (poll_id, item, state, changed_at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (poll_id, item) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at",
    postgres: "INSERT INTO poll_items (poll_id, item, state, changed_at) \
               SELECT * FROM unnest(?1::text[], ?2::bytea[], ?3::bytea[], ?4::int8[]) \
               ON CONFLICT (poll_id, item) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at",
};

/// Notes what items are like now. An item stands in the list once.
pub fn remember(
    tx: &mut dyn Tx,
    poll: &str,
    items: &[(Digest, Digest, Option<UnixMs>)],
) -> Result<(), Error> {
    let row = |(item, state, changed_at): &(Digest, Digest, Option<UnixMs>)| {
        vec![
            poll.into(),
            item.to_vec().into(),
            state.to_vec().into(),
            changed_at.map(|at| at.0).into(),
        ]
    };
    ITEMS.execute(tx, items.iter().map(row).collect())?;
    Ok(())
}

/// Forgets items.
pub fn forget(tx: &mut dyn Tx, poll: &str, items: &[Digest]) -> Result<(), Error> {
    for item in items {
        tx.execute(
            "DELETE FROM poll_items WHERE poll_id = ?1 AND item = ?2",
            &[poll.into(), item.into()],
        )?;
    }
    Ok(())
}

/// Forgets items that changed before this moment.
pub fn forget_older(tx: &mut dyn Tx, poll: &str, changed_before: UnixMs) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM poll_items WHERE poll_id = ?1 AND changed_at < ?2",
        &[poll.into(), changed_before.into()],
    )?;
    Ok(())
}

/// The poll was read to its end. Call after [`hold`].
pub fn succeeded(tx: &mut dyn Tx, poll: &str, seen: &Seen) -> Result<(), Error> {
    tx.execute(
        "UPDATE polls SET owner = NULL, next_at = ?2, cursor = ?3, existing_for = ?4, last_calls = ?5, last_items = ?6, \
         last_at = now_ms(), baseline_at = COALESCE(baseline_at, now_ms()), failures = 0, error_code = NULL, error = NULL \
         WHERE id = ?1",
        &[
            poll.into(),
            seen.next_at.into(),
            seen.cursor.map(|at| at.0).into(),
            serde_json::to_string(&seen.existing_for).unwrap_or_default().into(),
            seen.calls.into(),
            seen.items.into(),
        ],
    )?;
    Ok(())
}

/// The poll was not read to its end. What it has noted on the way stays. Call after [`hold`].
pub fn failed(
    tx: &mut dyn Tx,
    poll: &str,
    failures: i64,
    error: (&str, &str),
    next_in_ms: i64,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE polls SET owner = NULL, next_at = now_ms() + ?2, failures = ?3, error_code = ?4, error = ?5 WHERE id = ?1",
        &[poll.into(), next_in_ms.into(), failures.into(), error.0.into(), error.1.into()],
    )?;
    Ok(())
}

//! Lanes: the unit of order. Runs of one lane go one after the other, in the order of `lane_seq`.
//!
//! The lane's row is the guard: whoever has claimed it (`owner`, `fence`) works its head run, and nobody else does.
//!
//! ```text
//! idle (ready_at NULL) ──new run──► due (ready_at ≤ now) ──claim──► owned (ready_at = end of lease, fence + 1)
//!    ▲                                 ▲   ▲                             │
//!    └── no open runs ────release──────│───┴──── lease over: another node claims
//!                 retry later: ready_at = then;  connection in trouble: waiting_on, ready_at NULL
//! ```
//!
//! A node never claims a lane that it owns itself, so its own stalls cannot make two workers of one lane. Whatever a
//! worker writes goes through [`hold`] first, which fails once the lane has been claimed by somebody else.

use std::collections::HashMap;

use cartlane_model::{ConnectionId, NodeId, UnixMs, WorkspaceId};

use crate::bulk;
use crate::db::{Dialect, Error, Tx, Value};

/// No retry is planned further ahead; a `ready_at` beyond this was written under a clock that has been set back.
pub const FURTHEST_AHEAD_MS: i64 = 3_600_000;

/// A claimed lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Its id: a contact's, or a connection's for events about nobody.
    pub id: String,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// The claim's number; each claim has a higher one.
    pub fence: i64,
    /// Whether its last owner never let go: a request of that node's may still be on its way.
    pub is_taken_over: bool,
}

/// What a lane does after its owner lets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Its head is due in so many milliseconds.
    InMs(i64),
    /// It waits until the connection is mended.
    WaitFor(ConnectionId),
}

/// Makes room for `count` runs at the lane's tail and makes it due if it was idle; the first of their numbers.
pub(crate) fn extend(tx: &mut dyn Tx, lane: &str, workspace: WorkspaceId, count: i64) -> Result<i64, Error> {
    let rows = tx.query(
        "INSERT INTO lanes (id, workspace_id, next_seq, ready_at, fence) VALUES (?1, ?2, ?3, now_ms(), 0) \
         ON CONFLICT (id) DO UPDATE SET next_seq = lanes.next_seq + ?3, \
         ready_at = CASE WHEN lanes.ready_at IS NULL AND lanes.waiting_on IS NULL THEN now_ms() \
         ELSE lanes.ready_at END RETURNING next_seq",
        &[lane.into(), Value::id(&workspace), count.into()],
    )?;
    let next = rows
        .first()
        .ok_or_else(|| Error::Corrupt("a lane vanished".into()))?
        .int(0)?;
    Ok(next - count)
}

/// As [`extend`], of many lanes: for each `(lane, workspace, count)` the first number. On PostgreSQL one statement;
/// give the lanes in sorted order there, so that two transactions cannot wait for each other.
pub(crate) fn extend_many(
    tx: &mut dyn Tx,
    wanted: &[(&str, WorkspaceId, i64)],
) -> Result<HashMap<String, i64>, Error> {
    const POSTGRES: &str = "INSERT INTO lanes (id, workspace_id, next_seq, ready_at, fence) \
         SELECT id, workspace_id, count, now_ms(), 0 \
         FROM unnest(?1::text[], ?2::text[], ?3::int8[]) AS wanted (id, workspace_id, count) \
         ON CONFLICT (id) DO UPDATE SET next_seq = lanes.next_seq + excluded.next_seq, \
         ready_at = CASE WHEN lanes.ready_at IS NULL AND lanes.waiting_on IS NULL THEN now_ms() \
         ELSE lanes.ready_at END RETURNING id, next_seq";
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    if tx.dialect() == Dialect::Sqlite {
        return wanted
            .iter()
            .map(|(lane, workspace, count)| Ok(((*lane).to_owned(), extend(tx, lane, *workspace, *count)?)))
            .collect();
    }
    let rows = wanted
        .iter()
        .map(|(lane, workspace, count)| vec![(*lane).into(), Value::id(workspace), (*count).into()])
        .collect();
    let next: HashMap<String, i64> = tx
        .query(POSTGRES, &bulk::columns(rows))?
        .iter()
        .map(|row| Ok((row.text(0)?.to_owned(), row.int(1)?)))
        .collect::<Result<_, Error>>()?;
    wanted
        .iter()
        .map(|(lane, _, count)| {
            let next = next.get(*lane).copied();
            let next = next.ok_or_else(|| Error::Corrupt("a lane vanished".into()))?;
            Ok(((*lane).to_owned(), next - count))
        })
        .collect()
}

pub(crate) fn has_open_runs(tx: &mut dyn Tx, lane: &str) -> Result<bool, Error> {
    let rows = tx.query(
        "SELECT 1 FROM runs WHERE lane_id = ?1 AND finished_at IS NULL LIMIT 1",
        &[lane.into()],
    )?;
    Ok(!rows.is_empty())
}

/// Claims up to `limit` lanes that are due, longest due first. Uses the partial index on `ready_at`.
pub fn claim(tx: &mut dyn Tx, node: NodeId, lease_ms: i64, limit: i64) -> Result<Vec<Lane>, Error> {
    const SQLITE: &str = "UPDATE lanes SET taken_from = owner, owner = ?1, fence = fence + 1, ready_at = now_ms() + ?2 WHERE id IN \
        (SELECT id FROM lanes WHERE ready_at IS NOT NULL AND (ready_at <= now_ms() OR ready_at > now_ms() + ?4) \
         AND (owner IS NULL OR owner <> ?1) ORDER BY ready_at LIMIT ?3) RETURNING id, workspace_id, fence, taken_from";
    const POSTGRES: &str = "UPDATE lanes SET taken_from = owner, owner = ?1, fence = fence + 1, ready_at = now_ms() + ?2 WHERE id IN \
        (SELECT id FROM lanes WHERE ready_at IS NOT NULL AND (ready_at <= now_ms() OR ready_at > now_ms() + ?4) \
         AND (owner IS NULL OR owner <> ?1) ORDER BY ready_at LIMIT ?3 FOR UPDATE SKIP LOCKED) \
        RETURNING id, workspace_id, fence, taken_from";
    let sql = if tx.dialect() == Dialect::Sqlite {
        SQLITE
    } else {
        POSTGRES
    };
    let params = [
        Value::id(&node),
        lease_ms.into(),
        limit.into(),
        FURTHEST_AHEAD_MS.into(),
    ];
    let rows = tx.query(sql, &params)?;
    rows.iter()
        .map(|row| {
            Ok(Lane {
                id: row.text(0)?.to_owned(),
                workspace_id: row.id(1)?,
                fence: row.int(2)?,
                is_taken_over: row.opt_text(3)?.is_some(),
            })
        })
        .collect()
}

/// Holds the lane for the rest of this transaction; `false` when somebody else has claimed it since.
pub fn hold(tx: &mut dyn Tx, lane: &Lane) -> Result<bool, Error> {
    const SQLITE: &str = "SELECT 1 FROM lanes WHERE id = ?1 AND fence = ?2 AND owner IS NOT NULL";
    const POSTGRES: &str =
        "SELECT 1 FROM lanes WHERE id = ?1 AND fence = ?2 AND owner IS NOT NULL FOR NO KEY UPDATE";
    let sql = if tx.dialect() == Dialect::Sqlite {
        SQLITE
    } else {
        POSTGRES
    };
    Ok(!tx
        .query(sql, &[lane.id.as_str().into(), lane.fence.into()])?
        .is_empty())
}

/// Extends the lease of every lane that the node owns.
pub fn extend_leases(tx: &mut dyn Tx, node: NodeId, lease_ms: i64) -> Result<u64, Error> {
    // In the order in which a group of deliveries locks lanes, so that the two can't wait for each other.
    let sql = match tx.dialect() {
        Dialect::Sqlite => "UPDATE lanes SET ready_at = now_ms() + ?2 WHERE owner = ?1",
        Dialect::Postgres => {
            "UPDATE lanes SET ready_at = now_ms() + ?2 \
             WHERE id IN (SELECT id FROM lanes WHERE owner = ?1 ORDER BY id COLLATE \"C\" FOR UPDATE)"
        }
    };
    tx.execute(sql, &[Value::id(&node), lease_ms.into()])
}

/// Lets the lane go. Call after [`hold`] in the same transaction.
pub fn release(tx: &mut dyn Tx, lane: &Lane, next: Next) -> Result<(), Error> {
    let (delay, waiting_on) = match next {
        Next::InMs(delay) => (Some(delay.min(FURTHEST_AHEAD_MS)), None),
        Next::WaitFor(connection) => (None, Some(connection)),
    };
    tx.execute(
        "UPDATE lanes SET owner = NULL, waiting_on = ?3, ready_at = now_ms() + ?4 WHERE id = ?1 AND fence = ?2",
        &[lane.id.as_str().into(), lane.fence.into(), Value::opt_id(waiting_on.as_ref()), delay.into()],
    )?;
    Ok(())
}

/// Lets the lane go with nothing to do. Call after [`hold`] in the same transaction and only when it has no open run.
pub(crate) fn release_idle(tx: &mut dyn Tx, lane: &Lane) -> Result<(), Error> {
    tx.execute(
        "UPDATE lanes SET owner = NULL, waiting_on = NULL, ready_at = NULL WHERE id = ?1 AND fence = ?2",
        &[lane.id.as_str().into(), lane.fence.into()],
    )?;
    Ok(())
}

/// Makes every lane due whose owner is not `node`: for a database that one process alone can have open (SQLite), where
/// any other owner is dead.
pub fn take_from_the_dead(tx: &mut dyn Tx, node: NodeId) -> Result<u64, Error> {
    tx.execute(
        "UPDATE lanes SET ready_at = now_ms() WHERE owner IS NOT NULL AND owner <> ?1",
        &[Value::id(&node)],
    )
}

/// Makes the lanes that wait for `connection` due.
pub fn wake(tx: &mut dyn Tx, connection: ConnectionId) -> Result<u64, Error> {
    tx.execute(
        "UPDATE lanes SET waiting_on = NULL, ready_at = now_ms() WHERE waiting_on = ?1",
        &[Value::id(&connection)],
    )
}

/// Milliseconds until the next lane is due; 0 when one is, also one left too far ahead by a clock that has been set
/// back. `None` when none will be. Two looks into the partial index on `ready_at`.
pub fn next_due_ms(tx: &mut dyn Tx) -> Result<Option<i64>, Error> {
    let row = tx.query_one(
        "SELECT (SELECT MIN(ready_at) FROM lanes WHERE ready_at IS NOT NULL) - now_ms(), \
         (SELECT MAX(ready_at) FROM lanes WHERE ready_at IS NOT NULL) - now_ms()",
        &[],
    )?;
    let too_far = row.opt_int(1)?.is_some_and(|ms| ms > FURTHEST_AHEAD_MS);
    Ok(row.opt_int(0)?.map(|ms| if too_far { 0 } else { ms.max(0) }))
}

/// How many runs are not finished, and since when the oldest of them has been there.
pub fn backlog(tx: &mut dyn Tx) -> Result<(i64, Option<UnixMs>), Error> {
    let rows = tx.query(
        "SELECT COUNT(*), MIN(created_at) FROM runs WHERE finished_at IS NULL AND state <> 'waiting'",
        &[],
    )?;
    let row = rows
        .first()
        .ok_or_else(|| Error::Corrupt("COUNT gave no row".into()))?;
    Ok((row.int(0)?, row.opt_int(1)?.map(UnixMs)))
}

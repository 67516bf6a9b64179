//! Who works what: claims lanes that are due and works each lane's runs one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cartlane_model::ConnectionId;
use cartlane_store::lanes::{self, Lane, Next};
use cartlane_store::runs::{self, End, Reason, Work};
use cartlane_store::waits::{self, Wait};
use cartlane_store::{Error, contacts, inbox, journal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Shared;
use crate::knowledge::Knowledge;
use crate::run::{Run, Turn, Write};

/// How often other nodes' news are looked for when nothing says that there is work.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// When a lane whose lease was in doubt is due again: not at once, since the doubt ends with the next extension.
const LOOK_AGAIN_MS: i64 = 1_000;
/// How long workers have to come to an end when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(9);

impl Shared {
    /// Claims and works lanes until `shutdown`; then waits for the workers, but not for long.
    pub(crate) async fn run_workers(self: Arc<Self>, shutdown: CancellationToken) {
        let tracker = TaskTracker::new();
        let active = Arc::new(AtomicUsize::new(0));
        while !shutdown.is_cancelled() {
            let free = self.limits.workers.saturating_sub(active.load(Ordering::Relaxed));
            let claimed = if free == 0 {
                Vec::new()
            } else {
                self.claim(free).await
            };
            let more = claimed.len() == free && free > 0;
            for (lane, work) in claimed {
                active.fetch_add(1, Ordering::Relaxed);
                let (shared, active, shutdown) = (Arc::clone(&self), Arc::clone(&active), shutdown.clone());
                tracker.spawn(async move {
                    shared.work_lane(lane, work, &shutdown).await;
                    active.fetch_sub(1, Ordering::Relaxed);
                    shared.work_is_there.notify_one();
                });
            }
            if more {
                continue;
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.work_is_there.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        tracker.close();
        if tokio::time::timeout(STOP_WITHIN, tracker.wait()).await.is_err() {
            tracing::warn!("stopping with calls in flight; their outcome is looked up at the next start");
        }
    }

    async fn claim(&self, free: usize) -> Vec<(Lane, Work)> {
        match self.try_claim(free).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(%error, "no lanes could be claimed");
                tokio::time::sleep(LOOK_EVERY).await;
                Vec::new()
            }
        }
    }

    async fn try_claim(&self, free: usize) -> Result<Vec<(Lane, Work)>, Error> {
        if self.db.read(|tx| lanes::next_due_ms(tx)).await? != Some(0) {
            return Ok(Vec::new());
        }
        let (node, lease_ms) = (self.node, self.limits.lease_ms);
        let limit = i64::try_from(free).unwrap_or(i64::MAX);
        let claimed = self
            .db
            .write(move |tx| {
                let mut claimed = Vec::new();
                for lane in lanes::claim(tx, node, lease_ms, limit)? {
                    if let Some(work) = runs::next_or_release(tx, &lane)? {
                        claimed.push((lane, work));
                    }
                }
                Ok::<_, Error>(claimed)
            })
            .await?;
        Ok(claimed)
    }

    async fn work_lane(&self, lane: Lane, mut work: Work, shutdown: &CancellationToken) {
        let lane = Arc::new(lane);
        let mut knowledge = Knowledge::default();
        loop {
            let began = Instant::now();
            let turn = if shutdown.is_cancelled() {
                Turn::stopping()
            } else if self.must_wait_its_turn(&work).await {
                Turn::wait_for_other_lane()
            } else {
                Run::of(self, &lane, &work, shutdown, &mut knowledge).turn().await
            };
            match self.settle(&lane, &work, turn, began.elapsed()).await {
                Ok(Some(next)) => work = next,
                Ok(None) => return,
                Err(error) => {
                    // The lease ends by itself; whoever claims the lane then finds the journal as far as it got.
                    tracing::warn!(%error, lane = lane.id, run = %work.run_id, "what a run came to was not stored");
                    self.let_go_later(&lane).await;
                    return;
                }
            }
        }
    }

    /// After a failed write: tries to let the lane go, so that it need not wait for the end of the lease.
    async fn let_go_later(&self, lane: &Arc<Lane>) {
        let settle_ms = self.limits.settle_ms; // a call of this turn may still be on its way
        for _ in 0..3 {
            tokio::time::sleep(LOOK_EVERY).await;
            let lane = Arc::clone(lane);
            let released = self
                .db
                .write(move |tx| {
                    if lanes::hold(tx, &lane)? {
                        lanes::release(tx, &lane, Next::InMs(settle_ms))?;
                    }
                    Ok::<_, Error>(())
                })
                .await;
            if released.is_ok() {
                return;
            }
        }
    }

    async fn must_wait_its_turn(&self, work: &Work) -> bool {
        let Some(after) = work.after_lane.clone() else {
            return false;
        };
        let run = work.run_id;
        self.db
            .read(move |tx| runs::waits_for(tx, &after, run))
            .await
            .unwrap_or(true)
    }

    /// Writes what a turn came to, all in one; the lane's next run, when this one is over.
    async fn settle(
        &self,
        lane: &Arc<Lane>,
        work: &Work,
        turn: Turn,
        took: Duration,
    ) -> Result<Option<Work>, Error> {
        let lane = Arc::clone(lane);
        let (run_id, attempts) = (work.run_id, work.attempts);
        let held_ms = match turn.ending {
            Ending::Retry { .. } => work.held_ms + i64::try_from(took.as_millis()).unwrap_or(0),
            _ => work.held_ms,
        };
        let longest_ms = self.limits.hold_ms;
        Self::log(work, &turn);
        let outcome = self.outcome_of(work, &turn.ending, held_ms);
        let (next, was_paused) = self
            .db
            .write(move |tx| {
                inbox::lock(tx, outcome.as_slice())?; // keys come before rows
                if !lanes::hold(tx, &lane)? {
                    return Ok::<_, Error>((None, None)); // somebody else works it
                }
                write_all(tx, &turn.writes)?;
                inbox::take(tx, outcome.as_slice())?;
                let warnings = &turn.warnings;
                match &turn.ending {
                    Ending::Over(end, reason) => {
                        runs::finish(tx, run_id, *end, reason.as_ref(), warnings)?;
                        return Ok((runs::next_or_release(tx, &lane)?, None));
                    }
                    Ending::SetAside(reason) => {
                        runs::set_aside(tx, run_id, reason)?;
                        return Ok((runs::next_or_release(tx, &lane)?, None));
                    }
                    Ending::Park(wait) => {
                        waits::park(tx, run_id, wait, warnings)?;
                        return Ok((runs::next_or_release(tx, &lane)?, None));
                    }
                    Ending::Retry { in_ms, reason } if held_ms + in_ms > longest_ms => {
                        let reason = given_up(reason, longest_ms);
                        runs::finish(tx, run_id, End::Failed, Some(&reason), warnings)?;
                        return Ok((runs::next_or_release(tx, &lane)?, None));
                    }
                    Ending::Retry { in_ms, reason } => {
                        runs::put_off(tx, run_id, attempts + 1, held_ms + in_ms, reason, warnings)?;
                        lanes::release(tx, &lane, Next::InMs(*in_ms))?;
                    }
                    Ending::Wait { in_ms, reason } => {
                        if let Some(reason) = reason {
                            runs::put_off(tx, run_id, attempts, held_ms, reason, warnings)?;
                        }
                        lanes::release(tx, &lane, Next::InMs(*in_ms))?;
                    }
                    Ending::WaitFor { connection, reason } => {
                        runs::put_off(tx, run_id, attempts, held_ms, reason, warnings)?;
                        lanes::release(tx, &lane, Next::WaitFor(*connection))?;
                        return Ok((None, Some(*connection)));
                    }
                    // The lease was in doubt, but the lane is still ours: if we kept it, nobody would ever work it, since
                    // every lane that this node owns has its lease extended.
                    Ending::Lost => lanes::release(tx, &lane, Next::InMs(LOOK_AGAIN_MS))?,
                    Ending::LeaveOut(_) => {}
                }
                Ok((None, None))
            })
            .await?;
        if let Some(connection) = was_paused {
            self.wake_if_mended(connection).await?;
        }
        Ok(next)
    }

    /// The connection may have been mended between the look at it and the lane's waiting.
    async fn wake_if_mended(&self, connection: ConnectionId) -> Result<(), Error> {
        self.db
            .write(move |tx| {
                let rows = cartlane_store::connections::list(tx)?;
                let mut rows = rows.iter().filter(|row| row.id == connection);
                // One that was removed is nothing to wait for, either.
                if rows.all(|row| row.trouble.is_none()) {
                    lanes::wake(tx, connection)?;
                }
                Ok::<_, Error>(())
            })
            .await
    }

    /// The event that tells of the run's end, where it is over and an automation waits for it.
    fn outcome_of(&self, work: &Work, ending: &Ending, held_ms: i64) -> Option<inbox::Delivery> {
        match ending {
            Ending::Over(end, reason) => self.outcome(work, *end, reason.as_ref()),
            Ending::Retry { in_ms, reason } if held_ms + in_ms > self.limits.hold_ms => {
                self.outcome(work, End::Failed, Some(reason))
            }
            _ => None,
        }
    }

    fn log(work: &Work, turn: &Turn) {
        let (run, event) = (work.run_id, work.event.id);
        match &turn.ending {
            Ending::Over(End::Failed, reason) => {
                let (code, message) = reason
                    .as_ref()
                    .map_or(("", ""), |reason| (reason.code.as_str(), reason.message.as_str()));
                tracing::error!(%run, %event, code, message, "run failed");
            }
            Ending::Over(end, _) => {
                tracing::info!(%run, %event, end = end.as_str(), warnings = turn.warnings.len(), "run ended");
            }
            Ending::SetAside(reason) => {
                tracing::error!(%run, %event, code = reason.code, message = reason.message, "run set aside");
            }
            Ending::Retry { in_ms, reason } => {
                tracing::info!(%run, %event, in_ms, code = reason.code, message = reason.message, "run put off");
            }
            _ => {}
        }
    }

    /// Keeps this node's leases alive until dropped.
    pub(crate) async fn run_leases(self: Arc<Self>) {
        let every = Duration::from_millis(self.limits.lease_ms.unsigned_abs() / 4);
        loop {
            let (node, lease_ms, asked_at) = (self.node, self.limits.lease_ms, Instant::now());
            match self
                .db
                .write(move |tx| lanes::extend_leases(tx, node, lease_ms))
                .await
            {
                Ok(_) => self.leases_renewed(asked_at),
                Err(error) => tracing::warn!(%error, "leases were not extended"),
            }
            tokio::time::sleep(every).await;
        }
    }
}

fn given_up(reason: &Reason, hold_ms: i64) -> Reason {
    let minutes = hold_ms / 60_000;
    Reason {
        code: reason.code.clone(),
        message: format!(
            "given up after retrying for {minutes} minutes: {}; mend the cause, then `cartlane runs retry`",
            reason.message
        ),
    }
}

/// How a turn ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The run is over.
    Over(End, Option<Reason>),
    /// To be tried again; counts against the time a run may hold its lane.
    Retry { in_ms: i64, reason: Reason },
    /// To go on later, through no fault of anybody's.
    Wait { in_ms: i64, reason: Option<Reason> },
    /// To go on when the connection is mended.
    WaitFor {
        connection: ConnectionId,
        reason: Reason,
    },
    /// To go on when a moment or an event has come; the lane goes on without it.
    Park(Wait),
    /// To go on when a scope has been granted; the lane goes on without it.
    SetAside(Reason),
    /// The step is left out and the run goes on: never leaves [`Run::turn`].
    LeaveOut(String),
    /// Somebody else has the lane, or may have it.
    Lost,
}

/// Writes journal entries. Call after [`lanes::hold`].
pub(crate) fn write_all(tx: &mut dyn cartlane_store::db::Tx, writes: &[Write]) -> Result<(), Error> {
    for write in writes {
        match write {
            Write::Call(call) => journal::record_call(tx, call)?,
            Write::Step { key, place, step } => journal::record_step(tx, *key, *place, step)?,
            Write::Forget { key, steps } => journal::forget_steps(tx, *key, steps)?,
            Write::Link {
                contact,
                connection,
                link,
            } => {
                contacts::remember_link(tx, *contact, *connection, link)?;
            }
            Write::Unlink { contact, connection } => contacts::forget_link(tx, *contact, *connection)?,
            Write::State {
                contact,
                connection,
                key,
                occurred_at,
            } => {
                contacts::remember_state(tx, *contact, *connection, key, *occurred_at)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;

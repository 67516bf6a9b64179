//! GHL's rate limit, spent fully and never overdrawn.
//!
//! A node has `slots`. A request takes one and frees it one interval after its answer came (not after it was sent: the
//! other side counted it somewhere in between), so `n` slots can never make more than `n` requests in any interval,
//! whatever the network does to their spacing. The store hands slots to nodes in blocks ([`cartlane_store::budgets`]).
//! [`Class`] says who goes first. While the limits are unknown one request goes alone, and its answer's headers tell them.

mod class;
mod permit;
mod state;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cartlane_model::{Clock, ConnectionId, NodeId};
use cartlane_store::budgets::{self, Left, Limits};
use cartlane_store::{Db, Error};
use tokio::sync::Notify;
use tokio::time::Instant;

pub use class::Class;
pub(crate) use permit::Permit;
use permit::Waiting;
use state::{State, Wait};

/// What the documentation gives: 100 requests in 10 s (FACTS: marketplace app, per location). Used where answers have
/// no rate headers.
const DOCUMENTED: Limits = Limits {
    max: 100,
    interval_ms: 10_000,
    daily: Some(200_000),
};
/// A block is renewed this often …
const RENEW_EVERY: Duration = Duration::from_millis(500);
/// … and lasts this long without renewal, before its interval and the request time-out are added.
const LEASE_MS: i64 = 5_000;
/// A slot rests so much longer than the interval: clocks of two machines tick a little differently.
const MARGIN: Duration = Duration::from_millis(5);
/// Whoever would have to wait longer than this gives its lane back meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// All budgets of this node.
pub(crate) struct Budgets {
    node: NodeId,
    db: Db,
    clock: Arc<dyn Clock>,
    request_timeout_ms: i64,
    by_connection: Mutex<HashMap<ConnectionId, Arc<Budget>>>,
    /// The limits of connections whose answers tell none, where they are not GHL's.
    documented: Mutex<HashMap<ConnectionId, Limits>>,
    renew: Notify,
}

struct Budget {
    connection: ConnectionId,
    state: Mutex<State>,
    changed: Notify,
}

impl Budget {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is left of a connection's limits.
#[derive(Clone, Copy, Debug)]
pub struct BudgetLeft {
    /// What the store knows of it.
    pub all: Left,
    /// What is left of the interval now; `None` while the limits are not known.
    pub burst: Option<i64>,
}

/// What came of asking for a permit.
pub(crate) enum Leave {
    /// Send.
    Now(Permit),
    /// Nothing is left for so many milliseconds.
    InMs(i64),
}

impl Budgets {
    pub(crate) fn new(node: NodeId, db: Db, clock: Arc<dyn Clock>, request_timeout_ms: i64) -> Self {
        Self {
            node,
            db,
            clock,
            request_timeout_ms,
            by_connection: Mutex::default(),
            documented: Mutex::default(),
            renew: Notify::new(),
        }
    }

    /// Says which limits a connection has whose answers tell none. To be said before its first call.
    pub(crate) fn document(&self, connection: ConnectionId, limits: Limits) {
        self.lock_documented().insert(connection, limits);
    }

    fn lock_documented(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionId, Limits>> {
        self.documented.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, connection: ConnectionId) -> Arc<Budget> {
        let mut budgets = self.by_connection.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Budget {
                connection,
                state: Mutex::new(State::of(self.lock_documented().get(&connection).copied())),
                changed: Notify::new(),
            })
        };
        Arc::clone(budgets.entry(connection).or_insert_with(new))
    }

    /// Waits for a slot; not for long: a day that is used up gives its lane back.
    pub(crate) async fn acquire(&self, connection: ConnectionId, class: Class) -> Leave {
        let budget = self.of(connection);
        let _waiting = Waiting::new(&budget, class);
        let deadline = Instant::now() + LONGEST_WAIT;
        loop {
            let changed = budget.changed.notified();
            let taken = budget.lock().try_take(class, Instant::now(), self.clock.now());
            let wait = match taken {
                Ok(interval) => {
                    let clock = Arc::clone(&self.clock);
                    return Leave::Now(Permit {
                        budget: Arc::clone(&budget),
                        interval,
                        clock,
                    });
                }
                Err(wait) => wait,
            };
            if let Wait::Day(ms) = wait {
                return Leave::InMs(ms);
            }
            let until = match wait {
                Wait::Until(at) => at,
                Wait::Turn => deadline,
                Wait::Grant | Wait::Day(_) => {
                    self.renew.notify_one();
                    deadline
                }
            };
            if Instant::now() >= deadline {
                return Leave::InMs(1_000);
            }
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(until.min(deadline)) => {}
            }
        }
    }

    /// Renews the blocks until dropped.
    pub(crate) async fn run(&self) {
        loop {
            let budgets: Vec<Arc<Budget>> = {
                let budgets = self.by_connection.lock().unwrap_or_else(PoisonError::into_inner);
                budgets.values().map(Arc::clone).collect()
            };
            for budget in budgets {
                if let Err(error) = self.renew(&budget).await {
                    tracing::warn!(connection = %budget.connection, %error, "a rate budget was not renewed");
                }
            }
            let asked = async {
                self.renew.notified().await;
                tokio::time::sleep(Duration::from_millis(20)).await; // let askers gather
            };
            let _ = tokio::time::timeout(RENEW_EVERY, asked).await;
        }
    }

    async fn renew(&self, budget: &Arc<Budget>) -> Result<(), Error> {
        let asked_at = Instant::now();
        let (ask, learned) = budget
            .lock()
            .ask(budget.connection, self.node, self.request_timeout_ms);
        let grant = self
            .db
            .write(move |tx| {
                if let Some(limits) = learned {
                    budgets::learn(tx, ask.connection, limits)?;
                }
                budgets::grant(tx, &ask)
            })
            .await;
        let grant = grant.inspect_err(|_| budget.lock().not_told(&ask))?;
        budget.lock().apply(&ask, &grant, asked_at);
        budget.changed.notify_waiters();
        Ok(())
    }

    /// What is left of every connection that was called.
    pub(crate) async fn left(&self) -> Result<Vec<BudgetLeft>, Error> {
        let node = self.node;
        let all = self.db.read(move |tx| budgets::left(tx, node)).await?;
        let now = Instant::now();
        let left = all.into_iter().map(|all| {
            let busy = self.of(all.connection).lock().busy_at(now);
            let burst = all
                .limits
                .map(|limits| (limits.max - all.held_by_others - busy).max(0));
            BudgetLeft { all, burst }
        });
        Ok(left.collect())
    }

    /// Gives all blocks back, but for the slots whose requests were sent within the last interval: this node stops.
    pub(crate) async fn give_back(&self) -> Result<(), Error> {
        let node = self.node;
        let longest = {
            let documented = self.lock_documented();
            let intervals = documented.values().map(|limits| limits.interval_ms);
            intervals.fold(DOCUMENTED.interval_ms, i64::max)
        };
        let now = Instant::now();
        let busy: Vec<(ConnectionId, i64)> = {
            let budgets = self.by_connection.lock().unwrap_or_else(PoisonError::into_inner);
            budgets
                .values()
                .map(|budget| (budget.connection, budget.lock().busy_at(now)))
                .collect()
        };
        self.db
            .write(move |tx| {
                let mut all = busy.iter();
                all.try_for_each(|(connection, busy)| {
                    budgets::give_back(tx, node, *connection, *busy, longest)
                })
            })
            .await
    }
}

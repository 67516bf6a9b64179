//! GHL's rate limit, spent fully and never overdrawn.
//!
//! A node has `slots`. A request takes one and frees it one interval after its answer came (not after it was sent: the
//! other side counted it somewhere in between), so `n` slots can never make more than `n` requests in any interval,
//! whatever the network does to their spacing. The store hands slots to nodes in blocks ([`cartlane_store::budgets`]).
//! While the limits are unknown one request goes alone, and its answer's headers tell them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cartlane_ghl::RateHeaders;
use cartlane_model::{Clock, ConnectionId, NodeId, UnixMs};
use cartlane_store::budgets::{self, Ask, Grant, Limits};
use cartlane_store::{Db, Error};
use tokio::sync::Notify;
use tokio::time::Instant;

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

#[derive(Default)]
struct State {
    limits: Option<Limits>,
    /// The limits while no answer has told any; GHL's where it has none.
    documented: Option<Limits>,
    slots: i64,
    in_use: i64,
    resting: VecDeque<Instant>,
    waiting: i64,
    /// What may be spent of the day before asking again; `None` where the day is not limited or not known.
    daily: Option<i64>,
    reset_at: Option<UnixMs>,
    spent: i64,
    told_left: Option<i64>,
    told_reset_at: Option<UnixMs>,
    lease_until: Option<Instant>,
    paused_until: Option<Instant>,
    learned: Option<Limits>,
}

/// The right to send one request. Ends with [`Permit::answered`]; dropped without, it counts as sent and lost.
pub(crate) struct Permit {
    budget: Arc<Budget>,
    interval: Duration,
    clock: Arc<dyn Clock>,
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
        let mut documented = self.documented.lock().unwrap_or_else(PoisonError::into_inner);
        documented.insert(connection, limits);
    }

    fn documented(&self, connection: ConnectionId) -> Option<Limits> {
        let documented = self.documented.lock().unwrap_or_else(PoisonError::into_inner);
        documented.get(&connection).copied()
    }

    fn of(&self, connection: ConnectionId) -> Arc<Budget> {
        let mut budgets = self.by_connection.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Budget {
                connection,
                state: Mutex::new(State {
                    documented: self.documented(connection),
                    ..State::default()
                }),
                changed: Notify::new(),
            })
        };
        Arc::clone(budgets.entry(connection).or_insert_with(new))
    }

    /// Waits for a slot; not for long: a day that is used up gives its lane back.
    pub(crate) async fn acquire(&self, connection: ConnectionId) -> Leave {
        let budget = self.of(connection);
        let _waiting = Waiting::new(&budget);
        let deadline = Instant::now() + LONGEST_WAIT;
        loop {
            let changed = budget.changed.notified();
            let wait = match budget.lock().try_take(Instant::now(), self.clock.now()) {
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
                _ => {
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
            .await?;
        budget.lock().apply(&grant, asked_at);
        budget.changed.notify_waiters();
        Ok(())
    }

    /// Gives all blocks back: this node stops.
    pub(crate) async fn give_back(&self) -> Result<(), Error> {
        let node = self.node;
        let longest = {
            let documented = self.documented.lock().unwrap_or_else(PoisonError::into_inner);
            let intervals = documented.values().map(|limits| limits.interval_ms);
            intervals.chain([DOCUMENTED.interval_ms]).max()
        };
        self.db
            .write(move |tx| budgets::give_back(tx, node, longest.unwrap_or_default()))
            .await
    }
}

enum Wait {
    /// A slot is free again then.
    Until(Instant),
    /// The node has no slot that could become free: it must be granted one.
    Grant,
    /// The day is used up for so many milliseconds.
    Day(i64),
}

impl Budget {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn try_take(&mut self, now: Instant, clock: UnixMs) -> Result<Duration, Wait> {
        while self.resting.front().is_some_and(|free_at| *free_at <= now) {
            self.resting.pop_front();
        }
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(Wait::Until(until));
        }
        if self.lease_until.is_none_or(|until| until <= now) {
            return Err(Wait::Grant);
        }
        if self.daily == Some(0) {
            return Err(match self.reset_at {
                Some(reset_at) if reset_at > clock => Wait::Day(reset_at.since_ms(clock)),
                _ => Wait::Grant,
            });
        }
        if self.in_use + self.busy_resting() >= self.slots {
            return Err(match self.resting.front() {
                Some(free_at) if self.in_use < self.slots => Wait::Until(*free_at),
                _ => Wait::Grant,
            });
        }
        self.in_use += 1;
        self.spent += 1;
        if let Some(daily) = &mut self.daily {
            *daily -= 1;
        }
        let limits = self.known();
        Ok(Duration::from_millis(
            u64::try_from(limits.interval_ms).unwrap_or(10_000),
        ))
    }

    /// The limits that count now.
    fn known(&self) -> Limits {
        self.limits.or(self.documented).unwrap_or(DOCUMENTED)
    }

    fn busy_resting(&self) -> i64 {
        i64::try_from(self.resting.len()).unwrap_or(i64::MAX)
    }

    fn ask(
        &mut self,
        connection: ConnectionId,
        node: NodeId,
        request_timeout_ms: i64,
    ) -> (Ask, Option<Limits>) {
        let interval_ms = self.known().interval_ms;
        let ask = Ask {
            connection,
            node,
            busy: self.in_use + self.busy_resting(),
            held: self.slots,
            wants_more: self.waiting > 0,
            spent: std::mem::take(&mut self.spent),
            daily_left: self.told_left.take(),
            daily_reset_at: self.told_reset_at.take(),
            lasts_ms: LEASE_MS + interval_ms + request_timeout_ms.min(5_000),
        };
        (ask, self.learned.take())
    }

    fn apply(&mut self, grant: &Grant, asked_at: Instant) {
        self.limits = grant.limits;
        self.slots = grant.slots;
        // what was spent while the store was asked is not in its count yet
        self.daily = grant.daily.map(|daily| (daily - self.spent).max(0));
        self.reset_at = grant.daily_reset_at;
        self.lease_until = Some(asked_at + Duration::from_millis(LEASE_MS.unsigned_abs()));
    }

    fn hear(&mut self, rate: &RateHeaders, now: UnixMs) {
        let known = self.limits;
        let limits = match (rate.max, rate.interval_ms) {
            (Some(max), Some(interval_ms)) if max > 0 && interval_ms > 0 => Some(Limits {
                max,
                interval_ms,
                daily: rate.daily_limit,
            }),
            _ => None,
        };
        match (limits, known) {
            (Some(limits), known) if known != Some(limits) => self.learned = Some(limits),
            (None, None) => self.learned = Some(self.known()),
            _ => {}
        }
        if let Some(left) = rate.daily_remaining {
            let in_flight = (self.in_use - 1).max(0);
            let told = (left - in_flight).max(0);
            self.told_left = Some(self.told_left.map_or(told, |before| before.min(told)));
            if left == 0 {
                let reset_ms = rate
                    .daily_reset_ms
                    .unwrap_or_else(|| 86_400_000 - now.0.rem_euclid(86_400_000));
                self.told_reset_at = Some(now.plus_ms(reset_ms));
            }
        }
    }
}

impl Permit {
    /// The request was answered, or its connection is dead; `rate` is what the answer told.
    pub(crate) fn answered(self, rate: &RateHeaders) {
        let now = self.clock.now();
        self.budget.lock().hear(rate, now);
    }

    /// The other side said that the limit is reached: nobody sends for `pause_ms`.
    pub(crate) fn refused(self, rate: &RateHeaders, pause_ms: i64) {
        let pause = Duration::from_millis(pause_ms.max(0).unsigned_abs());
        let until = Instant::now() + pause;
        {
            let mut state = self.budget.lock();
            state.paused_until = Some(state.paused_until.map_or(until, |before| before.max(until)));
        }
        self.answered(rate);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let learned = {
            let mut state = self.budget.lock();
            state.in_use -= 1;
            state.resting.push_back(Instant::now() + self.interval + MARGIN);
            state.learned.is_some()
        };
        if learned {
            self.budget.changed.notify_waiters();
        }
    }
}

/// Counts one more that waits, as long as it lives.
struct Waiting<'a>(&'a Budget);

impl<'a> Waiting<'a> {
    fn new(budget: &'a Budget) -> Self {
        budget.lock().waiting += 1;
        Self(budget)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

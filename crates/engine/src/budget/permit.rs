//! The right to send one request, and waiting for it.

use std::sync::Arc;
use std::time::Duration;

use cartlane_ghl::RateHeaders;
use cartlane_model::Clock;
use tokio::time::Instant;

use super::class::Class;
use super::{Budget, MARGIN};

/// The right to send one request. Ends with [`Permit::answered`]; dropped without, it counts as sent and lost.
pub(crate) struct Permit {
    pub(super) budget: Arc<Budget>,
    pub(super) interval: Duration,
    pub(super) clock: Arc<dyn Clock>,
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
            state.end(Instant::now() + self.interval + MARGIN);
            state.learned.is_some()
        };
        if learned {
            self.budget.changed.notify_waiters();
        }
    }
}

/// Counts one more of its class that waits, as long as it lives.
pub(super) struct Waiting<'a>(&'a Budget, Class);

impl<'a> Waiting<'a> {
    pub(super) fn new(budget: &'a Budget, class: Class) -> Self {
        budget.lock().turns.enter(class);
        Self(budget, class)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let others_wait = {
            let mut state = self.0.lock();
            state.turns.leave(self.1);
            state.turns.others_wait(self.1)
        };
        if others_wait {
            self.0.changed.notify_waiters(); // it may be their turn now
        }
    }
}

//! The clock of tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use cartlane_model::{Clock, UnixMs};

/// Real time plus an offset that a test moves by hand. It doesn't stand still, since waits happen in real time.
#[derive(Clone, Debug, Default)]
pub struct TestClock {
    offset_ms: Arc<AtomicI64>,
}

impl TestClock {
    /// Moves the clock by so many milliseconds, back when negative.
    pub fn advance(&self, ms: i64) {
        self.offset_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// How far it stands from the real time, in milliseconds: what [`cartlane_store::Options::clock_offset_ms`] takes.
    pub fn offset_ms(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.offset_ms)
    }
}

impl Clock for TestClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the injected clock, and real time is its base"
    )]
    fn now(&self) -> UnixMs {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let real = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        UnixMs(real + self.offset_ms.load(Ordering::SeqCst))
    }
}

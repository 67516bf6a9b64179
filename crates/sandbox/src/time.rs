//! The sandbox's own time: the injected clock plus what `/_sandbox/clock` added. It never goes back.

use std::sync::Arc;

use cartlane_model::{Clock, UnixMs};

/// See the module.
pub(crate) struct Time {
    clock: Arc<dyn Clock>,
    offset_ms: i64,
    last: UnixMs,
}

impl Time {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let last = clock.now();
        Self {
            clock,
            offset_ms: 0,
            last,
        }
    }

    /// The present moment. Where the injected clock was set back, time goes on from the latest moment seen:
    /// otherwise the rate window would stay full for as long as the clock was set back.
    pub(crate) fn now(&mut self) -> UnixMs {
        let now = self.clock.now().plus_ms(self.offset_ms);
        let behind_ms = self.last.since_ms(now);
        if behind_ms > 0 {
            self.offset_ms = self.offset_ms.saturating_add(behind_ms);
        } else {
            self.last = now;
        }
        self.last
    }

    /// Moves the sandbox's time forward.
    pub(crate) fn advance(&mut self, ms: u32) {
        self.offset_ms = self.offset_ms.saturating_add(i64::from(ms));
    }
}

//! When a poll is looked at next.

use cartlane_model::UnixMs;
use cartlane_store::polls::Poll;

use super::item;

/// A poll that fails waits twice as long each time, but not longer.
const BACKOFF_CAP_MS: i64 = 3_600_000;

/// How long a poll that has failed so often in a row waits.
pub(super) fn backoff_ms(every_ms: i64, failures: i64) -> i64 {
    let doublings = u32::try_from(failures - 1).unwrap_or(0).min(10);
    every_ms.saturating_mul(1 << doublings).min(BACKOFF_CAP_MS)
}

/// The next time that this poll has a place of its own within its interval: polls that began together don't stay together.
pub(super) fn next_at(poll: &Poll, now: UnixMs) -> UnixMs {
    let every = poll.wanted.every_ms.max(1);
    let hash = item::digest(&poll.wanted.id);
    let phase = i64::from(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])) % every;
    UnixMs((now.0 - phase).div_euclid(every) * every + every + phase)
}

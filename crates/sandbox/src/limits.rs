//! The rate limit, per location: a log of accepted requests, hence strict for every interval, and a count per day.
//!
//! Refused requests don't count. Times have millisecond resolution, so a slot is free again only when *more* than
//! the interval has passed: two requests that the log shows an interval apart may truly be closer.

use std::collections::{HashMap, VecDeque};

use cartlane_model::UnixMs;
use http::{HeaderName, HeaderValue};

use crate::settings::Limit;

const DAY_MS: i64 = 86_400_000;

/// Requests accepted so far, by location.
#[derive(Default)]
pub(crate) struct Limiter {
    windows: HashMap<String, Window>,
}

#[derive(Default)]
struct Window {
    accepted: VecDeque<i64>,
    day: i64,
    today: u64,
}

/// What the rate headers say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quota {
    pub(crate) limit: Limit,
    pub(crate) remaining: usize,
    pub(crate) daily_remaining: u64,
    pub(crate) daily_reset_ms: i64,
}

impl Limiter {
    /// What is left of the location's limit at `now`.
    pub(crate) fn quota(&mut self, limit: Limit, location: &str, now: UnixMs) -> Quota {
        let window = self.window(limit, location, now);
        Quota {
            limit,
            remaining: limit.max.saturating_sub(window.accepted.len()),
            daily_remaining: limit.daily.saturating_sub(window.today),
            daily_reset_ms: DAY_MS - now.0.rem_euclid(DAY_MS),
        }
    }

    /// Counts one accepted request.
    pub(crate) fn record(&mut self, limit: Limit, location: &str, now: UnixMs) {
        let window = self.window(limit, location, now);
        window.accepted.push_back(now.0);
        window.today += 1;
    }

    fn window(&mut self, limit: Limit, location: &str, now: UnixMs) -> &mut Window {
        let window = self.windows.entry(location.to_owned()).or_default();
        while window
            .accepted
            .front()
            .is_some_and(|at| now.0 - at > limit.interval_ms)
        {
            window.accepted.pop_front();
        }
        let day = now.0.div_euclid(DAY_MS);
        if window.day != day {
            window.day = day;
            window.today = 0;
        }
        window
    }
}

impl Quota {
    /// Whether one more request may be accepted.
    pub(crate) fn allows_one(&self) -> bool {
        self.remaining > 0 && self.daily_remaining > 0
    }

    /// Headers as GHL names them; the reset is a duration, not a moment.
    pub(crate) fn headers(&self) -> [(HeaderName, HeaderValue); 6] {
        [
            ("x-ratelimit-limit-daily", HeaderValue::from(self.limit.daily)),
            (
                "x-ratelimit-daily-remaining",
                HeaderValue::from(self.daily_remaining),
            ),
            ("x-ratelimit-daily-reset", HeaderValue::from(self.daily_reset_ms)),
            (
                "x-ratelimit-interval-milliseconds",
                HeaderValue::from(self.limit.interval_ms),
            ),
            ("x-ratelimit-max", HeaderValue::from(self.limit.max)),
            ("x-ratelimit-remaining", HeaderValue::from(self.remaining)),
        ]
        .map(|(name, value)| (HeaderName::from_static(name), value))
    }
}

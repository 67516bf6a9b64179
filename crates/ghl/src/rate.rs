//! What GHL says about its limits. The names are those of its OAuth documentation; the daily reset is seen,
//! not documented.

use cartlane_model::UnixMs;
use http::{HeaderMap, header::RETRY_AFTER};
use serde::{Deserialize, Serialize};

/// The longest wait that a Retry-After header is believed.
const LONGEST_WAIT_MS: i64 = 24 * 3600 * 1000;

/// The rate limit headers of an answer; each is missing now and then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateHeaders {
    /// Requests per window: `X-RateLimit-Max`.
    pub max: Option<i64>,
    /// Length of the window: `X-RateLimit-Interval-Milliseconds`.
    pub interval_ms: Option<i64>,
    /// Requests left in the window: `X-RateLimit-Remaining`.
    pub remaining: Option<i64>,
    /// Requests per day: `X-RateLimit-Limit-Daily`.
    pub daily_limit: Option<i64>,
    /// Requests left for the day: `X-RateLimit-Daily-Remaining`.
    pub daily_remaining: Option<i64>,
    /// How long until the next day begins, a duration: `X-RateLimit-Daily-Reset`.
    pub daily_reset_ms: Option<i64>,
}

impl RateHeaders {
    /// Reads them.
    pub fn read(headers: &HeaderMap) -> Self {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
        Self {
            max: number("x-ratelimit-max"),
            interval_ms: number("x-ratelimit-interval-milliseconds"),
            remaining: number("x-ratelimit-remaining"),
            daily_limit: number("x-ratelimit-limit-daily"),
            daily_remaining: number("x-ratelimit-daily-remaining"),
            daily_reset_ms: number("x-ratelimit-daily-reset"),
        }
    }

    /// Whether the day's budget is spent.
    pub fn is_day_spent(&self) -> bool {
        self.daily_remaining.is_some_and(|left| left <= 0)
    }
}

/// How long `Retry-After` says to wait, in either of its forms (seconds, date), from `now` on; a day at most.
pub fn retry_after_ms(headers: &HeaderMap, now: UnixMs) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u32>() {
        i64::from(seconds) * 1000
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        let since_1970 = date.duration_since(std::time::UNIX_EPOCH).ok()?;
        UnixMs(i64::try_from(since_1970.as_millis()).ok()?).since_ms(now)
    };
    Some(wait.clamp(0, LONGEST_WAIT_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let now = UnixMs(784_111_775_000); // two seconds before the date below
        let cases = [
            ("7", Some(7_000)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(2_000)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            ("4000000000", Some(LONGEST_WAIT_MS)),
            ("soon", None),
        ];
        for (text, expected) in cases {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after_ms(&headers, now), expected, "{text}");
        }
    }
}

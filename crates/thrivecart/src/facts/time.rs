//! Moments, in the three spellings that `ThriveCart` uses: `*_unix` in seconds, `*_iso8601`, and UTC without a zone.

use cartlane_model::UnixMs;
use serde_json::Value;

use crate::tree;

/// Seconds beyond this are milliseconds: it is the year 5138.
const MAX_SECONDS: i64 = 100_000_000_000;

/// When it happened. `order.date*` is the time of the **first** order, and so of the event only in `order.success`,
/// which in turn has no date of its own.
pub(crate) fn occurred_at(kind: &str, payload: &Value) -> Option<UnixMs> {
    const OWN: [&str; 3] = ["date_unix", "date_iso8601", "date"];
    let own = first(payload, &OWN);
    if kind != "order.success" {
        return own;
    }
    own.or_else(|| first(payload, &["order_timestamp", "order_date"]))
        .or_else(|| first(payload.get("order")?, &OWN))
}

/// The first of `keys` that is a moment.
pub(super) fn first(block: &Value, keys: &[&str]) -> Option<UnixMs> {
    keys.iter().find_map(|key| moment(tree::text(block, key)?))
}

fn moment(text: &str) -> Option<UnixMs> {
    if let Ok(seconds) = text.parse::<i64>() {
        return match seconds {
            ..=0 => None, // 0 is how an unset time comes out
            1..MAX_SECONDS => Some(UnixMs::from_seconds(seconds)),
            ms => Some(UnixMs(ms)),
        };
    }
    let zoned = || text.parse::<jiff::Timestamp>().ok();
    let utc = || {
        text.parse::<jiff::civil::DateTime>()
            .ok()?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
    };
    let timestamp = zoned().or_else(|| utc().map(|zoned| zoned.timestamp()))?;
    Some(UnixMs(timestamp.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_moment_are_the_same_moment() {
        let spellings = [
            "1699487300",
            "1699487300000",
            "2023-11-08T23:48:20+00:00",
            "2023-11-09T00:48:20+01:00",
            "2023-11-08 23:48:20",
        ];
        for text in spellings {
            assert_eq!(moment(text), Some(UnixMs(1_699_487_300_000)), "{text}");
        }
        for text in ["0", "-5", "0000-00-00 00:00:00", "yesterday"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}

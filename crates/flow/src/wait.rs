//! How long people wait: `3 days`, `2h 30m`, `1 week`.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, SpanTotal, Timestamp, Unit};
use serde_json::Value;

/// What stands for events of any kind.
pub const ANY: &str = "*";

/// The longest wait, in milliseconds: a year.
pub const LONGEST_MS: i64 = 366 * 24 * 60 * 60_000;

/// A span of time in milliseconds; a day has 24 hours, a month 30 days. `None` where it is none, or too long.
pub(crate) fn milliseconds(text: &str) -> Option<i64> {
    let span: Span = text.trim().parse().ok()?;
    let months = i64::from(span.get_months()) + 12 * i64::from(span.get_years());
    let days = i64::from(span.get_days()) + 7 * i64::from(span.get_weeks()) + 30 * months;
    let rest = span.years(0).months(0).weeks(0).days(0);
    let total = rest.total(SpanTotal::from(Unit::Millisecond)).ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a span of time is far from an i64's end"
    )]
    let ms = days * 24 * 60 * 60_000 + total as i64;
    (0..=LONGEST_MS).contains(&ms).then_some(ms)
}

/// A moment in milliseconds since 1970: a number, or a date or time as text, in UTC unless it says otherwise.
pub(crate) fn moment(value: &Value) -> Option<i64> {
    if let Some(ms) = value.as_i64() {
        return Some(ms);
    }
    let text = value.as_str()?.trim();
    if let Ok(ms) = text.parse() {
        return Some(ms);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    let at: DateTime = text.parse().ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        let minute = 60_000;
        assert_eq!(milliseconds("3 days"), Some(3 * 24 * 60 * minute));
        assert_eq!(milliseconds("2h 30m"), Some(150 * minute));
        assert_eq!(milliseconds("1 week"), Some(7 * 24 * 60 * minute));
        assert_eq!(milliseconds("90s"), Some(90_000));
        for wrong in ["soon", "", "3", "-2 days", "9 years"] {
            assert_eq!(milliseconds(wrong), None, "{wrong}");
        }
    }
}

//! Times and days as people write them, made into the form that an endpoint takes.
//!
//! A time says where it is: with `Z` or an offset. One without is not guessed at, since an hour more or less books
//! another appointment; a day alone is its beginning in UTC.

use jiff::Timestamp;
use serde_json::Value;

use crate::forms::date;
use crate::{Shape, Type};

/// Seconds of the years 2001 to 2286 have ten digits, milliseconds thirteen.
const SECONDS_DIGITS: usize = 10;
const MS_DIGITS: usize = 13;

/// The value in the form of the shape's format; `None` where it reads as no time, or is in that form already.
pub(crate) fn plain(format: &str, shape: &Shape, value: &Value) -> Option<Value> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if format == "time" => number.to_string(),
        _ => return None,
    };
    let count = |number: i64| match shape.kind() {
        Type::String => number.to_string().into(),
        _ => Value::from(number),
    };
    match format {
        "time" => time(&text).map(Value::from),
        "time_ms" | "time_s" if is_number(&text) => text.parse().ok().map(count),
        "time_ms" => moment(&time(&text)?).map(|at| count(at.as_millisecond())),
        "time_s" => moment(&time(&text)?).map(|at| count(at.as_second())),
        "date_us" => us_day(&text).map(Value::from),
        _ => None,
    }
}

/// What `text` should have been, where it is not of one of these formats.
pub(crate) fn fault(format: &str, text: &str) -> Option<&'static str> {
    let (fits, expected) = match format {
        "time" => (
            moment(text).is_some(),
            "a time with its offset, such as 2026-01-31T10:00:00-05:00, or a day",
        ),
        "time_ms" | "time_s" => (
            is_number(text),
            "a time with its offset, such as 2026-01-31T10:00:00-05:00, a day, or a number since 1970",
        ),
        "date_us" => (us_day(text).as_deref() == Some(text), "a day, such as 2026-01-31"),
        _ => return None,
    };
    (!fits).then_some(expected)
}

fn is_number(text: &str) -> bool {
    let days = 8; // `20260131`
    text.len() > days && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// ISO 8601 with `Z` or an offset.
fn time(text: &str) -> Option<String> {
    if is_number(text) {
        let number = text.parse().ok()?;
        let at = match text.len() {
            SECONDS_DIGITS => Timestamp::from_second(number),
            MS_DIGITS => Timestamp::from_millisecond(number),
            _ => return None,
        };
        return at.ok().map(|at| at.to_string());
    }
    if moment(text).is_some() {
        return Some(text.replacen(' ', "T", 1));
    }
    let written = if text.contains(':') {
        let mut splits = text.match_indices([' ', 'T', ',']);
        splits.find_map(|(at, _)| day_and_clock(&text[..at], &text[at + 1..]))?
    } else {
        format!("{}T00:00:00Z", date(text)?)
    };
    moment(&written).map(|_| written)
}

fn day_and_clock(day: &str, clock: &str) -> Option<String> {
    let clock = clock.trim();
    let hour_ends = clock.find(':')?;
    let hour: u8 = clock[..hour_ends].parse().ok()?;
    let rest = clock[hour_ends..].to_lowercase();
    let zone_begins = rest.find(['z', 'u', 'g', '+', '-'])?;
    let (minutes, zone) = rest.split_at(zone_begins);
    let zone = match zone.trim() {
        "z" | "utc" | "gmt" => "Z",
        offset if offset.starts_with(['+', '-']) => offset,
        _ => return None,
    };
    let half = minutes.trim_end_matches(char::is_whitespace);
    let (minutes, hour) = match half.split_at_checked(half.len().saturating_sub(2)) {
        Some((minutes, "pm")) if hour <= 12 => (minutes, hour % 12 + 12),
        Some((minutes, "am")) if hour <= 12 => (minutes, hour % 12),
        _ => (half, hour),
    };
    Some(format!(
        "{}T{hour:02}{}{zone}",
        date(day.trim())?,
        minutes.trim_end()
    ))
}

/// `MM-DD-YYYY`.
fn us_day(text: &str) -> Option<String> {
    let day = date(text)?;
    let (year, rest) = day.split_once('-')?;
    Some(format!("{rest}-{year}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn read(format: &str, kind: Type, value: &Value) -> Option<Value> {
        let shape = Shape {
            r#type: kind,
            ..Shape::default()
        };
        plain(format, &shape, value)
    }

    #[rstest]
    #[case("2026-01-31T10:00:00-05:00", "2026-01-31T10:00:00-05:00")]
    #[case("2026-01-31 10:00Z", "2026-01-31T10:00Z")]
    #[case("2026-01-31T10:00:00.000Z", "2026-01-31T10:00:00.000Z")]
    #[case("31.01.2026 9:05 +01:00", "2026-01-31T09:05+01:00")]
    #[case("01/31/2026 2:30 PM UTC", "2026-01-31T14:30Z")]
    #[case("Jan 31, 2026, 12:00 am GMT", "2026-01-31T00:00Z")]
    #[case("31 January 2026", "2026-01-31T00:00:00Z")]
    #[case("20260131", "2026-01-31T00:00:00Z")]
    #[case("1769853600", "2026-01-31T10:00:00Z")]
    #[case("1769853600000", "2026-01-31T10:00:00Z")]
    fn times_of_every_common_form_become_one(#[case] written: &str, #[case] sent: &str) {
        let time = read("time", Type::String, &json!(written));
        assert_eq!(time, Some(json!(sent)));
        assert_eq!(fault("time", sent), None);
    }

    #[test]
    fn a_time_without_an_offset_is_not_guessed_at() {
        for wrong in [
            "2026-01-31T10:00:00",
            "31.01.2026 10:00",
            "2026-01-32",
            "2026-01-31 25:00Z",
            "10:00Z",
            "soon",
            "",
        ] {
            assert_eq!(read("time", Type::String, &json!(wrong)), None, "{wrong}");
            assert!(fault("time", wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_a_number_where_the_endpoint_counts() {
        let ms = 1_769_853_600_000_i64;
        for (format, kind, written, sent) in [
            ("time_ms", Type::Number, json!("31.01.2026 10:00Z"), json!(ms)),
            (
                "time_ms",
                Type::String,
                json!("2026-01-31T10:00:00Z"),
                json!(ms.to_string()),
            ),
            ("time_ms", Type::Number, json!(ms.to_string()), json!(ms)),
            (
                "time_s",
                Type::Number,
                json!("2026-01-31T10:00:00Z"),
                json!(ms / 1000),
            ),
            ("date_us", Type::String, json!("2026-01-31"), json!("01-31-2026")),
            ("date_us", Type::String, json!("01-31-2026"), json!("01-31-2026")),
        ] {
            assert_eq!(read(format, kind, &written), Some(sent), "{written}");
        }
        assert_eq!(read("time_ms", Type::Number, &json!(ms)), None, "as it is");
        assert!(fault("time_ms", "soon").is_some() && fault("date_us", "2026-01-31").is_some());
    }
}

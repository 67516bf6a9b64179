//! When a calendar is open, and which slots that gives, whether taken or not.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::Value;

use super::moment::Span;
use crate::documents::Document;

const MINUTE_MS: i64 = 60_000;

/// A length of time among a calendar's settings; 0 where there is none.
pub(super) fn length_ms(calendar: &Document, name: &str) -> i64 {
    let minutes = match calendar.text(&format!("{name}Unit")) {
        Some("hours") => 60,
        _ => 1,
    };
    number(calendar, name).saturating_mul(minutes * MINUTE_MS)
}

/// A whole number among a calendar's settings that is more than 0, else 0.
pub(super) fn number(calendar: &Document, name: &str) -> i64 {
    let value = calendar.fields.get(name).and_then(Value::as_i64);
    value.unwrap_or_default().max(0)
}

/// The time for which a calendar takes appointments now: after its minimum notice, within its date range.
pub(super) fn bookable(calendar: &Document, now_ms: i64, zone: &TimeZone) -> Span {
    let now = Timestamp::from_millisecond(now_ms).unwrap_or_default();
    let now = now.to_zoned(zone.clone());
    let ms = |moment: Zoned| moment.timestamp().as_millisecond();
    Span {
        start_ms: later(&now, calendar, "allowBookingAfter").map_or(now_ms, ms),
        end_ms: later(&now, calendar, "allowBookingFor").map_or(i64::MAX, ms),
    }
}

fn later(now: &Zoned, calendar: &Document, name: &str) -> Option<Zoned> {
    let number = Some(number(calendar, name)).filter(|number| *number > 0)?;
    let span = jiff::Span::new();
    let span = match calendar.text(&format!("{name}Unit")) {
        Some("hours") => span.try_hours(number),
        Some("weeks") => span.try_weeks(number),
        Some("months") => span.try_months(number),
        _ => span.try_days(number),
    };
    now.checked_add(span.ok()?).ok()
}

/// The begins of all slots within a span, in order.
pub(super) fn starts(calendar: &Document, within: Span, zone: &TimeZone) -> BTreeSet<i64> {
    let day = |ms: i64| Timestamp::from_millisecond(ms).ok();
    let day = |ms: i64| day(ms).map(|moment| moment.to_zoned(zone.clone()).date());
    let (Some(first), Some(last)) = (day(within.start_ms), day(within.end_ms)) else {
        return BTreeSet::new();
    };
    let days = first.series(jiff::Span::new().days(1));
    days.take_while(|day| *day <= last)
        .flat_map(|day| on(calendar, day, zone))
        .filter(|start| within.has(*start))
        .collect()
}

/// The begins of the slots of one day.
fn on(calendar: &Document, day: Date, zone: &TimeZone) -> Vec<i64> {
    let duration = length_ms(calendar, "slotDuration").max(MINUTE_MS);
    let interval = length_ms(calendar, "slotInterval").max(MINUTE_MS);
    let mut starts = Vec::new();
    for (open, close) in open_ms(calendar, day) {
        let mut at = open;
        while at.saturating_add(duration) <= close {
            let local = day.to_datetime(Time::midnight());
            let local = local.checked_add(jiff::SignedDuration::from_millis(at)).ok();
            let moment = local.and_then(|local| local.to_zoned(zone.clone()).ok());
            starts.extend(moment.map(|moment| moment.timestamp().as_millisecond()));
            at = at.saturating_add(interval);
        }
    }
    starts
}

/// From when to when a calendar is open on a day, in ms after midnight: by `availabilityType` 0 its weekly hours, by 1
/// those of certain dates, else those of the date before the weekly ones.
fn open_ms(calendar: &Document, day: Date) -> Vec<(i64, i64)> {
    let list = |name: &str| {
        calendar
            .fields
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let date = day.to_string();
    let of_date: Vec<&Value> = list("availabilities")
        .filter(|one| one["deleted"] != true)
        .filter(|one| one["date"].as_str().is_some_and(|text| text.starts_with(&date)))
        .collect();
    let weekday = i64::from(day.weekday().to_sunday_zero_offset());
    let weekly = list("openHours").filter(|one| {
        let mut days = one["daysOfTheWeek"].as_array().into_iter().flatten();
        days.any(|day| day.as_i64() == Some(weekday))
    });
    let open: Vec<&Value> = match calendar.fields.get("availabilityType").and_then(Value::as_i64) {
        Some(0) => weekly.collect(),
        Some(1) => of_date,
        _ if of_date.is_empty() => weekly.collect(),
        _ => of_date,
    };
    let hours = open
        .into_iter()
        .filter_map(|one| one["hours"].as_array())
        .flatten();
    hours
        .map(|hours| (minute(hours, "open"), minute(hours, "close")))
        .collect()
}

fn minute(hours: &Value, edge: &str) -> i64 {
    let number = |unit: &str| hours[format!("{edge}{unit}")].as_i64().unwrap_or_default();
    let minutes = number("Hour").saturating_mul(60).saturating_add(number("Minute"));
    // No day has more, however much was sent.
    minutes.clamp(0, 24 * 60) * MINUTE_MS
}

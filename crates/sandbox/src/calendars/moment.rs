//! Moments and spans of time, as requests and answers have them.

use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::invalid;
use crate::accounts::Scene;
use crate::documents::Document;
use crate::reply::Reply;

/// From a moment to another one that is no longer in it; in ms since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Span {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
}

impl Span {
    /// Begin and end of an appointment or a blocked time.
    pub(super) fn of(event: &Document) -> Option<Self> {
        let ms = |name: &str| event.text(name).and_then(read);
        Some(Self {
            start_ms: ms("startTime")?,
            end_ms: ms("endTime")?,
        })
    }

    /// Whether the two have a moment in common, with `gap_ms` between them counting as one.
    pub(super) fn overlaps(self, other: Self, gap_ms: i64) -> bool {
        self.start_ms < other.end_ms.saturating_add(gap_ms)
            && other.start_ms < self.end_ms.saturating_add(gap_ms)
    }

    pub(super) fn has(self, moment_ms: i64) -> bool {
        (self.start_ms..self.end_ms).contains(&moment_ms)
    }

    pub(super) fn length_ms(self) -> i64 {
        self.end_ms.saturating_sub(self.start_ms)
    }

    /// 422 where it ends before it begins.
    pub(super) fn check(self) -> Result<Self, Reply> {
        if self.end_ms > self.start_ms {
            Ok(self)
        } else {
            Err(invalid("endTime must be after startTime"))
        }
    }
}

/// A moment written by ISO 8601 with its offset.
fn read(text: &str) -> Option<i64> {
    let moment: Timestamp = text.parse().ok()?;
    Some(moment.as_millisecond())
}

/// The moment in this field of the body; 422 where it is none.
pub(super) fn in_body(scene: &Scene<'_>, name: &str) -> Result<Option<i64>, Reply> {
    let Some(text) = scene.body.get(name).and_then(Value::as_str) else {
        return Ok(None);
    };
    let moment = read(text);
    let wrong = || {
        invalid(&format!(
            "{name} must be a valid ISO 8601 date string with an offset"
        ))
    };
    moment.map(Some).ok_or_else(wrong)
}

/// The ms since 1970 in this parameter of the query; 422 where there are none, or more than a calendar has.
pub(super) fn in_query(scene: &Scene<'_>, name: &str) -> Result<i64, Reply> {
    let ms = scene.query(name).and_then(|text| text.parse::<i64>().ok());
    let ms = ms.filter(|ms| Timestamp::from_millisecond(*ms).is_ok());
    ms.ok_or_else(|| invalid(&format!("{name} must be a time in milliseconds")))
}

/// The moment in a zone, with its offset.
pub(super) fn shown(ms: i64, zone: &TimeZone) -> String {
    written(ms, zone, "%Y-%m-%dT%H:%M:%S%:z")
}

/// The moment in a zone, without its offset.
pub(super) fn shown_plain(ms: i64, zone: &TimeZone) -> String {
    written(ms, zone, "%Y-%m-%d %H:%M:%S")
}

/// The moment with the offset that `text` has.
pub(super) fn shown_like(ms: i64, text: &str) -> String {
    let offset = Pieces::parse(text)
        .ok()
        .and_then(|pieces| pieces.to_numeric_offset());
    shown(ms, &offset.map_or(TimeZone::UTC, TimeZone::fixed))
}

fn written(ms: i64, zone: &TimeZone, format: &str) -> String {
    let moment = Timestamp::from_millisecond(ms).unwrap_or_default();
    moment.to_zoned(zone.clone()).strftime(format).to_string()
}

/// The location's zone; UTC where this machine doesn't know it.
pub(super) fn zone_of(scene: &Scene<'_>, location: &str) -> TimeZone {
    let location = scene.settings.location(location);
    let zone = location.and_then(|location| TimeZone::get(&location.timezone).ok());
    zone.unwrap_or(TimeZone::UTC)
}

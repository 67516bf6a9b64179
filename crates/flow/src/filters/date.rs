//! Moments: as people read and write them, and counted on. Time zones come from the program itself, so that every
//! machine answers the same.

use std::sync::LazyLock;

use jiff::fmt::strtime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, Zoned};
use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind, State};

use super::{misused, present, text};

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// `event.occurred_at | date` is `2024-11-08`; with a format and a zone, `… | date("%d %b %Y", zone="Europe/Berlin")`.
///
/// Takes milliseconds since 1970, as events have them, or an RFC 3339 text. The format is that of `strftime`; the zone
/// is UTC unless named.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form in which the engine passes named arguments"
)]
pub(super) fn date(
    state: &mut State,
    value: &Value,
    format: Option<String>,
    options: Kwargs,
) -> Result<Option<String>, Error> {
    let format = match format {
        Some(format) => Some(format),
        None => options.get("format")?,
    };
    let Some(moment) = zoned("date", state, value, &options)? else {
        return Ok(None);
    };
    let format = format.as_deref().unwrap_or("%Y-%m-%d");
    let text = strtime::format(format, &moment);
    text.map(Some).map_err(|error| no_format(format, &error))
}

/// `"24.12.2026 18:30" | parse_date("%d.%m.%Y %H:%M", zone="Europe/Berlin")` is the moment in milliseconds since 1970;
/// none where the text is no such date.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form in which the engine passes named arguments"
)]
pub(super) fn parse_date(
    state: &mut State,
    value: &Value,
    format: &str,
    options: Kwargs,
) -> Result<Option<i64>, Error> {
    let zone = zone(&options)?;
    let Some(text) = text(state, value)? else {
        return Ok(None);
    };
    let Ok(parsed) = strtime::parse(format, text.trim()) else {
        // A wrong format would make each text none: it must be said.
        let known = strtime::format(format, &Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC));
        return known.map(|_| None).map_err(|error| no_format(format, &error));
    };
    let moment = match parsed.to_timestamp() {
        Ok(moment) => Some(moment),
        Err(_) => {
            let midnight = || parsed.to_date().map(|date| date.at(0, 0, 0, 0));
            let civil = parsed.to_datetime().or_else(|_| midnight());
            let zoned = civil.and_then(|civil| civil.to_zoned(zone));
            zoned.ok().map(|zoned| zoned.timestamp())
        }
    };
    Ok(moment.map(Timestamp::as_millisecond))
}

/// `event.occurred_at | add_days(30)`: the moment so many days later, earlier when negative. In a zone the time of day
/// stays when its clocks change.
pub(super) fn add_days(
    state: &mut State,
    value: &Value,
    days: i64,
    options: Kwargs,
) -> Result<Option<i64>, Error> {
    add("add_days", state, value, options, || Span::new().try_days(days))
}

/// `event.occurred_at | add_months(1)`: from the 31st to the last day of a shorter month.
pub(super) fn add_months(
    state: &mut State,
    value: &Value,
    months: i64,
    options: Kwargs,
) -> Result<Option<i64>, Error> {
    add("add_months", state, value, options, || {
        Span::new().try_months(months)
    })
}

/// `event.occurred_at | add_hours(2)`.
pub(super) fn add_hours(
    state: &mut State,
    value: &Value,
    hours: i64,
    options: Kwargs,
) -> Result<Option<i64>, Error> {
    add("add_hours", state, value, options, || {
        Span::new().try_hours(hours)
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the form in which the engine passes named arguments"
)]
fn add(
    filter: &str,
    state: &mut State,
    value: &Value,
    options: Kwargs,
    span: impl Fn() -> Result<Span, jiff::Error>,
) -> Result<Option<i64>, Error> {
    let Some(moment) = zoned(filter, state, value, &options)? else {
        return Ok(None);
    };
    let later = span().and_then(|span| moment.checked_add(span));
    let later = later.map_err(|_| fault(format!("`{filter}` leaves the calendar")))?;
    Ok(Some(later.timestamp().as_millisecond()))
}

/// `event.occurred_at | weekday` is 1 for Monday up to 7 for Sunday.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form in which the engine passes named arguments"
)]
pub(super) fn weekday(state: &mut State, value: &Value, options: Kwargs) -> Result<Option<i64>, Error> {
    let moment = zoned("weekday", state, value, &options)?;
    Ok(moment.map(|moment| i64::from(moment.weekday().to_monday_one_offset())))
}

/// `contact.first_order_at | days_until(event.occurred_at)`: midnights from one moment to the other.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form in which the engine passes named arguments"
)]
pub(super) fn days_until(
    state: &mut State,
    value: &Value,
    other: &Value,
    options: Kwargs,
) -> Result<Option<i64>, Error> {
    let from = zoned("days_until", state, value, &options)?;
    let to = zoned("days_until", state, other, &options)?;
    let (Some(from), Some(to)) = (from, to) else {
        return Ok(None);
    };
    let days = from.date().until((jiff::Unit::Day, to.date()));
    let days = days.map_err(|_| fault("`days_until` leaves the calendar".to_owned()))?;
    Ok(Some(i64::from(days.get_days())))
}

/// `event.occurred_at | start_of_day(zone="Europe/Berlin")`: the midnight before.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form in which the engine passes named arguments"
)]
pub(super) fn start_of_day(state: &mut State, value: &Value, options: Kwargs) -> Result<Option<i64>, Error> {
    let Some(moment) = zoned("start_of_day", state, value, &options)? else {
        return Ok(None);
    };
    let start = moment.start_of_day();
    let start = start.map_err(|_| fault("`start_of_day` leaves the calendar".to_owned()))?;
    Ok(Some(start.timestamp().as_millisecond()))
}

/// The moment, in the zone that is named; none where the value is.
fn zoned(filter: &str, state: &mut State, value: &Value, options: &Kwargs) -> Result<Option<Zoned>, Error> {
    let zone = zone(options)?;
    let Some(value) = present(state, value)? else {
        return Ok(None);
    };
    let moment = match value.as_i64() {
        Some(ms) => Timestamp::from_millisecond(ms).ok(),
        None => value.as_str().and_then(|text| text.parse().ok()),
    };
    let moment =
        moment.ok_or_else(|| misused(filter, "milliseconds since 1970 or an RFC 3339 text", &value))?;
    Ok(Some(moment.to_zoned(zone)))
}

/// The only option that all of these have.
fn zone(options: &Kwargs) -> Result<TimeZone, Error> {
    let name: Option<String> = options.get("zone")?;
    options.assert_all_used()?;
    match name {
        Some(name) => ZONES
            .get(&name)
            .map_err(|_| fault(format!("there is no time zone `{name}`"))),
        None => Ok(TimeZone::UTC),
    }
}

fn no_format(format: &str, error: &jiff::Error) -> Error {
    fault(format!("`{format}` is not a format of a date: {error}"))
}

fn fault(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

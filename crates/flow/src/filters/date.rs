//! Moments as people read them. Time zones come from the program itself, so that every machine answers the same.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind, State};

use super::{misused, present};

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
    let zone: Option<String> = options.get("zone")?;
    let format = match format {
        Some(format) => Some(format),
        None => options.get("format")?,
    };
    options.assert_all_used()?;
    let Some(value) = present(state, value)? else {
        return Ok(None);
    };
    let moment = match value.as_i64() {
        Some(ms) => Timestamp::from_millisecond(ms).ok(),
        None => value.as_str().and_then(|text| text.parse().ok()),
    };
    let moment =
        moment.ok_or_else(|| misused("date", "milliseconds since 1970 or an RFC 3339 text", &value))?;
    let zone = match zone {
        Some(name) => ZONES
            .get(&name)
            .map_err(|_| fault(format!("there is no time zone `{name}`")))?,
        None => TimeZone::UTC,
    };
    let format = format.as_deref().unwrap_or("%Y-%m-%d");
    let text = strtime::format(format, &moment.to_zoned(zone));
    text.map(Some)
        .map_err(|error| fault(format!("`{format}` is not a format of a date: {error}")))
}

fn fault(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

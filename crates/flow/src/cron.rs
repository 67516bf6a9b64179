//! When a schedule is due: a cron expression in a time zone, also on the days when its clocks are changed.
//!
//! What always holds: a schedule that names its hours (`30 2 * * *`) is due once a day: where the clocks skip its time, as
//! much later; where they show its time twice, the first time. One that takes every hour (`0 * * * *`, `*/10 * * * *`) is
//! due at even distances, whatever the clocks show.

use cartlane_model::UnixMs;
use cronexpr::Crontab;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::names::nearest;

/// A schedule, read.
#[derive(Debug)]
pub struct Cron {
    zone: TimeZone,
    in_zone: Crontab,
    /// The same as if the zone's clocks were UTC's.
    on_the_clock: Crontab,
    names_hours: bool,
}

impl Cron {
    /// Reads a cron expression of five fields; what is wrong with it.
    pub fn new(cron: &str, zone: &str) -> Result<Self, String> {
        let fields: Vec<&str> = cron.split_whitespace().collect();
        let [_, hour, ..] = fields[..] else {
            return Err("five fields are wanted: minute, hour, day, month, day of week".into());
        };
        if fields.len() != 5 {
            return Err(format!(
                "five fields are wanted (minute, hour, day, month, day of week), and there are {}",
                fields.len()
            ));
        }
        let on_the_clock = cronexpr::parse_crontab(&format!("{cron} UTC")).map_err(|error| reason(&error))?;
        let of_zone = self::zone(zone)?;
        let in_zone = cronexpr::parse_crontab(&format!("{cron} {zone}")).map_err(|error| reason(&error))?;
        let read = Self {
            zone: of_zone,
            in_zone,
            on_the_clock,
            names_hours: !hour.starts_with('*'),
        };
        match read.next_after(UnixMs(0)) {
            Some(_) => Ok(read),
            None => Err("it never comes".into()),
        }
    }

    /// When it is due next, after this moment; `None` where that is not within four years.
    pub fn next_after(&self, after: UnixMs) -> Option<UnixMs> {
        let after = Timestamp::from_millisecond(after.0).ok()?;
        let next = if self.names_hours {
            self.next_by_the_clock(after)?
        } else {
            self.in_zone
                .find_next(cronexpr::MakeTimestamp(after))
                .ok()?
                .timestamp()
        };
        Some(UnixMs(next.as_millisecond()))
    }

    /// The last time that it was due after `from` and not after `until`, and how often it was.
    pub fn latest(&self, from: UnixMs, until: UnixMs) -> Option<(UnixMs, u64)> {
        let (mut latest, mut count) = (None, 0);
        let mut at = from;
        while let Some(next) = self.next_after(at).filter(|next| *next <= until) {
            (latest, at, count) = (Some(next), next, count + 1);
        }
        latest.map(|latest| (latest, count))
    }

    fn next_by_the_clock(&self, after: Timestamp) -> Option<Timestamp> {
        // What the clocks have skipped comes as much later, so it may still be ahead.
        let mut shown = after
            .to_zoned(self.zone.clone())
            .datetime()
            .checked_sub(3.hours())
            .ok()?;
        let mut best: Option<(Timestamp, DateTime)> = None;
        loop {
            let as_utc = shown.to_zoned(TimeZone::UTC).ok()?.timestamp();
            let found = self.on_the_clock.find_next(cronexpr::MakeTimestamp(as_utc)).ok();
            let Some(next) = found.map(|next| next.datetime()) else {
                return best.map(|(at, _)| at);
            };
            if best.is_some_and(|(_, clock)| next >= clock) {
                return best.map(|(at, _)| at);
            }
            let zoned = self.zone.to_ambiguous_zoned(next).compatible().ok()?;
            if zoned.timestamp() > after && best.is_none_or(|(at, _)| zoned.timestamp() < at) {
                best = Some((zoned.timestamp(), zoned.datetime()));
            }
            shown = next;
        }
    }
}

/// The time zone of this name; else what is wrong with it.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        let known: Vec<_> = jiff::tz::db().available().collect();
        let known = || known.iter().map(jiff::tz::TimeZoneName::as_str);
        let of_city = known().find(|zone| {
            zone.rsplit('/')
                .next()
                .is_some_and(|city| city.eq_ignore_ascii_case(name))
        });
        match of_city.or_else(|| nearest(name, known())) {
            Some(near) => format!("there is no time zone `{name}`; did you mean `{near}`?"),
            None => format!("there is no time zone `{name}`; they look like `Europe/Berlin`"),
        }
    })
}

/// The crate's own words in one line, without its picture of the place.
fn reason(error: &cronexpr::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .next_back()
        .unwrap_or("it is no cron expression")
        .trim_start_matches(['^', ' '])
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(cron: &str, from: &str, count: usize) -> Vec<String> {
        let read = Cron::new(cron, "Europe/Berlin").expect("a schedule");
        let mut at = UnixMs(from.parse::<Timestamp>().expect("a moment").as_millisecond());
        let next = || {
            at = read.next_after(at)?;
            let moment = Timestamp::from_millisecond(at.0).ok()?;
            Some(
                moment
                    .to_zoned(TimeZone::get("Europe/Berlin").ok()?)
                    .strftime("%d %H:%M %Z")
                    .to_string(),
            )
        };
        std::iter::from_fn(next).take(count).collect()
    }

    #[test]
    fn a_named_hour_comes_once_a_day_when_the_clocks_are_changed() {
        let spring = due("30 2 * * *", "2026-03-28T00:00:00Z", 3);
        assert_eq!(spring, ["28 02:30 CET", "29 03:30 CEST", "30 02:30 CEST"]);
        let after_the_gap = due("30 2 * * *", "2026-03-29T01:10:00Z", 1);
        assert_eq!(after_the_gap, ["29 03:30 CEST"]);
        let autumn = due("30 2 * * *", "2026-10-24T00:00:00Z", 3);
        assert_eq!(autumn, ["24 02:30 CEST", "25 02:30 CEST", "26 02:30 CET"]);
    }

    #[test]
    fn two_times_that_fall_together_are_one_and_come_in_order() {
        let spring = due("0,30 2-3 * * *", "2026-03-29T00:00:00Z", 3);
        assert_eq!(spring, ["29 03:00 CEST", "29 03:30 CEST", "30 02:00 CEST"]);
    }

    #[test]
    fn every_hour_is_every_hour_whatever_the_clocks_show() {
        let spring = due("0 * * * *", "2026-03-29T00:30:00Z", 2);
        assert_eq!(spring, ["29 03:00 CEST", "29 04:00 CEST"]);
        let autumn = due("0 * * * *", "2026-10-24T23:30:00Z", 3);
        assert_eq!(autumn, ["25 02:00 CEST", "25 02:00 CET", "25 03:00 CET"]);
    }

    #[test]
    fn the_latest_of_what_was_missed_is_found() {
        let read = Cron::new("0 9 * * 1", "UTC").expect("a schedule");
        let at = |text: &str| UnixMs(text.parse::<Timestamp>().expect("a moment").as_millisecond());
        let latest = read.latest(at("2026-11-01T00:00:00Z"), at("2026-11-17T00:00:00Z"));
        assert_eq!(latest, Some((at("2026-11-16T09:00:00Z"), 3)));
        assert_eq!(
            read.latest(at("2026-11-16T09:00:00Z"), at("2026-11-17T00:00:00Z")),
            None
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (cron, zone, expected) in [
            (
                "0 9 * *",
                "UTC",
                "five fields are wanted (minute, hour, day, month, day of week), and there are 4",
            ),
            (
                "0 9 * * 1",
                "Europe/Berln",
                "there is no time zone `Europe/Berln`; did you mean `Europe/Berlin`?",
            ),
            ("0 0 30 2 *", "UTC", "it never comes"),
        ] {
            assert_eq!(Cron::new(cron, zone).expect_err("a fault"), expected);
        }
        assert!(
            Cron::new("61 9 * * *", "UTC")
                .expect_err("a fault")
                .contains("61")
        );
    }
}

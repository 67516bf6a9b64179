//! Free slots: what is open and not taken.

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::agenda::{Agenda, check_member, members};
use super::moment::{self, Span};
use super::{find, hours, invalid, is_set};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::reply::{Done, Reply};

/// How far apart begin and end of what is asked for may be.
const SPAN_MS_MAX: i64 = 31 * 86_400_000;

/// GET /calendars/{id}/free-slots: by day, in the location's zone unless another one is asked for. Days without any
/// are left out.
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let calendar = find(scene, scene.param(0))?;
    let asked = Span {
        start_ms: moment::in_query(scene, "startDate")?,
        end_ms: moment::in_query(scene, "endDate")?,
    };
    if asked.length_ms() < 0 {
        return Err(Reply::bad_request("endDate must be after startDate"));
    }
    if asked.length_ms() > SPAN_MS_MAX {
        return Err(Reply::bad_request("Date range cannot be more than 31 days"));
    }
    let own = moment::zone_of(scene, &calendar.location);
    let zone = match scene.query("timezone") {
        Some(name) => TimeZone::get(name).map_err(|_| invalid("timezone must be a time zone"))?,
        None => own.clone(),
    };
    let wanted = users(scene);
    let agenda = Agenda::of(scene, &calendar, &own, None);
    let open = hours::bookable(&calendar, scene.now.0, &own);
    let mut days: Map<String, Value> = Map::new();
    for start_ms in hours::starts(&calendar, asked, &own) {
        let slot = of(&calendar, start_ms);
        if open.has(start_ms) && agenda.free(slot, &wanted).is_some() {
            let slot = moment::shown(start_ms, &zone);
            let day = days.entry(&slot[..10]).or_insert_with(|| json!({"slots": []}));
            if let Some(slots) = day["slots"].as_array_mut() {
                slots.push(json!(slot));
            }
        }
    }
    Ok(Done::read(Value::Object(days)))
}

/// The users of `userId` and `userIds`, which is repeated for a list.
fn users(scene: &Scene<'_>) -> Vec<String> {
    let name = |name: &str| name.split('[').next().unwrap_or_default().to_owned();
    let named = scene
        .query
        .iter()
        .filter(|(key, _)| ["userId", "userIds"].contains(&name(key).as_str()));
    named
        .map(|(_, user)| user.clone())
        .filter(|user| !user.is_empty())
        .collect()
}

/// The slot that begins at this moment.
pub(super) fn of(calendar: &Document, start_ms: i64) -> Span {
    Span {
        start_ms,
        end_ms: start_ms.saturating_add(hours::length_ms(calendar, "slotDuration").max(1)),
    }
}

/// Whose an appointment then would be: the user's, else the first free member's, nobody's where the calendar has no
/// members. 400 where no free slot begins then or the time is taken, unless the body says not to look.
pub(super) fn take(
    scene: &Scene<'_>,
    calendar: &Document,
    span: Span,
    user: Option<&str>,
    except: Option<&str>,
) -> Result<Option<String>, Reply> {
    if let Some(user) = user {
        check_member(calendar, user)?;
    }
    let user = user.map(str::to_owned);
    if is_set(scene, "ignoreFreeSlotValidation") {
        return Ok(user.or_else(|| members(calendar).into_iter().next()));
    }
    let zone = moment::zone_of(scene, &calendar.location);
    let begin = Span {
        start_ms: span.start_ms,
        end_ms: span.start_ms.saturating_add(1),
    };
    let is_slot = !hours::starts(calendar, begin, &zone).is_empty();
    let in_range =
        is_set(scene, "ignoreDateRange") || hours::bookable(calendar, scene.now.0, &zone).has(span.start_ms);
    let wanted: Vec<String> = user.iter().cloned().collect();
    let free = Agenda::of(scene, calendar, &zone, except).free(span, &wanted);
    match free.filter(|_| is_slot && in_range) {
        Some(free) => Ok(user.or_else(|| free.into_iter().next())),
        None => Err(Reply::bad_request(
            "The slot you have selected is no longer available.",
        )),
    }
}

//! GET /opportunities/search: names in `snake_case`, pages by number or behind the last row.

use cartlane_model::UnixMs;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{KIND, view};
use crate::accounts::Scene;
use crate::calendars;
use crate::contacts::mentions;
use crate::documents::Document;
use crate::reply::{Done, Reply};
use crate::tasks;

const DAY_MS: i64 = 86_400_000;

/// GET /opportunities/search: newest first; `order` isn't heeded. The cursor is given as long as a page isn't empty.
pub(super) fn search(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("location_id")?;
    let limit = number(scene, "limit", 20)?;
    if limit > 100 {
        return Err(invalid("limit must not be greater than 100"));
    }
    let page = number(scene, "page", 1)?;
    let behind = match (scene.query("startAfter"), scene.query("startAfterId")) {
        (Some(ms), Some(id)) => {
            let ms = ms
                .parse()
                .map_err(|_| invalid("startAfter must be a number string"))?;
            Some((UnixMs(ms), id))
        }
        _ => None,
    };
    let period = (day(scene, "date")?, day(scene, "endDate")?.map(|ms| ms + DAY_MS));
    let all = scene.store.documents.of(KIND, &location);
    let mut found: Vec<&Document> = all
        .filter(|opportunity| fits(scene, opportunity) && within(opportunity, period))
        .collect();
    found.sort_by(|one, other| age(other).cmp(&age(one)));
    let total = found.len();
    let skipped = match behind {
        Some(last) => found.partition_point(|opportunity| age(opportunity) >= last),
        None => (page - 1) * limit,
    };
    let rows: Vec<&Document> = found.into_iter().skip(skipped).take(limit).collect();
    let mut meta = json!({
        "total": total,
        "currentPage": page,
        "nextPage": (skipped + rows.len() < total).then_some(page + 1),
        "prevPage": (page > 1).then(|| page - 1),
    });
    if let Some(last) = rows.last() {
        let (ms, id) = (last.added_at.0, &last.id);
        meta["startAfter"] = json!(ms);
        meta["startAfterId"] = json!(id);
        // The host of GHL's own next page can't be reached from outside either.
        meta["nextPageUrl"] = json!(format!(
            "http://localhost:5066/opportunities/search?location_id={location}&startAfter={ms}&startAfterId={id}&limit={limit}"
        ));
    }
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|opportunity| row(scene, opportunity))
        .collect();
    Ok(Done::read(
        json!({"opportunities": rows, "meta": meta, "aggregations": {}}),
    ))
}

fn age(opportunity: &Document) -> (UnixMs, &str) {
    (opportunity.added_at, &opportunity.id)
}

/// What was asked for beside the opportunity. Notes are documented, but don't come.
fn row(scene: &Scene<'_>, opportunity: &Document) -> Value {
    let mut row = view(scene.store, opportunity);
    if scene.query("getTasks") == Some("true") {
        let contact_id = opportunity.text("contactId").unwrap_or_default();
        row["tasks"] = json!(tasks::views(scene, &opportunity.location, contact_id));
    }
    if scene.query("getCalendarEvents") == Some("true") {
        let contact = opportunity
            .text("contactId")
            .and_then(|id| scene.store.contact(id));
        let events = contact.map(|contact| calendars::of_contact(scene, contact));
        row["calendarEvents"] = json!(events.unwrap_or_default());
    }
    row
}

/// Whether an opportunity is what the query asks for, but for its date.
fn fits(scene: &Scene<'_>, opportunity: &Document) -> bool {
    let contact = opportunity
        .text("contactId")
        .and_then(|id| scene.store.contact(id));
    let same = [
        ("pipeline_id", opportunity.text("pipelineId")),
        ("pipeline_stage_id", opportunity.text("pipelineStageId")),
        ("contact_id", opportunity.text("contactId")),
        ("assigned_to", opportunity.text("assignedTo")),
        ("id", Some(opportunity.id.as_str())),
        ("country", contact.and_then(|contact| contact.text("country"))),
    ];
    let wanted = |name: &str, is: Option<&str>| scene.query(name).is_none_or(|wanted| Some(wanted) == is);
    let status = scene.query("status").filter(|status| *status != "all");
    let text = scene.query("q").is_none_or(|text| {
        let name = opportunity.text("name").unwrap_or_default().to_lowercase();
        name.contains(&text.to_lowercase()) || contact.is_some_and(|contact| mentions(contact, text))
    });
    let campaign = scene.query("campaignId").is_none_or(|campaign| {
        contact.is_some_and(|contact| contact.campaigns.iter().any(|id| id == campaign))
    });
    same.into_iter().all(|(name, is)| wanted(name, is))
        && status.is_none_or(|status| opportunity.text("status") == Some(status))
        && text
        && campaign
}

fn within(opportunity: &Document, (from, to): (Option<i64>, Option<i64>)) -> bool {
    let added_ms = opportunity.added_at.0;
    from.is_none_or(|from| added_ms >= from) && to.is_none_or(|to| added_ms < to)
}

/// The beginning of a day, written as `mm-dd-yyyy`, in UTC.
fn day(scene: &Scene<'_>, name: &str) -> Result<Option<i64>, Reply> {
    let Some(text) = scene.query(name) else {
        return Ok(None);
    };
    let day = Date::strptime("%m-%d-%Y", text).and_then(|date| date.to_zoned(TimeZone::UTC));
    let day = day.map_err(|_| invalid(&format!("{name} must be a date as mm-dd-yyyy")))?;
    Ok(Some(day.timestamp().as_millisecond()))
}

fn number(scene: &Scene<'_>, name: &str, default: usize) -> Result<usize, Reply> {
    match scene.query(name).map(str::parse) {
        None => Ok(default),
        Some(Ok(number)) if number > 0 => Ok(number),
        Some(_) => Err(invalid(&format!("{name} must not be less than 1"))),
    }
}

fn invalid(message: &str) -> Reply {
    Reply::unprocessable(&[message.to_owned()])
}

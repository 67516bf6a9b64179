//! What takes the time of a calendar and of its members.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::hours::{length_ms, number};
use super::moment::Span;
use super::{APPOINTMENT, BLOCK};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::reply::Reply;

/// Appointments of these are none any more.
const FREEING: [&str; 3] = ["cancelled", "noshow", "invalid"];

/// A calendar's members, limits and everything that takes their time.
pub(super) struct Agenda {
    calendar: String,
    zone: TimeZone,
    /// Users, the primary one first.
    members: Vec<String>,
    needs_all: bool,
    per_slot: usize,
    per_day: usize,
    gap_ms: i64,
    busy: Vec<Busy>,
}

struct Busy {
    span: Span,
    calendar: Option<String>,
    user: Option<String>,
    is_block: bool,
}

/// Whether an appointment takes time.
pub(super) fn takes_time(appointment: &Document) -> bool {
    let status = appointment.text("appointmentStatus").unwrap_or_default();
    !FREEING.contains(&status)
}

/// The users of a calendar, the primary one first.
pub(super) fn members(calendar: &Document) -> Vec<String> {
    let all = calendar.fields.get("teamMembers").and_then(Value::as_array);
    let mut all: Vec<&Value> = all.into_iter().flatten().collect();
    all.sort_by_key(|member| member["isPrimary"] != true);
    let ids = all.into_iter().filter_map(|member| member["userId"].as_str());
    ids.map(str::to_owned).collect()
}

impl Agenda {
    /// The agenda without the appointment `except`.
    pub(super) fn of(scene: &Scene<'_>, calendar: &Document, zone: &TimeZone, except: Option<&str>) -> Self {
        let documents = &scene.store.documents;
        let appointments = documents
            .of(APPOINTMENT, &calendar.location)
            .filter(|appointment| takes_time(appointment) && except != Some(appointment.id.as_str()))
            .filter_map(|appointment| Busy::new(appointment, false));
        let blocks = documents
            .of(BLOCK, &calendar.location)
            .filter_map(|block| Busy::new(block, true));
        let count = |name: &str| usize::try_from(number(calendar, name)).unwrap_or_default();
        Self {
            calendar: calendar.id.clone(),
            zone: zone.clone(),
            members: members(calendar),
            needs_all: calendar.text("calendarType") == Some("collective"),
            per_slot: count("appoinmentPerSlot").max(1),
            per_day: count("appoinmentPerDay"),
            gap_ms: length_ms(calendar, "slotBuffer").saturating_add(length_ms(calendar, "preBuffer")),
            busy: appointments.chain(blocks).collect(),
        }
    }

    /// Which of the wanted users could take an appointment then, of all where none is wanted; none for a calendar
    /// without members. Refused where the time is taken.
    pub(super) fn free(&self, span: Span, wanted: &[String]) -> Option<Vec<String>> {
        if self.per_day > 0 && self.on_the_day_of(span) >= self.per_day {
            return None;
        }
        if self.members.is_empty() {
            let has_time = |user: &String| self.is_free(span, Some(user));
            let is_free = self.is_free(span, None) && (wanted.is_empty() || wanted.iter().any(has_time));
            return is_free.then(Vec::new);
        }
        let is_asked = |member: &&String| self.needs_all || wanted.is_empty() || wanted.contains(member);
        let asked: Vec<&String> = self.members.iter().filter(is_asked).collect();
        let free = asked.iter().filter(|member| self.is_free(span, Some(member)));
        let free: Vec<String> = free.map(|member| (*member).clone()).collect();
        let is_enough = !free.is_empty() && (!self.needs_all || free.len() == asked.len());
        is_enough.then_some(free)
    }

    /// A blocked time and an appointment in another calendar take the whole time, one in this calendar a place of it.
    fn is_free(&self, span: Span, member: Option<&str>) -> bool {
        let mut places = self.per_slot;
        for busy in &self.busy {
            let is_own = busy.calendar.as_ref() == Some(&self.calendar);
            let is_members = member.is_some() && busy.user.as_deref() == member;
            let concerned = is_members || is_own && (busy.is_block || member.is_none());
            let gap_ms = if busy.is_block { 0 } else { self.gap_ms };
            if !concerned || !span.overlaps(busy.span, gap_ms) {
                continue;
            }
            places -= 1;
            if busy.is_block || !is_own || places == 0 {
                return false;
            }
        }
        true
    }

    /// How many appointments the calendar has on the day on which a span begins.
    fn on_the_day_of(&self, span: Span) -> usize {
        let day = |ms: i64| {
            let moment = Timestamp::from_millisecond(ms).unwrap_or_default();
            moment.to_zoned(self.zone.clone()).date()
        };
        let own = self.busy.iter().filter(|busy| {
            !busy.is_block
                && busy.calendar.as_ref() == Some(&self.calendar)
                && day(busy.span.start_ms) == day(span.start_ms)
        });
        own.count()
    }
}

impl Busy {
    fn new(event: &Document, is_block: bool) -> Option<Self> {
        Some(Self {
            span: Span::of(event)?,
            calendar: event.text("calendarId").map(str::to_owned),
            user: event.text("assignedUserId").map(str::to_owned),
            is_block,
        })
    }
}

/// 400 where the calendar has members, and this user is none of them.
pub(super) fn check_member(calendar: &Document, user: &str) -> Result<(), Reply> {
    let members = members(calendar);
    if members.is_empty() || members.iter().any(|member| member == user) {
        Ok(())
    } else {
        Err(Reply::bad_request("The user is no team member of the calendar."))
    }
}

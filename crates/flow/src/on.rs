//! What starts an automation: events that come in, polls, schedules, people, and the end of another automation.
//!
//! ```yaml
//! on:
//!   - order.success                                    # ThriveCart or GHL tells of it
//!   - poll: {operation: ghl.contacts.search, every: 5m} # we look for it
//!   - schedule: {cron: "0 9 * * 1", zone: Europe/Berlin}
//!   - manual                                           # a person, or a program by the API
//!   - automation: {name: Sync customers, outcome: [failed]}
//! ```
//!
//! What always holds: a trigger is written as it was read; what is left out stays left out.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::cron::{self, Cron};
use crate::document::Document;
use crate::names::nearest;
use crate::parse::Findings;
use crate::validate::{Operations, kind_fault};

/// The kind of event that a poll makes.
pub const POLL_ITEM: &str = "poll.item";
/// The kind of event that a schedule makes.
pub const SCHEDULE_DUE: &str = "schedule.due";
/// The kind of event that a person makes.
pub const MANUAL_RUN: &str = "manual.run";

/// All kinds of event that nobody sends.
pub const OWN_KINDS: [&str; 6] = [
    POLL_ITEM,
    SCHEDULE_DUE,
    MANUAL_RUN,
    "automation.done",
    "automation.failed",
    "automation.skipped",
];

/// Whether nobody sends events of this kind: a poll, a schedule, a person or another automation makes them.
pub fn is_own_kind(kind: &str) -> bool {
    OWN_KINDS.contains(&kind)
}

pub(crate) const FORMS: [&str; 4] = ["poll", "schedule", "manual", "automation"];
pub(crate) const POLL_KEYS: [&str; 5] = ["operation", "with", "every", "connection", "existing"];
pub(crate) const SCHEDULE_KEYS: [&str; 2] = ["cron", "zone"];
pub(crate) const OUTCOME_KEYS: [&str; 2] = ["name", "outcome"];

/// One thing that starts an automation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// What is new or changed in a list, or in one thing, that is looked at again and again.
    Poll(Poll),
    /// A time.
    Schedule(Schedule),
    /// A person, by `cartlane automations run`, or a program by the API.
    Manual,
    /// The end of another automation's run.
    Automation(Outcome),
    /// An event of this kind.
    #[serde(untagged)]
    Event(String),
}

impl On {
    /// The kind of the event that it begins with; of the end of another automation the first that is meant.
    pub fn kind(&self) -> &str {
        match self {
            Self::Poll(_) => POLL_ITEM,
            Self::Schedule(_) => SCHEDULE_DUE,
            Self::Manual => MANUAL_RUN,
            Self::Automation(outcome) => outcome.outcome.first().copied().unwrap_or(Ended::Done).kind(),
            Self::Event(kind) => kind,
        }
    }

    /// All kinds of event that it begins with.
    pub fn kinds(&self) -> Vec<&str> {
        let Self::Automation(outcome) = self else {
            return vec![self.kind()];
        };
        let ends = Ended::NAMES.into_iter().map(|(_, ended)| ended);
        ends.filter(|ended| outcome.is_of(*ended))
            .map(Ended::kind)
            .collect()
    }
}

/// A list or a thing that is watched.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Poll {
    /// The operation that reads it.
    pub operation: String,
    /// Its inputs. `{now}`, `{now+7d}` and `{now-12h}` stand for moments, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub with: Map<String, Value>,
    /// How often; every five minutes where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Every>,
    /// Whose account; the automation's connection where it names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Whether what is there already when it begins counts as new.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub existing: bool,
}

impl Poll {
    /// How often, in milliseconds.
    pub fn every_ms(&self) -> i64 {
        i64::from(self.every.unwrap_or_default().minutes()) * 60_000
    }
}

/// How often something is polled: whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every(u8);

impl Every {
    /// The rarest.
    pub const MOST: u8 = 15;

    /// How many minutes.
    pub fn minutes(self) -> u8 {
        self.0
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_suffix('m')?.trim();
        let minutes = digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(digits)?;
        let minutes: u8 = minutes.parse().ok()?;
        (1..=Self::MOST).contains(&minutes).then_some(Self(minutes))
    }
}

impl Default for Every {
    fn default() -> Self {
        Self(5)
    }
}

impl Serialize for Every {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}m", self.0))
    }
}

/// Times, as cron writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// Minute, hour, day, month, day of week.
    pub cron: String,
    /// Whose clocks count; UTC where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

impl Schedule {
    /// The zone.
    pub fn zone(&self) -> &str {
        self.zone.as_deref().unwrap_or("UTC")
    }
}

/// The end of another automation's run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The automation.
    pub name: String,
    /// How it ended; `done` alone where it says nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outcome: Vec<Ended>,
}

impl Outcome {
    /// Whether a run that ended so is meant.
    pub fn is_of(&self, ended: Ended) -> bool {
        match self.outcome[..] {
            [] => ended == Ended::Done,
            _ => self.outcome.contains(&ended),
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// All steps are done.
    Done,
    /// A step failed.
    Failed,
    /// Its condition did not hold.
    Skipped,
}

impl Ended {
    /// All, as a document writes them.
    pub const NAMES: [(&str, Self); 3] = [
        ("done", Self::Done),
        ("failed", Self::Failed),
        ("skipped", Self::Skipped),
    ];

    /// The kind of event that tells of it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Done => "automation.done",
            Self::Failed => "automation.failed",
            Self::Skipped => "automation.skipped",
        }
    }

    /// The end that an event of this kind tells of.
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::NAMES
            .into_iter()
            .map(|(_, ended)| ended)
            .find(|ended| ended.kind() == kind)
    }
}

/// Notes everything that is wrong with the triggers of a document.
pub(crate) fn check(document: &Document, operations: &dyn Operations, findings: &mut Findings) {
    if document.on.is_empty() {
        let message = "say what starts it: a kind of event such as `order.success`, or one of poll, schedule, manual, \
                       automation";
        findings.push("on", message);
    }
    for (index, on) in document.on.iter().enumerate() {
        let path = format!("on[{index}]");
        match on {
            On::Event(kind) if kind.is_empty() => {} // noted when it was read
            On::Event(kind) => check_kind(&path, kind, findings),
            On::Poll(poll) => check_poll(&format!("{path}.poll"), poll, operations, findings),
            On::Schedule(schedule) => {
                let zone = cron::zone(schedule.zone());
                // Where the zone is wrong, the times can be looked at in another one.
                let in_zone = if zone.is_ok() { schedule.zone() } else { "UTC" };
                if let Err(fault) = Cron::new(&schedule.cron, in_zone) {
                    let message = format!("`{}` is no schedule: {fault}", schedule.cron);
                    findings.push(format!("{path}.schedule.cron"), message);
                }
                if let Err(fault) = zone {
                    findings.push(format!("{path}.schedule.zone"), fault);
                }
            }
            On::Automation(outcome) if outcome.name.trim().is_empty() => {
                let message = "say which automation, by its `name`";
                findings.push(format!("{path}.automation"), message);
            }
            On::Automation(outcome) if outcome.name == document.name => {
                let message = "an automation cannot start itself";
                findings.push(format!("{path}.automation.name"), message);
            }
            On::Manual | On::Automation(_) => {}
        }
    }
}

fn check_kind(path: &str, kind: &str, findings: &mut Findings) {
    let form = match kind {
        POLL_ITEM | "poll" => Some("poll: {operation: …}"),
        SCHEDULE_DUE | "schedule" => Some("schedule: {cron: …, zone: …}"),
        MANUAL_RUN => Some("manual"),
        "automation" => Some("automation: {name: …}"),
        kind if Ended::of_kind(kind).is_some() => Some("automation: {name: …}"),
        _ => None,
    };
    let message = if let Some(form) = form {
        format!("`{kind}` is said as `{form}`")
    } else if let Some(fault) = kind_fault(kind) {
        fault
    } else if let Some(form) = nearest(kind, FORMS).filter(|_| !kind.contains('.')) {
        format!("`{kind}` is no kind of event; did you mean `{form}`?")
    } else {
        return;
    };
    findings.push(path, message);
}

fn check_poll(path: &str, poll: &Poll, operations: &dyn Operations, findings: &mut Findings) {
    let id = poll.operation.as_str();
    let path_of_id = format!("{path}.operation");
    if id.is_empty() {
        let message = "a poll needs an operation that reads, such as `ghl.contacts.search`";
        findings.push(path_of_id, message);
    } else if !operations.has(id) {
        let message = match operations.nearest(id) {
            Some(near) => format!("there is no operation `{id}`; did you mean `{near}`?"),
            None => format!("there is no operation `{id}`"),
        };
        findings.push(path_of_id, message);
    } else {
        for (input, message) in operations.poll_faults(id, &poll.with) {
            match input.as_str() {
                "" => findings.push(path_of_id.clone(), message),
                input => findings.push(
                    format!("{path}.with.{input}"),
                    format!("`{input}` of `{id}`: {message}"),
                ),
            }
        }
    }
}

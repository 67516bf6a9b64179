//! The automation document: what a person writes, and what the store keeps as JSON.

use cartlane_model::Problems;
use serde::Serialize;
use serde_json::Value;

use crate::condition::Condition;
use crate::node::Node;
use crate::on::{On, Outcome, Poll, Schedule};
use crate::rules::Rules;
use crate::tables::Tables;
use crate::validate::{self, Operations};
use crate::{compiled, parse};

/// An automation: on these events, under this condition, these steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Document {
    /// What people call it; also how it is told from others.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What starts it, at least one thing.
    pub on: Vec<On>,
    /// Where it does not hold, the automation has nothing to do with the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// The connection whose account its steps act on; the event's own target where it names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Whether the tags of events of one contact that wait one behind the other may go in one call.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub merge: bool,
    /// Tables that expressions look things up in.
    #[serde(skip_serializing_if = "Tables::is_empty")]
    pub tables: Tables,
    /// Which outcomes follow for which items, plans, tags, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// What it does, in this order.
    pub steps: Vec<Step>,
}

/// One thing that an automation does, or a decision about others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Stable: effects are remembered by it, and later steps read its output as `steps.<id>`. Unique in the document.
    pub id: String,
    /// Where it does not hold, the step is skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What it does.
    #[serde(flatten)]
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Action {
    /// An operation of the catalog, with its inputs.
    Call(Call),
    /// The steps of the first case that holds.
    Branch(Branch),
    /// Steps for each item of a list.
    ForEach(ForEach),
    /// Nothing, for a while.
    Wait {
        /// For how long.
        wait: Wait,
    },
    /// Names for values.
    Set {
        /// The names, which later steps read as `steps.<id>.<name>`.
        set: serde_json::Map<String, Value>,
    },
    /// The end of the run; it counts as done.
    Stop {
        /// Why, for people; may hold expressions.
        stop: String,
    },
}

/// One operation of the catalog, with its inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Call {
    /// The operation's id: `ghl.contacts.save`.
    pub operation: String,
    /// Its inputs; texts in them may hold expressions.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub with: serde_json::Map<String, Value>,
    /// The connection that it goes to; the automation's where it names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// What to do when nobody can tell whether an unsafe call of it took effect.
    #[serde(skip_serializing_if = "OnUnclear::is_default")]
    pub on_unclear: OnUnclear,
    /// What to do when it has failed for good.
    #[serde(skip_serializing_if = "OnError::is_default")]
    pub on_error: OnError,
}

/// Cases, of which the first that holds is taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Branch {
    /// The cases, in their order.
    pub branch: Vec<Case>,
    /// What is done where none holds.
    #[serde(rename = "else", skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<Step>,
}

/// One case of a branch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Case {
    /// When it is taken.
    pub when: Condition,
    /// What is done then.
    pub steps: Vec<Step>,
}

/// Steps for each item of a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ForEach {
    /// An expression that comes to a list.
    pub for_each: String,
    /// The most items that there may be; a longer list is a fault.
    #[serde(skip_serializing_if = "ForEach::is_usual")]
    pub at_most: u32,
    /// What is done with each, which they read as `item`, its number from 0 as `index`.
    pub steps: Vec<Step>,
}

impl ForEach {
    /// The most items where nothing is said.
    pub const USUAL: u32 = 100;
    /// The most that can be said.
    pub const MOST: u32 = 1000;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_usual(at_most: &u32) -> bool {
        *at_most == Self::USUAL
    }
}

/// How long a run waits. It leaves its lane meanwhile and comes back at the tail.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Wait {
    /// For so long: `3 days`, `2h 30m`. Beside `event` the time-out.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<String>,
    /// Until this moment: an expression in `{{ }}` that comes to a date or to milliseconds since 1970, or a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Until an event of one of these kinds about the same contact; none with `when`: until that holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event: Vec<String>,
    /// Only such an event, which it reads as `awaited`. Without `event` it is looked at when the wait begins, and with each
    /// event of the contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

/// What to do when a step has failed for good.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OnError {
    /// The run fails.
    #[default]
    Stop,
    /// The run goes on; later steps read `steps.<id>.failed` and `steps.<id>.error`.
    Continue,
    /// These steps are done, then the run goes on.
    Steps(Vec<Step>),
}

impl Serialize for OnError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Stop => serializer.serialize_str("stop"),
            Self::Continue => serializer.serialize_str("continue"),
            Self::Steps(steps) => steps.serialize(serializer),
        }
    }
}

impl OnError {
    fn is_default(&self) -> bool {
        *self == Self::Stop
    }
}

impl Step {
    /// The lists of steps within this one.
    pub fn inner(&self) -> Vec<&[Step]> {
        match &self.action {
            Action::Call(Call {
                on_error: OnError::Steps(steps),
                ..
            }) => vec![steps],
            Action::Branch(branch) => {
                let cases = branch.branch.iter().map(|case| &case.steps[..]);
                cases.chain([&branch.otherwise[..]]).collect()
            }
            Action::ForEach(each) => vec![&each.steps],
            _ => Vec::new(),
        }
    }
}

/// What to do when it is unclear whether an unsafe call took effect, and no read can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnclear {
    /// The run fails; a person looks, and retries.
    #[default]
    Ask,
    /// It is sent again, once the first request can no longer be on its way. Its effect may be there twice.
    Resend,
    /// The step is left out and the run goes on. Its effect may be missing.
    Skip,
}

impl OnUnclear {
    /// All of them, as a document writes them.
    pub(crate) const NAMES: [(&str, Self); 3] =
        [("ask", Self::Ask), ("resend", Self::Resend), ("skip", Self::Skip)];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Document {
    /// Reads a document from YAML (or JSON, which is YAML too) and checks all of it against `operations`.
    ///
    /// The error holds every fault, each with its path, its line and its column.
    pub fn from_yaml(text: &str, operations: &dyn Operations) -> Result<Self, Problems> {
        Self::from_node(&Node::from_yaml(text)?, operations)
    }

    /// Reads a document from JSON data, as [`Document::to_json`] wrote it, and checks all of it.
    pub fn from_json(value: &Value, operations: &dyn Operations) -> Result<Self, Problems> {
        Self::from_node(&Node::from(value), operations)
    }

    /// The document as JSON data: the form in which it is stored.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default() // texts, lists and JSON maps only: it cannot fail
    }

    /// Whether it runs on events of this kind that came in by a web hook.
    pub fn runs_on(&self, kind: &str) -> bool {
        self.kinds().any(|known| known == kind)
    }

    /// The kinds of event that come in by a web hook and start it.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.on.iter().filter_map(|on| match on {
            On::Event(kind) => Some(kind.as_str()),
            _ => None,
        })
    }

    /// The steps that the step of this id stands in, outermost first.
    pub fn around(&self, id: &str) -> Vec<&str> {
        fn find<'d>(steps: &'d [Step], id: &str) -> Option<Vec<&'d str>> {
            steps.iter().find_map(|step| {
                if step.id == id {
                    return Some(Vec::new());
                }
                let mut found = step.inner().into_iter().find_map(|steps| find(steps, id))?;
                found.insert(0, &step.id);
                Some(found)
            })
        }
        find(&self.steps, id).unwrap_or_default()
    }

    /// Whether what stands at `with.INPUT…` or another place of a step (`when`, `for_each`) reads what earlier steps were
    /// answered; so do rules that ask for the contact's tags. The step may be named as in the journal (`mail#2`).
    pub fn reads_answers(&self, step: &str, place: &str) -> bool {
        let id = step.split_once('#').map_or(step, |(id, _)| id);
        let steps = self.all_steps();
        let Some(step) = steps.into_iter().find(|known| known.id == id) else {
            return false;
        };
        let written = match (place.strip_prefix("with."), &step.action) {
            (Some(input), Action::Call(call)) => {
                let name = input.split(['.', '[']).next().unwrap_or_default();
                call.with.get(name).cloned().unwrap_or_default()
            }
            _ => {
                let step = serde_json::to_value(step).unwrap_or_default();
                step[place.split(['.', '[']).next().unwrap_or_default()].clone()
            }
        };
        let asks_tags = self.rules.as_ref().is_some_and(Rules::asks_tags);
        let written = written.to_string();
        let reads =
            |name: &str| written.contains(&format!("{name}.")) || written.contains(&format!("{name}["));
        reads("steps") || (asks_tags && reads("rules"))
    }

    /// The kinds of event that start it, also those that nobody sends.
    pub fn all_kinds(&self) -> impl Iterator<Item = &str> {
        self.on.iter().flat_map(On::kinds)
    }

    /// The polls that start it.
    pub fn polls(&self) -> impl Iterator<Item = &Poll> {
        self.on.iter().filter_map(|on| match on {
            On::Poll(poll) => Some(poll),
            _ => None,
        })
    }

    /// The schedules that start it.
    pub fn schedules(&self) -> impl Iterator<Item = &Schedule> {
        self.on.iter().filter_map(|on| match on {
            On::Schedule(schedule) => Some(schedule),
            _ => None,
        })
    }

    /// The automations whose end starts it.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.on.iter().filter_map(|on| match on {
            On::Automation(outcome) => Some(outcome),
            _ => None,
        })
    }

    /// Whether a person may start it.
    pub fn is_manual(&self) -> bool {
        self.on.contains(&On::Manual)
    }

    /// Every step, those within others too, in the order of the text.
    pub fn all_steps(&self) -> Vec<&Step> {
        fn collect<'s>(steps: &'s [Step], all: &mut Vec<&'s Step>) {
            for step in steps {
                all.push(step);
                step.inner().into_iter().for_each(|inner| collect(inner, all));
            }
        }
        let mut all = Vec::new();
        collect(&self.steps, &mut all);
        all
    }

    /// Every operation that it calls, by the step that does.
    pub fn calls(&self) -> impl Iterator<Item = (&str, &Call)> {
        self.all_steps()
            .into_iter()
            .filter_map(|step| match &step.action {
                Action::Call(call) => Some((step.id.as_str(), call)),
                _ => None,
            })
    }

    /// The connection that a call of this document names, or else the document.
    pub fn connection_of<'d>(&'d self, call: &'d Call) -> Option<&'d str> {
        call.connection.as_deref().or(self.connection.as_deref())
    }

    /// Whether it names this connection, for all its calls, for one, or for a poll.
    pub fn names_connection(&self, name: &str) -> bool {
        let of_calls = self.calls().map(|(_, call)| call.connection.as_deref());
        let mut named = of_calls.chain(self.polls().map(|poll| poll.connection.as_deref()));
        self.connection.as_deref() == Some(name) || named.any(|named| named == Some(name))
    }

    fn from_node(node: &Node, operations: &dyn Operations) -> Result<Self, Problems> {
        let (document, places, mut findings) = parse::document(node);
        validate::check(&document, operations, &mut findings);
        compiled::compile(&document, &mut findings);
        places.problems(findings).into_result(document)
    }
}

//! Recipes: automations that are ready but for a few choices, each with a form that asks for them.
//!
//! A recipe is data, in `recipes/NAME/`: `recipe.toml` says what it is for, what it asks, and on which payloads it is
//! tried; `document.yaml` is the automation, with `[[name]]` where a choice goes. A choice is written there as JSON, which
//! is both YAML and a literal of the expressions' language:
//!
//! ```yaml
//! tags: [[tags]]                                   # tags: ["buyer","vip"]
//! text: >-                                         # within an expression: as a block, since JSON has quotes
//!   {{ [[greeting]] }}, {{ event.person.name }}
//! ```
//!
//! A choice that is left out is the empty text: in an expression that is false, and an input that comes to it is left out.
//!
//! What always holds: a recipe filled with its defaults and examples is a document without fault (a test says so), and the
//! same choices give the same text.

mod list;
mod render;

use serde::Deserialize;
use serde_json::{Map, Value};

pub use list::{recipe, recipes};

use crate::wait::milliseconds;

/// The choice that every recipe has: what the automation is called.
pub const NAME: &str = "name";

/// An automation that is ready but for a few choices.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Its name: that of its folder.
    pub name: &'static str,
    /// What people read; also the automation's name unless another one is chosen.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// What it asks, in the order in which it is asked.
    pub choices: Vec<Choice>,
    /// On which payloads it is tried.
    pub tests: Vec<Trial>,
    template: &'static str,
}

/// One thing that a recipe asks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Its name in the template.
    pub name: String,
    /// What people read.
    pub label: String,
    /// What to know about it.
    pub help: String,
    /// What values it takes.
    #[serde(default, rename = "type")]
    pub kind: ChoiceKind,
    /// The list of the GHL location that people choose from, such as `pipelines`.
    pub option_source: Option<String>,
    /// What counts where nothing is chosen.
    pub default: Option<Value>,
    /// What stands in the example, where there is no default: ids of another account.
    pub example: Option<Value>,
    /// Whether it may be left out; what it is for is then left out as well.
    #[serde(default)]
    pub optional: bool,
}

/// What values a choice takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceKind {
    /// A text.
    #[default]
    Text,
    /// A number.
    Number,
    /// Texts.
    List,
    /// Yes or no.
    YesNo,
    /// A text that says how long: what a `wait` takes.
    Time,
}

impl ChoiceKind {
    /// As people read it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::List => "texts, with commas between",
            Self::YesNo => "yes or no",
            Self::Time => "a time such as `2h 30m` or `3 days`, a year at most",
        }
    }

    /// The value that a text stands for, as it is given on a command line.
    pub fn read(self, text: &str) -> Option<Value> {
        let text = text.trim();
        match self {
            Self::Text | Self::Time => Some(text.into()),
            Self::Number => serde_json::from_str(text).ok().filter(Value::is_number),
            Self::List => {
                let items = text.split(',').map(str::trim);
                Some(items.filter(|item| !item.is_empty()).collect())
            }
            Self::YesNo => match text.to_lowercase().as_str() {
                "yes" | "true" => Some(true.into()),
                "no" | "false" => Some(false.into()),
                _ => None,
            },
        }
    }

    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text => value.as_str().is_some_and(|text| !text.trim().is_empty()),
            Self::Number => value.is_number(),
            Self::List => value
                .as_array()
                .is_some_and(|items| items.iter().all(Value::is_string)),
            Self::YesNo => value.is_boolean(),
            Self::Time => value.as_str().is_some_and(|text| milliseconds(text).is_some()),
        }
    }
}

/// A payload on which a recipe is tried, and what is to come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The kind of event; its recorded payload is taken.
    pub on: String,
    /// What is changed in that payload: values by dotted path.
    #[serde(default)]
    pub set: Map<String, Value>,
    /// Events that the person had before.
    #[serde(default)]
    pub earlier: Vec<Happening>,
    /// Events that the person has while the run waits; a wait that none of them ends times out.
    #[serde(default)]
    pub meanwhile: Vec<Happening>,
    /// How many subscriptions the person has at `ThriveCart`, where the automation asks there.
    #[serde(default = "one")]
    pub subscriptions: u32,
    /// Operations that are called beforehand, so that there is something to work with.
    #[serde(default)]
    pub before: Vec<Before>,
    /// The steps that must be done; all others must be skipped.
    pub done: Vec<String>,
    /// What must have changed of the contacts' tags, notes, tasks and opportunities, where that is said, and nothing else of
    /// these; of other fields what is named.
    pub effects: Option<Vec<Expected>>,
}

fn one() -> u32 {
    1
}

/// An event beside the one that a trial is on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// Its kind; the recorded payload is taken.
    pub on: String,
    /// What is changed in that payload: values by dotted path.
    #[serde(default)]
    pub set: Map<String, Value>,
    /// The step that waits when it happens; where nothing is said the first one that waits.
    pub during: Option<String>,
}

/// A change that a trial must make: nothing stands for what is not there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// `tag`, `note`, `task`, `opportunity`, `contact`, or the name of a field.
    pub what: String,
    /// What was there: the value; of a note a part of it, of an object some of its fields.
    pub before: Option<Value>,
    /// What is there, said likewise.
    pub after: Option<Value>,
}

/// An operation that is called before a trial.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Its id.
    pub operation: String,
    /// Its inputs.
    #[serde(default)]
    pub with: Value,
}

//! Operations that are several calls, as pure folds.
//!
//! The engine asks [`next`] what to do, does it (with all its retries, confirmations and pauses), keeps the
//! answer, and asks again with one more [`Done`]. The same arguments always give the same part, so that a run
//! can go on after a crash with nothing but the recorded answers.

mod find_contact;
mod save_contact;
mod set_lifecycle;
mod upsert_opportunity;

use serde_json::Value;

pub use set_lifecycle::lifecycle_tag;

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// This call.
    Call {
        /// The operation's id in the catalog.
        operation: &'static str,
        /// Its inputs.
        inputs: Value,
        /// What it is for, for people: `find contact by e-mail`.
        label: &'static str,
    },
    /// Nothing: it is done.
    Done {
        /// The step's output.
        output: Value,
        /// What did not go as asked, for people.
        warnings: Vec<String>,
    },
    /// Nothing: it cannot be done, for this reason.
    Failed(String),
}

/// What is remembered of the contact from earlier runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id in GHL.
    pub id: String,
    /// Names of fields that are known not to be empty, as [`crate::filled`] gives them.
    pub filled: Vec<String>,
}

/// What a call answered. All other outcomes the engine deals with before the fold sees them.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was done.
    Ok(Value),
    /// The thing it is about is not there.
    NotFound,
    /// Another contact has the e-mail or the phone.
    Duplicate {
        /// That contact.
        contact_id: String,
        /// `email`, `phone`, `additionalEmail`, or empty.
        matching_field: String,
    },
    /// GHL does not accept the inputs, in these words.
    Invalid(Vec<String>),
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// The operation's id.
    pub operation: String,
    /// Its inputs.
    pub inputs: Value,
    /// What it answered.
    pub answer: Answer,
}

/// What comes next in the composite `name` (the catalog's hook), after the calls that were `done`.
pub fn next(name: &str, inputs: &Value, known: Option<&Known>, done: &[Done]) -> Part {
    match name {
        "find_contact" => find_contact::next(inputs, done),
        "save_contact" => save_contact::next(inputs, known, done),
        "set_lifecycle" => set_lifecycle::next(inputs, done),
        "upsert_opportunity" => upsert_opportunity::next(inputs, done),
        _ => Part::Failed(format!("there is no composite `{name}`")),
    }
}

fn text<'a>(inputs: &'a Value, name: &str) -> Option<&'a str> {
    inputs
        .get(name)
        .and_then(Value::as_str)
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

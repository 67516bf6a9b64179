//! How an unclear call is confirmed: a read that shows whether its effect is there.
//!
//! After a time-out nobody knows whether a note was written. [`confirm_request`] gives the read to make, once
//! the first request can no longer be on its way; [`confirm_finds`] looks for the effect in that read's
//! answer.

use std::collections::BTreeMap;

use cartlane_model::contact::email_key;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Operation;

/// The shortest reference that is taken as one; shorter ones could be in a note by chance.
const REFERENCE_LETTERS: usize = 8;

/// A confirming read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The read's operation id.
    pub operation: String,
    /// The read's inputs, each by the name of our input whose value it takes.
    pub inputs: BTreeMap<String, String>,
    /// JSON pointer in its answer to a list of things, or to one thing or null.
    pub list: String,
    /// The key under which our own operation's answer would have had the thing.
    pub answer: String,
    /// Which of them is ours.
    #[serde(rename = "match")]
    pub matches: Match,
}

/// How the effect of a call is recognised.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Match {
    /// The last line of our text, `ref: 7f3k2m9q4t8w`, is in theirs.
    Reference {
        /// The text's field, of the same name in our inputs.
        field: String,
    },
    /// Their e-mail is ours, in whatever case.
    EmailEquals {
        /// The e-mail's field, of the same name in our inputs.
        field: String,
    },
}

/// The read that confirms a call of `operation` with `inputs`: its operation id and inputs.
///
/// `None` where the call cannot be confirmed: the operation has no such read, an input that it needs is not
/// given, or the text has no reference. Then a person has to decide.
pub fn confirm_request<'a>(operation: &'a Operation, inputs: &Value) -> Option<(&'a str, Value)> {
    let confirm = operation.endpoint()?.confirm.as_ref()?;
    confirm.matches.mark(inputs)?;
    let input = |(theirs, ours): (&String, &String)| Some((theirs.clone(), inputs.get(ours)?.clone()));
    let values: Option<Map<String, Value>> = confirm.inputs.iter().map(input).collect();
    Some((&confirm.operation, Value::Object(values?)))
}

/// What `operation` would have answered, where the read's answer shows that its effect is there.
pub fn confirm_finds(operation: &Operation, inputs: &Value, read_answer: &Value) -> Option<Value> {
    let confirm = operation.endpoint()?.confirm.as_ref()?;
    let mark = confirm.matches.mark(inputs)?;
    let found = match read_answer.pointer(&confirm.list)? {
        Value::Array(things) => things
            .iter()
            .find(|thing| confirm.matches.is_ours(&mark, thing))?,
        thing => Some(thing).filter(|thing| confirm.matches.is_ours(&mark, thing))?,
    };
    let answer = [(confirm.answer.clone(), found.clone())];
    Some(Value::Object(answer.into_iter().collect()))
}

impl Match {
    /// The mark in our inputs by which the effect is recognised.
    fn mark(&self, inputs: &Value) -> Option<String> {
        match self {
            Self::Reference { field } => reference(inputs.get(field)?.as_str()?).map(str::to_owned),
            Self::EmailEquals { field } => Some(email_key(inputs.get(field)?.as_str()?)),
        }
    }

    fn is_ours(&self, mark: &str, thing: &Value) -> bool {
        let text = |field: &String| thing.get(field).and_then(Value::as_str);
        match self {
            // GHL may wrap a note in HTML, so only the reference itself is looked for.
            Self::Reference { field } => text(field).is_some_and(|theirs| theirs.contains(mark)),
            Self::EmailEquals { field } => text(field).is_some_and(|theirs| email_key(theirs) == mark),
        }
    }
}

/// The reference in the last line of a text that is not empty.
fn reference(body: &str) -> Option<&str> {
    let last = body.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    let reference = last.strip_prefix("ref:")?.trim();
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (reference.len() >= REFERENCE_LETTERS && reference.bytes().all(letters)).then_some(reference)
}

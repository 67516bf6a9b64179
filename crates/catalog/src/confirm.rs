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
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// More of the read's inputs, as they are; a text `{contactId}` in them, however deep, is our input's value.
    #[serde(default)]
    pub with: Map<String, Value>,
    /// JSON pointer in its answer to a list of things, or to one thing or null.
    pub list: String,
    /// The key under which our own operation's answer would have had the thing; empty where it is the answer.
    #[serde(default)]
    pub answer: String,
    /// Which of them is ours.
    #[serde(rename = "match")]
    pub matches: Match,
    /// What it must be besides: values of its fields, whatever our inputs are.
    #[serde(default)]
    pub is: Map<String, Value>,
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
        /// The e-mail's field.
        field: String,
        /// Our input; `None` where it has the same name.
        #[serde(default)]
        input: Option<String>,
    },
    /// All these fields of theirs have the values of these inputs of ours.
    Equals(BTreeMap<String, String>),
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
    let mut values = values?;
    for (name, template) in &confirm.with {
        values.insert(name.clone(), filled(template, inputs)?);
    }
    Some((&confirm.operation, Value::Object(values)))
}

/// The template with our inputs in it; `None` where one of them is not given.
fn filled(template: &Value, inputs: &Value) -> Option<Value> {
    Some(match template {
        Value::String(text) => match placeholder(text) {
            Some(name) => inputs.get(name)?.clone(),
            None => template.clone(),
        },
        Value::Array(items) => {
            let items: Option<Vec<Value>> = items.iter().map(|item| filled(item, inputs)).collect();
            items?.into()
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| Some((name.clone(), filled(value, inputs)?));
            Value::Object(members.iter().map(member).collect::<Option<_>>()?)
        }
        other => other.clone(),
    })
}

/// The name in `{name}`.
fn placeholder(text: &str) -> Option<&str> {
    text.strip_prefix('{')?.strip_suffix('}')
}

/// What `operation` would have answered, where the read's answer shows that its effect is there.
pub fn confirm_finds(operation: &Operation, inputs: &Value, read_answer: &Value) -> Option<Value> {
    let confirm = operation.endpoint()?.confirm.as_ref()?;
    let mark = confirm.matches.mark(inputs)?;
    let found = match read_answer.pointer(&confirm.list)? {
        Value::Array(things) => things.iter().find(|thing| confirm.is_ours(&mark, thing))?,
        thing => Some(thing).filter(|thing| confirm.is_ours(&mark, thing))?,
    };
    if confirm.answer.is_empty() {
        return Some(found.clone());
    }
    let answer = [(confirm.answer.clone(), found.clone())];
    Some(Value::Object(answer.into_iter().collect()))
}

impl Confirm {
    /// Whether a thing that was found is what the call was to bring about.
    fn is_ours(&self, mark: &Mark, thing: &Value) -> bool {
        let is = |(field, value): (&String, &Value)| thing.get(field) == Some(value);
        self.matches.is_ours(mark, thing) && self.is.iter().all(is)
    }

    /// Names of our inputs that it speaks of.
    pub(crate) fn ours(&self) -> Vec<&str> {
        fn names<'a>(template: &'a Value, found: &mut Vec<&'a str>) {
            match template {
                Value::String(text) => found.extend(placeholder(text)),
                Value::Array(items) => items.iter().for_each(|item| names(item, found)),
                Value::Object(members) => members.values().for_each(|member| names(member, found)),
                _ => {}
            }
        }
        let mut ours: Vec<&str> = self.inputs.values().map(String::as_str).collect();
        self.with.values().for_each(|template| names(template, &mut ours));
        match &self.matches {
            Match::Reference { field } => ours.push(field),
            Match::EmailEquals { field, input } => ours.push(input.as_ref().unwrap_or(field)),
            Match::Equals(fields) => ours.extend(fields.values().map(String::as_str)),
        }
        ours
    }

    /// Names of the read's inputs that it gives.
    pub(crate) fn theirs(&self) -> impl Iterator<Item = &str> {
        self.inputs.keys().chain(self.with.keys()).map(String::as_str)
    }
}

impl Match {
    /// The mark in our inputs by which the effect is recognised.
    fn mark(&self, inputs: &Value) -> Option<Mark> {
        Some(match self {
            Self::Reference { field } => Mark::Text(reference(inputs.get(field)?.as_str()?)?.to_owned()),
            Self::EmailEquals { field, input } => {
                let ours = input.as_ref().unwrap_or(field);
                Mark::Text(email_key(inputs.get(ours)?.as_str()?))
            }
            Self::Equals(fields) => {
                let value = |ours: &String| inputs.get(ours).filter(|value| !value.is_null()).cloned();
                let values: Option<Vec<Value>> = fields.values().map(value).collect();
                Mark::Values(values?)
            }
        })
    }

    fn is_ours(&self, mark: &Mark, thing: &Value) -> bool {
        let text = |field: &String| thing.get(field).and_then(Value::as_str);
        match (self, mark) {
            // GHL may wrap a note in HTML, so only the reference itself is looked for.
            (Self::Reference { field }, Mark::Text(mark)) => {
                text(field).is_some_and(|theirs| theirs.contains(mark))
            }
            (Self::EmailEquals { field, .. }, Mark::Text(mark)) => {
                text(field).is_some_and(|theirs| email_key(theirs) == *mark)
            }
            (Self::Equals(fields), Mark::Values(values)) => fields
                .keys()
                .zip(values)
                .all(|(theirs, ours)| thing.get(theirs).is_some_and(|theirs| same(theirs, ours))),
            _ => false,
        }
    }
}

/// Whether two values are the same, a number and its text among them: `ThriveCart` writes one id both ways.
fn same(theirs: &Value, ours: &Value) -> bool {
    let is_number_and_text = theirs.is_number() && ours.is_string() || theirs.is_string() && ours.is_number();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    theirs == ours || is_number_and_text && text(theirs) == text(ours)
}

/// By what our effect is recognised.
enum Mark {
    /// A text: a reference, or an e-mail's key.
    Text(String),
    /// The values of fields.
    Values(Vec<Value>),
}

/// The reference in the last line of a text that is not empty.
fn reference(body: &str) -> Option<&str> {
    let last = body.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    let reference = last.strip_prefix("ref:")?.trim();
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (reference.len() >= REFERENCE_LETTERS && reference.bytes().all(letters)).then_some(reference)
}

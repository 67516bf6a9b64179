//! Tags that the steps right behind a step will add to the same contact, so that one call can add them all.
//!
//! ```text
//! contact: save ─► create {…, tags: [lifecycle: customer, purchased: course]}   serves contact, lifecycle, tags
//! lifecycle: set_lifecycle ─► its tag is there: nothing is sent
//! tags: add_tags           ─► its tags are there: nothing is sent
//! ```
//!
//! What always holds: only steps that follow one another at the top of the document are looked at, only where neither
//! their condition nor their tags read an answer, and only up to the first that does anything else. Each of them still has its
//! turn: it is then answered by what the earlier call told ([`crate::knowledge`]), or sends its own.

use cartlane_flow::{Action, Journal, StepRecord};
use serde_json::{Value as Json, json};

use crate::fold::{Call, Fold, Given, reads_answers};
use crate::plan::UNKNOWN;

const CREATE: &str = "ghl.contacts.create";
const SAVE: &str = "ghl.contacts.save";
const ADD_TAGS: &str = "ghl.contacts.add_tags";
const SET_LIFECYCLE: &str = "ghl.contacts.set_lifecycle";

/// What steps behind will add.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ahead {
    /// Their ids.
    pub steps: Vec<String>,
    pub tags: Vec<String>,
    /// The operation of one of them that sets a state, which something newer may have set.
    pub sets: Option<&'static str>,
}

impl Ahead {
    /// The inputs of a call with these tags, where it is one that adds tags.
    pub fn put_into(&self, operation: &str, inputs: &mut Json) -> bool {
        if self.steps.is_empty() || !matches!(operation, CREATE | ADD_TAGS) {
            return false;
        }
        let mut tags = inputs["tags"].as_array().cloned().unwrap_or_default();
        for tag in &self.tags {
            let is_there = |known: &Json| {
                known
                    .as_str()
                    .is_some_and(|known| known.eq_ignore_ascii_case(tag))
            };
            if !tags.iter().any(is_there) {
                tags.push(tag.as_str().into());
            }
        }
        inputs["tags"] = tags.into();
        true
    }
}

/// Whether a step of this operation can add tags that steps behind it will add.
pub(crate) fn adds_tags(operation: &str) -> bool {
    matches!(operation, SAVE | CREATE | ADD_TAGS | SET_LIFECYCLE)
}

/// What the steps behind `step` will add to its contact. `journal` is what was done before it.
pub(crate) fn tags_ahead(given: Given<'_>, journal: Journal, step: Call) -> Ahead {
    let mut ahead = Ahead::default();
    let Some(contact) = contact_of(&step.operation, &step.inputs) else {
        return ahead;
    };
    let compiled = given.compiled;
    let document = compiled.document();
    let first = document.steps.iter().position(|known| known.id == step.step);
    let Some(first) = first else { return ahead };
    let mut behind = document.steps.iter().skip(first + 1);
    let connection = |named: Option<&str>| named.or(document.connection.as_deref()).map(str::to_owned);
    let here = connection(step.connection.as_deref());
    let mut fold = Fold::resumed(given, journal);
    fold.answer(
        step,
        StepRecord::Done {
            output: json!({"id": contact, "contact": {"id": contact}}),
        },
        &Json::Null,
    );
    while let Some(call) = fold.next_call() {
        // Steps up to this one were left out, each by a condition that reads no answer, or all is over.
        let is_plain = |known: &cartlane_flow::Step| {
            let tags = match &known.action {
                Action::Call(of) if of.operation == ADD_TAGS => "with.tags",
                Action::Call(of) if of.operation == SET_LIFECYCLE => "with.stage",
                _ => return false,
            };
            let reads = |place| reads_answers(compiled.document(), &known.id, place);
            !reads("when") && !reads(tags)
        };
        let mut found = false;
        for known in behind.by_ref() {
            if !is_plain(known) {
                return ahead;
            }
            if known.id == call.step {
                found = true;
                break;
            }
        }
        let is_same = contact_of(&call.operation, &call.inputs).as_ref() == Some(&contact);
        if !found || !is_same || connection(call.connection.as_deref()) != here {
            return ahead;
        }
        ahead.tags.extend(match call.operation.as_str() {
            SET_LIFECYCLE => {
                ahead.sets = Some(SET_LIFECYCLE);
                let stage = call.inputs["stage"].as_str();
                stage
                    .map(cartlane_ghl::lifecycle_tag)
                    .into_iter()
                    .collect::<Vec<_>>()
            }
            _ => {
                let tags = call.inputs["tags"].as_array().into_iter().flatten();
                tags.filter_map(Json::as_str).map(str::to_owned).collect()
            }
        });
        ahead.steps.push(call.step.clone());
        fold.make_up(call);
    }
    ahead
}

/// The contact that a step is about: the one that it names, or one that only its answer will tell.
fn contact_of(operation: &str, inputs: &Json) -> Option<Json> {
    let id = match operation {
        SAVE | CREATE => json!(UNKNOWN),
        ADD_TAGS => inputs["contactId"].clone(),
        SET_LIFECYCLE => inputs["contact_id"].clone(),
        _ => return None,
    };
    Some(id).filter(Json::is_string)
}

//! What the journal tells of a step that an earlier turn began.

use std::collections::BTreeMap;

use cartlane_catalog::{Catalog, Effect};
use cartlane_ghl::composite::{Answer, Done};
use cartlane_store::journal::{Call, Outcome};
use serde_json::{Value as Json, json};

use crate::run::Run;

/// The part of a call that was made for several steps and is none of any of them.
pub(crate) const PART_OF_NONE: i64 = -1;

impl Run<'_> {
    /// Another look at what earlier turns did for this step: the calls that count, and one whose outcome is open.
    ///
    /// Calls are put in order by their part, since moments may be equal or run backwards. A later turn makes a read
    /// anew under the same part, and may then take another way: a write counts before a read.
    pub fn resume(&self, step: &str) -> (Vec<Done>, Option<Call>) {
        let mut parts: BTreeMap<i64, (bool, Done)> = BTreeMap::new();
        let mut unclear = None; // at most one: it is settled before the step makes another
        let is_part = |call: &&Call| call.step_id == step && call.part != PART_OF_NONE;
        for call in self.work.calls.iter().filter(is_part) {
            let operation = Catalog::builtin().get(&call.operation);
            let effect = operation.map(|operation| operation.effect_with(&call.request["inputs"]));
            let is_write = effect != Some(Effect::Read);
            let counts = match call.outcome {
                Outcome::Ok | Outcome::Confirmed | Outcome::Known | Outcome::Rejected => answer_of(call),
                Outcome::Intent | Outcome::Unclear if effect == Some(Effect::Unsafe) => {
                    unclear = Some(call.clone());
                    None
                }
                _ => None,
            };
            let is_taken = parts.get(&call.part).is_some_and(|(is_taken, _)| *is_taken);
            if let Some(done) = counts.filter(|_| is_write || !is_taken) {
                parts.insert(call.part, (is_write, done));
            }
        }
        let in_a_row = (0..).zip(parts).take_while(|(place, (part, _))| place == part);
        (in_a_row.map(|(_, (_, (_, done)))| done).collect(), unclear)
    }
}

/// Reads are made anew by each turn: what they told may have changed.
pub(crate) fn drop_trailing_reads(done: &mut Vec<Done>) {
    let is_read = |done: &Done| {
        Catalog::builtin()
            .get(&done.operation)
            .is_some_and(|operation| operation.effect_with(&done.inputs) == Effect::Read)
    };
    while done.last().is_some_and(is_read) {
        done.pop();
    }
}

/// What the fold over a step's parts reads of a recorded call.
fn answer_of(call: &Call) -> Option<Done> {
    let answer = match call.outcome {
        Outcome::Rejected => answer_from_json(call.answer.as_ref()?)?,
        _ => Answer::Ok(call.response.clone().unwrap_or(Json::Null)),
    };
    Some(Done {
        operation: call.operation.clone(),
        inputs: call.request["inputs"].clone(),
        answer,
    })
}

/// How a refusal that a step can go on from is kept.
pub(crate) fn answer_to_json(answer: &Answer) -> Option<Json> {
    match answer {
        Answer::Ok(_) => None,
        Answer::NotFound => Some(json!({"not_found": true})),
        Answer::Duplicate {
            contact_id,
            matching_field,
        } => Some(json!({"duplicate": {"contact_id": contact_id, "matching_field": matching_field}})),
        Answer::Invalid(messages) => Some(json!({"invalid": messages})),
    }
}

pub(crate) fn answer_from_json(json: &Json) -> Option<Answer> {
    let text = |value: &Json| value.as_str().map(str::to_owned);
    if let Some(duplicate) = json.get("duplicate") {
        let contact_id = text(&duplicate["contact_id"])?;
        return Some(Answer::Duplicate {
            contact_id,
            matching_field: text(&duplicate["matching_field"])?,
        });
    }
    if let Some(messages) = json.get("invalid").and_then(Json::as_array) {
        return Some(Answer::Invalid(messages.iter().filter_map(text).collect()));
    }
    json.get("not_found").map(|_| Answer::NotFound)
}

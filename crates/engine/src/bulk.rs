//! The same tags for many contacts of a loop: one call for up to a hundred of them, where the loop does nothing else.
//!
//! What always holds: the call only tells ([`crate::knowledge`]). Each round still has its turn; it finds that its contact's
//! tags are as they should be, or sends its own call, which then says what is wrong with this contact.

use std::collections::BTreeSet;

use cartlane_catalog::Catalog;
use cartlane_flow::{Action, Document, Journal, StepRecord};
use cartlane_ghl::composite::Answer;
use serde_json::{Value as Json, json};

use crate::fold::{Call, Fold, Given};
use crate::resume::PART_OF_NONE;
use crate::run::{Run, StepAtWork};
use crate::worker::Ending;

const BULK: &str = "ghl.contacts.update_tags_in_bulk";
/// GHL documents no limit of its own.
const MOST_CONTACTS: usize = 100;

impl Run<'_> {
    /// Does what the coming rounds of a loop do with this round's tags, in one call. Where GHL refuses that, each round goes by
    /// itself.
    pub async fn in_bulk(
        &mut self,
        given: &Given<'_>,
        journal: &Journal,
        step: &mut StepAtWork<'_>,
        call: &Call,
    ) -> Result<(), Ending> {
        let Some((adds, rounds)) = rounds_ahead(*given, journal, call) else {
            return Ok(());
        };
        let Some(operation) = Catalog::builtin().get(&call.operation) else {
            return Ok(());
        };
        let is_open = |(_, contact): &(String, String)| {
            let inputs = json!({"contactId": contact, "tags": call.inputs["tags"]});
            self.knowledge
                .answer(step.target.id, operation, &inputs)
                .is_none()
        };
        let rounds: Vec<_> = rounds.into_iter().filter(is_open).take(MOST_CONTACTS).collect();
        let (steps, contacts): (Vec<String>, BTreeSet<String>) = rounds.into_iter().unzip();
        if contacts.len() < 2 || !self.tries_bulk {
            return Ok(());
        }
        let kind = if adds { "add" } else { "remove" };
        let inputs = json!({"type": kind, "contacts": contacts, "tags": call.inputs["tags"]});
        let part = std::mem::replace(&mut step.part, PART_OF_NONE);
        step.ahead.steps = steps.into_iter().filter(|known| known != step.id).collect();
        let made = self.call(step, BULK, inputs).await;
        step.part = part;
        step.ahead.steps.clear();
        match made {
            Ok(done) => self.tries_bulk = matches!(done.answer, Answer::Ok(_)),
            Err(Ending::Over(..)) => self.tries_bulk = false,
            Err(ending) => return Err(ending),
        }
        Ok(())
    }
}

/// Whether tags are added, and the rounds from this one on that do the same, each with its contact.
fn rounds_ahead(given: Given<'_>, journal: &Journal, call: &Call) -> Option<(bool, Vec<(String, String)>)> {
    let adds = match call.operation.as_str() {
        "ghl.contacts.add_tags" => true,
        "ghl.contacts.remove_tags" => false,
        _ => return None,
    };
    let (id, _) = call.step.split_once('#')?;
    if !is_alone_in_its_loop(given.compiled.document(), id) {
        return None;
    }
    let mut rounds = Vec::new();
    let mut fold = Fold::resumed(given, journal.clone());
    while let Some(next) = fold.next_call() {
        let is_same = next.step.split_once('#').is_some_and(|(known, _)| known == id)
            && (&next.connection, &next.inputs["tags"]) == (&call.connection, &call.inputs["tags"]);
        let Some(contact) = next.inputs["contactId"].as_str().filter(|_| is_same) else {
            break;
        };
        rounds.push((next.step.clone(), contact.to_owned()));
        let output = json!({});
        fold.answer(next, StepRecord::Done { output }, &Json::Null);
    }
    Some((adds, rounds))
}

/// Whether the step of this id is all that a loop does, and reads no answer of its own.
fn is_alone_in_its_loop(document: &Document, id: &str) -> bool {
    let all = document.all_steps();
    let mut loops = all.iter().filter_map(|step| match &step.action {
        Action::ForEach(each) => Some(&each.steps[..]),
        _ => None,
    });
    loops.any(|steps| {
        let alone = matches!(steps, [step] if step.id == id);
        alone && !json!(steps).to_string().contains(&format!("steps.{id}"))
    })
}

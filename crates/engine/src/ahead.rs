//! Tags that the steps right behind a step will add to the same contact, so that one call can add them all; with `merge`,
//! those of the runs that wait behind it as well.
//!
//! ```text
//! contact: save ─► create {…, tags: [lifecycle: customer, purchased: course]}   serves contact, lifecycle, tags
//! lifecycle: set_lifecycle ─► its tag is there: nothing is sent
//! tags: add_tags           ─► its tags are there: nothing is sent
//! ```
//!
//! What always holds: only steps that follow one another at the top of the document are looked at, only where neither
//! their condition nor their tags read an answer, and only up to the first that does anything else. Each of them still has its
//! turn: it is then answered by what the earlier call told ([`crate::knowledge`]), or sends its own. Of the runs that wait
//! only those count that save the contact, and set its lifecycle, just as this one does: for them that is nothing to do.

use std::sync::Arc;

use cartlane_catalog::Catalog;
use cartlane_flow::{Action, Journal, StepRecord};
use cartlane_model::RunId;
use cartlane_store::runs;
use serde_json::{Value as Json, json};

use crate::directory::Target;
use crate::fold::{self, Call, Fold, Given};
use crate::plan::UNKNOWN;
use crate::ready::in_a_second;
use crate::run::Run;
use crate::worker::Ending;

/// The most runs whose tags go in one call.
const MOST_MERGED: i64 = 50;

const CREATE: &str = "ghl.contacts.create";
const SAVE: &str = "ghl.contacts.save";
const ADD_TAGS: &str = "ghl.contacts.add_tags";
const SET_LIFECYCLE: &str = "ghl.contacts.set_lifecycle";

/// What steps behind will add.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ahead {
    /// Their ids; that of another run's behind the run's, `run_…/tags`.
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
fn adds_tags(operation: &str) -> bool {
    matches!(operation, SAVE | CREATE | ADD_TAGS | SET_LIFECYCLE)
}

impl Run<'_> {
    /// What the steps right behind this one will add to the same contact, and nothing newer has set.
    pub async fn ahead(
        &mut self,
        given: &Given<'_>,
        journal: &Journal,
        target: &Target,
        call: &Call,
    ) -> Result<Ahead, Ending> {
        if !adds_tags(&call.operation) {
            return Ok(Ahead::default());
        }
        let event = given.event;
        let mut ahead = tags_ahead(*given, journal.clone(), call.clone());
        if given.compiled.document().merge {
            let waiting = match self.waiting.take() {
                Some(waiting) => waiting,
                None => self.tags_of_waiting(given).await?,
            };
            ahead.steps.extend(waiting.steps.iter().cloned());
            ahead.tags.extend(waiting.tags.iter().cloned());
            self.waiting = Some(waiting);
        }
        match ahead.sets.and_then(|operation| Catalog::builtin().get(operation)) {
            Some(operation) if self.superseded(target, event, operation).await?.is_some() => {
                Ok(Ahead::default())
            }
            _ => Ok(ahead),
        }
    }

    /// What the runs that wait behind this one will add to the same contact.
    async fn tags_of_waiting(&self, given: &Given<'_>) -> Result<Ahead, Ending> {
        let head = self.work.number;
        if head == self.work.newest {
            return Ok(Ahead::default());
        }
        let lane = Arc::clone(self.lane);
        let behind = self
            .shared
            .db
            .read(move |tx| runs::behind(tx, &lane, head, MOST_MERGED));
        let behind = behind.await.map_err(|_| in_a_second())?;
        let mut ready = Vec::new();
        for work in &behind {
            // One that cannot be read tells so in its own turn.
            let Ok(read) = self.shared.ready(work).await else {
                break;
            };
            ready.push((work.run_id, read));
        }
        let waiting: Vec<_> = ready.iter().map(|(run, ready)| (*run, ready.given())).collect();
        Ok(tags_of_waiting(*given, &waiting))
    }
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
            let reads = |place| document.reads_answers(&known.id, place);
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
        if call.operation == SET_LIFECYCLE {
            ahead.sets = Some(SET_LIFECYCLE);
            let stage = call.inputs["stage"].as_str();
            ahead.tags.extend(stage.map(cartlane_ghl::lifecycle_tag));
        } else {
            ahead.tags.extend(tags_of(&call));
        }
        ahead.steps.push(call.step.clone());
        fold.make_up(call);
    }
    ahead
}

/// What the runs behind a run will add to its contact, as far as their automations let that be merged.
fn tags_of_waiting(own: Given<'_>, waiting: &[(RunId, Given<'_>)]) -> Ahead {
    let mut ahead = Ahead::default();
    let Some(own) = all_calls(own) else { return ahead };
    for (run, given) in waiting {
        let calls = all_calls(*given).filter(|_| given.compiled.document().merge);
        let Some(calls) = calls else { return ahead };
        let is_as_own = |call: &Call| {
            own.iter()
                .any(|known| (&known.operation, &known.inputs) == (&call.operation, &call.inputs))
        };
        let fits = |call: &Call| match call.operation.as_str() {
            SAVE | SET_LIFECYCLE => is_as_own(call),
            ADD_TAGS => contact_of(ADD_TAGS, &call.inputs) == Some(json!(UNKNOWN)),
            _ => true,
        };
        let is_here = |call: &Call| own.first().is_some_and(|save| save.connection == call.connection);
        if !calls.iter().all(|call| fits(call) && is_here(call)) {
            return ahead;
        }
        for call in calls.iter().filter(|call| call.operation == ADD_TAGS) {
            ahead.tags.extend(tags_of(call));
            ahead.steps.push(format!("{run}/{}", call.step));
        }
    }
    ahead
}

/// The calls of a run from its beginning, each with its connection; `None` where nobody can say.
fn all_calls(given: Given<'_>) -> Option<Vec<Call>> {
    let mut calls = Vec::new();
    let mut fold = Fold::new(given);
    while let Some(mut call) = fold.next_call() {
        fold.make_up(call.clone());
        call.connection = call
            .connection
            .or_else(|| given.compiled.document().connection.clone());
        calls.push(call);
    }
    matches!(fold.ending(), fold::Ending::Done | fold::Ending::NotApplicable(_)).then_some(calls)
}

fn tags_of(call: &Call) -> impl Iterator<Item = String> {
    let tags = call.inputs["tags"].as_array().into_iter().flatten();
    tags.filter_map(Json::as_str).map(str::to_owned)
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

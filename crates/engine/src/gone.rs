//! Contacts that were deleted over there after a step had brought them.
//!
//! ```text
//! a step gets "not found" for the contact that an earlier step brought
//!   ─► the earlier step is forgotten (the run fails, or goes on at once where it was done in another turn)
//!   ─► done anew, it brings the same contact: everything else stands
//!                  it brings another one:   what was done to the former one went with it, and is done anew
//! ```
//!
//! What always holds: a step that was done to a contact that is still there is not done twice.

use std::collections::BTreeSet;

use cartlane_ghl::composite::{Answer, Done};
use cartlane_store::journal::{Call, Outcome};
use cartlane_store::runs::Reason;
use serde_json::Value as Json;

use crate::run::{Run, StepAtWork, Write};
use crate::worker::Ending;

impl Run<'_> {
    /// After a step has failed: where that was because the contact that an earlier step brought is gone, forgets that
    /// earlier step, so that the next turn does it anew. The next turn comes by itself where the contact was brought in
    /// another turn than this one; else (`None`) the run is to fail, and a person may retry it.
    pub fn bring_anew(&mut self, step: &StepAtWork<'_>, done: &[Done]) -> Option<Ending> {
        let last = done
            .last()
            .filter(|done| matches!(done.answer, Answer::NotFound))?;
        let gone = last.inputs["contactId"].as_str()?;
        let remembered = self
            .work
            .steps
            .iter()
            .find(|step| brought(&step.output) == Some(gone));
        let brought_now = self.writes.iter().find_map(|write| match write {
            Write::Step { step, .. } if brought(&step.output) == Some(gone) => Some(step.step_id.clone()),
            _ => None,
        });
        let is_remembered = brought_now.is_none();
        let bringer = brought_now.or_else(|| remembered.map(|step| step.step_id.clone()))?;
        for write in &mut self.writes {
            if let Write::Call(call) = write
                && call.step_id == step.id
                && call.outcome == Outcome::Rejected
            {
                call.answer = None; // to be asked again
            }
        }
        let message = format!("the contact {gone} of step `{bringer}` is gone; it is found or created anew");
        self.forget(vec![bringer]);
        is_remembered.then(|| Ending::Retry {
            in_ms: self.backoff_ms(),
            reason: Reason {
                code: "ghl.not_found".into(),
                message,
            },
        })
    }

    /// After `step` is done: where it has brought another contact than before, forgets what was done to the former one.
    /// `true` where there was such a thing: the journal has to be read anew.
    pub fn forget_the_former(&mut self, step: &str, output: &Json) -> bool {
        let Some(now) = brought(output) else { return false };
        let calls = || self.work.calls.iter();
        let former: BTreeSet<&str> = calls()
            .filter(|call| call.step_id == step)
            .flat_map(contacts_of)
            .filter(|id| *id != now)
            .collect();
        let to_former = |call: &&Call| {
            let about = call.request["inputs"]["contactId"].as_str();
            call.step_id != step
                && call.outcome != Outcome::Gone
                && about.is_some_and(|id| former.contains(id))
        };
        let went: BTreeSet<String> = calls()
            .filter(to_former)
            .map(|call| call.step_id.clone())
            .collect();
        if went.is_empty() {
            return false;
        }
        self.forget(went.into_iter().collect());
        true
    }

    fn forget(&mut self, steps: Vec<String>) {
        let key = (self.work.event.id, self.work.automation_id);
        self.writes.push(Write::Forget { key, steps });
    }
}

/// The id of the contact that a step with this output has brought.
fn brought(output: &Json) -> Option<&str> {
    output["id"].as_str().or_else(|| output["contact"]["id"].as_str())
}

/// The contacts that a call was about, or brought.
fn contacts_of(call: &Call) -> impl Iterator<Item = &str> {
    let asked = call.request["inputs"]["contactId"].as_str();
    let answered = call
        .response
        .as_ref()
        .and_then(|response| response["contact"]["id"].as_str());
    asked.into_iter().chain(answered)
}

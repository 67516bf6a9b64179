//! What was done for an event, and what a draft would do for it.

use cartlane_flow::StepRecord;
use cartlane_store::journal::{Step, StepState};
use serde_json::{Value as Json, json};

use crate::fold::{Call, Ending, Fold, Given, Recorded};

/// One side of a comparison.
pub(super) struct Side {
    /// What is done.
    pub calls: Vec<Call>,
    /// What is not, though the document says so: it failed, or something newer had been done.
    pub undone: Vec<Call>,
    /// Steps of which nobody knows what they would come to.
    pub open: Vec<String>,
    pub ending: Ending,
    told: Vec<Json>,
}

impl Side {
    /// No run at all.
    pub fn nothing() -> Self {
        Self {
            calls: Vec::new(),
            undone: Vec::new(),
            open: Vec::new(),
            ending: Ending::NotApplicable("it does not run on this event".into()),
            told: Vec::new(),
        }
    }

    fn of(fold: Fold<'_>, calls: Vec<Call>, undone: Vec<Call>) -> Self {
        Self {
            calls,
            undone,
            ending: fold.ending().clone(),
            open: fold.open,
            told: fold.told,
        }
    }

    pub fn starts(&self) -> bool {
        !matches!(self.ending, Ending::NotApplicable(_))
    }

    pub fn to_json(&self) -> Json {
        json!({"steps": self.told, "ending": self.ending.to_json()})
    }
}

fn record_of(step: &Step) -> StepRecord {
    match step.state {
        StepState::Done => StepRecord::Done {
            output: step.output.clone(),
        },
        StepState::Failed => StepRecord::Failed {
            message: step.reason.clone().unwrap_or_default(),
        },
        StepState::Skipped | StepState::Waiting => StepRecord::Skipped {
            reason: step.reason.clone().unwrap_or_default(),
        },
    }
}

/// What was done: the calls whose steps stand in the journal as done.
pub(super) fn recorded(given: Given<'_>, steps: &[Step]) -> Side {
    let then = Recorded { steps, decides: true };
    let mut fold = Fold::of_recorded(given, then);
    let (mut calls, mut undone) = (Vec::new(), Vec::new());
    while let Some(call) = fold.next_call() {
        let step = steps.iter().find(|step| step.step_id == call.step);
        let is_done = step.is_some_and(|step| step.state == StepState::Done);
        let side = if is_done { &mut calls } else { &mut undone };
        side.push(call.clone());
        match step {
            Some(step) => fold.answer(call, record_of(step), &Json::Null),
            // The run failed here.
            None => fold.give_up(),
        }
    }
    Side::of(fold, calls, undone)
}

/// What the draft would do, with the answers that the same steps got, and the events that came while they waited.
pub(super) fn drafted(given: Given<'_>, steps: &[Step], was: &Side) -> Side {
    let then = Recorded {
        steps,
        decides: false,
    };
    let mut fold = Fold::of_recorded(given, then);
    let (mut calls, mut undone) = (Vec::new(), Vec::new());
    while let Some(call) = fold.next_call() {
        let is_same = |then: &&Call| then.step == call.step && then.operation == call.operation;
        let step = steps.iter().find(|step| step.step_id == call.step);
        let refused = was.undone.iter().find(is_same);
        match (step, refused) {
            // A step that was left out for a reason outside of the document still would be.
            (Some(step), Some(_)) if step.state == StepState::Skipped => {
                undone.push(call.clone());
                fold.answer(call, record_of(step), &Json::Null);
            }
            // What failed with these inputs still would.
            (step, Some(then)) if then.inputs == call.inputs => {
                undone.push(call.clone());
                match step {
                    Some(step) => fold.answer(call, record_of(step), &Json::Null),
                    None => fold.give_up(),
                }
            }
            (step, _) => {
                calls.push(call.clone());
                match step.filter(|_| was.calls.iter().any(|then| is_same(&then))) {
                    Some(step) => fold.answer(call, record_of(step), &Json::Null),
                    None => fold.make_up(call),
                }
            }
        }
    }
    Side::of(fold, calls, undone)
}

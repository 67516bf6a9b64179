//! `merge: true`: the tags of events of one contact that wait one behind the other may go in one call, ahead of the notes
//! that stand between them. What that asks of an automation is checked here: nothing of it may take a tag off, nor hang on
//! what an earlier step was answered.

use crate::document::{Action, Call, Document, OnError};
use crate::parse::Findings;

const SAVE: &str = "ghl.contacts.save";
/// The operations that tags of later events may pass, each with the place that decides about tags.
const PASSED: [(&str, &str); 5] = [
    (SAVE, "when"),
    ("ghl.contacts.add_tags", "with.tags"),
    ("ghl.contacts.set_lifecycle", "with.stage"),
    ("ghl.contacts.create_note", "when"),
    ("ghl.contacts.create_task", "when"),
];

/// Notes what of the document stands against it.
pub(crate) fn check(document: &Document, findings: &mut Findings) {
    for (index, step) in document.steps.iter().enumerate() {
        let path = format!("steps[{index}]");
        let Some((call, place)) = passed(&step.action) else {
            let known = PASSED.map(|(id, _)| id).join(", ");
            let message = format!(
                "`merge: true` goes with these operations only: {known}; take `merge` away, or do this in another automation"
            );
            findings.push(path, message);
            continue;
        };
        if index == 0 && call.operation != SAVE {
            let message =
                format!("with `merge: true` the first step is `{SAVE}`, which tells whose the tags are");
            findings.push(format!("{path}.operation"), message);
        }
        if matches!(call.on_error, OnError::Steps(_)) {
            let message =
                "with `merge: true` a step that fails can stop the run or let it go on, nothing else";
            findings.push(format!("{path}.on_error"), message);
        }
        let mut places = vec!["when", place];
        places.dedup();
        for place in places
            .into_iter()
            .filter(|place| document.reads_answers(&step.id, place))
        {
            let message = "with `merge: true` this is worked out before the step's turn: it can read neither `steps` nor \
                           rules that ask for the contact's tags";
            findings.push(format!("{path}.{place}"), message);
        }
    }
}

fn passed(action: &Action) -> Option<(&Call, &'static str)> {
    let Action::Call(call) = action else { return None };
    let (_, place) = PASSED.iter().find(|(id, _)| *id == call.operation)?;
    Some((call, place))
}

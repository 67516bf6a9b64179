//! One lifecycle tag at a time: the new one is added, then the others are taken off.

use serde_json::{Value, json};

use super::{Answer, Done, Part, text};

const PREFIX: &str = "lifecycle:";

pub(super) fn next(inputs: &Value, done: &[Done]) -> Part {
    let (Some(contact_id), Some(stage)) = (text(inputs, "contact_id"), text(inputs, "stage")) else {
        return Part::Failed("contact_id and stage are needed".into());
    };
    let ours = lifecycle_tag(stage);
    if let Some(fault) = done.iter().find_map(|done| fault(contact_id, &done.answer)) {
        return Part::Failed(fault);
    }
    if done.is_empty() {
        return call(
            "ghl.contacts.add_tags",
            "add lifecycle tag",
            json!({"contactId": contact_id, "tags": [ours]}),
        );
    }
    // The answer to adding has all tags of the contact; where it has not, the contact is read.
    let Some(tags) = done.iter().find_map(tags) else {
        if done.iter().any(|done| done.operation == "ghl.contacts.get") {
            return finished(contact_id, stage, &[]);
        }
        return call("ghl.contacts.get", "read tags", json!({"contactId": contact_id}));
    };
    let superseded: Vec<&str> = tags
        .into_iter()
        .filter(|tag| is_other_stage(tag, &ours))
        .collect();
    if superseded.is_empty()
        || done
            .iter()
            .any(|done| done.operation == "ghl.contacts.remove_tags")
    {
        return finished(contact_id, stage, &superseded);
    }
    let inputs = json!({"contactId": contact_id, "tags": superseded});
    call(
        "ghl.contacts.remove_tags",
        "remove superseded lifecycle tags",
        inputs,
    )
}

/// The tag that stands for a stage.
pub fn lifecycle_tag(stage: &str) -> String {
    format!("{PREFIX} {stage}")
}

fn call(operation: &'static str, label: &'static str, inputs: Value) -> Part {
    Part::Call {
        operation,
        inputs,
        label,
    }
}

fn finished(contact_id: &str, stage: &str, removed: &[&str]) -> Part {
    let output = json!({"id": contact_id, "stage": stage, "removed": removed});
    Part::Done {
        output,
        warnings: Vec::new(),
    }
}

fn fault(contact_id: &str, answer: &Answer) -> Option<String> {
    match answer {
        Answer::Ok(_) => None,
        Answer::NotFound => Some(format!("contact {contact_id} is no longer in GHL")),
        Answer::Invalid(messages) => Some(messages.join("; ")),
        Answer::Duplicate { .. } => Some("GHL speaks of a duplicate, which tags cannot be".into()),
    }
}

/// All tags of the contact, by the answer to adding one or to reading it.
fn tags(done: &Done) -> Option<Vec<&str>> {
    let Answer::Ok(answer) = &done.answer else {
        return None;
    };
    let list = match done.operation.as_str() {
        "ghl.contacts.add_tags" => answer.get("tags"),
        "ghl.contacts.get" => answer.pointer("/contact/tags"),
        _ => None,
    };
    Some(list?.as_array()?.iter().filter_map(Value::as_str).collect())
}

/// Whether the tag is a lifecycle tag, but not ours. GHL keeps tags in lower case.
fn is_other_stage(tag: &str, ours: &str) -> bool {
    let folded = |text: &str| text.split_whitespace().collect::<String>().to_lowercase();
    folded(tag).starts_with(PREFIX) && folded(tag) != folded(ours)
}

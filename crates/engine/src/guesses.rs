//! Which steps of a fold hang on answers that nobody has, so that they are told as guesses and not as facts.

use std::collections::BTreeSet;

use cartlane_flow::{Action, Document, Rules, Step};
use serde_json::{Value as Json, json};

use crate::plan::is_unknown;

/// What stands for rules that ask for tags which were not read.
const TAGS: &str = "the contact's tags";

/// Steps whose outputs were made up, or hang on such.
#[derive(Default)]
pub(crate) struct Guesses {
    steps: BTreeSet<String>,
    /// A `stop` that may, or may not, have ended the run.
    stop: Option<String>,
}

impl Guesses {
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub fn add(&mut self, step: &str) {
        self.steps.insert(id_of(step).to_owned());
    }

    /// The steps that a step's being done hangs on, and its inputs, as far as they do not show that themselves. It is a guess
    /// then, too.
    pub fn behind(&mut self, document: &Document, step: &str, inputs: Option<&Json>) -> Vec<String> {
        if self.steps.is_empty() {
            return Vec::new();
        }
        let id = id_of(step);
        let Some(found) = document.all_steps().into_iter().find(|known| known.id == id) else {
            return Vec::new();
        };
        let mut written = vec![deciding(found)];
        if let (Action::Call(call), Some(inputs)) = (&found.action, inputs) {
            let shows = |name: &String| is_unknown(&inputs[name.as_str()]);
            written.extend(
                call.with
                    .iter()
                    .filter(|(name, _)| !shows(name))
                    .map(|(_, value)| value.clone()),
            );
        }
        let written = json!(written).to_string();
        let around = document.around(id);
        let reads = |known: &&String| names(&written, "steps", known) || around.contains(&known.as_str());
        let mut behind: Vec<String> = self.steps.iter().filter(reads).cloned().collect();
        behind.extend(self.stop.clone().filter(|stop| !behind.contains(stop)));
        if document.rules.as_ref().is_some_and(Rules::asks_tags) && written.contains("rules.") {
            behind.push(TAGS.to_owned());
        }
        behind.retain(|known| known != id);
        if !behind.is_empty() {
            self.add(id);
            if matches!(found.action, Action::Stop { .. }) {
                self.stop = Some(id.to_owned());
            }
        }
        behind
    }
}

fn id_of(step: &str) -> &str {
    step.split_once('#').map_or(step, |(id, _)| id)
}

/// What decides whether a step is done, and which way it goes; not what stands within it.
fn deciding(step: &Step) -> Json {
    let action = match &step.action {
        Action::Branch(branch) => branch.branch.iter().map(|case| json!(case.when)).collect(),
        Action::ForEach(each) => json!(each.for_each),
        Action::Wait { wait } => json!(wait),
        Action::Set { set } => json!(set),
        Action::Stop { .. } | Action::Call(_) => Json::Null,
    };
    json!([step.when, action])
}

/// Whether a text reads `root.name` or `root["name"]`.
fn names(text: &str, root: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
    let dotted = format!("{root}.{name}");
    text.match_indices(&dotted)
        .any(|(at, _)| ends(&text[at + dotted.len()..]))
        || [format!("{root}['{name}']"), format!("{root}[\\\"{name}\\\"]")]
            .iter()
            .any(|quoted| text.contains(quoted.as_str()))
}

#[cfg(test)]
mod tests {
    use cartlane_catalog::Catalog;

    use super::*;
    use crate::plan::UNKNOWN;

    const DOCUMENT: &str = r#"
name: n
on: [order.success]
steps:
  - {id: who, operation: ghl.contacts.find, with: {email: "{{ event.person.email }}"}}
  - {id: enough, when: steps.who.found, stop: enough}
  - {id: note, operation: ghl.contacts.create_note, with: {contactId: "{{ steps.who.id }}", body: x}}
  - id: way
    branch:
      - when: steps['note'].id
        steps: [{id: within, set: {a: 1}}]
  - {id: whole, set: {a: "{{ event.kind }}"}}
"#;

    #[test]
    fn guesses_spread_by_conditions_and_blocks_and_stops() {
        let document = Document::from_yaml(DOCUMENT, Catalog::builtin()).expect("a document");
        let mut guesses = Guesses::default();
        assert!(
            guesses.behind(&document, "enough", None).is_empty(),
            "nothing is made up"
        );
        guesses.add("note");
        assert_eq!(guesses.behind(&document, "way", None), ["note"]);
        assert_eq!(guesses.behind(&document, "within", None), ["way"]);
        assert!(guesses.behind(&document, "whole", None).is_empty());
        let mut guesses = Guesses::default();
        guesses.add("who");
        let told = json!({"contactId": UNKNOWN, "body": "x"});
        assert!(
            guesses.behind(&document, "note", Some(&told)).is_empty(),
            "its inputs show it"
        );
        assert_eq!(
            guesses.behind(&document, "note", Some(&json!({"contactId": "c"}))),
            ["who"]
        );
        assert_eq!(guesses.behind(&document, "enough", None), ["who"]);
        assert_eq!(
            guesses.behind(&document, "whole", None),
            ["enough"],
            "it may be over by then"
        );
    }
}

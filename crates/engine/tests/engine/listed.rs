//! Every operation of the published list, called through the executor against the sandbox, in scenarios
//! (`listed.json`).
//!
//! | of a step | is |
//! |---|---|
//! | `call`, `as`, `with` | the operation, the connection (`crm` unless said), its inputs; `$name` stands for what was kept |
//! | `call` of `sandbox.message` | no operation: somebody writes or calls, as the sandbox's control of that name has it |
//! | `is` | what stands at these places of the answer |
//! | `finds`, `lacks` | lists of the answer that have, or do not have, an item with these fields |
//! | `fails` | the code of its error |
//! | `file` | the content type of the file that it answers |
//! | `does` | the kind of its effect in the sandbox's log, where no answer shows it |
//! | `keep` | what later steps need of the answer |
//!
//! The test fails where the sandbox kept no state and answered an example.

use std::collections::{BTreeMap, BTreeSet};

use cartlane_catalog::Catalog;
use cartlane_engine::CallError;
use cartlane_sandbox::{CustomField, Message, Token};
use cartlane_testkit::TestApp;
use rstest::rstest;
use serde::Deserialize;
use serde_json::Value;

use crate::oauth;

const SCENARIOS: &str = include_str!("listed.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    name: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) call: String,
    pub(crate) r#as: Option<String>,
    pub(crate) with: Value,
    #[serde(default)]
    pub(crate) keep: BTreeMap<String, String>,
    #[serde(default)]
    is: BTreeMap<String, Value>,
    #[serde(default)]
    finds: BTreeMap<String, Value>,
    #[serde(default)]
    lacks: BTreeMap<String, Value>,
    fails: Option<String>,
    file: Option<String>,
    does: Option<String>,
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    serde_json::from_str(SCENARIOS).expect("scenarios")
}

#[test]
fn every_operation_of_the_published_list_is_called() {
    let scenarios = scenarios();
    let called: BTreeSet<&str> = scenarios
        .iter()
        .flat_map(|scenario| &scenario.steps)
        .map(|step| step.call.as_str())
        .collect();
    let listed = Catalog::builtin().listed();
    assert_eq!(listed.len(), 124);
    let missing: Vec<&str> = listed
        .iter()
        .map(|operation| operation.id.as_str())
        .filter(|id| !called.contains(id))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let shows: BTreeSet<&str> = scenarios
        .iter()
        .flat_map(|scenario| {
            scenario
                .steps
                .windows(2)
                .chain(scenario.steps.last().map(std::slice::from_ref))
        })
        .filter(|steps| steps[0].shows_something() || steps.get(1).is_some_and(Step::shows_something))
        .map(|steps| steps[0].call.as_str())
        .collect();
    let silent = called.difference(&shows);
    assert_eq!(
        silent.collect::<Vec<_>>(),
        Vec::<&&str>::new(),
        "nothing is asserted of these"
    );
}

impl Step {
    /// Whether it asserts what the answer says, or what became of the steps before.
    fn shows_something(&self) -> bool {
        let answer = self.is.len() + self.finds.len() + self.lacks.len() + self.keep.len();
        answer > 0 || self.fails.is_some() || self.file.is_some() || self.does.is_some()
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_it_says(
    #[values(
        "contacts",
        "tags",
        "notes",
        "users",
        "locations",
        "tags in bulk",
        "tasks",
        "campaigns, workflows, followers",
        "businesses",
        "calendar groups",
        "calendars and appointments",
        "calendar notifications and resources",
        "opportunities",
        "conversations",
        "messages of every type",
        "e-mails",
        "calls",
        "associations",
        "blogs"
    )]
    name: &str,
) {
    let scenario = scenarios().into_iter().find(|scenario| scenario.name == name);
    let scenario = scenario.expect("a scenario");
    let app = TestApp::builder().agency().provider().sandbox(|settings| {
        settings.tokens.push(Token::agency("pit-agency"));
        settings.locations[0]
            .custom_fields
            .push(CustomField::new("shoeSizeShoeSizeShoe", "shoe_size"));
    });
    let app = app.start().await;
    if scenario
        .steps
        .iter()
        .any(|step| step.r#as.as_deref() == Some("provider"))
    {
        let authorized = oauth::authorize_as(app.handle(), "provider").await;
        authorized.expect("the provider's app is authorized");
    }
    let mut kept = BTreeMap::new();
    for (number, step) in scenario.steps.iter().enumerate() {
        let place = format!("{name}, step {number}: {}", step.call);
        let connection = step.r#as.as_deref().unwrap_or("crm");
        let inputs = filled(&step.with, &kept).unwrap_or_else(|| panic!("{place}: something was not kept"));
        let answer = if step.call == "sandbox.message" {
            let message: Message = serde_json::from_value(inputs).expect("a message");
            Ok(serde_json::to_value(app.ghl().message(&message)).expect("ids"))
        } else {
            let executor = app.handle().executor();
            let answered = executor.call(connection, &step.call, &inputs).await;
            answered.map(|output| output.value)
        };
        check(step, &answer, &kept, &place);
        if let Some(kind) = &step.does {
            let calls = app.ghl().calls();
            let effect = calls.last().and_then(|call| call.effect.as_ref());
            assert_eq!(effect.map(|effect| effect.kind), Some(kind.as_str()), "{place}");
        }
        for (name, pointer) in &step.keep {
            let value = answer.as_ref().ok().and_then(|answer| answer.pointer(pointer));
            let value = value.filter(|value| !value.is_null());
            let value = value.unwrap_or_else(|| panic!("{place}: nothing at {pointer}"));
            kept.insert(name.clone(), value.clone());
        }
    }
    assert_eq!(app.ghl().effects("accepted"), 0, "{name}: examples were answered");
}

/// Inputs with what was kept in its places; `None` where something was not.
pub(crate) fn filled(value: &Value, kept: &BTreeMap<String, Value>) -> Option<Value> {
    match value {
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => kept.get(name).cloned(),
            None => Some(value.clone()),
        },
        Value::Array(items) => items.iter().map(|item| filled(item, kept)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| Some((name.clone(), filled(value, kept)?)))
            .collect(),
        _ => Some(value.clone()),
    }
}

fn check(step: &Step, answer: &Result<Value, CallError>, kept: &BTreeMap<String, Value>, place: &str) {
    let answer = match (answer, &step.fails) {
        (Ok(answer), None) => answer,
        (Err(error), Some(code)) => return assert_eq!(error.code(), code, "{place}: {error}"),
        (answer, _) => panic!("{place}: {answer:?}"),
    };
    for (pointer, expected) in &step.is {
        let is = answer.pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(
            Some(is),
            filled(expected, kept).as_ref(),
            "{place}: {pointer} of {answer}"
        );
    }
    if let Some(content_type) = &step.file {
        assert_eq!(answer["file"]["content_type"], *content_type, "{place}: {answer}");
    }
    let has = |pointer: &String, wanted: &Value| {
        let items = answer.pointer(pointer).and_then(Value::as_array);
        let items = items.unwrap_or_else(|| panic!("{place}: no list at {pointer} of {answer}"));
        let wanted = filled(wanted, kept).unwrap_or_else(|| panic!("{place}: something was not kept"));
        items.iter().any(|item| fits(item, &wanted))
    };
    for (pointer, wanted) in &step.finds {
        assert!(has(pointer, wanted), "{place}: {wanted} is not in {answer}");
    }
    for (pointer, wanted) in &step.lacks {
        assert!(!has(pointer, wanted), "{place}: {wanted} is still in {answer}");
    }
}

/// Whether an item has all these fields, or is this value.
fn fits(item: &Value, wanted: &Value) -> bool {
    match wanted.as_object() {
        Some(fields) => fields.iter().all(|(name, value)| item.get(name) == Some(value)),
        None => item == wanted,
    }
}

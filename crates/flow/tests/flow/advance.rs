//! How a run goes on, and how inputs come to be.

use std::collections::BTreeSet;

use crate::common::{compile, event, item, next, order, usd};
use cartlane_flow::{Compiled, Journal, Next, StepRecord, names};
use cartlane_model::Subscription;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

/// An automation whose one step has these inputs.
fn with(inputs: &str) -> Compiled {
    compile(&format!(
        "name: n\non: order.success\nsteps:\n  - id: a\n    operation: ghl.contacts.save\n    with: {inputs}\n"
    ))
}

fn inputs(text: &str) -> Result<Value, String> {
    match next(&with(text), &order(), &Journal::new()) {
        Ok(Next::Call { inputs, .. }) => Ok(inputs),
        Ok(other) => Err(format!("{other:?}")),
        Err(fault) => Err(fault.to_string()),
    }
}

#[rstest]
#[case::one_expression_keeps_its_type(
    r#"{custom_fields: "{{ event.items | length }}", email: "{{ event.mode == 'test' }}", city: "{{ [1, 2] }}"}"#,
    json!({"custom_fields": 1, "email": true, "city": [1, 2]})
)]
#[case::an_object_is_an_object(
    r#"{custom_fields: "{{ event.amount }}", city: "{{ {'a': {'b': 1}} }}"}"#,
    json!({"custom_fields": {"minor": 499_700, "currency": "USD"}, "city": {"a": {"b": 1}}})
)]
#[case::a_mixture_is_a_text(
    r#"{city: "{{ event.mode }} {{ event.amount.minor }}", state: "no. {{ 1 }}"}"#,
    json!({"city": "test 499700", "state": "no. 1"})
)]
#[case::lists_and_maps_are_evaluated_inside(
    r#"{custom_fields: [{id: f1, value: "{{ event.mode }}"}, "{{ event.coupon }}", 7]}"#,
    json!({"custom_fields": [{"id": "f1", "value": "test"}, 7]})
)]
#[case::what_comes_to_nothing_is_left_out_and_a_typed_empty_text_stays(
    r#"{city: "{{ event.coupon }}", state: "{{ event.coupon }}{{ event.person.state }}", phone: null, company: "",
       address1: "{{ event.subscription.paid_until }}", country: "{{ event.subscription }}"}"#,
    json!({"company": ""})
)]
#[case::none_prints_as_nothing(r#"{city: "[{{ event.coupon }}]"}"#, json!({"city": "[]"}))]
#[case::a_payload_path_may_be_missing_on_the_way(
    r#"{city: "{{ event.payload.custom.deep.colour | default('blue') }}", state: "{{ event.payload.customer.origin }}",
       country: "{{ event.payload.customer.checkbox.x | default(none) }}"}"#,
    json!({"city": "blue", "state": "vanity"})
)]
#[case::settings_reference_and_names_are_read(
    r#"{city: "{{ settings.shop.owner }}", state: "{{ reference }}", country: "{{ event['kind'] }}"}"#,
    json!({"city": "Robin", "state": "ref-a", "country": "order.success"})
)]
#[case::names_in_loops_are_their_own(
    r#"{city: "{% for item in event.items %}{{ loop.index }}{{ item.type }}{% endfor %}"}"#,
    json!({"city": "1product"})
)]
#[case::no_escaping_whatever_the_name_of_the_input(
    r#"{custom_fields: {html: "<{{ 'a & b' }}>"}}"#,
    json!({"custom_fields": {"html": "<a & b>"}})
)]
fn inputs_are_made_of_expressions(#[case] text: &str, #[case] expected: Value) {
    assert_eq!(inputs(text), Ok(expected));
}

#[rstest]
#[case(
    "{city: '{{ event.payload.custom.x }}'}",
    "steps[0].with.city: `event.payload.custom.x` is not there; write"
)]
#[case(
    "{city: 'a {{ event.payload.custom.x }}'}",
    "`event.payload.custom.x` is not there; write `event.payload"
)]
#[case("{city: '{{ settings.shop.ownr }}'}", "`settings.shop.ownr` is not there")]
#[case(
    "{city: '{% for i in event.items | slice(1) | first %}{{ i.nam }}{% endfor %}'}",
    "did you mean `name`?"
)]
fn a_name_that_is_not_there_is_a_fault_that_says_what_to_do(#[case] text: &str, #[case] part: &str) {
    let message = inputs(text).unwrap_err();
    assert!(message.contains(part), "{message}");
}

#[rstest]
#[case("{city: \"{% for i in range(9000) %}{% for j in range(9000) %}x{% endfor %}{% endfor %}\"}")]
#[case("{city: \"{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f('xxxxxxxxxxxxxxxx') }}\"}")]
#[case("{city: \"{{ 'x' * 100000000 }}\"}")]
fn a_template_that_runs_away_is_stopped_and_says_where(#[case] text: &str) {
    let message = inputs(text).unwrap_err();
    assert!(message.starts_with("steps[0].with.city: stopped"), "{message}");
}

#[test]
fn a_runaway_in_a_block_names_the_line() {
    let message =
        inputs("\n      city: |\n        first\n        {% for i in range(99999) %}{{ i }}{% endfor %}")
            .unwrap_err();
    assert!(message.contains("(in line 2 of the text)"), "{message}");
}

#[test]
fn names_known_to_documents_are_those_of_an_event() {
    let mut full = order();
    full.facts.subscription = Some(Subscription::default());
    full.facts.items = vec![item("bump", "1", None, 1)];
    full.facts.amount = Some(usd(1));
    let full = serde_json::to_value(&full).unwrap();
    let check = |value: &Value, known: &[&str]| {
        let fields: BTreeSet<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, known.iter().copied().collect());
    };
    check(&full, &names::EVENT);
    check(&full["person"], &names::PERSON);
    check(&full["items"][0], &names::ITEM);
    check(&full["amount"], &names::MONEY);
    check(&full["subscription"], &names::SUBSCRIPTION);
    let read = inputs("{custom_fields: '{{ dict(event, payload=1) }}'}").unwrap();
    check(&read["custom_fields"], &names::EVENT);
}

#[test]
fn a_failed_step_ends_the_run() {
    let automation = compile(cartlane_flow::defaults()[0].1);
    let failed = StepRecord::Failed {
        message: "no".to_owned(),
    };
    let journal = vec![("contact".to_owned(), failed)];
    assert_eq!(
        next(&automation, &order(), &journal),
        Ok(Next::Stopped {
            step: "contact".to_owned()
        })
    );
}

#[test]
fn a_skipped_step_has_an_output_of_which_everything_is_none() {
    let automation = compile(cartlane_flow::defaults()[0].1);
    let journal = vec![(
        "contact".to_owned(),
        StepRecord::Skipped {
            reason: "x".to_owned(),
        },
    )];
    let Ok(Next::Call { inputs, .. }) = next(&automation, &order(), &journal) else {
        panic!("a call")
    };
    assert_eq!(inputs, json!({"stage": "customer"}));
}

#[test]
fn a_condition_that_fails_names_itself() {
    let automation = compile(
        "{name: n, on: order.success, when: event.payload.vip == 'yes', steps: [{id: a, operation: ghl.contacts.save}]}",
    );
    let fault = next(&automation, &event("order.success"), &Journal::new()).unwrap_err();
    assert_eq!((fault.step, fault.path.as_str()), (None, "when"));
}

proptest! {
    #[test]
    fn every_run_ends_with_each_step_once_and_in_order(
        conditions in prop::collection::vec(0..3_u8, 1..30),
        fail_at in prop::option::of(0..30_usize),
    ) {
        let when = |index: usize, condition: u8| match condition {
            0 => "false".to_owned(),
            1 => "event.kind == 'order.success'".to_owned(),
            _ => index.checked_sub(1).map_or_else(|| "true".to_owned(), |before| format!("steps.s{before}")),
        };
        let steps: Vec<Value> = conditions
            .iter()
            .enumerate()
            .map(|(index, condition)| {
                json!({"id": format!("s{index}"), "operation": "ghl.contacts.save", "when": when(index, *condition)})
            })
            .collect();
        let document = json!({"name": "n", "on": "order.success", "steps": steps});
        let automation = compile(&document.to_string());
        let event = order();
        let mut journal = Journal::new();
        for expected in 0..=conditions.len() {
            let answer = next(&automation, &event, &journal).unwrap();
            prop_assert_eq!(&answer, &next(&automation, &event, &journal).unwrap());
            let (step, record) = match answer {
                Next::Call { step, .. } if fail_at == Some(expected) => (step, StepRecord::Failed { message: String::new() }),
                Next::Call { step, .. } => (step, StepRecord::Done { output: json!({"n": expected}) }),
                Next::Skip { step, reason } => (step, StepRecord::Skipped { reason }),
                Next::Done => {
                    prop_assert_eq!(expected, conditions.len());
                    return Ok(());
                }
                Next::Stopped { step } => {
                    prop_assert_eq!(step, format!("s{}", fail_at.unwrap()));
                    return Ok(());
                }
                Next::Note { .. } | Next::Wait { .. } | Next::Ended { .. } | Next::NotApplicable { .. } => return Err(TestCaseError::fail("nothing but calls")),
            };
            prop_assert_eq!(&step, &format!("s{expected}"));
            let holds = match conditions[expected] {
                0 => false,
                2 if expected > 0 => matches!(journal[expected - 1].1, StepRecord::Done { .. }),
                _ => true,
            };
            prop_assert_eq!(!holds, matches!(record, StepRecord::Skipped { .. }));
            journal.push((step, record));
        }
        prop_assert!(false, "the run did not end");
    }
}

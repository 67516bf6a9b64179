//! The published schema says of a document's form what the reader says of it. Documents without faults are held against
//! it wherever the tests of this crate read one ([`crate::common::compile`]).

use cartlane_catalog::Catalog;
use cartlane_flow::{Document, yaml};
use rstest::rstest;
use serde_json::json;

use crate::common::{against_schema, compile};

#[test]
fn schema_is_valid_by_the_schema_of_schemas() {
    let schema = cartlane_flow::schema::automation();
    jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn default_automations_are_documents_by_the_schema() {
    for (_, yaml) in cartlane_flow::defaults() {
        compile(yaml);
    }
}

#[rstest]
#[case::empty("{}")]
#[case::no_map("just a text")]
#[case::no_name("{on: cart.abandoned, steps: [{id: a, set: {x: 1}}]}")]
#[case::empty_name("{name: ' ', on: cart.abandoned, steps: [{id: a, set: {x: 1}}]}")]
#[case::no_value("{name: , on: cart.abandoned, steps: [{id: a, set: {x: 1}}]}")]
#[case::name_list("{name: [a], on: cart.abandoned, steps: [{id: a, set: {x: 1}}]}")]
#[case::unknown_key("{name: n, onn: 1, on: cart.abandoned, steps: [{id: a, set: {x: 1}}]}")]
#[case::no_kind("{name: n, on: [], steps: [{id: a, set: {x: 1}}]}")]
#[case::kind_number("{name: n, on: 5, steps: [{id: a, set: {x: 1}}]}")]
#[case::kind_form("{name: n, on: [Order!], steps: [{id: a, set: {x: 1}}]}")]
#[case::kind_of_ghl("{name: n, on: ghl.contact.tag_changed, steps: [{id: a, set: {x: 1}}]}")]
#[case::own_kind("{name: n, on: poll.item, steps: [{id: a, set: {x: 1}}]}")]
#[case::trigger("{name: n, on: {pol: {operation: ghl.users.list}}, steps: [{id: a, set: {x: 1}}]}")]
#[case::two_triggers(
    "{name: n, on: [{schedule: {cron: 0 9 * * 1}, manual: true}], steps: [{id: a, set: {x: 1}}]}"
)]
#[case::poll_every(
    "{name: n, on: {poll: {operation: ghl.users.list, every: 16m}}, steps: [{id: a, set: {x: 1}}]}"
)]
#[case::signed_every(
    "{name: n, on: {poll: {operation: ghl.users.list, every: +5m}}, steps: [{id: a, set: {x: 1}}]}"
)]
#[case::poll_key(
    "{name: n, on: {poll: {operation: ghl.users.list, evry: 5m}}, steps: [{id: a, set: {x: 1}}]}"
)]
#[case::poll_existing(
    "{name: n, on: {poll: {operation: ghl.users.list, existing: all}}, steps: [{id: a, set: {x: 1}}]}"
)]
#[case::no_cron("{name: n, on: {schedule: {zone: UTC}}, steps: [{id: a, set: {x: 1}}]}")]
#[case::outcome("{name: n, on: {automation: {name: o, outcome: doen}}, steps: [{id: a, set: {x: 1}}]}")]
#[case::condition_number("{name: n, on: cart.abandoned, when: 1, steps: [{id: a, set: {x: 1}}]}")]
#[case::connection_map("{name: n, on: cart.abandoned, connection: {}, steps: [{id: a, set: {x: 1}}]}")]
#[case::no_steps("{name: n, on: cart.abandoned, steps: []}")]
#[case::steps_map("{name: n, on: cart.abandoned, steps: {id: a, set: {x: 1}}}")]
#[case::step_text("{name: n, on: cart.abandoned, steps: [ghl.contacts.save]}")]
#[case::no_id("{name: n, on: cart.abandoned, steps: [{set: {x: 1}}]}")]
#[case::id_form("{name: n, on: cart.abandoned, steps: [{id: A-b, set: {x: 1}}]}")]
#[case::id_number("{name: n, on: cart.abandoned, steps: [{id: 5, set: {x: 1}}]}")]
#[case::no_operation("{name: n, on: cart.abandoned, steps: [{id: a}]}")]
#[case::operation("{name: n, on: cart.abandoned, steps: [{id: a, operation: ghl.contacts.sav}]}")]
#[case::with_list("{name: n, on: cart.abandoned, steps: [{id: a, operation: ghl.contacts.save, with: [1]}]}")]
#[case::step_key(
    "{name: n, on: cart.abandoned, steps: [{id: a, operation: ghl.contacts.save, with: {email: a@example.com}, wihh: {}}]}"
)]
#[case::on_unclear(
    "{name: n, on: cart.abandoned, steps: [{id: a, operation: ghl.contacts.save, with: {email: a@example.com}, on_unclear: resent}]}"
)]
#[case::no_rows("{name: n, on: cart.abandoned, rules: {}, steps: [{id: a, set: {x: 1}}]}")]
#[case::empty_rows("{name: n, on: cart.abandoned, rules: {rows: []}, steps: [{id: a, set: {x: 1}}]}")]
#[case::row_that_does_nothing(
    "{name: n, on: cart.abandoned, rules: {rows: [{then: {}}]}, steps: [{id: a, set: {x: 1}}]}"
)]
#[case::matching(
    "{name: n, on: cart.abandoned, rules: {match: some, rows: [{then: {a: 1}}]}, steps: [{id: a, set: {x: 1}}]}"
)]
#[case::column(
    "{name: n, on: cart.abandoned, rules: {rows: [{if: {produkt: 1}, then: {a: 1}}]}, steps: [{id: a, set: {x: 1}}]}"
)]
#[case::outcome(
    "{name: n, on: cart.abandoned, rules: {rows: [{then: {rows: 1}}]}, steps: [{id: a, set: {x: 1}}]}"
)]
#[case::table("{name: n, on: cart.abandoned, tables: {a: 1}, steps: [{id: a, set: {x: 1}}]}")]
#[case::step_condition(
    "{name: n, on: cart.abandoned, steps: [{id: a, operation: ghl.contacts.save, with: {email: a@example.com}, when: []}]}"
)]
fn what_the_reader_refuses_for_its_form_the_schema_refuses(#[case] text: &str) {
    assert!(
        Document::from_yaml(text, Catalog::builtin()).is_err(),
        "the reader takes {text}"
    );
    let json = yaml::read(text).expect("YAML");
    assert!(!against_schema(&json).is_empty(), "the schema takes {text}");
}

#[test]
fn more_steps_than_an_automation_can_have_are_refused_by_both() {
    let step = |n: usize| json!({"id": format!("s{n}"), "set": {"x": 1}});
    let document = |steps: usize| json!({"name": "n", "on": ["cart.abandoned"], "steps": (0..steps).map(step).collect::<Vec<_>>()});
    for (steps, is_taken) in [(100, true), (101, false)] {
        let document = document(steps);
        assert_eq!(
            Document::from_json(&document, Catalog::builtin()).is_ok(),
            is_taken
        );
        assert_eq!(against_schema(&document).is_empty(), is_taken);
    }
}

#[test]
fn keys_without_a_value_are_as_good_as_left_out() {
    compile(
        "{name: 5, description: , on: cart.abandoned, when: , connection: , steps: [{id: a, operation: ghl.contacts.save, with: , when: true, on_unclear: }]}",
    );
}

//! Courses of `ghl.contacts.set_lifecycle`, and what holds for every composite.

use cartlane_catalog::{Catalog, Run};
use cartlane_ghl::composite::{Answer, Done, Part, next};
use serde_json::{Value, json};

fn after(done: &[(&str, Value)]) -> Part {
    let done: Vec<Done> = done
        .iter()
        .map(|(operation, answer)| Done {
            operation: format!("ghl.contacts.{operation}"),
            inputs: json!({}),
            answer: Answer::Ok(answer.clone()),
        })
        .collect();
    next(
        "set_lifecycle",
        &json!({"contact_id": "c1", "stage": "Customer"}),
        None,
        &done,
    )
}

fn call(part: &Part) -> (&str, Value) {
    let Part::Call {
        operation, inputs, ..
    } = part
    else {
        panic!("{part:?}")
    };
    (
        operation.strip_prefix("ghl.contacts.").unwrap_or_default(),
        inputs["tags"].clone(),
    )
}

#[test]
fn the_new_stage_is_added_then_only_other_stages_are_removed() {
    assert_eq!(call(&after(&[])), ("add_tags", json!(["lifecycle: Customer"])));
    let tags = [
        "vip",
        "lifecycle: customer",
        "Lifecycle: lead",
        "lifecycle:cancelled",
        "my lifecycle: x",
    ];
    let tags = json!({ "tags": tags });
    let removal = after(&[("add_tags", tags.clone())]);
    assert_eq!(
        call(&removal),
        ("remove_tags", json!(["Lifecycle: lead", "lifecycle:cancelled"]))
    );
    let end = after(&[("add_tags", tags), ("remove_tags", json!({"tags": []}))]);
    assert!(matches!(end, Part::Done { .. }), "{end:?}");
}

#[test]
fn no_other_stage_is_one_call() {
    let end = after(&[("add_tags", json!({"tags": ["vip", "lifecycle: customer"]}))]);
    let output = json!({"id": "c1", "stage": "Customer", "removed": []});
    assert_eq!(
        end,
        Part::Done {
            output,
            warnings: vec![]
        }
    );
}

#[test]
fn tags_are_read_where_the_answer_does_not_tell_them() {
    let added = ("add_tags", json!({}));
    assert_eq!(call(&after(std::slice::from_ref(&added))).0, "get");
    let read = (
        "get",
        json!({"contact": {"id": "c1", "tags": ["lifecycle: lead"]}}),
    );
    assert_eq!(
        call(&after(&[added, read])),
        ("remove_tags", json!(["lifecycle: lead"]))
    );
}

#[test]
fn every_composite_of_the_catalog_begins_with_one_of_its_calls() {
    for operation in Catalog::builtin().operations() {
        let Run::Composite(hook) = &operation.run else {
            continue;
        };
        let Part::Call {
            operation: called,
            inputs,
            ..
        } = next(hook, &operation.example, None, &[])
        else {
            panic!("{} does not begin with a call", operation.id);
        };
        assert!(
            operation.calls.iter().any(|call| call == called),
            "{called} is not among {:?}",
            operation.calls
        );
        let record = Catalog::builtin().get(called).expect("an operation");
        assert_eq!(record.validate(&inputs), Ok(()));
    }
}

//! Courses of `ghl.opportunities.upsert`.

use cartlane_ghl::composite::{Answer, Done, Part, next};
use serde_json::{Value, json};

fn inputs() -> Value {
    json!({
        "contact_id": "c1", "pipeline_id": "p1", "name": "Order 7", "status": "won", "monetary_value": 14.99,
        "custom_fields": [{"key": "k", "value": 3}],
    })
}

fn after(inputs: &Value, done: &[(&str, Answer)]) -> Part {
    let done: Vec<Done> = done
        .iter()
        .map(|(operation, answer)| Done {
            operation: format!("ghl.opportunities.{operation}"),
            inputs: json!({}),
            answer: answer.clone(),
        })
        .collect();
    next("upsert_opportunity", inputs, None, &done)
}

fn call(part: Part) -> (&'static str, Value) {
    match part {
        Part::Call {
            operation, inputs, ..
        } => (operation, inputs),
        other => panic!("{other:?}"),
    }
}

fn search(opportunities: &Value) -> (&'static str, Answer) {
    ("search", Answer::Ok(json!({"opportunities": opportunities})))
}

#[test]
fn none_in_the_pipeline_is_created() {
    let searched = json!({"contact_id": "c1", "pipeline_id": "p1", "limit": 100});
    assert_eq!(
        call(after(&inputs(), &[])),
        ("ghl.opportunities.search", searched)
    );
    // One of another contact is none, whatever the search says.
    let others = search(&json!([{"id": "o9", "contactId": "c2", "pipelineId": "p1", "name": "Order 7"}]));
    let created = json!({
        "name": "Order 7", "status": "won", "monetaryValue": 14.99, "customFields": [{"key": "k", "field_value": 3}],
        "contactId": "c1", "pipelineId": "p1",
    });
    assert_eq!(
        call(after(&inputs(), std::slice::from_ref(&others))),
        ("ghl.opportunities.create", created)
    );
    let end = after(
        &inputs(),
        &[
            others,
            ("create", Answer::Ok(json!({"opportunity": {"id": "o1"}}))),
        ],
    );
    let Part::Done { output, warnings } = end else {
        panic!("{end:?}")
    };
    assert_eq!((&output["id"], &output["created"]), (&json!("o1"), &json!(true)));
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn of_several_the_same_name_is_taken_then_an_open_one() {
    let list = search(&json!([
        {"id": "o1", "name": "Old", "status": "lost"}, {"id": "o2", "name": "Other", "status": "open"},
        {"id": "o3", "name": "Order 7", "status": "lost", "monetaryValue": 14.99},
    ]));
    let (operation, sent) = call(after(&inputs(), std::slice::from_ref(&list)));
    assert_eq!(operation, "ghl.opportunities.update");
    assert_eq!(
        sent,
        json!({"id": "o3", "status": "won", "customFields": [{"key": "k", "field_value": 3}]}),
        "only what differs"
    );
    let mut renamed = inputs();
    renamed["name"] = json!("Order 8");
    assert_eq!(call(after(&renamed, std::slice::from_ref(&list))).1["id"], "o2");
    let end = after(
        &inputs(),
        &[list, ("update", Answer::Ok(json!({"opportunity": {"id": "o3"}})))],
    );
    let Part::Done { output, warnings } = end else {
        panic!("{end:?}")
    };
    assert_eq!((&output["id"], &output["created"]), (&json!("o3"), &json!(false)));
    assert_eq!(
        warnings,
        ["contact c1 has 3 opportunities in this pipeline; o3 was taken"]
    );
}

#[test]
fn what_is_so_already_is_left_alone_and_what_went_is_made_anew() {
    let inputs = json!({"contact_id": "c1", "pipeline_id": "p1", "name": "Order 7"});
    let list = search(&json!([{"id": "o1", "name": "Order 7", "status": "lost"}]));
    let end = after(&inputs, std::slice::from_ref(&list));
    assert!(
        matches!(&end, Part::Done { output, .. } if output["id"] == "o1"),
        "{end:?}"
    );
    let mut changed = inputs;
    changed["stage_id"] = json!("s2");
    let again = after(&changed, &[list, ("update", Answer::NotFound)]);
    let (operation, sent) = call(again);
    assert_eq!(
        (operation, &sent["status"]),
        ("ghl.opportunities.create", &json!("open"))
    );
}

#[test]
fn by_name_no_other_one_is_touched() {
    let mut inputs = inputs();
    inputs["match"] = json!("name");
    let others = search(
        &json!([{"id": "o1", "name": "Order 6", "status": "won"}, {"id": "o2", "name": "Deal", "status": "open"}]),
    );
    let (operation, sent) = call(after(&inputs, &[others]));
    assert_eq!(
        (operation, &sent["name"], &sent["contactId"]),
        ("ghl.opportunities.create", &json!("Order 7"), &json!("c1"))
    );
    let list = search(&json!([
        {"id": "o2", "name": "Deal", "status": "open"}, {"id": "o3", "name": "Order 7", "status": "lost"},
        {"id": "o4", "name": "Order 7", "status": "open"},
    ]));
    assert_eq!(call(after(&inputs, std::slice::from_ref(&list))).1["id"], "o3");
    let end = after(
        &inputs,
        &[list, ("update", Answer::Ok(json!({"opportunity": {"id": "o3"}})))],
    );
    let Part::Done { warnings, .. } = end else {
        panic!("{end:?}")
    };
    assert_eq!(
        warnings,
        ["contact c1 has 2 opportunities named Order 7 in this pipeline; o3 was taken"]
    );
}

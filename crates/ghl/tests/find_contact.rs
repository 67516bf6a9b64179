//! Courses of `ghl.contacts.find`.

use cartlane_ghl::composite::{Answer, Done, Part, next};
use serde_json::{Value, json};

fn after(inputs: &Value, done: &[(&str, Answer)]) -> Part {
    let done: Vec<Done> = done
        .iter()
        .map(|(operation, answer)| Done {
            operation: format!("ghl.contacts.{operation}"),
            inputs: json!({}),
            answer: answer.clone(),
        })
        .collect();
    next("find_contact", inputs, None, &done)
}

fn call(part: Part) -> (&'static str, Value) {
    match part {
        Part::Call {
            operation, inputs, ..
        } => (operation, inputs),
        other => panic!("{other:?}"),
    }
}

fn found(part: Part) -> (Value, Vec<String>) {
    match part {
        Part::Done { output, warnings } => (output["id"].clone(), warnings),
        other => panic!("{other:?}"),
    }
}

fn contact(id: &str, email: &str, phone: &str) -> Answer {
    Answer::Ok(json!({"contact": {"id": id, "email": email, "phone": phone}}))
}

#[test]
fn the_id_comes_first_and_is_enough() {
    let inputs = json!({"id": "c1", "email": "a@b.co"});
    assert_eq!(
        call(after(&inputs, &[])),
        ("ghl.contacts.get", json!({"contactId": "c1"}))
    );
    let end = after(&inputs, &[("get", contact("c1", "other@b.co", ""))]);
    assert_eq!(found(end), (json!("c1"), vec![]));
}

#[test]
fn a_contact_that_was_found_by_something_else_does_not_count() {
    let inputs = json!({"email": "a@b.co", "phone": "+1 (888) 888-8888"});
    let none = ("find_duplicate", Answer::Ok(json!({"contact": null})));
    let other = ("find_duplicate", contact("c9", "x@b.co", "+19999999999"));
    let by_phone = after(&inputs, std::slice::from_ref(&other));
    assert_eq!(
        call(by_phone),
        (
            "ghl.contacts.find_duplicate",
            json!({"number": "+1 (888) 888-8888"})
        )
    );
    let end = after(
        &inputs,
        &[other, ("find_duplicate", contact("c2", "x@b.co", "+18888888888"))],
    );
    assert_eq!(found(end), (json!("c2"), vec![]));
    let end = after(
        &json!({"email": "a@b.co"}),
        &[
            none,
            (
                "search",
                Answer::Ok(json!({"contacts": [
                    {"id": "c3", "email": "x@b.co", "additionalEmails": ["A@b.co"]}, {"id": "c4", "email": "y@b.co"},
                    {"id": "c5", "email": "a@B.co"},
                ]})),
            ),
        ],
    );
    assert_eq!(
        found(end),
        (json!("c3"), vec!["more contacts fit: c5".to_owned()])
    );
}

#[test]
fn nobody_is_an_answer_too() {
    let inputs = json!({"id": "c1", "email": "a@b.co"});
    let none = ("find_duplicate", Answer::Ok(json!({})));
    let search = after(&inputs, &[("get", Answer::NotFound), none.clone()]);
    let filters =
        json!([{"group": "OR", "filters": [{"field": "email", "operator": "eq", "value": "a@b.co"}]}]);
    assert_eq!(
        call(search),
        (
            "ghl.contacts.search",
            json!({"pageLimit": 20, "filters": filters})
        )
    );
    let end = after(
        &inputs,
        &[
            ("get", Answer::NotFound),
            none,
            ("search", Answer::Ok(json!({"contacts": []}))),
        ],
    );
    let Part::Done { output, .. } = end else {
        panic!("{end:?}")
    };
    assert_eq!(output, json!({"found": false, "id": null, "contact": null}));
    assert!(matches!(after(&json!({}), &[]), Part::Failed(_)));
}

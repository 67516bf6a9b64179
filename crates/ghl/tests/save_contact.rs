//! Courses of `ghl.contacts.save`: what is called, and what comes out.

use cartlane_catalog::Catalog;
use cartlane_ghl::composite::{Answer, Done, Known, Part, next};
use serde_json::{Value, json};

/// The calls that were made (operation's last word and inputs) and the end they came to.
fn course(inputs: &Value, known: Option<&Known>, answers: &[Answer]) -> (Vec<String>, Part) {
    let mut done: Vec<Done> = Vec::new();
    loop {
        let part = next("save_contact", inputs, known, &done);
        let Part::Call {
            operation, inputs, ..
        } = part
        else {
            assert_eq!(
                done.len(),
                answers.len(),
                "answers that nobody asked for; {part:?}"
            );
            let call =
                |done: &Done| format!("{} {}", done.operation.replace("ghl.contacts.", ""), done.inputs);
            return (done.iter().map(call).collect(), part);
        };
        let record = Catalog::builtin()
            .get(operation)
            .expect("an operation of the catalog");
        assert_eq!(record.validate(&inputs), Ok(()), "{operation}");
        let answer = answers
            .get(done.len())
            .unwrap_or_else(|| panic!("an answer to {operation} {inputs}"))
            .clone();
        done.push(Done {
            operation: operation.into(),
            inputs,
            answer,
        });
    }
}

fn contact(contact: &Value) -> Answer {
    Answer::Ok(json!({ "contact": contact }))
}

fn duplicate(contact_id: &str, matching_field: &str) -> Answer {
    Answer::Duplicate {
        contact_id: contact_id.into(),
        matching_field: matching_field.into(),
    }
}

fn known(filled: &[&str]) -> Known {
    Known {
        id: "c1".into(),
        filled: filled.iter().map(|&name| name.to_owned()).collect(),
    }
}

fn output(part: &Part) -> (&str, bool, Vec<&str>) {
    let Part::Done { output, warnings } = part else {
        panic!("{part:?}")
    };
    assert_eq!(output["warnings"], json!(warnings));
    let id = output["id"].as_str().expect("an id");
    (
        id,
        output["created"] == true,
        warnings.iter().map(String::as_str).collect(),
    )
}

#[test]
fn a_new_contact_is_looked_for_and_created() {
    let inputs = json!({"email": "A@b.co", "first_name": "Ann", "company": "X", "source": "TC",
        "if_empty": ["source"], "custom_fields": [{"key": "k", "value": 5}]});
    let made = json!({"id": "c1", "email": "a@b.co", "firstName": "ann", "companyName": "X", "source": "TC"});
    let (calls, end) = course(&inputs, None, &[contact(&Value::Null), contact(&made)]);
    assert_eq!(
        calls,
        [
            r#"find_duplicate {"email":"A@b.co"}"#,
            r#"create {"email":"A@b.co","firstName":"Ann","companyName":"X","source":"TC","customFields":[{"key":"k","field_value":5}]}"#,
        ]
    );
    assert_eq!(output(&end), ("c1", true, vec![]));
}

#[test]
fn a_found_contact_gets_only_what_differs_and_is_open() {
    let inputs = json!({"email": "a@b.co", "first_name": "Ann", "city": "Bonn", "state": "NW", "source": "TC",
        "if_empty": ["city", "state", "source"]});
    let found = json!({"id": "c1", "email": "A@b.co", "firstName": "ann", "city": "Ulm",
        "state": "", "source": null});
    let after = json!({"id": "c1", "state": "NW", "source": "TC"});
    let (calls, end) = course(&inputs, None, &[contact(&found), contact(&after)]);
    assert_eq!(
        calls[1],
        r#"update {"state":"NW","source":"TC","contactId":"c1"}"#
    );
    assert_eq!(output(&end), ("c1", false, vec![]));
}

#[test]
fn nothing_to_change_is_no_call() {
    let inputs = json!({"email": "a@b.co", "first_name": "Ann", "phone": "+18888888888",
        "custom_fields": [{"id": "f1", "value": "7"}]});
    let found = json!({"id": "c1", "email": "a@b.co", "firstName": "Ann", "phone": "+1 888 888 8888",
        "customFields": [{"id": "f1", "value": 7}]});
    let (calls, end) = course(&inputs, None, &[contact(&found)]);
    assert_eq!((calls.len(), output(&end)), (1, ("c1", false, vec![])));
}

#[test]
fn a_contact_found_by_something_else_than_the_email_is_not_ours() {
    let inputs = json!({"email": "a@b.co", "phone": "+18888888888"});
    let other = json!({"id": "c9", "email": "other@b.co", "phone": "+18888888888"});
    let made = json!({"id": "c1", "email": "a@b.co", "phone": "+18888888888"});
    let (calls, end) = course(&inputs, None, &[contact(&other), contact(&made)]);
    assert_eq!(calls[1], r#"create {"email":"a@b.co","phone":"+18888888888"}"#);
    assert_eq!(output(&end), ("c1", true, vec![]));
}

#[test]
fn an_additional_email_finds_the_contact_but_is_not_made_its_primary_one() {
    let inputs = json!({"email": "a@b.co", "city": "Bonn"});
    let found = json!({"id": "c1", "email": "x@b.co", "additionalEmails": ["A@b.co"]});
    let (calls, _) = course(
        &inputs,
        None,
        &[contact(&found), contact(&json!({"id": "c1", "city": "Bonn"}))],
    );
    assert_eq!(calls[1], r#"update {"city":"Bonn","contactId":"c1"}"#);
}

#[test]
fn a_partial_find_is_completed_by_a_read_before_an_if_empty_field_is_set() {
    let inputs = json!({"email": "a@b.co", "source": "TC", "if_empty": ["source"]});
    let found = json!({"id": "c1", "email": "a@b.co"});
    let whole = json!({"id": "c1", "email": "a@b.co", "source": "theirs"});
    let (calls, _) = course(&inputs, None, &[contact(&found), contact(&whole)]);
    assert_eq!(
        calls,
        [
            r#"find_duplicate {"email":"a@b.co"}"#,
            r#"get {"contactId":"c1"}"#
        ]
    );
}

#[test]
fn a_known_contact_is_updated_at_once() {
    let inputs = json!({"email": "a@b.co", "city": "Bonn", "source": "TC", "if_empty": ["source"]});
    let after = json!({"id": "c1", "email": "a@b.co", "city": "Bonn"});
    let (calls, end) = course(&inputs, Some(&known(&["source"])), &[contact(&after)]);
    assert_eq!(
        calls,
        [r#"update {"email":"a@b.co","city":"Bonn","contactId":"c1"}"#]
    );
    assert_eq!(output(&end), ("c1", false, vec![]));
}

#[test]
fn a_known_contact_is_read_first_where_an_if_empty_field_is_not_known() {
    let inputs = json!({"email": "a@b.co", "source": "TC", "if_empty": ["source"]});
    let whole = json!({"id": "c1", "email": "a@b.co"});
    let after = json!({"id": "c1", "source": "TC"});
    let (calls, _) = course(
        &inputs,
        Some(&known(&["city"])),
        &[contact(&whole), contact(&after)],
    );
    assert_eq!(
        calls,
        [
            r#"get {"contactId":"c1"}"#,
            r#"update {"source":"TC","contactId":"c1"}"#
        ]
    );
}

#[test]
fn a_known_contact_that_is_gone_is_looked_for_again() {
    let inputs = json!({"email": "a@b.co", "source": "TC", "if_empty": ["source"]});
    let made = json!({"id": "c2", "email": "a@b.co", "source": "TC"});
    for filled in [&["source"][..], &[]] {
        let answers = [Answer::NotFound, contact(&Value::Null), contact(&made)];
        let (calls, end) = course(&inputs, Some(&known(filled)), &answers);
        assert!(
            calls[1].starts_with("find") && calls[2].starts_with("create"),
            "{calls:?}"
        );
        assert_eq!(output(&end), ("c2", true, vec![]));
    }
}

#[test]
fn what_was_done_first_decides_even_if_the_contact_became_known_since() {
    let inputs = json!({"email": "a@b.co"});
    let find = Done {
        operation: "ghl.contacts.find_duplicate".into(),
        inputs: json!({"email": "a@b.co"}),
        answer: contact(&json!({"id": "c1", "email": "a@b.co"})),
    };
    let end = next("save_contact", &inputs, Some(&known(&[])), &[find]);
    assert_eq!(output(&end), ("c1", false, vec![]));
}

#[test]
fn the_previous_email_is_looked_for_first_and_replaced() {
    let inputs = json!({"email": "new@b.co", "previous_email": "old@b.co"});
    let found = json!({"id": "c1", "email": "old@b.co"});
    let after = json!({"id": "c1", "email": "new@b.co"});
    let (calls, _) = course(&inputs, None, &[contact(&found), contact(&after)]);
    assert_eq!(
        calls,
        [
            r#"find_duplicate {"email":"old@b.co"}"#,
            r#"update {"email":"new@b.co","contactId":"c1"}"#
        ]
    );

    let (calls, _) = course(&inputs, None, &[contact(&Value::Null), contact(&after)]);
    assert_eq!(
        calls,
        [
            r#"find_duplicate {"email":"old@b.co"}"#,
            r#"find_duplicate {"email":"new@b.co"}"#
        ]
    );

    let answers = [contact(&found), duplicate("c9", "email")];
    let (_, end) = course(&inputs, None, &answers);
    let warning = "e-mail new@b.co was not set: it belongs to another contact (c9)";
    assert_eq!(output(&end), ("c1", false, vec![warning]));
}

#[test]
fn a_duplicate_by_email_on_create_is_updated() {
    let inputs = json!({"email": "a@b.co", "city": "Bonn"});
    let after = json!({"id": "c9", "email": "x@b.co", "city": "Bonn"});
    let cases = [
        ("additionalEmail", r#"update {"city":"Bonn","contactId":"c9"}"#),
        (
            "email",
            r#"update {"email":"a@b.co","city":"Bonn","contactId":"c9"}"#,
        ),
    ];
    for (field, update) in cases {
        let (calls, end) = course(
            &inputs,
            None,
            &[contact(&Value::Null), duplicate("c9", field), contact(&after)],
        );
        assert_eq!(calls[2], update);
        assert_eq!(output(&end).0, "c9");
    }
}

#[test]
fn a_phone_of_somebody_else_is_left_out_with_a_warning() {
    let inputs = json!({"email": "a@b.co", "phone": "+18888888888", "city": "Bonn"});
    let warning = "phone +18888888888 was not set: it belongs to another contact (c9)";
    let saved = json!({"id": "c1", "email": "a@b.co", "city": "Bonn"});
    let none = contact(&Value::Null);

    let (calls, end) = course(
        &inputs,
        None,
        &[none.clone(), duplicate("c9", "phone"), contact(&saved)],
    );
    assert_eq!(calls[2], r#"create {"email":"a@b.co","city":"Bonn"}"#);
    assert_eq!(output(&end), ("c1", true, vec![warning]));

    let (calls, end) = course(
        &inputs,
        Some(&known(&[])),
        &[duplicate("c9", "phone"), contact(&saved)],
    );
    assert_eq!(
        calls[1],
        r#"update {"email":"a@b.co","city":"Bonn","contactId":"c1"}"#
    );
    assert_eq!(output(&end), ("c1", false, vec![warning]));

    let answers = [none, duplicate("c9", "phone"), duplicate("c9", "phone")];
    let (_, end) = course(&inputs, None, &answers);
    assert!(matches!(end, Part::Failed(_)), "{end:?}");
}

#[test]
fn a_field_that_ghl_names_as_wrong_does_not_cost_the_others() {
    let inputs = json!({"email": "a@b.co", "country": "AQ", "city": "Bonn"});
    let wrong = Answer::Invalid(vec!["country must be a valid enum value".into()]);
    let made = json!({"id": "c1", "email": "a@b.co", "city": "Bonn"});
    let (calls, end) = course(&inputs, None, &[contact(&Value::Null), wrong, contact(&made)]);
    assert_eq!(calls[2], r#"create {"email":"a@b.co","city":"Bonn"}"#);
    let warning = "country `AQ` was not set: GHL says: country must be a valid enum value";
    assert_eq!(output(&end), ("c1", true, vec![warning]));

    let wrong = Answer::Invalid(vec!["email must be an email".into()]);
    let (_, end) = course(&inputs, None, &[contact(&Value::Null), wrong]);
    assert_eq!(
        end,
        Part::Failed("GHL does not accept what was sent: email must be an email".into())
    );
}

#[test]
fn what_ghl_drops_and_a_company_it_cannot_take_are_warnings() {
    let inputs = json!({"email": "a@b.co", "company": "X", "city": "Bonn"});
    let found = json!({"id": "c1", "email": "a@b.co", "companyName": "Y"});
    let after = json!({"id": "c1", "email": "a@b.co", "companyName": "Y"});
    let (_, end) = course(&inputs, None, &[contact(&found), contact(&after)]);
    let warnings = [
        "GHL did not take city: `Bonn` was sent",
        "company `X` was not set: GHL takes it only when a contact is created",
    ];
    assert_eq!(output(&end), ("c1", false, warnings.to_vec()));
}

#[test]
fn a_contact_that_vanishes_again_and_again_ends_in_failure() {
    let inputs = json!({"email": "a@b.co", "city": "Bonn"});
    let found = contact(&json!({"id": "c1", "email": "a@b.co"}));
    let answers: Vec<Answer> = (0..12)
        .map(|call| {
            if call % 2 == 0 {
                found.clone()
            } else {
                Answer::NotFound
            }
        })
        .collect();
    assert!(matches!(course(&inputs, None, &answers).1, Part::Failed(_)));
}

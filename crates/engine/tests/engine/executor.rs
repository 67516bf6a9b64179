//! Operations that somebody waits for, through the executor.

use std::collections::BTreeSet;

use cartlane_catalog::Catalog;
use cartlane_engine::CallError;
use cartlane_flow::Document;
use cartlane_ghl::Rejection;
use cartlane_sandbox::{CustomField, Fault, Match, Rule};
use cartlane_testkit::TestApp;
use serde_json::{Value, json};

/// Calls an operation of the only GHL connection.
pub async fn call(app: &TestApp, operation: &str, inputs: Value) -> Result<Value, CallError> {
    let output = app.handle().executor().call("crm", operation, &inputs).await;
    output.map(|output| output.value)
}

/// One bad input for each rule of the operation's inputs, and what is told of it, all at once.
const FAULTS: &str = include_str!("faults.json");

#[tokio::test(flavor = "multi_thread")]
async fn one_error_lists_all_faults_and_nothing_is_sent() {
    let app = TestApp::builder().start().await;
    let cases: Vec<Value> = serde_json::from_str(FAULTS).expect("cases");
    assert!(cases.len() >= 10);
    for case in cases {
        let operation = case["operation"].as_str().expect("an operation");
        let error = call(&app, operation, case["inputs"].clone())
            .await
            .expect_err("wrong inputs");
        assert_eq!(error.code(), "call.inputs", "{operation}: {error}");
        let CallError::Inputs(problems) = &error else {
            panic!("{operation}: {error}");
        };
        let told: Vec<Value> = problems
            .0
            .iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message).into())
            .collect();
        assert_eq!(Value::from(told), case["faults"], "{operation}");
    }
    assert!(app.ghl().calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_says_which_scope_is_missing_and_which_contact_is_there() {
    let app = TestApp::builder()
        .sandbox(|settings| settings.locations[0].allow_duplicates = false)
        .start()
        .await;
    let id = app.ghl().add_contact("a@example.com", &json!({}));
    let error = call(&app, "ghl.contacts.create", json!({"email": "A@example.com"}))
        .await
        .expect_err("there is one");
    assert_eq!(error.code(), "ghl.duplicate");
    assert!(error.to_string().contains(&id), "{error}");
    app.ghl().scopes(Some(&["contacts.readonly"]));
    let error = call(
        &app,
        "ghl.contacts.add_tags",
        json!({"contactId": id, "tags": ["x"]}),
    )
    .await
    .expect_err("no scope");
    assert_eq!(error.code(), "ghl.missing_scope");
    let missing = Rejection::MissingScope {
        scopes: vec!["contacts.write".to_owned()],
        of_app: false,
    };
    assert_eq!(error.refusal(), Some(&missing));
    assert!(
        error.to_string().contains("to the private integration"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_upload_reaches_ghl_with_its_files() {
    let app = TestApp::builder().start().await;
    let file = json!({"name": "posts.csv", "text": "a,b"});
    let part = json!({"part": "6dvNaf7VhkQ9snc5vnjJ_1", "name": "a.pdf", "base64": "JVBERi0="});
    let uploads = [
        (
            "ghl.conversations.upload_file_attachments",
            json!({"conversationId": "c", "contactId": "k", "fileAttachment": [file, file]}),
            "uploadedFiles",
        ),
        (
            "ghl.locations.upload_file_custom_fields",
            json!({"id": "k", "files": [part]}),
            "uploadedFiles",
        ),
        ("ghl.medias.upload_media_content", json!({"file": file}), "fileId"),
        (
            "ghl.medias.upload_media_content",
            json!({"hosted": true, "fileUrl": "https://example.com/a"}),
            "url",
        ),
        (
            "ghl.social_media_posting.upload_csv",
            json!({"file": file}),
            "results",
        ),
    ];
    for (operation, inputs, key) in uploads {
        let answer = call(&app, operation, inputs).await;
        let answer = answer.unwrap_or_else(|error| panic!("{operation}: {error}"));
        assert!(answer.get(key).is_some(), "{operation}: {answer}");
    }
    let inputs = json!({"contactId": "k", "files": [part, part]});
    let answer = call(&app, "ghl.forms.upload_to_custom_fields", inputs).await;
    assert!(answer.is_ok(), "{answer:?}");
    let empty = json!({"file": {"name": "empty.txt", "text": ""}});
    let refused = call(&app, "ghl.medias.upload_media_content", empty).await;
    assert_eq!(refused.expect_err("no file").code(), "ghl.invalid");
    let gone = json!({"file": {"kept": "file_01jzzzzzzzzzzzzzzzzzzzzzzz"}});
    let error = call(&app, "ghl.medias.upload_media_content", gone)
        .await
        .expect_err("not kept");
    assert_eq!(error.code(), "ghl.unsendable_file", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_with_what_was_meant() {
    let app = TestApp::builder().start().await;
    let executor = app.handle().executor();
    let error = executor
        .call("crn", "ghl.contacts.get", &json!({"contactId": "c"}))
        .await;
    assert_eq!(
        error.expect_err("none").to_string(),
        "there is no connection `crn` that this can be done with; there is: crm"
    );
    let error = call(&app, "ghl.contact.get", json!({})).await.expect_err("none");
    assert!(
        error.to_string().contains("did you mean `ghl.contacts.get`?"),
        "{error}"
    );
    let error = executor
        .pages(
            "crm",
            "ghl.contacts.create_note",
            &json!({"contactId": "c", "body": "x"}),
        )
        .await;
    assert_eq!(error.err().map(|error| error.code()), Some("call.no_pages"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_made_again_and_a_lost_note_is_found_instead() {
    let app = TestApp::builder().start().await;
    let id = app.ghl().add_contact("a@example.com", &json!({}));
    app.ghl()
        .script(Rule::new(Match::default(), Fault::ServerError, 2));
    let read = call(&app, "ghl.contacts.get", json!({"contactId": id})).await;
    assert_eq!(read.expect("read")["contact"]["email"], "a@example.com");
    app.ghl().fail_notes(Fault::CutAfter, 1);
    let inputs = json!({"contactId": id, "body": "Order 7\nref: 7f3k2m9q4t8w"});
    let note = call(&app, "ghl.contacts.create_note", inputs)
        .await
        .expect("found");
    assert!(note["note"]["id"].is_string(), "{note}");
    assert_eq!(app.ghl().effects("note_created"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsafe_call_is_never_sent_twice_by_itself() {
    let app = TestApp::builder().start().await;
    let id = app.ghl().add_contact("a@example.com", &json!({}));
    app.ghl().fail_notes(Fault::CutAfter, 1);
    let error = call(
        &app,
        "ghl.contacts.create_note",
        json!({"contactId": id, "body": "no reference"}),
    )
    .await
    .expect_err("nobody knows");
    assert_eq!(error.code(), "call.unclear");
    app.ghl().fail_notes(Fault::CutBefore, 1);
    let inputs = json!({"contactId": id, "body": "Order 7\nref: 7f3k2m9q4t8w"});
    let error = call(&app, "ghl.contacts.create_note", inputs)
        .await
        .expect_err("absent");
    assert_eq!(error.code(), "call.absent");
    assert_eq!(app.ghl().effects("note_created"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_lacks_its_scope_is_not_called_impossible() {
    let app = TestApp::builder().start().await;
    let id = app.ghl().add_contact("a@example.com", &json!({}));
    app.ghl().scopes(Some(&["contacts.write"]));
    app.ghl().fail_notes(Fault::CutBefore, 1);
    let inputs = json!({"contactId": id, "body": "Order 7\nref: 7f3k2m9q4t8w"});
    let error = call(&app, "ghl.contacts.create_note", inputs)
        .await
        .expect_err("nobody knows");
    assert_eq!(error.code(), "call.unclear");
    let told = error.to_string();
    assert!(
        told.contains("the look for it failed (the token lacks a scope: contacts.readonly"),
        "{told}"
    );
    assert!(!told.contains("no way to look"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_pauses_the_connection_for_all() {
    let app = TestApp::builder().start().await;
    app.ghl().revoke_token(true);
    let get = json!({"contactId": "c"});
    let error = call(&app, "ghl.contacts.get", get.clone())
        .await
        .expect_err("refused");
    assert_eq!(error.code(), "ghl.invalid_token");
    let error = call(&app, "ghl.contacts.get", get).await.expect_err("paused");
    assert_eq!(error.code(), "connection.paused");
}

#[tokio::test(flavor = "multi_thread")]
async fn composites_run_like_single_calls() {
    let app = TestApp::builder().start().await;
    let saved = call(
        &app,
        "ghl.contacts.save",
        json!({"email": "a@example.com", "phone": "+49 170 1234567"}),
    )
    .await;
    let saved = saved.expect("saved");
    assert_eq!(
        (&saved["created"], &saved["contact"]["phone"]),
        (&json!(true), &json!("+491701234567"))
    );
    let found = call(&app, "ghl.contacts.find", json!({"email": "a@example.com"})).await;
    assert_eq!(found.expect("found")["contact"]["id"], saved["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_to_its_end_with_every_parameter_on_every_page() {
    let app = TestApp::builder().start().await;
    for number in 0..25 {
        app.ghl()
            .add_contact(&format!("buyer{number}@example.com"), &json!({"source": "shop"}));
        app.ghl()
            .add_contact(&format!("other{number}@example.com"), &json!({"source": "web"}));
    }
    let filters = json!([{"field": "source", "operator": "eq", "value": "shop"}]);
    let inputs = json!({"filters": filters, "pageLimit": 10});
    let mut pages = app
        .handle()
        .executor()
        .pages("crm", "ghl.contacts.search", &inputs)
        .await
        .expect("a list");
    let mut ids = BTreeSet::new();
    while let Some(contact) = pages.next().await.expect("a page") {
        assert_eq!(contact["source"], "shop");
        assert!(ids.insert(contact["id"].to_string()), "twice: {contact}");
    }
    assert_eq!((ids.len(), app.ghl().calls().len()), (25, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_ones_own_uses_address_and_token_of_the_connection() {
    let app = TestApp::builder().start().await;
    let body = json!({"locationId": "{locationId}", "email": "raw@example.com"});
    let inputs = json!({"method": "POST", "path": "/contacts/", "body": body});
    let created = call(&app, "ghl.request", inputs).await.expect("created");
    assert_eq!(
        created["contact"]["id"],
        app.ghl().contact("raw@example.com")["id"]
    );
}

/// An automation that writes a custom field by its name.
const BY_NAME: &str = "\
name: Shoe size
on: [order.success]
steps:
  - id: contact
    operation: ghl.contacts.save
    with:
      email: \"{{ event.person.email }}\"
      custom_fields:
        Shoe size: \"{{ event.amount.minor }}\"
";

#[tokio::test(flavor = "multi_thread")]
async fn steps_of_automations_name_custom_fields_as_people_do() {
    let app = TestApp::builder().sandbox(|settings| {
        let mut field = CustomField::new("shoeSizeShoeSizeShoe", "shoe_size");
        field.shown.insert("name".into(), "Shoe size".into());
        settings.locations[0].custom_fields.push(field);
    });
    let app = app.start().await;
    let document = Document::from_yaml(BY_NAME, Catalog::builtin()).expect("a document");
    let applied = app.handle().apply(&[document.to_json()], "test").await;
    applied.expect("applied");
    app.thrivecart().order_success("a@example.com").deliver().await;
    app.drain().await;
    let fields = &app.ghl().contact("a@example.com")["customFields"];
    assert_eq!(fields[0]["id"], "shoeSizeShoeSizeShoe", "{fields}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_that_nobody_knows_keeps_no_buyer_out() {
    let text = BY_NAME.replace(
        "custom_fields:\n        Shoe size: \"{{ event.amount.minor }}\"",
        "country: Narnia",
    );
    let app = TestApp::builder().start().await;
    let document = Document::from_yaml(&text, Catalog::builtin()).expect("a document");
    let applied = app.handle().apply(&[document.to_json()], "test").await;
    applied.expect("applied");
    app.thrivecart().order_success("a@example.com").deliver().await;
    app.drain().await;
    let contact = app.ghl().contact("a@example.com");
    assert!(contact["country"].is_null(), "{contact}");
    let warnings: Vec<String> = app
        .runs()
        .await
        .into_iter()
        .flat_map(|run| run.warnings)
        .collect();
    let told = "contact: country was not set: `Narnia` is no country that ISO 3166 knows";
    assert!(warnings.iter().any(|warning| warning == told), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dozen_custom_fields_are_written_by_id_key_or_name() {
    let id = |number: usize| format!("field{number:015}");
    let app = TestApp::builder().sandbox(|settings| {
        for number in 0..12 {
            let mut field = CustomField::new(&id(number), &format!("key_{number}"));
            field
                .shown
                .insert("name".into(), format!("Field {number}").into());
            settings.locations[0].custom_fields.push(field);
        }
    });
    let app = app.start().await;
    let name = |number: usize| match number % 3 {
        0 => id(number),
        1 => format!("key_{number}"),
        _ => format!("field {number}"),
    };
    let fields: Value = (0..12)
        .map(|number| (name(number), json!(number.to_string())))
        .collect();
    let inputs = json!({"email": "a@example.com", "customFields": fields});
    let created = call(&app, "ghl.contacts.create", inputs).await.expect("created");
    let kept: BTreeSet<String> = created["contact"]["customFields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| format!("{}={}", field["id"], field["value"]))
        .collect();
    let expected = (0..12).map(|number| format!("\"{}\"=\"{number}\"", id(number)));
    assert_eq!(kept, expected.collect());
}

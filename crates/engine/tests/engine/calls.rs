//! Fewer calls: what an answer told is not asked again, tags that come one after the other go in one call, and the journal
//! says which steps a call served.

use cartlane_catalog::Catalog;
use cartlane_flow::Document;
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

/// The operations of all calls behind the first `before`.
fn calls(app: &TestApp, before: usize) -> Vec<&'static str> {
    let calls = app.ghl().calls();
    calls[before..]
        .iter()
        .filter_map(|call| call.operation?.strip_prefix("ghl.contacts."))
        .collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_and_a_refund_cost_three_calls_and_one_more_where_a_tag_is_taken_off(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    app.thrivecart()
        .order_success("a@example.com")
        .order("1")
        .deliver()
        .await;
    app.drain().await;
    let first = calls(&app, 0);
    assert_eq!(first, ["find_duplicate", "create", "create_note"]);
    assert_eq!(
        app.ghl().tags("a@example.com"),
        ["lifecycle: customer", "purchased: Course"]
    );
    let before = app.ghl().calls().len();
    app.thrivecart()
        .order_success("a@example.com")
        .order("2")
        .deliver()
        .await;
    app.drain().await;
    let second = calls(&app, before);
    assert_eq!(
        second,
        ["update", "create_note"],
        "the update's answer has all the tags"
    );
    let before = app.ghl().calls().len();
    app.thrivecart()
        .refund("a@example.com")
        .order("2")
        .deliver()
        .await;
    app.drain().await;
    let refund = calls(&app, before);
    assert_eq!(refund, ["update", "add_tags", "remove_tags", "create_note"]);
    let tags = app.ghl().tags("a@example.com");
    assert!(
        tags.contains(&"lifecycle: refunded".to_owned()) && !tags.contains(&"lifecycle: customer".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_says_which_steps_a_call_served_and_what_was_not_sent() {
    let app = TestApp::builder().start().await;
    app.thrivecart().order_success("a@example.com").deliver().await;
    app.drain().await;
    let run = app
        .runs()
        .await
        .into_iter()
        .find(|run| run.state == "done")
        .expect("the run");
    let detail = app.handle().run(run.id).await.expect("its calls");
    let create = detail
        .calls
        .iter()
        .find(|call| call.operation == "ghl.contacts.create")
        .expect("the create");
    assert_eq!(create.request["serves"], json!(["contact", "lifecycle", "tags"]));
    let known: Vec<&str> = detail
        .calls
        .iter()
        .filter(|call| call.outcome.as_str() == "known")
        .map(|call| call.step_id.as_str())
        .collect();
    assert_eq!(known, ["lifecycle", "tags"]);
    assert_eq!((detail.calls_used(), detail.calls_naive()), (3, 5));
}

const DOCUMENT: &str = r#"
name: Sync customers
on: [order.success]
steps:
  - id: contact
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}", city: Ulm}
  - id: first
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.contact.id }}", tags: [one]}
  - id: flow
    operation: ghl.contacts.add_to_workflow
    with: {contactId: "{{ steps.contact.id }}", workflowId: WORKFLOW}
  - id: second
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.contact.id }}", tags: [two]}
  - id: third
    when: steps.contact.created
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.contact.id }}", tags: [three]}
  - id: again
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}", city: Ulm}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn tags_do_not_pass_other_steps_nor_conditions_that_hang_on_answers() {
    let app = TestApp::builder().start().await;
    let workflows = app
        .handle()
        .executor()
        .call("crm", "ghl.workflows.list", &json!({}))
        .await
        .expect("read");
    let workflow = workflows.value["workflows"][0]["id"]
        .as_str()
        .expect("one")
        .to_owned();
    let text = DOCUMENT.replace("WORKFLOW", &workflow);
    let document = Document::from_yaml(&text, Catalog::builtin()).expect("a document");
    app.handle()
        .save(&[document.to_json()], None, false)
        .await
        .expect("saved");
    let before = app.ghl().calls().len();
    app.thrivecart().order_success("a@example.com").deliver().await;
    app.drain().await;
    let bodies: Vec<Value> = app.ghl().calls()[before..]
        .iter()
        .filter(|call| call.method != "GET")
        .map(|call| call.request_body["tags"].clone())
        .collect();
    // The create has the first, the workflow none; the second and the third go by themselves; the contact is as it should be.
    assert_eq!(bodies[0], json!(["one"]), "{bodies:?}");
    assert_eq!(&bodies[2..4], &[json!(["two"]), json!(["three"])], "{bodies:?}");
    assert_eq!(app.ghl().tags("a@example.com"), ["one", "three", "two"]);
}

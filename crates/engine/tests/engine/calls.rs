//! Fewer calls: what an answer told is not asked again, tags that come one after the other go in one call, and the journal
//! says which steps a call served.

use cartlane_catalog::Catalog;
use cartlane_flow::Document;
use cartlane_sandbox::Edit;
use cartlane_testkit::{Backend, Ghl, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

/// The operations of all calls behind the first `before` that were let in.
fn calls(app: &TestApp, before: usize) -> Vec<&'static str> {
    let calls = app.ghl().calls();
    calls[before..]
        .iter()
        .filter(|call| call.status != Some(401))
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

/// Sales that come while the account cannot be reached, so that they wait in the lane, one behind the other; the calls that
/// they cost, but for those that look for the contact: how often a turn begins before one goes through is left to chance.
async fn burst(app: &TestApp, orders: std::ops::Range<usize>) -> Vec<&'static str> {
    app.ghl().revoke_token(true);
    for order in orders.clone() {
        let sale = app.thrivecart().order_success("a@example.com");
        sale.order(&order.to_string()).deliver().await;
    }
    let all = orders.len();
    app.until("all wait", async || {
        let open = app.runs().await;
        open.iter().filter(|run| run.finished_at.is_none()).count() == all
    })
    .await;
    let before = app.ghl().calls().len();
    app.ghl().revoke_token(false);
    app.drain().await;
    let mut made = calls(app, before);
    made.retain(|call| *call != "find_duplicate");
    made
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn runs_that_waited_go_by_what_the_first_was_told_and_a_later_one_does_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let made = burst(&app, 1..6).await;
    let mut expected = vec!["create"];
    expected.extend(["create_note"; 5]);
    assert_eq!(made, expected);
    assert_eq!(app.ghl().notes("a@example.com").len(), 5);
    // A workflow of the location takes the tag off; the next sale adds it again.
    let edit = Edit {
        remove_tags: vec!["purchased: course".into()],
        ..Ghl::edit_of("a@example.com")
    };
    app.ghl().edit(&edit);
    app.thrivecart()
        .order_success("a@example.com")
        .order("6")
        .deliver()
        .await;
    app.drain().await;
    assert_eq!(
        app.ghl().tags("a@example.com"),
        ["lifecycle: customer", "purchased: Course"]
    );
}

const MERGED: &str = r#"
name: Sync customers
on: [order.success]
merge: true
steps:
  - id: contact
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}", city: Ulm}
  - id: lifecycle
    operation: ghl.contacts.set_lifecycle
    with: {contact_id: "{{ steps.contact.id }}", stage: customer}
  - id: tags
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.contact.id }}", tags: ["order {{ event.order_id }}"]}
  - id: note
    operation: ghl.contacts.create_note
    with: {contactId: "{{ steps.contact.id }}", body: "{{ event.order_id }}: {{ reference }}"}
"#;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn tags_of_runs_that_wait_go_in_one_call_where_the_automation_allows_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let save = async |text: &str| {
        let document = Document::from_yaml(text, Catalog::builtin()).expect("a document");
        let saved = app.handle().save(&[document.to_json()], None, false).await;
        saved.expect("saved");
    };
    save(MERGED).await;
    let merged = burst(&app, 1..6).await;
    let mut expected = vec!["create"];
    expected.extend(["create_note"; 5]);
    assert_eq!(merged, expected);
    let tags = (1..6).map(|order| format!("order {order}"));
    let tags: Vec<String> = ["lifecycle: customer".to_owned()]
        .into_iter()
        .chain(tags)
        .collect();
    assert_eq!(app.ghl().tags("a@example.com"), tags);
    let runs = app.runs().await;
    let mut details = Vec::new();
    for run in &runs {
        details.push(app.handle().run(run.id).await.expect("its calls"));
    }
    let made = details.iter().flat_map(|detail| &detail.calls);
    let create = made.clone().find(|call| call.operation == "ghl.contacts.create");
    let serves = create.expect("the create").request["serves"].clone();
    assert_eq!(serves.as_array().map(Vec::len), Some(3 + 4), "{serves}");

    save(&MERGED.replace("merge: true", "merge: false")).await;
    let before = app.ghl().calls().len();
    burst(&app, 6..9).await;
    let added = calls(&app, before)
        .iter()
        .filter(|call| **call == "add_tags")
        .count();
    assert_eq!(added, 3, "each by itself");
}

const LOOP: &str = r#"
name: Sync customers
on: [order.success]
steps:
  - id: each
    for_each: CONTACTS
    steps:
      - id: tag
        when: index != 1
        operation: ghl.contacts.add_tags
        with: {contactId: "{{ item }}", tags: [campaign]}
        on_error: continue
"#;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_only_tags_contacts_does_it_in_one_call(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let emails: Vec<String> = (0..5).map(|number| format!("{number}@example.com")).collect();
    let ghl = app.ghl();
    let mut contacts: Vec<String> = emails
        .iter()
        .map(|email| ghl.add_contact(email, &json!({})))
        .collect();
    contacts.push("nobodyIsThisContact0".into());
    let text = LOOP.replace("CONTACTS", &format!("'{}'", json!(contacts)));
    let document = Document::from_yaml(&text, Catalog::builtin()).expect("a document");
    let saved = app.handle().save(&[document.to_json()], None, false).await;
    saved.expect("saved");
    app.thrivecart().order_success("a@example.com").deliver().await;
    app.drain().await;
    assert_eq!(
        calls(&app, 0),
        ["update_tags_in_bulk", "add_tags"],
        "whom GHL does not know is asked for alone, which tells why"
    );
    for (index, email) in emails.iter().enumerate() {
        let tags: &[&str] = if index == 1 { &[] } else { &["campaign"] };
        assert_eq!(ghl.tags(email), tags, "{email}");
    }
    let run = &app.runs().await[0];
    let detail = app.handle().run(run.id).await.expect("its calls");
    assert_eq!((detail.calls_used(), detail.calls_naive()), (2, 5));
    let bulk = detail
        .calls
        .iter()
        .find(|call| call.operation == "ghl.contacts.update_tags_in_bulk");
    let serves = &bulk.expect("the call").request["serves"];
    assert_eq!(*serves, json!(["tag#0", "tag#2", "tag#3", "tag#4", "tag#5"]));
    assert!(
        run.warnings.iter().any(|warning| warning.contains("tag#5")),
        "{:?}",
        run.warnings
    );
}

//! Plans: what would be done.

use cartlane_catalog::Catalog;
use cartlane_engine::Sender;
use cartlane_engine::plan::{Happening, Planning};
use cartlane_flow::Document;
use cartlane_testkit::TestApp;
use serde_json::{Value, json};

const SALE: &str = r#"
name: Sale
on: [order.success]
steps:
  - id: contact
    operation: ghl.contacts.save
    with:
      email: "{{ event.person.email }}"
      first_name: "{{ event.person.first_name }}"
      city: "{{ event.person.city }}"
      if_empty: [first_name]
  - id: old
    when: "'lapsed' in steps.contact.contact.tags"
    operation: ghl.contacts.remove_tags
    with: {contactId: "{{ steps.contact.id }}", tags: [lapsed]}
  - id: tags
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.contact.id }}", tags: [buyer]}
  - id: second
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}", state: CA}
  - id: team
    operation: notify.slack
    with: {text: "{{ event.person.email }}"}
"#;

pub fn document(text: &str) -> Value {
    let document = Document::from_yaml(text, Catalog::builtin()).unwrap_or_else(|faults| panic!("{faults}"));
    document.to_json()
}

fn order(email: &str) -> Value {
    json!({"event": "order.success", "mode": "live", "order_id": "1001", "currency": "USD",
           "customer": {"email": email, "first_name": "Ada", "address": {"city": "Oakland"}}})
}

async fn plan(app: &TestApp, email: &str, against: Option<&str>) -> Value {
    let planning = Planning {
        document: document(SALE),
        happens: Happening::Payload {
            sender: Some(Sender::ThriveCart),
            body: order(email).to_string().into_bytes(),
        },
        against: against.map(str::to_owned),
    };
    app.handle().plan_document(&planning).await.expect("planned")
}

fn effects(plan: &Value) -> Vec<String> {
    let effects = plan["effects"].as_array().into_iter().flatten();
    effects
        .map(|effect| format!("{} {} {}", effect["what"], effect["before"], effect["after"]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_against_an_account_tells_what_would_change_there_and_changes_nothing() {
    let app = TestApp::builder().start().await;
    let had = json!({"firstName": "Augusta", "city": "Bonn", "tags": ["lapsed", "vip"]});
    let id = app.ghl().add_contact("ada@example.com", &had);
    let plan = plan(&app, "ada@example.com", Some("crm")).await;
    assert_eq!(plan["ending"], "done", "{plan:#}");
    assert_eq!(plan["contact"]["id"], id);
    assert_eq!(
        effects(&plan),
        [
            r#""city" "Bonn" "Oakland""#,
            r#""state" null "CA""#,
            r#""tag" "lapsed" null"#,
            r#""tag" null "buyer""#,
        ]
    );
    let written: Vec<&Value> = plan["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|step| step["calls"].as_array().into_iter().flatten())
        .filter(|call| call["writes"] == true)
        .collect();
    assert_eq!(written.len(), 4, "{plan:#}");
    assert_eq!(written[0]["operation"], "ghl.contacts.update");
    assert_eq!(written[0]["inputs"], json!({"contactId": id, "city": "Oakland"}));
    assert!(
        plan["steps"][4]["unknown"].is_string(),
        "Slack is not asked: {plan:#}"
    );
    let writes = app.ghl().calls().into_iter().filter(|call| call.method != "GET");
    let paths: Vec<String> = writes
        .map(|call| call.path)
        .filter(|path| !path.contains("search"))
        .collect();
    assert_eq!(paths, Vec::<String>::new(), "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_for_someone_new_knows_the_contact_that_it_would_make() {
    let app = TestApp::builder().start().await;
    let plan = plan(&app, "new@example.com", Some("crm")).await;
    assert_eq!(plan["ending"], "done", "{plan:#}");
    assert!(plan["contact"]["id"].is_null());
    let effects = effects(&plan);
    for expected in [
        r#""contact" null "new@example.com""#,
        r#""city" null "Oakland""#,
        r#""firstName" null "Ada""#,
        r#""state" null "CA""#,
        r#""tag" null "buyer""#,
    ] {
        assert!(
            effects.iter().any(|effect| effect == expected),
            "{expected}: {effects:?}"
        );
    }
    assert!(plan["steps"][1]["skipped"].is_string(), "{plan:#}");
    assert!(app.ghl().contacts().is_empty());
}

const SHOPPER: &str = r#"
name: Shopper
on: [order.success]
steps:
  - id: customer
    operation: thrivecart.customers.get
    with: {email: "{{ event.person.email }}"}
  - id: contact
    when: steps.customer.lifetime_value.USD > 5
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}"}
  - id: tags
    when: not steps.contact.skipped
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.contact.id }}", tags: [vip]}
  - id: team
    operation: notify.slack
    with: {text: "{{ event.person.email }}"}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_another_systems_answer_is_told_as_a_guess_and_ends_nothing() {
    let app = TestApp::builder().start().await;
    for against in [Some("crm".to_owned()), None] {
        let planning = Planning {
            document: document(SHOPPER),
            happens: Happening::Payload {
                sender: Some(Sender::ThriveCart),
                body: order("ada@example.com").to_string().into_bytes(),
            },
            against,
        };
        let plan = app.handle().plan_document(&planning).await.expect("planned");
        assert_eq!(plan["ending"], "done", "{plan:#}");
        let steps = &plan["steps"];
        assert!(steps[1]["unknown"].is_string(), "{plan:#}");
        assert_eq!(steps[2]["depends_on"], json!(["contact"]), "{plan:#}");
        assert!(steps[3]["depends_on"].is_null(), "{plan:#}");
    }
}

/// The calls of the newest run that were sent, and those of a plan that would be.
async fn sent_and_planned(app: &TestApp, order: &str) -> [Vec<String>; 2] {
    let sale = app.thrivecart().order_success("ada@example.com").order(order);
    let before = app.ghl().calls().len();
    let rows = app.handle().automations().await.expect("the defaults");
    let row = rows
        .iter()
        .find(|row| row.name == "Sync customers")
        .expect("the default");
    let planning = Planning {
        document: row.document.clone(),
        happens: Happening::Payload {
            sender: Some(Sender::ThriveCart),
            body: sale.payload().to_string().into_bytes(),
        },
        against: Some("crm".into()),
    };
    let plan = app.handle().plan_document(&planning).await.expect("planned");
    let steps = plan["steps"].as_array().into_iter().flatten();
    let planned = steps
        .flat_map(|step| step["calls"].as_array().into_iter().flatten())
        .filter(|call| call["known"].is_null())
        .filter_map(|call| call["operation"].as_str().map(str::to_owned))
        .collect();
    let after = app.ghl().calls().len();
    assert!(after >= before, "only reads");
    sale.deliver().await;
    app.drain().await;
    let calls = app.ghl().calls();
    let sent = calls[after..]
        .iter()
        .filter_map(|call| call.operation.map(str::to_owned));
    [sent.collect(), planned]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plans_calls_are_those_of_the_run() {
    let app = TestApp::builder().start().await;
    let [sent, planned] = sent_and_planned(&app, "1").await;
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert_eq!(planned, sent, "somebody new");
    let [sent, planned] = sent_and_planned(&app, "2").await;
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(planned, sent, "somebody known");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_account_what_hangs_on_an_answer_is_unknown() {
    let app = TestApp::builder().start().await;
    let plan = plan(&app, "ada@example.com", None).await;
    assert!(plan["steps"].to_string().contains("(unknown)"), "{plan:#}");
    assert!(plan.get("effects").is_none());
    assert!(app.ghl().calls().is_empty());
}

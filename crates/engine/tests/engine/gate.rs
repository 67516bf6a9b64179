//! Whatever makes a document go live looks first whether it is green.

use cartlane_catalog::Catalog;
use cartlane_engine::records::AuditFilter;
use cartlane_engine::{AdminError, Gate, ImportOptions};
use cartlane_flow::Document;
use cartlane_sandbox::Latency;
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

const DOCUMENT: &str = r#"
name: Enrol
on: [order.success]
steps:
  - id: contact
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}"}
  - id: enrol
    operation: ghl.contacts.add_to_workflow
    with: {contactId: "{{ steps.contact.id }}", workflowId: WORKFLOW}
"#;

fn document(workflow: &str) -> Value {
    let text = DOCUMENT.replace("WORKFLOW", workflow);
    Document::from_yaml(&text, Catalog::builtin())
        .expect("a document")
        .to_json()
}

async fn workflow(app: &TestApp) -> String {
    let workflows = app
        .handle()
        .executor()
        .call("crm", "ghl.workflows.list", &json!({}))
        .await;
    workflows.expect("a list").value["workflows"][0]["id"]
        .as_str()
        .expect("one")
        .to_owned()
}

/// Whether it is enabled, and its version.
async fn state(app: &TestApp) -> (bool, i64) {
    let rows = app.handle().automations().await.expect("automations");
    let row = rows.iter().find(|row| row.name == "Enrol").expect("it");
    (row.enabled, row.version)
}

fn because(reason: &str) -> Gate {
    Gate {
        override_reason: Some(reason.into()),
        ..Gate::default()
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_green_does_not_go_live_unless_somebody_says_why(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let handle = app.handle().by("ada");
    let there = workflow(&app).await;
    let (good, bad) = (document(&there), document("nosuchworkflow0000000"));
    let save = async |document: &Value, gate: &Gate| {
        handle
            .save_checked(std::slice::from_ref(document), None, gate)
            .await
    };

    let saved = save(&bad, &Gate::default()).await.expect("it is saved");
    let check = saved[0].faulty.as_ref().expect("what is wrong");
    assert!(
        check
            .findings
            .iter()
            .any(|finding| finding.at.as_deref() == Some("steps.enrol.with.workflowId"))
    );
    assert_eq!(state(&app).await, (false, 1), "and disabled");

    save(&good, &Gate::default()).await.expect("it is saved");
    assert_eq!(state(&app).await, (false, 2), "one that is disabled stays so");
    let rows = handle.automations().await.expect("automations");
    let id = rows.iter().find(|row| row.name == "Enrol").expect("it").id;
    handle.enable_automation(id, None).await.expect("it is green");

    let refused = save(&bad, &Gate::default()).await.expect_err("refused");
    assert!(matches!(refused, AdminError::NotGreen(_)), "{refused}");
    let refused = handle.roll_back_checked(id, 1, None).await.expect_err("refused");
    assert!(matches!(refused, AdminError::NotGreen(_)), "{refused}");
    assert_eq!(state(&app).await, (true, 2), "the former version is live");

    save(&bad, &because("the workflow is made tomorrow"))
        .await
        .expect("it is saved");
    assert_eq!(state(&app).await, (true, 3));
    handle.roll_back_checked(id, 2, None).await.expect("it is green");
    let log = handle.audit(AuditFilter::default(), 100).await.expect("the log");
    let reasons: Vec<&Value> = log
        .iter()
        .map(|row| &row.entry)
        .filter(|entry| entry.subject == "Enrol" && entry.detail["override"].is_string())
        .map(|entry| &entry.detail)
        .collect();
    assert_eq!(reasons.len(), 1);
    assert_eq!(reasons[0]["override"], "the workflow is made tomorrow");
    assert_eq!(reasons[0]["errors"], json!(["steps.enrol.with.workflowId"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_and_a_new_automation_are_checked_too() {
    let app = TestApp::builder().start().await;
    let handle = app.handle();
    let there = workflow(&app).await;
    let saved = handle
        .save_checked(&[document(&there)], None, &Gate::default())
        .await;
    assert!(saved.expect("saved")[0].faulty.is_none());
    assert_eq!(state(&app).await, (true, 1));
    let mut exported = handle.export().await.expect("exported");
    let rows = handle.automations().await.expect("automations");
    let id = rows.iter().find(|row| row.name == "Enrol").expect("it").id;

    let enrol = exported
        .automations
        .iter_mut()
        .find(|one| one.document["name"] == "Enrol");
    enrol.expect("it").document = document("nosuchworkflow0000000");
    let refused = handle.import(&exported, ImportOptions::default()).await;
    assert!(matches!(refused, Err(AdminError::NotGreen(_))), "{refused:?}");
    assert_eq!(state(&app).await, (true, 1), "an enabled one stays as it is");

    let anyway = ImportOptions {
        override_reason: Some("it is made tomorrow".into()),
        ..ImportOptions::default()
    };
    handle.import(&exported, anyway).await.expect("imported");
    assert_eq!(state(&app).await, (true, 2));
    let log = handle.audit(AuditFilter::default(), 100).await.expect("the log");
    let is_kept = log
        .iter()
        .any(|row| row.entry.subject == "Enrol" && row.entry.detail["override"] == "it is made tomorrow");
    assert!(is_kept, "{log:#?}");

    handle.remove_automation(id).await.expect("removed");
    let imported = handle
        .import(&exported, ImportOptions::default())
        .await
        .expect("imported");
    assert!(
        imported
            .to_do
            .iter()
            .any(|to_do| to_do.contains("`Enrol` is disabled")),
        "{imported:?}"
    );
    assert!(!state(&app).await.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changes_while_it_is_checked_is_not_saved_over() {
    let app = TestApp::builder().start().await;
    let handle = app.handle();
    let there = workflow(&app).await;
    let named = |text: &str| {
        let mut document = document(&there);
        document["description"] = json!(text);
        document
    };
    handle.save(&[named("first")], None, false).await.expect("saved");
    app.ghl()
        .change(|settings| settings.latency_ms = Latency { mean: 300, spread: 0 });
    let before = app.ghl().calls().len();
    let draft = [named("second")];
    let (gate, other) = (Gate::default(), [named("third")]);
    let (checked, ()) = tokio::join!(handle.save_checked(&draft, None, &gate), async {
        app.until("the account is asked", async || app.ghl().calls().len() > before)
            .await;
        handle.save(&other, None, false).await.expect("saved");
    });
    let refused = checked.expect_err("refused").to_string();
    assert!(refused.contains("was changed while it was checked"), "{refused}");
    let rows = handle.automations().await.expect("automations");
    let row = rows.iter().find(|row| row.name == "Enrol").expect("it");
    assert_eq!(row.document["description"], "third");
}

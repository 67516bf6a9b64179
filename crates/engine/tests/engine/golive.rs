//! The go-live check: what an automation names is there, and the mapping of the last real events is clean.

use cartlane_catalog::Catalog;
use cartlane_engine::records::AuditFilter;
use cartlane_engine::{AdminError, Check, Level};
use cartlane_flow::{Document, recipes};
use cartlane_model::AutomationId;
use cartlane_sandbox::CustomField;
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::json;

pub const DOCUMENT: &str = r#"
name: Orders
on: [order.success]
when: event.person.email
steps:
  - id: contact
    operation: ghl.contacts.save
    with:
      email: "{{ event.person.email }}"
      custom_fields: {FIELD: "{{ event.order_id }}"}
  - id: known
    operation: ghl.contacts.add_tags
    when: "'vip' in steps.contact.contact.tags"
    with: {contactId: "{{ steps.contact.id }}", tags: [vip]}
  - id: deal
    operation: ghl.opportunities.upsert
    with:
      contact_id: "{{ steps.contact.id }}"
      pipeline_id: PIPELINE
      stage_id: STAGE
      name: "Order {{ event.order_id }}"
  - id: workflow
    operation: ghl.contacts.add_to_workflow
    with: {contactId: "{{ steps.contact.id }}", workflowId: WORKFLOW}
"#;

/// A house whose location has the custom fields `Order` (a number) and `Plan` (a choice).
pub async fn house(backend: Backend) -> TestApp {
    let app = TestApp::builder().database(backend).sandbox(|settings| {
        let mut order = CustomField::new("fieldOrder0000000001", "order");
        order.shown.insert("name".into(), json!("Order"));
        order.shown.insert("dataType".into(), json!("NUMERICAL"));
        let mut plan = CustomField::new("fieldPlan00000000001", "plan");
        plan.shown.insert("name".into(), json!("Plan"));
        plan.shown.insert("dataType".into(), json!("SINGLE_OPTIONS"));
        plan.shown
            .insert("picklistOptions".into(), json!(["Basic", "Pro"]));
        settings.locations[0].custom_fields = vec![order, plan];
    });
    app.start().await
}

pub async fn choice(app: &TestApp, list: &str, label: &str) -> String {
    let choices = app
        .handle()
        .executor()
        .choices("crm", list, &serde_json::Value::Null, false)
        .await;
    let choices = choices.expect("a list");
    let found = choices.choices.iter().find(|choice| choice.label == label);
    found
        .unwrap_or_else(|| panic!("{list} has no {label}"))
        .value
        .clone()
}

/// Saves the document with these values in its places; its id.
async fn apply(app: &TestApp, places: [(&str, &str); 4]) -> AutomationId {
    let mut text = DOCUMENT.to_owned();
    for (place, value) in places {
        text = text.replace(place, value);
    }
    let document = Document::from_yaml(&text, Catalog::builtin()).expect("a document");
    let documents = [document.to_json()];
    app.handle().save(&documents, None, true).await.expect("saved");
    id(app, "Orders").await
}

pub async fn id(app: &TestApp, name: &str) -> AutomationId {
    let rows = app.handle().automations().await.expect("automations");
    rows.iter().find(|row| row.name == name).expect("it is there").id
}

pub fn told(check: &Check) -> Vec<String> {
    let told = check.findings.iter().map(|finding| {
        let at = finding.at.as_deref().unwrap_or_default();
        format!(
            "{:?} {at}: {} ({})",
            finding.level, finding.message, finding.advice
        )
    });
    told.collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn automation_that_fits_the_account_and_the_last_events_is_green_and_nothing_is_written(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = house(backend).await;
    let (pipeline, stage, workflow) = (
        choice(&app, "pipelines", "Sales").await,
        choice(&app, "stages", "Sales: Closed").await,
        choice(&app, "workflows", "Welcome").await,
    );
    let places = [
        ("FIELD", "Order"),
        ("PIPELINE", &pipeline),
        ("STAGE", &stage),
        ("WORKFLOW", &workflow),
    ];
    let id = apply(&app, places).await;
    let check = app.handle().check(id).await.expect("checked");
    assert!(check.green && check.events == 0, "{check:?}");
    assert!(
        told(&check)
            .iter()
            .any(|told| told.contains("no real event of order.success has come in yet"))
    );
    app.thrivecart()
        .order_success("a@example.com")
        .order("1001")
        .deliver()
        .await;
    app.drain().await;
    let contacts = app.ghl().contacts();
    let check = app.handle().enable_automation(id, None).await.expect("enabled");
    assert_eq!((check.green, check.events), (true, 1));
    let named = told(&check);
    assert!(
        named.len() == 1 && named[0].contains("there is no tag `vip` yet"),
        "a tag is made when it is first added: {named:?}"
    );
    assert_eq!(app.ghl().contacts(), contacts);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_the_location_lacks_keeps_an_automation_from_being_enabled_unless_a_person_says_why(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = house(backend).await;
    let pipeline = choice(&app, "pipelines", "Sales").await;
    let stage = choice(&app, "stages", "Onboarding: Paid").await;
    let places = [
        ("FIELD", "Plan"),
        ("PIPELINE", &pipeline),
        ("STAGE", &stage),
        ("WORKFLOW", "Welcome"),
    ];
    let id = apply(&app, places).await;
    app.thrivecart()
        .order_success("a@example.com")
        .order("1001")
        .deliver()
        .await;
    app.drain().await;
    let error = app
        .handle()
        .enable_automation(id, None)
        .await
        .expect_err("it is not green");
    let AdminError::NotGreen(check) = &error else {
        panic!("{error}");
    };
    let told = told(check);
    let workflow = choice(&app, "workflows", "Welcome").await;
    for finding in [
        "Error steps.contact.with.custom_fields.Plan: the custom field `Plan` takes one of Basic, Pro, and gets \"1001\"",
        "Error steps.deal.with.stage_id: the stage `Onboarding: Paid` is not one of the pipeline `Sales`",
        "Error steps.workflow.with.workflowId: `Welcome` is not among the workflows",
        &format!("write its id: `{workflow}`"),
    ] {
        assert!(
            told.iter().any(|told| told.contains(finding)),
            "{finding}: {told:#?}"
        );
    }
    assert!(error.to_string().contains("--override"), "{error}");
    let is_enabled = async || {
        let rows = app.handle().automations().await.expect("automations");
        rows.iter().any(|row| row.id == id && row.enabled)
    };
    assert!(!is_enabled().await);
    let ada = app.handle().by("ada");
    ada.enable_automation(id, Some("tested by hand"))
        .await
        .expect("enabled");
    assert!(is_enabled().await);
    let newest = app
        .handle()
        .audit(AuditFilter::default(), 1)
        .await
        .expect("the log");
    let entry = &newest[0].entry;
    assert_eq!(
        (
            entry.actor.as_str(),
            entry.action.as_str(),
            entry.subject.as_str()
        ),
        ("ada", "automation.enabled", "Orders")
    );
    assert_eq!(
        entry.detail,
        json!({"version": 1, "override": "tested by hand", "errors": [
            "steps.contact.with.custom_fields.Plan", "steps.deal.with.stage_id", "steps.workflow.with.workflowId"]}),
        "why, and against which findings, without what they quote of a person"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn mapping_that_fails_on_a_real_event_is_found_with_the_event(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = house(backend).await;
    let text = "name: Orders\non: [order.success]\nsteps:\n  - id: contact\n    operation: ghl.contacts.save\n    with: \
                {email: \"{{ event.payload.nobody }}\", city: \"{{ event.order_id }}\", country: \"{{ event.order_id }}\"}\n";
    let document = Document::from_yaml(text, Catalog::builtin()).expect("a document");
    app.handle()
        .save(&[document.to_json()], None, true)
        .await
        .expect("saved");
    for order in ["1001", "1002"] {
        app.thrivecart()
            .order_success("a@example.com")
            .order(order)
            .deliver()
            .await;
    }
    app.drain().await;
    let check = app
        .handle()
        .check(id(&app, "Orders").await)
        .await
        .expect("checked");
    let told = told(&check);
    assert!(
        told.iter()
            .any(|told| told.starts_with("Error steps.contact.with.email: ")
                && told.contains("2 of 2 events, such as evt_")),
        "{told:#?}"
    );
    assert!(!check.green);
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_connection_and_missing_scope_are_found() {
    let app = house(Backend::Sqlite).await;
    let pipeline = choice(&app, "pipelines", "Sales").await;
    let stage = choice(&app, "stages", "Sales: Closed").await;
    let workflow = choice(&app, "workflows", "Welcome").await;
    let places = [
        ("FIELD", "Order"),
        ("PIPELINE", &pipeline),
        ("STAGE", &stage),
        ("WORKFLOW", &workflow),
    ];
    let id = apply(&app, places).await;
    app.ghl().scopes(Some(&["contacts.readonly", "contacts.write"]));
    let error = app
        .handle()
        .executor()
        .call("crm", "ghl.opportunities.search", &json!({"limit": 1}))
        .await;
    assert_eq!(error.expect_err("refused").code(), "ghl.missing_scope");
    let check = app.handle().check(id).await.expect("checked");
    let told = told(&check);
    assert!(
        told.iter()
            .any(|told| told.contains("the connection `crm` lacks scopes: opportunities.readonly")),
        "{told:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ghl_does_not_document_in_a_payload_is_warned_of() {
    let app = house(Backend::Sqlite).await;
    let text = r#"
name: Tagged
on: [ghl.contact.created]
when: event.payload.emial and event.payload.email and event.payload.tags[0] and event.payload.webhookId
steps:
  - id: read
    operation: ghl.contacts.get
    with: {contactId: "{{ event.payload.customFields[0].value }}"}
"#;
    let document = Document::from_yaml(text, Catalog::builtin()).expect("a document");
    let documents = [document.to_json()];
    app.handle().save(&documents, None, true).await.expect("saved");
    let check = app
        .handle()
        .check(id(&app, "Tagged").await)
        .await
        .expect("checked");
    let told = told(&check);
    let about: Vec<&String> = told.iter().filter(|told| told.contains("documents no")).collect();
    assert_eq!(about.len(), 1, "{told:#?}");
    assert!(about[0].contains("`emial`"), "{about:?}");
    assert!(check.green, "a warning keeps nothing back: {told:#?}");
    let advice = check
        .findings
        .iter()
        .find(|finding| finding.message.contains("documents no"));
    assert_eq!(advice.expect("it").advice, "did you mean `event.payload.email`?");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_an_answer_can_tell_is_not_called_wrong_in_any_recipe() {
    let app = house(Backend::Sqlite).await;
    for recipe in recipes() {
        let text = recipe.render(&recipe.example()).expect("whole");
        let document = Document::from_yaml(&text, Catalog::builtin()).expect("a document");
        app.handle()
            .save(&[document.to_json()], None, true)
            .await
            .expect("saved");
        let check = app
            .handle()
            .check(id(&app, &recipe.title).await)
            .await
            .expect("checked");
        let errors = check
            .findings
            .iter()
            .filter(|finding| finding.level == Level::Error);
        for error in errors {
            // Placeholders, fields and connections that this house does not have.
            let is_lacking = [
                "`your-",
                "there is no custom field",
                "for events of",
                "there is no ThriveCart connection",
            ];
            assert!(
                is_lacking.iter().any(|lack| error.message.contains(lack)),
                "{}: {error:?}",
                recipe.name
            );
        }
    }
}

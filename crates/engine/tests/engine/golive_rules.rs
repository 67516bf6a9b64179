//! The go-live check of what rows of a rules table give.

use cartlane_catalog::Catalog;
use cartlane_flow::Document;
use cartlane_testkit::Backend;

use crate::golive::{choice, house, id, told};

const RULES: &str = r#"
name: Rules
on: [order.success]
rules:
  rows:
    - if: {product: product-101}
      then: {tags: [vip], workflow: WORKFLOW, pipeline: PIPELINE, stage: STAGE, fields: {Plan: Pro}, owner: ann}
    - if: {product: product-9}
      then: {workflow: ghost, pipeline: PIPELINE, stage: ASTRAY, fields: {Plan: Gold, Size: 3}}
steps:
  - id: contact
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}", custom_fields: "{{ rules.fields }}"}
  - id: deal
    operation: ghl.opportunities.upsert
    with:
      contact_id: "{{ steps.contact.id }}"
      pipeline_id: "{{ rules.pipeline }}"
      stage_id: "{{ rules.stage }}"
      name: "Order {{ event.order_id }}"
      assigned_to: "{{ rules.owner }}"
  - id: workflow
    operation: ghl.contacts.add_to_workflow
    when: rules.workflow
    with: {contactId: "{{ steps.contact.id }}", workflowId: "{{ rules.workflow }}"}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn names_that_rows_of_rules_give_are_checked_though_no_event_has_met_the_row() {
    let app = house(Backend::Sqlite).await;
    let mut text = RULES.to_owned();
    for (place, list, label) in [
        ("WORKFLOW", "workflows", "Welcome"),
        ("PIPELINE", "pipelines", "Sales"),
        ("STAGE", "stages", "Sales: Closed"),
        ("ASTRAY", "stages", "Onboarding: Paid"),
    ] {
        text = text.replace(place, &choice(&app, list, label).await);
    }
    let document = Document::from_yaml(&text, Catalog::builtin()).expect("a document");
    let documents = [document.to_json()];
    app.handle().save(&documents, None, true).await.expect("saved");
    app.thrivecart()
        .order_success("a@example.com")
        .order("1001")
        .deliver()
        .await;
    app.drain().await;
    let check = app
        .handle()
        .check(id(&app, "Rules").await)
        .await
        .expect("checked");
    let told = told(&check);
    for finding in [
        // What a row gives that an event has met is told of the step itself.
        "Error steps.deal.with.assigned_to: `ann` is not among the users",
        "Error steps.workflow.with.workflowId (rules.rows[1]): `ghost` is not among the workflows",
        "Error steps.deal.with.stage_id (rules.rows[1]): the stage `Onboarding: Paid` is not one of the pipeline `Sales`",
        "Error steps.contact.with.custom_fields.Plan (rules.rows[1]): the custom field `Plan` takes one of Basic, Pro, and",
        "Error steps.contact.with.custom_fields.Size (rules.rows[1]): there is no custom field `Size`",
        "Warning rules: rows give `tags`, and no step reads it",
    ] {
        assert!(
            told.iter().any(|told| told.starts_with(finding)),
            "{finding}: {told:#?}"
        );
    }
    assert_eq!(told.len(), 6, "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rows_by_tag_give_is_not_called_missing_before_the_contact_was_looked_up() {
    let app = house(Backend::Sqlite).await;
    let text = r#"
name: By tag
on: [order.success]
rules: {rows: [{if: {tag: member}, then: {workflow: WORKFLOW}}]}
steps:
  - id: contact
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}"}
  - id: workflow
    operation: ghl.contacts.add_to_workflow
    with: {contactId: "{{ steps.contact.id }}", workflowId: "{{ rules.workflow }}"}
"#;
    let text = text.replace("WORKFLOW", &choice(&app, "workflows", "Welcome").await);
    let document = Document::from_yaml(&text, Catalog::builtin()).expect("a document");
    let documents = [document.to_json()];
    app.handle().save(&documents, None, true).await.expect("saved");
    app.thrivecart()
        .order_success("a@example.com")
        .order("1")
        .deliver()
        .await;
    app.drain().await;
    let check = app
        .handle()
        .check(id(&app, "By tag").await)
        .await
        .expect("checked");
    assert!(check.green, "{:#?}", told(&check));
}

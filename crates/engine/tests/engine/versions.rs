//! Every save is a version; who did what is kept.

use cartlane_engine::records::{Applied, AuditFilter};
use cartlane_engine::{AdminError, Overlap, Rotation, SecretName};
use cartlane_model::{AutomationId, SecretString};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::{Value as Json, json};

fn document(name: &str, email: &str) -> Json {
    json!({"name": name, "on": ["order.success"], "steps": [
        {"id": "contact", "operation": "ghl.contacts.save", "with": {"email": email}}]})
}

async fn id_of(app: &TestApp, name: &str) -> AutomationId {
    let all = app.handle().automations().await.expect("the automations");
    let found = all.into_iter().find(|row| row.name == name);
    found.unwrap_or_else(|| panic!("there is no {name}")).id
}

/// The newest entries of the audit log, oldest first: who did what to whom.
async fn log(app: &TestApp, count: i64) -> Vec<String> {
    let entries = app.handle().audit(AuditFilter::default(), count).await;
    let mut entries = entries.expect("the log");
    entries.reverse();
    let line = |row: &cartlane_engine::records::Numbered| {
        format!("{} {} {}", row.entry.actor, row.entry.action, row.entry.subject)
    };
    entries.iter().map(line).collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_is_a_new_version_with_the_old_document(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let ada = app.handle().by("ada");
    for email in ["a@example.com", "b@example.com"] {
        let saved = ada.save(&[document("Look", email)], Some(email), false).await;
        saved.expect("it is saved");
    }
    let id = id_of(&app, "Look").await;
    let bob = app.handle().by("bob");
    let applied = bob.roll_back(id, 1).await.expect("it goes back");
    assert_eq!(applied, Applied::Changed { version: 3 });
    let again = bob.roll_back(id, 1).await.expect("nothing to do");
    assert_eq!(again, Applied::Unchanged, "no version without a change");
    let (row, versions) = app.handle().versions(id).await.expect("versions");
    assert_eq!(row.document, document("Look", "a@example.com"));
    let told: Vec<_> = versions
        .iter()
        .map(|row| (row.version, row.author.as_deref(), row.note.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (3, Some("bob"), Some("back to version 1")),
            (2, Some("ada"), Some("b@example.com")),
            (1, Some("ada"), Some("a@example.com")),
        ]
    );
    let missing = app.handle().roll_back(id, 9).await;
    assert!(matches!(missing, Err(AdminError::Unknown { .. })), "{missing:?}");
    assert_eq!(
        log(&app, 3).await,
        [
            "ada automation.saved Look",
            "ada automation.saved Look",
            "bob automation.rolled_back Look"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_tells_each_change_and_the_lines() {
    let app = TestApp::builder().start().await;
    let handle = app.handle();
    for email in ["a@example.com", "b@example.com"] {
        handle
            .apply(&[document("Look", email)], "ada")
            .await
            .expect("saved");
    }
    let id = id_of(&app, "Look").await;
    let diff = handle.diff(id, None, None).await.expect("a diff");
    assert_eq!((diff.from, diff.to), (1, 2));
    let changes = serde_json::to_value(&diff.changes).expect("JSON");
    let expected =
        json!([{"path": "steps.contact.with.email", "old": "a@example.com", "new": "b@example.com"}]);
    assert_eq!(changes, expected);
    for line in [
        "--- Look, version 1, ",
        "+++ Look, version 2, ",
        "by ada\n",
        "-      email: a@example.com\n",
        "+      email: b@example.com\n",
    ] {
        assert!(diff.text.contains(line), "{line} in {}", diff.text);
    }
    let same = handle.diff(id, Some(2), Some(2)).await.expect("a diff");
    assert_eq!((same.changes.len(), same.text.as_str()), (0, ""));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_does_nothing_until_it_is_enabled(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let id = id_of(&app, "Sync customers").await;
    let handle = app.handle().by("ada");
    let copy = handle.duplicate(id, "Second").await.expect("a copy");
    assert!(!copy.enabled);
    assert_eq!(copy.document["name"], "Second");
    let refused = handle.duplicate(id, "Refunds").await;
    assert!(matches!(refused, Err(AdminError::Unfit(_))), "{refused:?}");
    let refused = handle.duplicate(id, " ").await;
    assert!(matches!(refused, Err(AdminError::Problems(_))), "{refused:?}");
    let sale = app.thrivecart().order_success("a@example.com").order("1");
    assert_eq!(sale.send().await.0, 200);
    app.drain().await;
    assert_eq!(app.runs().await.len(), 1, "that of the original");
    assert_eq!(log(&app, 1).await, ["ada automation.duplicated Second"]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_changed_what_is_kept_without_secrets_and_only_where_something_changed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let handle = app.handle().by("ada");
    let id = id_of(&app, "Refunds").await;
    let before = log(&app, 1000).await;
    assert!(
        before.contains(&"cartlane automation.saved Refunds".to_owned()),
        "{before:?}"
    );
    handle
        .enable_automation(id, None)
        .await
        .expect("it is so already");
    handle.disable_automation(id).await.expect("disabled");
    handle.enable_automation(id, None).await.expect("enabled");
    handle.remove_automation(id).await.expect("removed");
    assert!(handle.remove_automation(id).await.is_err(), "it is gone");
    let wrong = json!({"name": "Wrong"});
    assert!(
        handle
            .save(&[document("Good", "a"), wrong], None, false)
            .await
            .is_err()
    );
    let shop = super::connections::shop("second");
    handle.add_connection(shop.clone()).await.expect("added");
    assert!(handle.add_connection(shop).await.is_err(), "it is there");
    let new = Rotation::To(Some(SecretString::from("planted-word")));
    let rotated = handle.rotate_secret("second", SecretName::Secret, new, Overlap::default());
    rotated.await.expect("rotated");
    handle.remove_connection("second", false).await.expect("removed");
    let expected = [
        "automation.disabled Refunds",
        "automation.enabled Refunds",
        "automation.removed Refunds",
        "connection.added second",
        "secret.rotated second",
        "connection.removed second",
    ];
    let expected: Vec<String> = expected.iter().map(|line| format!("ada {line}")).collect();
    assert_eq!(log(&app, 1000).await[before.len()..], expected);
    let entries = app
        .handle()
        .audit(AuditFilter::default(), 1000)
        .await
        .expect("the log");
    let all = format!("{entries:?}");
    assert!(
        !all.contains("planted-word") && !all.contains("second-word"),
        "{all}"
    );
}

//! A workspace goes from one installation to another: all of it or nothing, and no account is overwritten.

use cartlane_engine::records::{AuditFilter, Origin};
use cartlane_engine::{AdminError, Imported, Workspace};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::{Value as Json, json};

/// What became of each connection and automation.
fn told(imported: &Imported) -> Vec<String> {
    let connections = imported.connections.iter().map(|row| (&row.name, row.change));
    let automations = imported.automations.iter().map(|row| (&row.name, row.change));
    let all = connections.chain(automations);
    all.map(|(name, change)| format!("{change} {name}")).collect()
}

fn workspace(json: &Json) -> Workspace {
    Workspace::from_json(json).unwrap_or_else(|error| panic!("{error}"))
}

fn automation(name: &str, enabled: bool) -> Json {
    let step = json!({"id": "contact", "operation": "ghl.contacts.save", "with": {"email": name}});
    json!({"enabled": enabled, "document": {"name": name, "on": ["order.success"], "steps": [step]}})
}

async fn names(app: &TestApp) -> Vec<(String, bool)> {
    let all = app.handle().automations().await.expect("the automations");
    all.into_iter().map(|row| (row.name, row.enabled)).collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_changes_nothing_where_it_comes_from_and_all_where_there_is_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let source = TestApp::builder().database(backend).start().await;
    let handle = source.handle();
    let shop = super::connections::shop("second");
    handle.add_connection(shop).await.expect("a connection");
    let id = handle.automations().await.expect("automations")[2].id;
    handle.disable_automation(id).await.expect("disabled");
    let exported = handle.export().await.expect("an export");
    let json = serde_json::to_value(&exported).expect("JSON");
    assert!(!json.to_string().contains("second-word"), "no secrets: {json}");
    let imported = handle.import(&exported, false).await.expect("an import");
    assert!(
        told(&imported).iter().all(|line| line.starts_with("unchanged ")),
        "{imported:?}"
    );
    assert!(
        !imported.is_reordered && imported.to_do.is_empty(),
        "{imported:?}"
    );

    let target = TestApp::builder().database(backend).start().await;
    for row in target.handle().automations().await.expect("automations") {
        target.handle().remove_automation(row.id).await.expect("removed");
    }
    let exported = workspace(&json);
    let dry = target.handle().import(&exported, true).await.expect("a dry run");
    assert_eq!(names(&target).await, [], "a dry run changes nothing");
    let imported = target
        .handle()
        .by("ada")
        .import(&exported, false)
        .await
        .expect("an import");
    assert_eq!(
        dry,
        Imported {
            is_dry_run: true,
            ..imported.clone()
        },
        "and tells what is then done"
    );
    assert_eq!(names(&target).await, names(&source).await, "order and enabled");
    let connections = target.handle().connections().await.expect("connections");
    let second = connections
        .iter()
        .find(|row| row.row.name == "second")
        .expect("it is there");
    assert_eq!(second.row.origin, Origin::Added);
    let to_do = imported.to_do.join("\n");
    assert!(
        to_do.contains("cartlane connections rotate \"second\" secret"),
        "{to_do}"
    );
    let entries = target
        .handle()
        .audit(AuditFilter::default(), 1)
        .await
        .expect("the log");
    let entry = &entries[0].entry;
    assert_eq!(
        (entry.actor.as_str(), entry.action.as_str()),
        ("ada", "workspace.imported")
    );
    assert_eq!(entry.detail["connections"], json!(["second: created"]));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_import_with_any_fault_changes_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let before = app.handle().export().await.expect("an export");
    let http = json!({"name": "any", "kind": "http"});
    let refused = async |json: Json| -> String {
        let read = Workspace::from_json(&json);
        let result = match read {
            Ok(workspace) => app.handle().import(&workspace, false).await.map(|_| ()),
            Err(error) => Err(error),
        };
        match result {
            Err(error @ (AdminError::Problems(_) | AdminError::Unfit(_))) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let mut wrong = automation("B", true);
    wrong["document"]["steps"][0]["operation"] = "ghl.contacts.sav".into();
    let cases = [
        (json!({"connections": [http]}), "format: is missing"),
        (json!({"format": 2}), "format 2"),
        (
            json!({"format": 1, "automation": []}),
            "unknown field `automation`",
        ),
        (
            json!({"format": 1, "connections": [http], "automations": [automation("A", true), wrong]}),
            "automations[1].document.steps[0].operation: there is no operation `ghl.contacts.sav`",
        ),
        (
            json!({"format": 1, "connections": [http], "automations": [automation("A", true), automation("A", true)]}),
            "automations[1].document.name: two automations are called `A`",
        ),
        (
            json!({"format": 1, "connections": [http, http]}),
            "two connections are called `any`",
        ),
        (
            json!({"format": 1, "automations": [automation("A", true)], "connections": [
                {"name": "new", "kind": "ghl", "settings": {"location": "x"}}]}),
            "connections[0].settings: `new`: unknown field `location`",
        ),
        (
            json!({"format": 1, "automations": [automation("A", true)], "connections": [
                http, {"name": "new", "kind": "thrivecart", "settings": {"target": "nobody"}}]}),
            "there is no connection `nobody`",
        ),
        (
            json!({"format": 1, "automations": [automation("A", true)], "connections": [
                {"name": before.connections[0].name, "kind": "slack"}]}),
            "nothing was imported",
        ),
    ];
    for (json, part) in cases {
        let told = refused(json).await;
        assert!(told.contains(part), "{part} in {told}");
        assert_eq!(app.handle().export().await.expect("an export"), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_there_keeps_its_account_and_others_stay_as_they_are() {
    let app = TestApp::builder().start().await;
    let mut exported = app.handle().export().await.expect("an export");
    let at = exported
        .connections
        .iter()
        .position(|row| row.kind == "ghl")
        .expect("GHL");
    let account = exported.connections[at].settings.clone();
    exported.connections[at]
        .settings
        .insert("location_id".into(), "elsewhere".into());
    exported.connections.retain(|row| row.kind == "ghl");
    let kept = exported.automations.split_off(3);
    exported.automations.reverse();
    exported.automations[0].enabled = false;
    let imported = app.handle().import(&exported, false).await.expect("an import");
    let connection = &imported.connections[0];
    assert_eq!(connection.change, "kept");
    let told = serde_json::to_value(&connection.differences).expect("JSON");
    assert_eq!(told[0]["path"], "location_id");
    assert_eq!(told[0]["new"], "elsewhere");
    let after = app.handle().export().await.expect("an export");
    assert!(after.connections.iter().any(|row| row.settings == account));
    assert_eq!(after.connections.len(), 2);
    assert_eq!(
        after.automations[..3],
        exported.automations,
        "in the document's order"
    );
    assert_eq!(after.automations[3..], kept, "the others follow as they were");
    assert!(imported.is_reordered);
    assert_eq!(imported.automations[0].change, "changed", "it was disabled");
}

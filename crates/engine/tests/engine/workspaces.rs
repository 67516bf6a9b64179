//! A workspace goes from one installation to another: all of it or nothing, and no account is overwritten.

use cartlane_engine::records::{AuditFilter, Origin};
use cartlane_engine::{
    AccountConfig, AdminError, ConnectionConfig, GhlConfig, ImportOptions, Imported, SecretName, Secrets,
    Workspace,
};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::{Value as Json, json};

const DRY_RUN: ImportOptions = ImportOptions {
    dry_run: true,
    disabled: false,
};

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
    let step = json!({"id": "contact", "operation": "ghl.contacts.save", "with": {"email": format!("{name}@example.com")}});
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
    let imported = handle
        .import(&exported, ImportOptions::default())
        .await
        .expect("an import");
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
    let dry = target
        .handle()
        .import(&exported, DRY_RUN)
        .await
        .expect("a dry run");
    assert_eq!(names(&target).await, [], "a dry run changes nothing");
    let imported = target
        .handle()
        .by("ada")
        .import(&exported, ImportOptions::default())
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
            Ok(workspace) => app
                .handle()
                .import(&workspace, ImportOptions::default())
                .await
                .map(|_| ()),
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
    let imported = app
        .handle()
        .import(&exported, ImportOptions::default())
        .await
        .expect("an import");
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

/// A connection whose secrets all have the word `planted` in them.
fn planted(name: &str, account: AccountConfig, secrets: &[(SecretName, &str)]) -> ConnectionConfig {
    let secrets = secrets.iter().map(|(secret, value)| (*secret, *value));
    ConnectionConfig {
        name: name.into(),
        account,
        secrets: secrets.fold(Secrets::default(), |all, (secret, value)| all.with(secret, value)),
    }
}

fn request(key: &str) -> Json {
    json!({"name": "Books", "on": ["order.success"], "steps": [{"id": "books", "operation": "http.request", "with": {
        "method": "POST", "url": "https://books.example.com/orders",
        "headers": {"Authorization": key, "Content-Type": "text/plain"}}}]})
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_connection_or_a_header_is_exported_and_an_import_asks_for_what_it_does_not_find(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let handle = app.handle();
    let ghl = GhlConfig {
        base_url: app.ghl_url(),
        location_id: Some("loc9".into()),
        allow_private_networks: true,
        ..GhlConfig::default()
    };
    let smtp =
        json!({"kind": "smtp", "host": "mail.example.com", "from": "a@example.com", "username": "ada"});
    let slack = json!({"kind": "slack"});
    let account = |json: Json| serde_json::from_value(json).expect("an account");
    for config in [
        planted(
            "second",
            account(json!({"kind": "thrivecart"})),
            &[
                (SecretName::Secret, "planted-word"),
                (SecretName::ApiKey, "planted-key"),
            ],
        ),
        planted(
            "branch",
            AccountConfig::Ghl(ghl),
            &[(SecretName::Token, "planted-token")],
        ),
        planted(
            "mail",
            account(smtp),
            &[(SecretName::Password, "planted-password")],
        ),
        planted(
            "talk",
            account(slack),
            &[(SecretName::Url, "https://hooks.slack.com/services/T0/B0/planted")],
        ),
    ] {
        handle.add_connection(config).await.expect("a connection");
    }
    let saved = handle.save(&[request("Bearer planted")], None, false).await;
    saved.expect("it is saved");
    let exported = handle.export().await.expect("an export");
    let text = serde_json::to_string(&exported).expect("JSON");
    assert!(!text.contains("planted"), "{text}");
    assert!(
        text.contains("books.example.com") && text.contains("text/plain"),
        "{text}"
    );
    let connections = handle.connections().await.expect("connections");
    for (path, _) in connections.iter().flat_map(|connection| &connection.hook_paths) {
        let key = path.rsplit('/').next().expect("a key");
        assert!(!text.contains(key), "the key of {path}: {text}");
    }
    let back = handle.import(&exported, ImportOptions::default()).await;
    let back = back.expect("an import");
    assert!(
        told(&back).iter().all(|line| line.starts_with("unchanged ")),
        "{back:?}"
    );
    assert_eq!(back.to_do, [""; 0]);

    let target = TestApp::builder().database(backend).start().await;
    let imported = target.handle().import(&exported, ImportOptions::default()).await;
    let to_do = imported.expect("an import").to_do.join("\n");
    for part in [
        "`second` needs its secret",
        "`branch` needs its token",
        "`mail` needs its password",
        "`talk` needs its url",
        "`Books` needs the header `Authorization` of its step `books`, and is disabled until then",
    ] {
        assert!(to_do.contains(part), "{part}: {to_do}");
    }
    assert!(names(&target).await.contains(&("Books".to_owned(), false)));
    let rows = target.handle().automations().await.expect("automations");
    let books = rows
        .iter()
        .find(|row| row.name == "Books")
        .expect("it is there")
        .id;
    let refused = target.handle().enable_automation(books, None).await;
    let refused = refused.expect_err("it is not green").to_string();
    assert!(
        refused.contains("steps.books.with.headers.Authorization"),
        "{refused}"
    );
    let saved = target
        .handle()
        .save(&[request("Bearer planted")], None, false)
        .await;
    saved.expect("it is saved");
    let green = target.handle().enable_automation(books, None).await;
    green.expect("nothing is lacking any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_import_brings_begins_disabled_where_that_is_asked_for() {
    let app = TestApp::builder().start().await;
    let before = names(&app).await;
    let workspace = workspace(&json!({"format": 1, "automations": [automation("New", true)]}));
    let options = ImportOptions {
        disabled: true,
        ..ImportOptions::default()
    };
    let imported = app.handle().import(&workspace, options).await.expect("an import");
    assert_eq!(
        (imported.automations[0].change, imported.automations[0].enabled),
        ("created", false)
    );
    let after = names(&app).await;
    assert_eq!(after[0], ("New".to_owned(), false));
    assert_eq!(after[1..], before, "the others stay as they were");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_a_password_in_it_is_refused() {
    let app = TestApp::builder().start().await;
    let workspace = workspace(
        &json!({"format": 1, "connections": [{"name": "new", "kind": "ghl", "settings": {
        "location_id": "loc9", "base_url": "https://ada:planted@example.com"}}]}),
    );
    let refused = app.handle().import(&workspace, ImportOptions::default()).await;
    let refused = refused.expect_err("settings are shown").to_string();
    assert!(
        refused.contains("must hold no user name or password") && !refused.contains("planted"),
        "{refused}"
    );
}

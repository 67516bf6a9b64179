//! Connections that are authorized by OAuth: their tokens are renewed in time, once, and survive what befalls a refresh.

use cartlane_catalog::Catalog;
use cartlane_engine::{AuthorizeError, Handle};
use cartlane_flow::Document;
use cartlane_model::Clock;
use cartlane_sandbox::{Fault, Install, Match, Rule};
use cartlane_testkit::{Backend, Builder, LOCATION, TestApp};
use rstest::rstest;
use serde_json::json;

const EMAIL: &str = "a@example.com";
/// Longer than an access token lasts in these tests.
pub const LIFE_S: i64 = 600;

pub fn builder(backend: Backend) -> Builder {
    let builder = TestApp::builder().database(backend).oauth();
    builder.sandbox(|settings| settings.oauth.access_token_s = LIFE_S)
}

/// Agrees as a person does: opens the address, and comes back. `code` and `state`.
pub async fn agree(open: &str) -> (String, String) {
    let http = reqwest::Client::builder()
        .user_agent("a browser")
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let answer = http.expect("a client").get(open).send().await.expect("an answer");
    let status = answer.status();
    let location = answer.headers().get("location").cloned();
    let said = answer.text().await.unwrap_or_default();
    let location = location.unwrap_or_else(|| panic!("{status}: {said}"));
    let location = location.to_str().expect("an address");
    let back = reqwest::Url::parse(location).expect("an address");
    let named = |name: &str| {
        let pair = back.query_pairs().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    (named("code"), named("state"))
}

async fn authorize(handle: &Handle) -> Result<String, AuthorizeError> {
    authorize_as(handle, "crm").await
}

/// Has a person agree to a connection of the sandbox's app.
pub(crate) async fn authorize_as(handle: &Handle, connection: &str) -> Result<String, AuthorizeError> {
    let open = handle.reauthorize(connection).await?;
    let (code, state) = agree(&open).await;
    handle.authorized(&state, &code).await
}

async fn trouble(app: &TestApp) -> Option<String> {
    let health = app.handle().health().await.expect("health");
    let mut connections = health.connections.into_iter();
    connections
        .find(|connection| connection.row.name == "crm")?
        .row
        .trouble
        .map(|trouble| trouble.code)
}

fn refreshes() -> Match {
    Match {
        method: Some("POST".into()),
        path_contains: Some("/oauth/token".into()),
        ..Match::default()
    }
}

/// Makes the access token expire.
fn expire(app: &TestApp) {
    app.clock().advance(LIFE_S * 1000);
}

async fn buyers(app: &TestApp, from: usize, to: usize) {
    for number in from..to {
        let email = format!("buyer{number}@example.com");
        app.thrivecart()
            .order_success(&email)
            .order(&number.to_string())
            .deliver()
            .await;
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_person_goes_on_when_they_have_agreed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = builder(backend).start().await;
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.until("the connection says so", async || {
        trouble(&app).await.as_deref() == Some("ghl.reconnect")
    })
    .await;
    authorize(app.handle()).await.expect("it is authorized");
    app.drain().await;
    assert_eq!(app.runs().await[0].state, "done");
    assert_eq!(app.ghl().contacts().len(), 1);
    assert_eq!(trouble(&app).await, None);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_renewed_once_however_many_wait_for_it(
    #[values((Backend::Sqlite, 1), (Backend::Postgres, 2))] (backend, nodes): (Backend, usize),
) {
    let app = builder(backend).nodes(nodes).start().await;
    authorize(app.handle()).await.expect("it is authorized");
    for round in 0..3 {
        buyers(&app, round * 20, (round + 1) * 20).await;
        app.drain().await;
        assert_eq!(
            app.ghl().effects("token_refreshed"),
            round,
            "one for each time that it expired"
        );
        expire(&app);
    }
    assert!(app.runs().await.iter().all(|run| run.state == "done"));
    assert_eq!(app.ghl().contacts().len(), 60);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_had_no_effect_is_made_again(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(Fault::CutBefore, Fault::ServerError)] fault: Fault,
) {
    let app = builder(backend).start().await;
    authorize(app.handle()).await.expect("it is authorized");
    expire(&app);
    app.ghl().script(Rule::new(refreshes(), fault, 2));
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    assert_eq!(app.runs().await[0].state, "done");
    assert_eq!(app.ghl().effects("token_refreshed"), 1);
    assert_eq!(trouble(&app).await, None);
}

/// The refresh token is used up, and the answer with the next one is lost.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_whose_answer_was_lost_waits_for_a_person_and_fails_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = builder(backend).start().await;
    authorize(app.handle()).await.expect("it is authorized");
    expire(&app);
    app.ghl().script(Rule::new(refreshes(), Fault::CutAfter, 1));
    buyers(&app, 0, 5).await;
    app.until("the connection says so", async || {
        trouble(&app).await.as_deref() == Some("ghl.reconnect")
    })
    .await;
    assert!(app.runs().await.iter().all(|run| run.state != "failed"));
    assert_eq!(app.ghl().contacts().len(), 0);
    authorize(app.handle()).await.expect("it is authorized");
    app.drain().await;
    assert!(app.runs().await.iter().all(|run| run.state == "done"));
    assert_eq!(app.ghl().contacts().len(), 5);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_counts_once_in_its_time_for_the_location_that_was_meant(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = builder(backend).start().await;
    let open = app.handle().reauthorize("crm").await.expect("an address");
    let (code, state) = agree(&open).await;
    let strange = app.handle().authorized("guessed", &code).await;
    assert!(matches!(strange, Err(AuthorizeError::Unknown(_))), "{strange:?}");
    app.handle()
        .authorized(&state, &code)
        .await
        .expect("it is authorized");
    let again = app.handle().authorized(&state, &code).await;
    assert!(matches!(again, Err(AuthorizeError::Unknown(_))), "{again:?}");

    let (code, state) = agree(&app.handle().reauthorize("crm").await.expect("an address")).await;
    app.clock().advance(11 * 60_000);
    let late = app.handle().authorized(&state, &code).await;
    assert!(matches!(late, Err(AuthorizeError::Unknown(_))), "{late:?}");

    app.ghl()
        .change(|settings| settings.oauth.install = Install::Agency);
    let other = authorize(app.handle()).await;
    assert!(
        matches!(other, Err(AuthorizeError::OtherAccount { .. })),
        "{other:?}"
    );
    assert!(
        app.handle().reauthorize("shop").await.is_err(),
        "a shop has no client id"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_word_of_the_app_counts_in_whatever_order_they_come(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = builder(backend).start().await;
    authorize(app.handle()).await.expect("it is authorized");
    let now = app.clock().now();
    let say = async |name: &str, second: i64| {
        let at = now.plus_ms(second * 1_000).0;
        let word = json!({"type": name, "appId": "sandboxapp", "locationId": LOCATION, "timestamp": at});
        app.ghl_hook().deliver(&word).await;
        trouble(&app).await
    };
    let uninstalled = Some("ghl.uninstalled".to_owned());
    assert_eq!(say("UNINSTALL", 20).await, uninstalled);
    assert_eq!(
        say("INSTALL", 10).await,
        uninstalled,
        "it was installed before it was removed"
    );
    app.thrivecart().order_success(EMAIL).deliver().await;
    let waits = async || {
        app.runs()
            .await
            .iter()
            .any(|run| run.state == "waiting" || run.finished_at.is_none())
    };
    app.until("the run waits", waits).await;
    let others = json!({"type": "INSTALL", "appId": "other", "locationId": LOCATION, "timestamp": now.plus_ms(26_000).0});
    app.ghl_hook().deliver(&others).await;
    assert_eq!(trouble(&app).await, uninstalled, "another app was installed");
    assert_eq!(say("INSTALL", 30).await, None);
    assert_eq!(say("UNINSTALL", 25).await, None, "that is old news");
    app.drain().await;
    assert_eq!(app.ghl().notes(EMAIL).len(), 1, "what waited went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_app_concerns_its_own_tokens_and_authorizing_anew_mends_it() {
    let word = |at: i64| json!({"type": "UNINSTALL", "appId": "sandboxapp", "locationId": LOCATION, "timestamp": at});
    let app = TestApp::builder().start().await;
    app.ghl_hook().deliver(&word(app.clock().now().0)).await;
    assert_eq!(
        trouble(&app).await,
        None,
        "a private integration token outlives any app"
    );

    let app = builder(Backend::Sqlite).start().await;
    authorize(app.handle()).await.expect("it is authorized");
    app.ghl_hook().deliver(&word(app.clock().now().0 + 1)).await;
    assert_eq!(trouble(&app).await.as_deref(), Some("ghl.uninstalled"));
    app.clock().advance(1_000);
    authorize(app.handle()).await.expect("it is authorized");
    assert_eq!(trouble(&app).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_look_after_a_lost_answer_needs_its_scope_too() {
    let app = builder(Backend::Sqlite).crm(|crm| crm.scopes = vec!["contacts.write".into()]);
    let app = app.start().await;
    let handle = app.handle();
    authorize(handle).await.expect("it is authorized");
    for row in handle.automations().await.expect("automations") {
        handle.disable_automation(row.id).await.expect("disabled");
    }
    let text = r#"
name: Note
on: [order.success]
connection: crm
steps:
  - id: note
    operation: ghl.contacts.create_note
    with: {contactId: "{{ event.order_id }}", body: "Order\nref: {{ reference }}"}
"#;
    let document = Document::from_yaml(text, Catalog::builtin()).expect("a document");
    handle
        .save(&[document.to_json()], None, true)
        .await
        .expect("saved");
    let row = handle.automations().await.expect("automations").into_iter();
    let id = row.filter(|row| row.name == "Note").map(|row| row.id).next();
    let check = handle.check(id.expect("it is there")).await.expect("checked");
    let lacks = "the connection `crm` lacks scopes: contacts.readonly";
    let found = check.findings.iter().find(|finding| finding.message == lacks);
    assert!(found.is_some(), "{:?}", check.findings);
    handle
        .enable_automation(id.expect("it is there"), Some("for its health"))
        .await
        .expect("enabled");
    app.until("health tells it", async || {
        let all = handle.connections().await.expect("connections");
        let crm = all.into_iter().find(|connection| connection.row.name == "crm");
        let scopes = crm.and_then(|crm| crm.scopes).expect("scopes");
        let held = scopes.held.expect("GHL tells them");
        let lacking: Vec<&String> = scopes.needed.difference(&held).collect();
        lacking == ["contacts.readonly"] && scopes.lacking.contains("contacts.readonly")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lacks_a_scope_that_no_automation_needs_is_told_what_an_app_needs() {
    let app = builder(Backend::Sqlite).crm(|crm| {
        crm.scopes = ["contacts.readonly", "contacts.write"]
            .map(str::to_owned)
            .to_vec();
    });
    let app = app.start().await;
    authorize(app.handle()).await.expect("it is authorized");
    let executor = app.handle().executor();
    let called = executor.call("crm", "ghl.workflows.list", &json!({})).await;
    let told = called.expect_err("refused").to_string();
    assert!(
        told.ends_with("under the connection's `scopes`; then `cartlane connections reauthorize NAME`."),
        "{told}"
    );
    let all = app.handle().connections().await.expect("connections");
    let crm = all.into_iter().find(|connection| connection.row.name == "crm");
    assert_eq!(
        crm.expect("it is there").notes,
        [
            "calls were refused for want of scopes that no automation needs: workflows.readonly; add them in GoHighLevel \
             and under `scopes`, and authorize it again"
        ]
    );
}

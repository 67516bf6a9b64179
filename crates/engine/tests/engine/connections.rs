//! Connections are added, changed and removed while the server runs; what they lack makes them wait.

use cartlane_engine::{
    AccountConfig, AdminError, ConnectionConfig, ConnectionHealth, GhlConfig, Overlap, Replay, Rotation,
    SecretName, Secrets, ThriveCartConfig, Tried,
};
use cartlane_model::SecretString;
use cartlane_sandbox::Token;
use cartlane_testkit::{Backend, LOCATION, TOKEN, TestApp};
use rstest::rstest;

const EMAIL: &str = "a@example.com";
const DAY_MS: i64 = 24 * 60 * 60_000;

/// A shop without a hook key of its own.
pub fn shop(name: &str) -> ConnectionConfig {
    ConnectionConfig {
        name: name.into(),
        account: AccountConfig::ThriveCart(ThriveCartConfig::default()),
        secrets: Secrets::default().with(SecretName::Secret, "second-word"),
    }
}

/// The sandbox's location, with a token that the vault holds.
fn location(app: &TestApp, name: &str, token: Option<&str>) -> ConnectionConfig {
    let config = GhlConfig {
        base_url: app.ghl_url(),
        location_id: Some(LOCATION.into()),
        allow_private_networks: true,
        ..GhlConfig::default()
    };
    let secrets = token.iter().fold(Secrets::default(), |secrets, token| {
        secrets.with(SecretName::Token, *token)
    });
    ConnectionConfig {
        name: name.into(),
        account: AccountConfig::Ghl(config),
        secrets,
    }
}

async fn health(app: &TestApp, name: &str) -> ConnectionHealth {
    let all = app.handle().connections().await.expect("the connections");
    let found = all.into_iter().find(|connection| connection.row.name == name);
    found.unwrap_or_else(|| panic!("there is no connection {name}"))
}

/// The key of the address of a connection's web hooks.
async fn hook_keys(app: &TestApp, name: &str) -> Vec<String> {
    let paths = health(app, name).await.hook_paths;
    let key = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    paths.iter().map(|(path, _)| key(path)).collect()
}

async fn rotate(app: &TestApp, name: &str, secret: SecretName, to: Option<&str>) -> Result<(), AdminError> {
    let rotation = Rotation::To(to.map(SecretString::from));
    let rotated = app
        .handle()
        .rotate_secret(name, secret, rotation, Overlap::default());
    rotated.await.map(|_| ())
}

fn unfit(result: Result<impl std::fmt::Debug, AdminError>) -> String {
    match result {
        Err(error @ (AdminError::Unfit(_) | AdminError::Problems(_))) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_was_added_takes_deliveries_on_every_server_and_after_a_restart(
    #[values((Backend::Sqlite, 1), (Backend::Postgres, 2))] (backend, nodes): (Backend, usize),
) {
    let mut app = TestApp::builder().database(backend).nodes(nodes).start().await;
    let tried = app
        .handle()
        .add_connection(shop("second"))
        .await
        .expect("it is added");
    assert_eq!(tried, Tried::Untried, "a shop without an API key is not called");
    let key = hook_keys(&app, "second").await.remove(0);
    let last = nodes - 1;
    let sale = |app: &TestApp, order: &str| {
        let shop = app.thrivecart_of(last).with_key(&key);
        shop.order_success(EMAIL).order(order).secret("second-word")
    };
    app.until("the other server knows it", async || {
        sale(&app, "1").send().await.0 == 200
    })
    .await;
    app.stop(0).await;
    app.start(0).await;
    assert_eq!(sale(&app, "2").send().await.0, 200);
    app.drain().await;
    assert_eq!(app.ghl().notes(EMAIL).len(), 2);
    let again = unfit(app.handle().add_connection(shop("second")).await);
    assert!(again.contains("connections rotate second"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_connection_is_told_at_once_and_not_stored() {
    let app = TestApp::builder().start().await;
    let mut wrong = location(&app, "conn_x", Some(" "));
    let AccountConfig::Ghl(ghl) = &mut wrong.account else {
        return;
    };
    ghl.location_id = None;
    ghl.agency = Some("nobody".into());
    let told = unfit(app.handle().add_connection(wrong).await);
    for part in [
        "conn_x.name",
        "conn_x.token",
        "conn_x.location_id",
        "conn_x.agency",
        "`nobody`",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert_eq!(
        app.handle().connections().await.expect("the connections").len(),
        2
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_its_secret_waits_and_loses_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder()
        .database(backend)
        .crm_secrets(|_| Secrets::default());
    let app = app.start().await;
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.until("it says so", async || {
        let trouble = health(&app, "crm").await.row.trouble;
        trouble.is_some_and(|trouble| trouble.code == "connection.incomplete")
    })
    .await;
    let notes = health(&app, "crm").await.notes;
    assert!(notes[0].contains("connections rotate crm token"), "{notes:?}");
    let refused = unfit(rotate(&app, "crm", SecretName::Token, Some("pit-mistyped")).await);
    assert!(refused.contains("nothing was changed"), "{refused}");
    rotate(&app, "crm", SecretName::Token, Some(TOKEN))
        .await
        .expect("it is given");
    app.drain().await;
    assert_eq!(app.runs().await[0].state, "done");
    assert_eq!(health(&app, "crm").await.row.trouble, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_token_is_changed_the_one_before_is_used_where_the_new_one_is_refused() {
    let app = TestApp::builder().crm_secrets(|_| Secrets::default());
    let app = app
        .sandbox(|settings| settings.tokens.push(Token::new("pit-new", LOCATION)))
        .start()
        .await;
    rotate(&app, "crm", SecretName::Token, Some(TOKEN))
        .await
        .expect("the first one");
    rotate(&app, "crm", SecretName::Token, Some("pit-new"))
        .await
        .expect("the next one");
    app.ghl()
        .change(|settings| settings.tokens.retain(|token| token.token != "pit-new"));
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    assert_eq!(app.runs().await[0].state, "done");
    app.clock().advance(7 * DAY_MS + 1);
    app.thrivecart().order_success(EMAIL).order("2").deliver().await;
    app.until("the former one is over", async || {
        health(&app, "crm").await.row.trouble.is_some()
    })
    .await;
    let back = app
        .handle()
        .rotate_secret("crm", SecretName::Token, Rotation::Revert, Overlap::default());
    let over = unfit(back.await);
    assert!(over.contains("no token before"), "{over}");
    rotate(&app, "crm", SecretName::Token, Some(TOKEN))
        .await
        .expect("a good one");
    app.drain().await;
    assert_eq!(app.ghl().notes(EMAIL).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secret_words_and_two_addresses_are_valid_while_they_are_changed() {
    let app = TestApp::builder().start().await;
    app.handle()
        .add_connection(shop("second"))
        .await
        .expect("it is added");
    rotate(&app, "second", SecretName::Secret, Some("third-word"))
        .await
        .expect("the word");
    rotate(&app, "second", SecretName::HookKey, None)
        .await
        .expect("the address");
    let keys = hook_keys(&app, "second").await;
    assert_eq!(keys.len(), 2);
    let send = async |order: &str, key: &str, word: &str| {
        let sale = app.thrivecart().with_key(key).order_success(EMAIL);
        sale.order(order).secret(word).send().await.0
    };
    assert_eq!(send("1", &keys[0], "third-word").await, 200);
    assert_eq!(send("2", &keys[1], "second-word").await, 200);
    app.clock().advance(7 * DAY_MS + 1);
    assert_eq!(
        send("3", &keys[1], "third-word").await,
        404,
        "its address is over"
    );
    assert_eq!(send("4", &keys[0], "second-word").await, 401, "its word is over");
    assert_eq!(send("5", &keys[0], "third-word").await, 200);
    assert_eq!(hook_keys(&app, "second").await, keys[..1]);
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_can_be_taken_back_and_its_overlap_ended() {
    let app = TestApp::builder().start().await;
    app.handle()
        .add_connection(shop("second"))
        .await
        .expect("it is added");
    let first = hook_keys(&app, "second").await;
    rotate(&app, "second", SecretName::HookKey, None)
        .await
        .expect("the address");
    let change = async |rotation| {
        let changed = app
            .handle()
            .rotate_secret("second", SecretName::HookKey, rotation, Overlap::days(1));
        changed.await.expect("it is changed")
    };
    assert!(
        change(Rotation::Revert).await.is_some(),
        "the other stays valid for a day"
    );
    let both = hook_keys(&app, "second").await;
    assert_eq!((&both[0], both.len()), (&first[0], 2));
    assert_eq!(change(Rotation::EndFormer).await, None);
    assert_eq!(hook_keys(&app, "second").await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_configuration_names_is_changed_there() {
    let app = TestApp::builder().start().await;
    let told = unfit(rotate(&app, "crm", SecretName::Token, Some("pit-other")).await);
    assert!(
        told.contains("token_env") && told.contains("token_previous_env"),
        "{told}"
    );
    let strange = unfit(rotate(&app, "crm", SecretName::Password, Some("x")).await);
    assert!(strange.contains("token, client_secret, hook_key"), "{strange}");
    assert!(
        unfit(app.handle().remove_connection("crm", true).await).contains("configuration declares `crm`")
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_used_is_only_removed_by_force_and_then_with_its_secrets(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let handle = app.handle();
    handle
        .add_connection(location(&app, "other", Some(TOKEN)))
        .await
        .expect("a location");
    let mut second = shop("second");
    second.account = AccountConfig::ThriveCart(ThriveCartConfig {
        target: Some("other".into()),
        ..ThriveCartConfig::default()
    });
    handle.add_connection(second).await.expect("a shop");
    let key = hook_keys(&app, "second").await.remove(0);
    let told = unfit(handle.remove_connection("other", false).await);
    assert!(
        told.contains("connection `second`") && told.contains("--force"),
        "{told}"
    );
    handle
        .remove_connection("second", false)
        .await
        .expect("nobody uses it");
    handle
        .remove_connection("other", false)
        .await
        .expect("nobody uses it any more");
    let gone = app
        .thrivecart()
        .with_key(&key)
        .order_success(EMAIL)
        .secret("second-word");
    assert_eq!(gone.send().await.0, 404);
    let secrets = app.db().read(|tx| cartlane_store::secrets::connections(tx)).await;
    assert_eq!(
        secrets.expect("the secrets").len(),
        2,
        "those of the configuration's own"
    );
    let anew = handle.add_connection(shop("second")).await;
    anew.expect("the name is free again");
    assert_ne!(hook_keys(&app, "second").await, [key], "it is another connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_to_be_changed_after_ninety_days() {
    let app = TestApp::builder().start().await;
    assert_eq!(health(&app, "crm").await.days_left, Some(90));
    app.clock().advance(89 * DAY_MS);
    let almost = health(&app, "crm").await;
    assert_eq!((almost.days_left, almost.notes.len()), (Some(1), 0));
    app.clock().advance(2 * DAY_MS);
    let over = health(&app, "crm").await;
    assert_eq!(over.days_left, Some(-1));
    assert!(over.notes[0].contains("91 days old"), "{:?}", over.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_that_automations_need_and_a_token_lacks_are_told() {
    let app = TestApp::builder().start().await;
    let scopes = health(&app, "crm").await.scopes.expect("scopes");
    let needed: Vec<&str> = scopes.needed.iter().map(String::as_str).collect();
    assert_eq!(needed, ["contacts.readonly", "contacts.write"]);
    assert_eq!(
        (scopes.held, scopes.lacking.len()),
        (None, 0),
        "GHL does not tell"
    );
    app.ghl().scopes(Some(&["contacts.readonly"]));
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.until("a call was refused", async || {
        let scopes = health(&app, "crm").await.scopes.expect("scopes");
        scopes.lacking.contains("contacts.write")
    })
    .await;
    let notes = health(&app, "crm").await.notes;
    assert!(notes[0].contains("contacts.write"), "{notes:?}");
    app.ghl().scopes(None);
    app.handle()
        .replay(
            Replay::Fitting(cartlane_engine::records::EventFilter::default()),
            None,
        )
        .await
        .expect("a replay");
    app.until("a call was let in", async || {
        health(&app, "crm")
            .await
            .scopes
            .expect("scopes")
            .lacking
            .is_empty()
    })
    .await;
    let mut app = app;
    app.leave_runs();
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_taken_back_shows_before_the_next_sale(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder()
        .database(backend)
        .limits(|limits| limits.check_every_ms = 50);
    let app = app.start().await;
    app.until("it was tried", async || {
        health(&app, "crm").await.last_heard_at.is_some()
    })
    .await;
    app.ghl().revoke_token(true);
    app.until("it is paused", async || {
        health(&app, "crm").await.row.trouble.is_some()
    })
    .await;
    app.ghl().revoke_token(false);
    app.until("it works again", async || {
        health(&app, "crm").await.row.trouble.is_none()
    })
    .await;
}

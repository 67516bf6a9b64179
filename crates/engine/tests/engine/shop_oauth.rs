//! A shop whose API is opened by a person's consent instead of a key.

use std::sync::Arc;

use cartlane_engine::{
    AccountConfig, AuthorizeError, ConnectionConfig, SecretName, Secrets, ThriveCartConfig,
};
use cartlane_sandbox::thrivecart::{self, Running, ThriveCart};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::json;

use crate::oauth::agree;

async fn account(app: &TestApp) -> Running {
    let options = thrivecart::Options::new(Arc::new(app.clock().clone()));
    ThriveCart::bind(options).await.expect("it starts")
}

/// Adds a shop whose app is the sandbox's.
async fn add(app: &TestApp, shop: &Running, account: Option<&str>) {
    let config = ThriveCartConfig {
        account: account.map(str::to_owned),
        client_id: Some("sandboxapp-1".into()),
        base_url: shop.api_url(),
        allow_private_networks: true,
        ..ThriveCartConfig::default()
    };
    let secrets = Secrets::default()
        .with(SecretName::Secret, "second-word")
        .with(SecretName::ClientSecret, "sandbox-secret");
    let config = ConnectionConfig {
        name: "second".into(),
        account: AccountConfig::ThriveCart(config),
        secrets,
    };
    app.handle().add_connection(config).await.expect("it is added");
}

async fn authorize(app: &TestApp) -> Result<String, AuthorizeError> {
    let open = app.handle().reauthorize("second").await?;
    let (code, state) = agree(&open).await;
    app.handle().authorized(&state, &code).await
}

async fn ping(app: &TestApp) -> Result<(), String> {
    let executor = app.handle().executor();
    let called = executor
        .call("second", "thrivecart.account.ping", &json!({}))
        .await;
    called.map(|_| ()).map_err(|error| error.to_string())
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_persons_consent_opens_the_api_until_the_connection_is_removed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut app = TestApp::builder().database(backend).start().await;
    let shop = account(&app).await;
    add(&app, &shop, None).await;
    let before = ping(&app).await.expect_err("nobody has agreed");
    assert!(before.contains("connections reauthorize second"), "{before}");
    authorize(&app).await.expect("it is authorized");
    ping(&app).await.expect("it is let in");
    app.restart().await;
    ping(&app).await.expect("it is still let in");
    app.handle()
        .remove_connection("second", false)
        .await
        .expect("it is removed");
    add(&app, &shop, None).await;
    assert!(ping(&app).await.is_err(), "it is another connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consent_of_another_account_is_not_kept() {
    let app = TestApp::builder().start().await;
    let shop = account(&app).await;
    add(&app, &shop, Some("another")).await;
    let refused = authorize(&app).await;
    assert!(
        matches!(refused, Err(AuthorizeError::OtherAccount { .. })),
        "{refused:?}"
    );
    assert!(ping(&app).await.is_err());
}

//! Polls of a shop: what ThriveCart's API lists becomes events about its customers.

use std::sync::Arc;

use cartlane_engine::{AccountConfig, ConnectionConfig, SecretName, Secrets, ThriveCartConfig};
use cartlane_sandbox::thrivecart::{self, Running, ThriveCart};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::json;

use crate::watch::{apply, events, pass, polls, settle, watcher};

async fn shop(app: &TestApp) -> Running {
    let options = thrivecart::Options::new(Arc::new(app.clock().clone()));
    let shop = ThriveCart::bind(options).await.expect("it starts");
    let config = ThriveCartConfig {
        base_url: shop.api_url(),
        allow_private_networks: true,
        ..ThriveCartConfig::default()
    };
    let secrets = Secrets::default()
        .with(SecretName::Secret, "second-word")
        .with(SecretName::ApiKey, "tc-sandbox");
    let config = ConnectionConfig {
        name: "second".into(),
        account: AccountConfig::ThriveCart(config),
        secrets,
    };
    app.handle().add_connection(config).await.expect("it is added");
    shop
}

async fn sell(shop: &Running, email: &str) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let sale = json!({"email": email, "items": ["product-12"], "mode": "live"});
    let url = format!("{}/sale", shop.admin_url());
    let sold = client.post(url).json(&sale).send().await.expect("an answer");
    assert!(sold.status().is_success(), "{sold:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_told_once_are_about_their_customers_and_only_new_pages_are_read(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut app = TestApp::builder().database(backend).start().await;
    let shop = shop(&app).await;
    for number in 0..25 {
        sell(&shop, &format!("old{number}@example.com")).await;
    }
    let trigger = json!({"poll": {"operation": "thrivecart.transactions.list", "with": {"perPage": 10},
                                  "every": "5m", "connection": "second"}});
    apply(&app, &[watcher("Money", &[trigger])]).await;
    settle(&app, 1).await;
    assert_eq!(polls(&app).await[0].items, Some(25), "the baseline is all of it");
    for minute in 0..6 {
        pass(&app, 5, 1).await;
        if minute % 2 == 0 {
            sell(&shop, &format!("new{minute}@example.com")).await;
        }
    }
    app.restart().await;
    pass(&app, 5, 1).await;
    assert_eq!(
        polls(&app).await[0].calls,
        Some(1),
        "what is old is not read again"
    );
    let told = events(&app, "poll.item").await;
    let emails: Vec<_> = told
        .iter()
        .filter_map(|event| event.facts.person.email.as_deref())
        .collect();
    assert_eq!(
        emails,
        ["new0@example.com", "new2@example.com", "new4@example.com"]
    );
    assert!(told.iter().all(|event| event.contact_id.is_some()));
    app.drain().await;
    shop.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shop_sells_is_chosen_from() {
    let app = TestApp::builder().start().await;
    let _shop = shop(&app).await;
    let executor = app.handle().executor();
    for list in ["products", "bumps", "upsells", "downsells", "affiliates"] {
        let choices = executor
            .choices("second", list, &serde_json::Value::Null, false)
            .await;
        let choices = choices.unwrap_or_else(|error| panic!("{list}: {error}"));
        let is_named = choices.choices.iter().all(|choice| choice.value != choice.label);
        assert!(
            is_named && (list == "affiliates" || !choices.choices.is_empty()),
            "{list}: {choices:?}"
        );
    }
}

//! What there is to choose from where a rule asks for a product.

use std::sync::Arc;

use cartlane_engine::{AccountConfig, ConnectionConfig, Product, SecretName, Secrets, ThriveCartConfig};
use cartlane_sandbox::thrivecart::{self, ThriveCart};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::json;

async fn products(app: &TestApp, connection: Option<&str>) -> (Vec<Product>, Vec<String>) {
    let found = app.handle().products(connection).await.expect("products");
    (found.products, found.warnings)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn items_of_events_are_counted_once_for_each_event(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let shop = app.thrivecart();
    shop.order_success("a@example.com").order("1").deliver().await;
    shop.order_success("a@example.com").order("1").deliver().await; // the same again
    let renamed = json!({"order": {"charges": [
        {"name": "Course 2", "item_type": "product", "reference": "101", "amount": 4900, "type": "single"},
        {"name": "Book", "item_type": "bump", "reference": "101", "amount": 900, "type": "single"},
    ]}});
    shop.order_success("b@example.com")
        .order("2")
        .with(renamed)
        .deliver()
        .await;
    app.drain().await;
    let (found, warnings) = products(&app, Some("shop")).await;
    let short: Vec<_> = found
        .iter()
        .map(|product| (product.key.as_str(), product.name.as_deref(), product.events))
        .collect();
    assert_eq!(
        short,
        [
            ("bump-101", Some("Book"), 1),
            ("product-101", Some("Course 2"), 2)
        ]
    );
    assert!(found.iter().all(|product| product.last_seen_at.is_some()));
    assert!(products(&app, Some("other")).await.0.is_empty());
    assert!(warnings.len() <= 1, "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shop_sells_is_offered_before_anybody_has_bought_it() {
    let app = TestApp::builder().start().await;
    let options = thrivecart::Options::new(Arc::new(app.clock().clone()));
    let sandbox = ThriveCart::bind(options).await.expect("it starts");
    let config = ThriveCartConfig {
        base_url: sandbox.api_url(),
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
    let (found, warnings) = products(&app, Some("second")).await;
    assert!(warnings.is_empty(), "{warnings:?}");
    let names: Vec<_> = found
        .iter()
        .map(|product| (product.key.as_str(), product.name.as_deref()))
        .collect();
    assert_eq!(
        names,
        [
            ("bump-101", Some("Workbook")),
            ("downsell-3", Some("Starter kit")),
            ("product-101", Some("Course")),
            ("product-12", Some("Alpha & Omega Plan")),
            ("upsell-5", Some("Coaching")),
        ]
    );
    assert!(
        found
            .iter()
            .all(|product| product.in_shop == Some(true) && product.events == 0)
    );
}

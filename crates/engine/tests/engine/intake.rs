//! What the hook's address answers, and what becomes of it.

use cartlane_engine::SecretName;
use cartlane_engine::records::EventFilter;
use cartlane_testkit::{Backend, Builder, TestApp};
use rstest::rstest;
use serde_json::json;

const EMAIL: &str = "a@example.com";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn house(backend: Backend) -> Builder {
    TestApp::builder().database(backend)
}

async fn events(app: &TestApp) -> usize {
    app.handle()
        .events(EventFilter::default(), 100)
        .await
        .expect("events")
        .len()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_refused_and_kept_until_it_is_released(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = house(backend).start().await;
    let (status, text) = app
        .thrivecart()
        .order_success(EMAIL)
        .secret("stale-word")
        .send()
        .await;
    assert_eq!(status, 401, "{text}");
    assert!(text.contains("shop") && !text.contains("stale-word"), "{text}");
    assert_eq!(events(&app).await, 0);

    let aside = app.handle().quarantine(10).await.expect("the quarantine");
    assert_eq!(aside.len(), 1);
    assert!(text.contains(&aside[0].id.to_string()), "{text}");
    let sealed = String::from_utf8_lossy(&aside[0].sealed).into_owned();
    assert!(!sealed.contains(EMAIL) && !sealed.contains("stale-word"));
    app.handle().release(aside[0].id).await.expect("it is let in");
    app.handle()
        .release(aside[0].id)
        .await
        .expect("once more is a repeat");
    app.drain().await;
    assert_eq!(events(&app).await, 1);
    assert_eq!(app.ghl().notes(EMAIL).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_another_account_are_refused() {
    let app = house(Backend::Sqlite).shop(|shop| shop.account = Some("exampleacct".into()));
    let app = app.start().await;
    let shop = app.thrivecart();
    let (status, text) = shop.order_success(EMAIL).secret("").send().await;
    assert_eq!(status, 401, "{text}");
    let other = shop
        .order_success(EMAIL)
        .with(json!({"thrivecart_account": "otheracct"}));
    let (status, text) = other.send().await;
    assert_eq!(status, 401, "{text}");
    assert!(
        text.contains("otheracct") && text.contains("exampleacct"),
        "{text}"
    );
    assert_eq!(events(&app).await, 0);
    assert_eq!(
        app.handle().quarantine(10).await.expect("the quarantine").len(),
        2
    );
    shop.order_success(EMAIL).deliver().await;
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_are_valid_while_one_is_changed() {
    let app = house(Backend::Sqlite)
        .shop_secrets(|secrets| secrets.with(SecretName::Secret, "old-word"))
        .start()
        .await;
    let sale = app.thrivecart().order_success(EMAIL);
    sale.clone().order("1").secret("old-word").deliver().await;
    sale.clone().order("2").deliver().await;
    assert_eq!(sale.order("3").secret("older-word").send().await.0, 401);
    app.drain().await;
    assert_eq!(events(&app).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_is_not_found() {
    let app = house(Backend::Sqlite).start().await;
    let shop = app.thrivecart().with_key("another-key-0123456789");
    assert_eq!(shop.order_success(EMAIL).send().await.0, 404);
    assert_eq!(shop.request("GET", FORM, "").await.0, 404);
    assert_eq!(shop.request("POST", FORM, "").await.0, 404);
}

#[rstest]
#[case::head("HEAD", FORM, "")]
#[case::get("GET", FORM, "")]
#[case::empty("POST", FORM, "")]
#[case::object("POST", JSON, "{}")]
#[case::list("POST", JSON, "[]")]
#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_the_address_is_answered_and_is_no_event(
    #[case] method: &str,
    #[case] content_type: &str,
    #[case] body: &str,
) {
    let app = house(Backend::Sqlite).start().await;
    let (status, text) = app.thrivecart().request(method, content_type, body).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(events(&app).await, 0);
    let health = app.handle().health().await.expect("health");
    let shop = health
        .connections
        .iter()
        .find(|connection| connection.row.name == "shop");
    assert!(shop.expect("the shop").row.last_checked_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_with_the_reason() {
    let app = house(Backend::Sqlite).start().await;
    let shop = app.thrivecart();
    let (status, text) = shop.request("POST", JSON, r#"{"event": "order.success", "#).await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("byte"), "{text}");
    let large = format!("event=order.success&filler={}", "x".repeat(1 << 20));
    let (status, text) = shop.request("POST", FORM, large).await;
    assert_eq!(status, 413, "{text}");
    assert_eq!(events(&app).await, 0);
}

#[rstest]
#[case::left_alone(false, 0)]
#[case::synced(true, 1)]
#[tokio::test(flavor = "multi_thread")]
async fn orders_of_the_test_mode_are_kept_and_synced_only_where_wanted(
    #[case] sync_test_mode: bool,
    #[case] contacts: usize,
) {
    let app = house(Backend::Sqlite)
        .sync_test_mode(sync_test_mode)
        .start()
        .await;
    app.thrivecart().order_success(EMAIL).test_mode().deliver().await;
    app.drain().await;
    assert_eq!(events(&app).await, 1);
    assert_eq!(app.runs().await.len(), contacts);
    assert_eq!(app.ghl().contacts().len(), contacts);
    if sync_test_mode {
        assert!(app.ghl().tags(EMAIL).contains(&"test mode".to_owned()));
    }
}

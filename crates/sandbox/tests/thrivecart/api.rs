//! The REST API: keys, limits, modes, pages, and the words of its refusals.

use serde_json::{Value, json};

use crate::Account;

#[tokio::test]
async fn without_the_right_key_nothing_is_answered() {
    let account = Account::open().await;
    let url = format!("{}/ping", account.running.api_url());
    let (status, none) = account.send("GET", &url, &[], &Value::Null).await;
    assert_eq!((status, none), (401, json!({"error": "auth.missing"})));
    let wrong = [("authorization", "Bearer other")];
    let (status, wrong) = account.send("GET", &url, &wrong, &Value::Null).await;
    assert_eq!((status, &wrong["error"]), (401, &json!("invalid_token")));
    let (status, right) = account.api("GET", "/ping", "live", &Value::Null).await;
    assert_eq!((status, &right["account_name"]), (200, &json!("sandbox")));
}

#[tokio::test]
async fn the_sixty_first_request_of_a_minute_is_refused() {
    let account = Account::open().await;
    for _ in 0..60 {
        assert_eq!(account.api("GET", "/ping", "live", &Value::Null).await.0, 200);
    }
    assert_eq!(account.api("GET", "/ping", "live", &Value::Null).await.0, 429);
    account.clock.advance_ms(60_000);
    assert_eq!(account.api("GET", "/ping", "live", &Value::Null).await.0, 200);
}

#[tokio::test]
async fn transactions_come_newest_first_in_pages_and_by_mode() {
    let account = Account::open().await;
    for index in 0..5 {
        let sale = json!({"email": format!("buyer{index}@example.com")});
        account.happen("sale", &sale).await;
        account.clock.advance_ms(1_000);
    }
    account
        .happen("sale", &json!({"email": "tester@example.com", "mode": "test"}))
        .await;
    let emails = |page: &Value| -> Vec<String> {
        let rows = page["transactions"].as_array().expect("rows").iter();
        rows.map(|row| row["customer"]["email"].as_str().expect("an e-mail").to_owned())
            .collect()
    };
    let (_, first) = account
        .api("GET", "/transactions?perPage=3", "live", &Value::Null)
        .await;
    let (_, second) = account
        .api("GET", "/transactions?perPage=3&page=2", "live", &Value::Null)
        .await;
    assert_eq!(
        emails(&first),
        ["buyer4@example.com", "buyer3@example.com", "buyer2@example.com"]
    );
    assert_eq!(emails(&second), ["buyer1@example.com", "buyer0@example.com"]);
    assert_eq!(first["meta"], json!({"total": 5, "results": 3}));
    let (_, test) = account.api("GET", "/transactions", "test", &Value::Null).await;
    assert_eq!(emails(&test), ["tester@example.com"]);
}

#[tokio::test]
async fn a_subscription_is_paused_resumed_cancelled_and_refunded_once() {
    let account = Account::open().await;
    let sale = json!({"email": "ada@example.com", "items": ["product-12", "bump-101"]});
    let sold = account.happen("sale", &sale).await;
    let order_id = sold["order_id"].clone();
    let subscription =
        json!({"order_id": order_id, "subscription_id": sold["subscription_ids"]["product-12"]});
    for too_soon in ["1", "tomorrow"] {
        let mut pause = subscription.clone();
        pause["auto_resume"] = json!(too_soon);
        let (code, _) = account.api("POST", "/pauseSubscription", "live", &pause).await;
        assert_eq!(code, 400, "{too_soon}");
    }
    for (call, status) in [
        ("/pauseSubscription", "paused"),
        ("/resumeSubscription", "active"),
        ("/cancelSubscription", "cancelled"),
    ] {
        let (code, answer) = account.api("POST", call, "live", &subscription).await;
        assert_eq!((code, &answer["success"]), (200, &json!(true)), "{answer}");
        let (_, customer) = account
            .api("POST", "/customer", "live", &json!({"email": "ada@example.com"}))
            .await;
        assert_eq!(customer["subscriptions"][0]["status"], status);
        let path = format!("/transactions?query={}", order_id.as_str().expect("a text"));
        let (_, rows) = account.api("GET", &path, "live", &Value::Null).await;
        let of_it = rows["transactions"].as_array().expect("rows").iter();
        let mut of_it = of_it.filter(|row| row["item_type"] == "product");
        assert!(
            of_it.all(|row| row["subscription_current_status"] == status),
            "{rows}"
        );
    }
    let again = account
        .api("POST", "/cancelSubscription", "live", &subscription)
        .await;
    let denied = json!({"error": "You do not have permission to access this subscription."});
    assert_eq!(again, (400, denied));
    let item = json!({"order_id": order_id, "reference": "bump-101"});
    assert_eq!(account.api("POST", "/refund", "live", &item).await.0, 200);
    let gone = json!({"error": "The requested charge could not be identified."});
    assert_eq!(account.api("POST", "/refund", "live", &item).await, (404, gone));
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_thrivecarts_words() {
    let account = Account::open().await;
    let cases = [
        ("GET", "/customer", Value::Null, 501, "method.invalid"),
        ("GET", "/bumps/9", Value::Null, 404, "method.exception"),
        (
            "POST",
            "/refund",
            json!({"order_id": "9"}),
            400,
            "You must provide a valid order ID.",
        ),
        (
            "POST",
            "/customer",
            json!({"email": "nobody@example.com"}),
            404,
            "There are no orders associated with this customer.",
        ),
    ];
    for (method, path, body, status, error) in cases {
        let (code, answer) = account.api(method, path, "live", &body).await;
        assert_eq!(
            (code, answer["error"].as_str()),
            (status, Some(error)),
            "{method} {path}"
        );
    }
}

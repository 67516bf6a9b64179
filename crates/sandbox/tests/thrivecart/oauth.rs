//! OAuth: a person's consent, codes that work once, tokens that do as well as the key until they are revoked.

use reqwest::Url;
use serde_json::{Value, json};

use crate::Account;

const BACK: &str = "https://cartlane.test/oauth/thrivecart/callback";
const APP: [(&str, &str); 3] = [
    ("client_id", "sandboxapp-1"),
    ("client_secret", "sandbox-secret"),
    ("grant_type", "authorization_code"),
];

fn at(account: &Account, path: &str) -> String {
    account.running.api_url().replace("/api/external", path)
}

/// Opens the authorize page. The status, and where it sends the person back to.
async fn agree(account: &Account, client_id: &str, redirect_uri: &str) -> (u16, Option<Url>) {
    let query = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("state", "s 1"),
    ];
    let page = Url::parse_with_params(&at(account, "/authorization/new"), query).expect("an address");
    let answer = account.client.get(page).send().await.expect("an answer");
    let back = answer.headers().get("location");
    let back = back.map(|back| back.to_str().expect("a text").parse().expect("an address"));
    (answer.status().as_u16(), back)
}

fn named(back: &Url, name: &str) -> Option<String> {
    let mut pairs = back.query_pairs();
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

async fn code(account: &Account) -> String {
    let (status, back) = agree(account, "sandboxapp-1", BACK).await;
    let back = back.expect("a redirect");
    assert_eq!((status, named(&back, "state").as_deref()), (302, Some("s 1")));
    assert!(back.as_str().starts_with(BACK), "{back}");
    named(&back, "code").expect("a code")
}

/// Posts a form to the token endpoint.
async fn exchange(account: &Account, fields: &[(&str, &str)]) -> (u16, Value) {
    let request = account.client.post(at(account, "/authorization/token"));
    let answer = request.form(fields).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

async fn token(account: &Account) -> String {
    let code = code(account).await;
    let grant = [("code", code.as_str()), ("redirect_uri", BACK)];
    let (status, answer) = exchange(account, &[&APP[..], &grant].concat()).await;
    assert_eq!(
        (status, &answer["token_type"]),
        (200, &json!("Bearer")),
        "{answer}"
    );
    answer["access_token"].as_str().expect("a token").to_owned()
}

/// A call with a token.
async fn call(account: &Account, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    account.send(method, &at(account, path), &headers, body).await
}

fn invalid_token() -> (u16, Value) {
    let description = "The access token provided is invalid";
    (
        401,
        json!({"error": "invalid_token", "error_description": description}),
    )
}

#[tokio::test]
async fn a_code_works_once_within_ten_minutes_and_only_where_it_was_sent() {
    let account = Account::open().await;
    let refused = |(status, answer): (u16, Value)| (status, answer["error"].as_str().map(str::to_owned));
    let with = async |code: &str, redirect_uri: &str| {
        let grant = [("code", code), ("redirect_uri", redirect_uri)];
        exchange(&account, &[&APP[..], &grant].concat()).await
    };
    let used = code(&account).await;
    account.clock.advance_ms(10 * 60_000 - 1);
    assert_eq!(with(&used, BACK).await.0, 200);
    let invalid = (400, Some("invalid_grant".to_owned()));
    assert_eq!(refused(with(&used, BACK).await), invalid);

    let late = code(&account).await;
    account.clock.advance_ms(10 * 60_000);
    assert_eq!(refused(with(&late, BACK).await), invalid);

    let elsewhere = code(&account).await;
    let mismatch = (400, Some("redirect_uri_mismatch".to_owned()));
    assert_eq!(refused(with(&elsewhere, "https://other.test/").await), mismatch);
}

#[tokio::test]
async fn only_registered_apps_and_addresses_get_a_code_and_only_the_secret_a_token() {
    let account = Account::open().await;
    let app = json!({"client_id": "shop-2", "client_secret": "s2", "redirect_uris": [BACK]});
    account.happen("apps", &app).await;
    assert_eq!(agree(&account, "nobody", BACK).await, (400, None));
    assert_eq!(
        agree(&account, "shop-2", "https://other.test/").await,
        (400, None)
    );
    assert_eq!(agree(&account, "shop-2", BACK).await.0, 302);

    let code = code(&account).await;
    let grant = [("code", code.as_str()), ("redirect_uri", BACK)];
    for (client_id, client_secret, error) in [
        ("sandboxapp-1", "guessed", "invalid_client"),
        ("shop-2", "s2", "invalid_grant"),
    ] {
        let app = [("client_id", client_id), ("client_secret", client_secret), APP[2]];
        let (status, answer) = exchange(&account, &[&app[..], &grant].concat()).await;
        assert_eq!((status, &answer["error"]), (400, &json!(error)));
    }
}

#[tokio::test]
async fn a_token_does_as_well_as_the_key_until_it_is_revoked() {
    let account = Account::open().await;
    let (ended, other) = (token(&account).await, token(&account).await);
    assert_ne!(ended, other);
    let (status, me) = call(&account, &ended, "GET", "/authorization/me", &Value::Null).await;
    let ping = call(&account, &ended, "GET", "/api/external/ping", &Value::Null).await;
    assert_eq!((status, ping.0), (200, 200), "{me} {ping:?}");
    for name in ["account_id", "account_name", "user_id"] {
        assert_eq!(me[name], ping.1[name], "{name}");
    }

    let revoke = json!({"token": ended});
    let answer = call(&account, &ended, "POST", "/authorization/revoke", &revoke).await;
    assert_eq!(answer.0, 200, "{answer:?}");
    for path in ["/authorization/me", "/api/external/ping"] {
        assert_eq!(
            call(&account, &ended, "GET", path, &Value::Null).await,
            invalid_token()
        );
        assert_eq!(call(&account, &other, "GET", path, &Value::Null).await.0, 200);
    }
}

#[tokio::test]
async fn a_person_can_shut_an_app_out_again() {
    let account = Account::open().await;
    let token = token(&account).await;
    let others = account.happen("revoke", &json!({"client_id": "shop-2"})).await;
    assert_eq!(others["revoked"], 0);
    let ended = account
        .happen("revoke", &json!({"client_id": "sandboxapp-1"}))
        .await;
    assert_eq!(ended["revoked"], 1);
    let ping = call(&account, &token, "GET", "/api/external/ping", &Value::Null).await;
    assert_eq!(ping, invalid_token());
}

#[tokio::test]
async fn an_app_orders_web_hooks_only_below_its_own_addresses() {
    let account = Account::open().await;
    let app = json!({
        "client_id": "sandboxapp-1", "client_secret": "sandbox-secret", "redirect_uris": ["https://cartlane.test/", BACK],
    });
    account.happen("apps", &app).await;
    let token = token(&account).await;
    for (url, expected) in [
        ("https://cartlane.test/hooks/1", 201),
        ("https://other.test/hooks/1", 400),
    ] {
        let wanted = json!({"event": "order_success", "target_url": url});
        let (status, answer) = call(&account, &token, "POST", "/api/external/subscribe", &wanted).await;
        assert_eq!(status, expected, "{url}: {answer}");
    }
    let anywhere = json!({"event": "order_success", "target_url": "https://other.test/hooks/1"});
    let with_key = account.api("POST", "/subscribe", "live", &anywhere).await;
    assert_eq!(with_key.0, 201);
}

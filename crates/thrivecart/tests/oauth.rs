//! OAuth over the wire, against the sandbox: from a person's consent to a token, whose it is, and its end.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use cartlane_catalog::Catalog;
use cartlane_model::event::Mode;
use cartlane_model::{Clock, ExposeSecret, SecretString, UnixMs};
use cartlane_outbound::{Options, Outcome, Request, install_crypto_provider};
use cartlane_sandbox::thrivecart::{self, Running, ThriveCart};
use cartlane_thrivecart::rest::oauth::{self, App, Error, Token};
use cartlane_thrivecart::rest::{Account, Client};
use serde_json::json;
use url::Url;

const BACK: &str = "https://cartlane.test/oauth/thrivecart/callback";

struct Still;

impl Clock for Still {
    fn now(&self) -> UnixMs {
        UnixMs(1_800_000_000_000)
    }
}

fn client() -> cartlane_outbound::Client {
    install_crypto_provider();
    let options = Options {
        allow_private_networks: true,
        ..Options::default()
    };
    cartlane_outbound::Client::new(&options).expect("a client")
}

fn app(secret: &str) -> App {
    App {
        client_id: "sandboxapp-1".into(),
        client_secret: SecretString::from(secret.to_owned()),
    }
}

/// An account of the sandbox, and a client of it.
struct Shop {
    http: cartlane_outbound::Client,
    base_url: Url,
    _running: Running,
}

impl Shop {
    async fn open() -> Self {
        let running = ThriveCart::bind(thrivecart::Options::new(Arc::new(Still)))
            .await
            .expect("it starts");
        Self {
            http: client(),
            base_url: running.api_url().parse().expect("an address"),
            _running: running,
        }
    }

    /// Agrees as a person does. Gives `code` and `state` that they come back with.
    async fn agree(&self) -> (String, String) {
        let page = oauth::authorize_url(&self.base_url, "sandboxapp-1", BACK, "a b&c");
        let answer = self.http.send(Request::get(page)).await.expect("an answer");
        let location = answer.headers["location"].to_str().expect("a text");
        let back: Url = location.parse().expect("an address");
        let named = |name: &str| {
            let pair = back.query_pairs().find(|(key, _)| key == name);
            pair.map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        assert!(location.starts_with(BACK), "{location}");
        (named("code"), named("state"))
    }

    async fn token(&self, secret: &str, code: &str, redirect_uri: &str) -> Result<Token, Error> {
        oauth::token(&self.http, &self.base_url, &app(secret), code, redirect_uri).await
    }

    async fn new_token(&self) -> SecretString {
        let (code, _) = self.agree().await;
        let token = self.token("sandbox-secret", &code, BACK).await;
        token.expect("a token").access_token
    }
}

/// The address of a server that answers everything so.
async fn answering(status: u16, body: &'static str) -> Url {
    let status = StatusCode::from_u16(status).expect("a status");
    let router = Router::new().fallback(move || async move { (status, body) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url.parse().expect("an address")
}

#[tokio::test]
async fn a_persons_consent_becomes_a_token_for_the_api_of_their_account() {
    let shop = Shop::open().await;
    let (code, state) = shop.agree().await;
    assert_eq!(state, "a b&c");
    let token = shop.token("sandbox-secret", &code, BACK).await.expect("a token");
    assert_eq!(token.lasts_ms, None, "it does not expire");
    let owner = oauth::me(&shop.http, &shop.base_url, &token.access_token).await;
    let owner = owner.expect("its owner");
    assert_eq!(
        (owner.account_id.as_str(), owner.account_name.as_str()),
        ("1", "sandbox")
    );

    let ping = Catalog::builtin()
        .get("thrivecart.account.ping")
        .expect("an operation");
    let account = Account {
        base_url: shop.base_url.clone(),
        key: token.access_token,
        mode: Mode::Live,
    };
    let request = ping.request(&json!({}), "").expect("right inputs");
    let exchange = Client::new(shop.http.clone(), Arc::new(Still))
        .send(&account, &request)
        .await;
    let Outcome::Success(answer) = exchange.outcome else {
        panic!("{:?}", exchange.outcome)
    };
    assert_eq!(answer["account_id"], owner.account_id.as_str());
}

#[tokio::test]
async fn a_code_that_is_used_or_elsewhere_and_a_wrong_secret_are_refused_for_good() {
    let shop = Shop::open().await;
    let (code, _) = shop.agree().await;
    shop.token("sandbox-secret", &code, BACK).await.expect("a token");
    let (elsewhere, _) = shop.agree().await;
    let (guessed, _) = shop.agree().await;
    for (secret, code, back) in [
        ("sandbox-secret", &code, BACK),
        ("sandbox-secret", &elsewhere, "https://other.test/"),
        ("guessed-secret", &guessed, BACK),
    ] {
        let error = shop
            .token(secret, code, back)
            .await
            .expect_err("there is no token");
        assert!(matches!(error, Error::Refused(_)), "{error:?}");
        let advice = error.advice();
        assert!(advice.contains("authorize anew"), "{advice}");
        assert!(!advice.contains(secret) && !advice.contains(code), "{advice}");
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_and_to_revoke_it_again_changes_nothing() {
    let shop = Shop::open().await;
    let (ended, other) = (shop.new_token().await, shop.new_token().await);
    for _ in 0..2 {
        let revoked = oauth::revoke(&shop.http, &shop.base_url, &ended).await;
        assert_eq!(revoked, Ok(()));
    }
    let me = oauth::me(&shop.http, &shop.base_url, &ended).await;
    assert_eq!(
        me,
        Err(Error::Refused("The access token provided is invalid".into()))
    );
    assert!(oauth::me(&shop.http, &shop.base_url, &other).await.is_ok());
}

#[tokio::test]
async fn only_a_code_is_unclear_without_a_readable_answer_all_else_is_simply_made_again() {
    let (http, token) = (client(), SecretString::from("t".to_owned()));
    for (status, body) in [
        (200, "<html>"),
        (200, "{}"),
        (502, ""),
        (500, r#"{"error": "oops"}"#),
    ] {
        let url = answering(status, body).await;
        let exchanged = oauth::token(&http, &url, &app("s"), "code", BACK).await;
        assert!(
            matches!(exchanged, Err(Error::Unclear(_))),
            "{status} {body}: {exchanged:?}"
        );
        let me = oauth::me(&http, &url, &token).await;
        assert!(matches!(me, Err(Error::NotYet(_))), "{status} {body}: {me:?}");
    }
    let nobody: Url = "http://127.0.0.1:1".parse().expect("an address");
    let exchanged = oauth::token(&http, &nobody, &app("s"), "code", BACK).await;
    assert!(matches!(exchanged, Err(Error::NotYet(_))), "{exchanged:?}");
}

#[tokio::test]
async fn a_refusal_may_come_under_any_status() {
    let http = client();
    for status in [200, 400, 401, 501] {
        let url = answering(status, r#"{"error": "method.invalid"}"#).await;
        let exchanged = oauth::token(&http, &url, &app("s"), "code", BACK).await;
        assert!(
            matches!(&exchanged, Err(Error::Refused(why)) if why == "method.invalid"),
            "{exchanged:?}"
        );
        let revoked = oauth::revoke(&http, &url, &SecretString::from("t".to_owned())).await;
        assert_eq!(revoked, Err(Error::Refused("method.invalid".into())));
    }
}

#[tokio::test]
async fn how_long_a_token_lasts_is_kept_where_it_is_said() {
    let http = client();
    for (body, lasts_ms) in [
        (
            r#"{"access_token": "t", "expires_in": 315360000}"#,
            Some(315_360_000_000),
        ),
        (r#"{"access_token": "t", "expires_in": "3600"}"#, Some(3_600_000)),
        (r#"{"access_token": "t", "expires_in": null}"#, None),
    ] {
        let url = answering(200, body).await;
        let token = oauth::token(&http, &url, &app("s"), "code", BACK).await;
        let token = token.expect("a token");
        assert_eq!(
            (token.access_token.expose_secret(), token.lasts_ms),
            ("t", lasts_ms)
        );
        assert!(!format!("{token:?}").contains("\"t\""), "{token:?}");
    }
}

use cartlane_sandbox::{Fault, Install, Location};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Ghl, LOCATION, answer};

const APP: [(&str, &str); 2] = [("client_id", "sandboxapp-1"), ("client_secret", "sandbox-secret")];
const BACK: &str = "https://cartlane.test/oauth/callback";

/// Agrees at the authorize page; answers where it sends the person back to.
async fn agree(ghl: &Ghl, scope: &str) -> url::Url {
    let page = format!(
        "/v2/oauth/chooselocation?response_type=code&client_id=sandboxapp-1&redirect_uri={BACK}&scope={scope}&state=s%201"
    );
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("client");
    let request = browser.get(format!("{}{page}", ghl.url()));
    let response = request
        .header("user-agent", "browser")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 302);
    let back = response.headers()["location"].to_str().expect("text");
    back.parse().expect("a URL")
}

fn code(back: &url::Url) -> String {
    let (_, code) = back
        .query_pairs()
        .find(|(name, _)| name == "code")
        .expect("a code");
    code.into_owned()
}

async fn token(ghl: &Ghl, fields: &[(&str, &str)]) -> Answer {
    let request = ghl
        .bare(Method::POST, "/oauth/token")
        .header("user-agent", "cartlane-test");
    answer(request.form(&[&APP, fields].concat())).await
}

/// Installs the app with these scopes; answers its pair of tokens.
pub async fn install(ghl: &Ghl, scope: &str) -> Value {
    let code = code(&agree(ghl, scope).await);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", BACK),
    ];
    let (status, body) = token(ghl, &fields).await;
    assert_eq!(status, 200, "{body}");
    let (status, again) = token(ghl, &fields).await;
    assert_eq!(
        (status, &again["error"]),
        (400, &json!("invalid_grant")),
        "a code works once"
    );
    body
}

async fn refresh(ghl: &Ghl, pair: &Value) -> Answer {
    let token_text = pair["refresh_token"].as_str().expect("a refresh token");
    token(
        ghl,
        &[("grant_type", "refresh_token"), ("refresh_token", token_text)],
    )
    .await
}

async fn read_contacts(ghl: &Ghl, pair: &Value) -> u16 {
    let request = ghl
        .bare(Method::GET, "/contacts/?locationId=loc1")
        .header("user-agent", "cartlane-test")
        .header("version", "2021-07-28");
    answer(request.bearer_auth(pair["access_token"].as_str().expect("token")))
        .await
        .0
}

#[tokio::test]
async fn authorize_page_sends_back_a_code_and_the_state() {
    let ghl = Ghl::start().await;
    let back = agree(&ghl, "contacts.readonly").await;
    assert_eq!(back.path(), "/oauth/callback");
    let state = back
        .query_pairs()
        .find(|(name, _)| name == "state")
        .expect("state");
    assert_eq!(state.1, "s 1");
}

#[tokio::test]
async fn a_locations_token_holds_what_was_agreed_to_until_it_expires() {
    let ghl = Ghl::start_with(|settings| settings.oauth.access_token_s = 60).await;
    let pair = install(&ghl, "contacts.readonly").await;
    assert_eq!(
        (&pair["userType"], &pair["locationId"]),
        (&json!("Location"), &json!(LOCATION))
    );
    assert_eq!(
        (&pair["expires_in"], &pair["token_type"]),
        (&json!(60), &json!("Bearer"))
    );
    assert_eq!(read_contacts(&ghl, &pair).await, 200);
    let write = ghl
        .bare(Method::POST, "/contacts/")
        .header("user-agent", "cartlane-test")
        .header("version", "2021-07-28")
        .bearer_auth(pair["access_token"].as_str().expect("token"));
    let (status, body) = answer(write.json(&json!({"locationId": LOCATION, "email": "a@x.test"}))).await;
    assert_eq!(
        (status, &body["message"]),
        (401, &json!("The token is not authorized for this scope."))
    );
    ghl.state().advance(60_000);
    assert_eq!(read_contacts(&ghl, &pair).await, 401);
}

#[tokio::test]
async fn a_refresh_token_works_once_even_where_its_answer_was_lost() {
    let ghl = Ghl::start().await;
    let first = install(&ghl, "contacts.readonly").await;
    let (status, second) = refresh(&ghl, &first).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(
        read_contacts(&ghl, &first).await,
        200,
        "the old access token lives on"
    );
    let (status, body) = refresh(&ghl, &first).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));

    ghl.next(Fault::CutAfter);
    let lost = ghl
        .bare(Method::POST, "/oauth/token")
        .header("user-agent", "cartlane-test")
        .form(
            &[
                APP.as_slice(),
                &[
                    ("grant_type", "refresh_token"),
                    ("refresh_token", second["refresh_token"].as_str().expect("token")),
                ],
            ]
            .concat(),
        );
    assert!(lost.send().await.is_err());
    assert_eq!(refresh(&ghl, &second).await.0, 400);
    let calls = ghl.state().calls();
    let refreshed = |call: &&cartlane_sandbox::Entry| {
        call.effect
            .as_ref()
            .is_some_and(|effect| effect.kind == "token_refreshed")
    };
    assert_eq!(calls.iter().filter(refreshed).count(), 2);
    assert_eq!(calls[calls.len() - 2].fault, Some(Fault::CutAfter));
}

#[tokio::test]
async fn within_the_grace_period_a_used_refresh_token_answers_the_same_pair() {
    let ghl = Ghl::start_with(|settings| settings.oauth.refresh_grace_ms = 5_000).await;
    let first = install(&ghl, "contacts.readonly").await;
    let second = refresh(&ghl, &first).await.1;
    let again = refresh(&ghl, &first).await.1;
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    ghl.state().advance(5_001);
    assert_eq!(refresh(&ghl, &first).await.0, 400);
}

#[tokio::test]
async fn tokens_are_bound_to_their_client_and_end_by_revocation_and_an_inactive_location() {
    let ghl = Ghl::start().await;
    let pair = install(&ghl, "contacts.readonly").await;
    let request = ghl
        .bare(Method::POST, "/oauth/token")
        .header("user-agent", "cartlane-test");
    let (status, body) = answer(request.form(&[
        ("client_id", "sandboxapp-1"),
        ("client_secret", "wrong"),
        ("grant_type", "refresh_token"),
    ]))
    .await;
    assert_eq!((status, &body["error"]), (401, &json!("invalid_client")));

    ghl.state()
        .change(|settings| settings.locations[0].active = false);
    let (status, body) = refresh(&ghl, &pair).await;
    assert_eq!(
        (status, &body["message"]),
        (400, &json!("Location is not active"))
    );
    ghl.state().change(|settings| settings.locations[0].active = true);
    assert_eq!(read_contacts(&ghl, &pair).await, 200);

    let revoke = ghl.bare(Method::POST, "/_sandbox/tokens/revoke");
    let (_, revoked) = answer(revoke.json(&json!({"location": LOCATION}))).await;
    assert_eq!(revoked["revoked"], 2);
    assert_eq!(read_contacts(&ghl, &pair).await, 401);
    assert_eq!(refresh(&ghl, &pair).await.0, 400);
}

#[tokio::test]
async fn an_agencys_app_gets_tokens_for_its_locations() {
    let ghl = Ghl::start_with(|settings| {
        settings.locations.push(Location::new("loc2"));
        settings.oauth.install = Install::Agency;
    })
    .await;
    let pair = install(
        &ghl,
        "contacts.readonly%20oauth.write%20oauth.readonly%20companies.readonly",
    )
    .await;
    assert_eq!(
        (&pair["userType"], &pair["locationId"]),
        (&json!("Company"), &Value::Null)
    );
    let company = pair["companyId"].as_str().expect("company").to_owned();
    assert_eq!(read_contacts(&ghl, &pair).await, 403, "contacts are a location's");
    let agency = |method, path: &str| {
        ghl.bare(method, path)
            .header("user-agent", "cartlane-test")
            .header("version", "2021-07-28")
            .bearer_auth(pair["access_token"].as_str().expect("token"))
    };
    assert_eq!(
        answer(agency(Method::GET, &format!("/companies/{company}")))
            .await
            .0,
        200
    );
    let path = format!("/oauth/installedLocations?companyId={company}&appId=sandboxapp&isInstalled=true");
    let (_, installed) = answer(agency(Method::GET, &path)).await;
    assert_eq!(
        (&installed["count"], &installed["locations"][1]["_id"]),
        (&json!(2), &json!("loc2"))
    );

    let wanted = |location: &'static str| {
        [
            ("companyId", company.clone()),
            ("locationId", location.to_owned()),
        ]
    };
    let request = agency(Method::POST, "/oauth/locationToken").form(&wanted("loc1"));
    let (status, of_location) = answer(request).await;
    assert_eq!(
        (status, &of_location["userType"]),
        (200, &json!("Location")),
        "{of_location}"
    );
    assert!(of_location["refresh_token"].is_null());
    assert_eq!(read_contacts(&ghl, &of_location).await, 200);
    let request = agency(Method::POST, "/oauth/locationToken").form(&wanted("elsewhere"));
    assert_eq!(answer(request).await.0, 400);
}

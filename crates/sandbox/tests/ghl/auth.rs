use cartlane_sandbox::Token;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Ghl, LOCATION, TOKEN, answer};

const CONTACTS: &str = "/contacts/?locationId=loc1";

#[tokio::test]
async fn a_client_without_a_user_agent_meets_cloudflare() {
    let ghl = Ghl::start().await;
    let request = ghl
        .bare(Method::GET, CONTACTS)
        .header("version", "2021-07-28")
        .bearer_auth(TOKEN);
    let (status, body) = answer(request).await;
    assert_eq!(
        (status, body),
        (403, Value::String("error code: 1010".to_owned()))
    );
}

#[tokio::test]
async fn version_header_must_be_a_published_one() {
    let ghl = Ghl::start().await;
    let request = || {
        ghl.bare(Method::GET, CONTACTS)
            .header("user-agent", "test")
            .bearer_auth(TOKEN)
    };
    let (status, body) = answer(request()).await;
    assert_eq!(
        (status, &body["message"]),
        (401, &json!("version header was not found."))
    );
    let (status, body) = answer(request().header("version", "2020-01-01")).await;
    assert_eq!(
        (status, &body["message"]),
        (401, &json!("version header is invalid"))
    );
    for version in ["2021-04-15", "2021-07-28", "2023-02-21", "v3"] {
        assert_eq!(
            answer(request().header("version", version)).await.0,
            200,
            "{version}"
        );
    }
}

#[tokio::test]
async fn wrong_tokens_are_refused_by_their_kind() {
    let ghl = Ghl::start().await;
    let request = || {
        ghl.bare(Method::GET, CONTACTS)
            .header("user-agent", "test")
            .header("version", "v3")
    };
    for (token, message) in [
        (None, "Invalid token: access token is invalid"),
        (Some("eyJ"), "Invalid token: access token is invalid"),
        (Some("pit-wrong"), "Invalid Private Integration token"),
    ] {
        let request = match token {
            Some(token) => request().bearer_auth(token),
            None => request(),
        };
        let (status, body) = answer(request).await;
        assert_eq!((status, &body["message"]), (401, &json!(message)));
        assert_eq!(body["error"], "Unauthorized");
    }
}

#[tokio::test]
async fn missing_scope_is_a_401() {
    let ghl = Ghl::start().await;
    ghl.state()
        .change(|settings| settings.tokens[0].scopes = Some(vec!["contacts.readonly".to_owned()]));
    let (status, body) = ghl
        .post("/contacts/", json!({"locationId": LOCATION, "email": "a@x.test"}))
        .await;
    assert_eq!(
        (status, &body["message"]),
        (401, &json!("The token is not authorized for this scope."))
    );
    assert_eq!(ghl.get(CONTACTS).await.0, 200);
}

#[tokio::test]
async fn another_location_is_forbidden_wherever_it_is_named() {
    let ghl = Ghl::start().await;
    let mine = ghl.contact(json!({"email": "a@x.test"})).await;
    let (status, body) = ghl
        .post("/contacts/", json!({"locationId": "loc2", "email": "b@x.test"}))
        .await;
    assert_eq!(status, 403);
    assert_eq!(
        body["message"],
        "The token does not have access to this location."
    );
    assert_eq!(ghl.post("/contacts/", json!({"email": "b@x.test"})).await.0, 403);
    assert_eq!(ghl.get("/contacts/?locationId=loc2").await.0, 403);
    assert_eq!(ghl.get("/locations/loc2").await.0, 403);

    ghl.state().change(|settings| {
        settings.locations.push(cartlane_sandbox::Location::new("loc2"));
        settings.tokens = vec![Token::new(TOKEN, "loc2")];
    });
    assert_eq!(ghl.get(&format!("/contacts/{mine}")).await.0, 403);
    assert_eq!(ghl.get("/locations/loc2").await.1["location"]["id"], "loc2");
}

#[tokio::test]
async fn slashes_and_letter_case_of_a_path_matter() {
    let ghl = Ghl::start().await;
    let (status, body) = ghl.post("/contacts", json!({})).await;
    assert_eq!((status, &body["message"]), (404, &json!("Cannot POST /contacts")));
    assert_eq!(ghl.get("/Contacts/?locationId=loc1").await.0, 401);
}

#[tokio::test]
async fn every_json_answer_has_a_trace_id() {
    let ghl = Ghl::start().await;
    let (_, fine) = ghl.get(CONTACTS).await;
    let (_, refused) = ghl.get("/contacts/nobody").await;
    assert!(fine["traceId"].is_string() && refused["traceId"].is_string());
    assert_ne!(fine["traceId"], refused["traceId"]);
}

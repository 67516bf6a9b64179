use cartlane_sandbox::{Fault, Token};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Ghl, LOCATION, answer};

#[tokio::test]
async fn an_operation_without_a_handler_answers_what_its_schema_promises() {
    let ghl = Ghl::start().await;
    let link = json!({"locationId": LOCATION, "name": "Shop", "redirectTo": "https://shop.test"});
    let (status, body) = ghl.post("/links/", link.clone()).await;
    assert_eq!(status, 201, "{body}");
    assert!(body["link"].is_object(), "{body}");
    let entry = &ghl.state().calls()[0];
    assert_eq!(entry.effect.as_ref().expect("an effect").kind, "accepted");
    assert_eq!(entry.operation, Some("ghl.links.create_link"));
    ghl.next(Fault::CutAfter);
    assert!(
        ghl.request(Method::POST, "/links/")
            .json(&link)
            .send()
            .await
            .is_err()
    );
}

#[tokio::test]
async fn its_request_must_fit_the_schema_and_name_the_tokens_location() {
    let ghl = Ghl::start().await;
    let (status, body) = ghl
        .post(
            "/links/",
            json!({"locationId": LOCATION, "name": 5, "colour": "red"}),
        )
        .await;
    assert_eq!(status, 422);
    let mut messages: Vec<&str> = body["message"]
        .as_array()
        .expect("messages")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    messages.sort_unstable();
    assert_eq!(
        messages,
        [
            "name must be a string",
            "property colour should not exist",
            "redirectTo must be a string"
        ]
    );
    let (status, _) = ghl
        .post(
            "/links/",
            json!({"locationId": "loc2", "name": "x", "redirectTo": "y"}),
        )
        .await;
    assert_eq!(status, 403);
    let (status, body) = ghl.get("/links/?locationId=loc1&order=asc").await;
    assert_eq!(
        (status, &body["message"][0]),
        (422, &json!("property order should not exist"))
    );
    assert_eq!(ghl.get("/links/?locationId=loc1").await.0, 200);
}

#[tokio::test]
async fn scopes_and_kinds_of_token_hold_for_every_operation_of_the_description() {
    let ghl = Ghl::start_with(|settings| {
        settings.tokens.push(Token {
            scopes: Some(vec!["contacts.readonly".to_owned()]),
            ..Token::new("pit-poor", LOCATION)
        });
    })
    .await;
    let (mut scoped, mut agency) = (0, 0);
    for operation in cartlane_catalog::Catalog::builtin().operations() {
        if operation.system != cartlane_catalog::System::Ghl {
            continue;
        }
        let Some(endpoint) = operation.endpoint() else {
            continue;
        };
        let path = endpoint.path.replace(['{', '}'], "");
        let method: Method = endpoint.method.parse().expect("a method");
        let request = |token: &str| {
            let request = ghl.bare(method.clone(), &path).header("user-agent", "test");
            request
                .header("version", "2021-07-28")
                .bearer_auth(token)
                .json(&json!({}))
        };
        let for_agencies = !endpoint.token_kinds.is_empty()
            && endpoint.token_kinds.iter().all(|kind| kind.starts_with("agency"));
        let for_apps = endpoint.token_kinds.iter().all(|kind| kind.ends_with("_oauth"));
        if for_agencies {
            let (status, body) = answer(request("pit-test")).await;
            assert_eq!(
                (status, &body["message"]),
                (403, &json!("Forbidden resource")),
                "{path}"
            );
            agency += 1;
        } else if !for_apps && !endpoint.scopes.is_empty() && endpoint.scopes != ["contacts.readonly"] {
            let (status, body) = answer(request("pit-poor")).await;
            // Where only our overlay knows the scope, the description asks for none.
            if body["message"] == "The token is not authorized for this scope." {
                assert_eq!(status, 401);
                scoped += 1;
            }
        }
    }
    assert!(scoped > 400 && agency > 30, "{scoped} by scope, {agency} by kind");
}

#[tokio::test]
async fn every_operation_of_the_published_list_keeps_state() {
    let ghl = Ghl::start().await;
    let handled = ghl.state().operations();
    let listed = cartlane_catalog::Catalog::builtin().listed();
    let examples = listed.iter().filter(|operation| {
        let is_composite = operation.endpoint().is_none();
        !is_composite && !handled.contains(&operation.id.as_str())
    });
    let examples: Vec<&str> = examples.map(|operation| operation.id.as_str()).collect();
    assert_eq!(examples, Vec::<&str>::new());
}

#[tokio::test]
async fn handlers_are_logged_under_the_catalogs_ids() {
    let ghl = Ghl::start().await;
    let unknown = ghl.state().operations().into_iter().filter(|id| {
        let own = ["oauth.authorize", "oauth.reconnect"];
        cartlane_catalog::Catalog::builtin().get(id).is_none() && !own.contains(id)
    });
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&str>::new());
}

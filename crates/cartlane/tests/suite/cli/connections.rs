//! Connections: how they are, and one that a person authorizes.

use super::{assert_fails, text};
use crate::common::{House, Setup, http};

/// `crm` has a token; `app` is the same location by a marketplace app.
fn house() -> House {
    House::with(Setup {
        shop: "target = 'crm'".into(),
        connections: "[[connections]]\nname = 'app'\nkind = 'ghl'\nlocation_id = 'location-of-tests'\n\
                      client_id = 'sandboxapp-1'\nclient_secret_env = 'APP_SECRET'\nbase_url = 'http://{sandbox}'\n\
                      authorize_url = 'http://{sandbox}/v2/oauth/chooselocation'\nallow_private_networks = true\n"
            .into(),
        ..Setup::default()
    })
}

#[test]
fn a_person_authorizes_a_connection_and_it_works() {
    let mut house = house();
    assert!(
        house
            .cli(&["connections", "test", "crm"])
            .out
            .contains("crm works")
    );
    let unauthorized = house.cli(&["connections", "test", "app"]);
    assert_eq!(unauthorized.code, Some(1), "{unauthorized:?}");
    assert!(
        unauthorized.out.contains("connections reauthorize"),
        "{unauthorized:?}"
    );

    let begun = house.json(&["connections", "reauthorize", "app"]);
    let open = text(&begun, "open")
        .split_once("/v2/")
        .expect("the page's address")
        .1;
    let agreed = house.sandbox_page(&format!("/v2/{open}"));
    assert_eq!(agreed.status, 302, "{agreed:?}");
    let location = agreed.location.expect("the address to come back to");
    let back = location
        .strip_prefix("https://cartlane.example.com")
        .expect("our own address");
    let ended = http::send(house.address, "GET", back, "", "");
    assert_eq!(ended.status, 200, "{ended:?}");
    assert!(
        house
            .cli(&["connections", "test", "app"])
            .out
            .contains("app works")
    );
    let again = http::send(house.address, "GET", back, "", "");
    assert_eq!(again.status, 404, "a state counts once: {again:?}");

    house.stop("TERM");
    assert_eq!(house.json(&["vault", "rotate"])["sealed"], 1, "its tokens");
    house.start_again();
    assert!(
        house
            .cli(&["connections", "test", "app"])
            .out
            .contains("app works")
    );
}

#[test]
fn what_cannot_be_authorized_says_what_to_do() {
    let house = house();
    assert_fails(
        &house.cli(&["connections", "reauthorize", "crm"]),
        1,
        "a private integration token is changed in the configuration",
    );
    let incomplete = http::send(
        house.address,
        "GET",
        "/oauth/ghl/callback?error=access_denied",
        "",
        "",
    );
    assert_eq!(incomplete.status, 400, "{incomplete:?}");
    assert!(incomplete.body.contains("oauth.incomplete"), "{incomplete:?}");
    let listed = house.json(&["connections", "list"]);
    let names: Vec<&str> = listed["connections"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| text(row, "name"))
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

//! Connections: how they are, and one that a person authorizes.

use super::{assert_fails, text};
use crate::common::{House, Output, Setup, TOKEN, http};

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
    let sealed = &house.json(&["vault", "rotate"])["sealed"];
    assert_eq!(
        *sealed, 4,
        "its tokens, and what the vault holds of three connections"
    );
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
        "`cartlane connections rotate crm token` changes a private integration token",
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

/// A second location, added with a token that stands in a variable.
const ADD: [&str; 15] = [
    "connections",
    "add",
    "second",
    "--kind",
    "ghl",
    "--set",
    "location_id=location-of-tests",
    "--set",
    "base_url={sandbox}",
    "--set",
    "allow_private_networks=true",
    "--set",
    "scopes=[\"contacts.readonly\"]",
    "--secret-env",
    "token=CRM_TOKEN",
];

fn add(house: &House, arguments: &[&str]) -> Output {
    let address = house.sandbox_url();
    let filled: Vec<String> = arguments
        .iter()
        .map(|argument| argument.replace("{sandbox}", &address))
        .collect();
    house.cli(&filled.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_connection_is_added_and_changed_and_removed_while_the_server_runs() {
    let mut house = House::open();
    let added = add(&house, &ADD);
    assert!(added.out.contains("second works"), "{added:?}");
    let call = [
        "ops",
        "call",
        "ghl.contacts.find",
        "--connection",
        "second",
        "--input",
        "email=a@b.co",
    ];
    assert_eq!(house.cli(&call).code, Some(0));
    house.stop("TERM");
    house.start_again();
    assert_eq!(house.cli(&call).code, Some(0), "it is still there");

    let listed = house.cli(&["connections", "list"]).out;
    let row = listed
        .lines()
        .find(|line| line.starts_with("second"))
        .expect("its row");
    assert!(row.contains("added") && row.contains("90"), "{listed}");
    let rotate = ["connections", "rotate", "second"];
    let wrong = house.cli_told(&[&rotate[..], &["token"]].concat(), "pit-mistyped\n");
    assert_fails(&wrong, 1, "nothing was changed");
    let rotated = house.cli_told(&[&rotate[..], &["token"]].concat(), &format!("{TOKEN}\n"));
    assert!(
        rotated.out.contains("the token of second is changed"),
        "{rotated:?}"
    );
    let address = house.cli(&[&rotate[..], &["hook_key", "--overlap-days", "1"]].concat());
    assert!(address.out.contains("stays valid until"), "{address:?}");
    let doctor = house.cli(&["doctor"]).out;
    assert_eq!(
        doctor.matches("/hooks/ghl/").count(),
        2 * 2 + 1,
        "two addresses, one of them old: {doctor}"
    );

    assert!(
        doctor.contains("https://cartlane.example.com/hooks/ghl/") && !doctor.contains("YOUR-HOST"),
        "{doctor}"
    );

    assert_eq!(house.cli(&["connections", "remove", "second"]).code, Some(0));
    assert_fails(&house.cli(&call), 1, "there is: crm");
}

#[test]
fn what_is_missing_or_mistyped_is_told_before_anything_is_stored() {
    let house = House::open();
    let mut without = ADD[..13].to_vec();
    assert_fails(&add(&house, &without), 2, "the token is missing");
    without[6] = "locationid=x";
    assert_fails(&add(&house, &without), 2, "unknown field `locationid`");
    assert_fails(
        &house.cli(&["connections", "add", "x", "--kind", "gh"]),
        2,
        "did you mean `ghl`",
    );
    let mistyped = [
        "connections",
        "add",
        "x",
        "--kind",
        "slack",
        "--secret-env",
        "uri=A",
    ];
    assert_fails(&house.cli(&mistyped), 2, "secret, hook_key, token");
    let unset = [
        "connections",
        "add",
        "x",
        "--kind",
        "slack",
        "--secret-env",
        "url=NO_SUCH_VARIABLE",
    ];
    assert_fails(&house.cli(&unset), 1, "NO_SUCH_VARIABLE is not set");
    assert_eq!(
        house.json(&["connections", "list"])["connections"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

//! What comes in and how the command line deals with it.

use std::fs;

use cartlane_thrivecart::wire;
use serde_json::Value;

use super::text;
use crate::common::{House, Output, http, payload};

#[test]
fn delivery_with_a_wrong_secret_waits_in_quarantine_until_it_is_released_once() {
    let house = House::open();
    let mut order = payload::order_tree(1);
    order["thrivecart_secret"] = "mistyped".into();
    let refused = house.deliver(&wire::to_form(&order));
    assert_eq!(refused.status, 401);
    assert!(
        refused.body.contains("`shop`"),
        "it says which connection: {refused:?}"
    );
    assert!(house.events(&[]).is_empty());
    let listed = house.json(&["quarantine", "list"]);
    let id = text(&listed["quarantine"][0], "id").to_owned();
    assert_eq!(text(&listed["quarantine"][0], "reason"), "wrong_secret");
    let released = house.json(&["quarantine", "release", &id]);
    assert_eq!(released["is_new"], true);
    house.drain();
    assert_eq!(text(&house.events(&[])[0], "id"), text(&released, "event_id"));
    assert_eq!(house.contacts().len(), 1);
    assert_eq!(house.json(&["quarantine", "release", &id])["is_new"], false);
    assert_eq!(house.events(&[]).len(), 1);
    assert!(house.json(&["quarantine", "list"])["quarantine"][0]["released_at"].is_string());
    // A right secret word that comes later is the same event.
    order["thrivecart_secret"] = crate::common::SECRET.into();
    assert!(house.deliver(&wire::to_form(&order)).is_repeat());
}

#[test]
fn send_posts_as_often_as_it_is_told_and_counts_the_answers() {
    let house = House::open();
    fs::write(house.path().join("order.form"), payload::order(1)).expect("a file");
    fs::write(
        house.path().join("order.json"),
        payload::order_tree(2).to_string(),
    )
    .expect("a file");
    let send = |file: &str, more: &[&str]| {
        house.cli(&[&["send", file, "--to", &house.hook(), "--json"], more].concat())
    };
    let counted = |output: &Output| {
        let counts: Value = serde_json::from_str(&output.out).unwrap_or_else(|_| panic!("{output:?}"));
        (counts["accepted"].clone(), counts["refused"].clone())
    };
    let posted = send("order.form", &["--times", "3"]);
    assert_eq!((posted.code, counted(&posted)), (Some(0), (3.into(), 0.into())));
    assert_eq!(house.events(&[]).len(), 1, "one delivery and two repeats");
    let posted = send("order.json", &["--times", "3", "--set", "order_id=n{n}"]);
    assert_eq!((posted.code, counted(&posted)), (Some(0), (3.into(), 0.into())));
    assert_eq!(house.events(&[]).len(), 4, "each has an order of its own");
    let posted = send(
        "order.json",
        &["--times", "2", "--set", "thrivecart_secret=mistyped"],
    );
    assert_eq!((posted.code, counted(&posted)), (Some(1), (0.into(), 2.into())));
    let unknown = format!("http://{}/hooks/thrivecart/nobody", house.address);
    let posted = house.cli(&["send", "order.form", "--to", &unknown]);
    assert!(posted.code == Some(1) && posted.out.contains("404"), "{posted:?}");
}

#[test]
fn check_of_the_address_makes_no_event_and_doctor_tells_of_it() {
    let house = House::open();
    assert!(
        house
            .cli(&["doctor"])
            .out
            .contains("never; paste the address into ThriveCart")
    );
    for (method, body) in [
        ("HEAD", ""),
        ("GET", ""),
        ("POST", ""),
        ("POST", "{}"),
        ("POST", "[]"),
    ] {
        let headers = "content-type: application/json\r\n";
        let answer = http::send(house.address, method, &House::hook_path(), headers, body);
        assert_eq!(answer.status, 200, "{method} {body}: {answer:?}");
    }
    assert!(house.events(&[]).is_empty());
    let doctor = house.json(&["doctor"]);
    let shop = doctor["connections"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["name"] == "shop");
    let shop = shop.expect("the shop");
    assert!(
        shop["last_checked_at"].is_string() && text(shop, "hook_path") == House::hook_path(),
        "{shop}"
    );
}

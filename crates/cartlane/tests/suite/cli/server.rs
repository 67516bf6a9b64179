//! Starting and stopping.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use super::{assert_fails, text};
use crate::common::{House, http, payload, run};

#[test]
fn second_server_on_the_same_data_is_refused_and_the_first_goes_on() {
    let house = House::open();
    let second = run(house.path(), &["serve"]);
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(
        second.error.contains("is in use by another cartlane process"),
        "{second:?}"
    );
    assert_eq!(house.deliver(&payload::order(1)).status, 200);
    assert_eq!(
        house.cli(&["doctor"]).code,
        Some(0),
        "its socket is still its own"
    );
}

#[test]
fn sigterm_ends_the_server_with_0_within_10_seconds_and_the_next_one_finishes_the_work() {
    let mut house = House::open();
    // GHL takes its time, so that calls are in flight; one sender idles, another is in the middle of a body.
    house.sandbox(
        "PUT",
        "/_sandbox/settings",
        &serde_json::json!({"latency_ms": {"mean": 400, "spread": 0}}),
    );
    let ids: Vec<String> = (0..8)
        .map(|number| house.deliver(&payload::order(number)).event())
        .collect();
    let idle = http::connect(house.address);
    let mut in_a_body = http::connect(house.address);
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\nevent",
        House::hook_path()
    );
    in_a_body.write_all(head.as_bytes()).expect("a part of a request");
    let began = std::time::Instant::now();
    let status = house.stop("TERM");
    assert_eq!(status.code(), Some(0));
    assert!(began.elapsed().as_secs() < 10, "it took {:?}", began.elapsed());
    drop((idle, in_a_body));
    assert!(!house.data_dir.join("admin.sock").exists(), "the socket is gone");
    house.sandbox(
        "PUT",
        "/_sandbox/settings",
        &serde_json::json!({"latency_ms": {"mean": 0, "spread": 0}}),
    );
    house.start_again();
    house.drain();
    let events = house.events(&[]);
    assert!(
        ids.iter()
            .all(|id| events.iter().any(|event| text(event, "id") == id))
    );
    assert!(house.runs().iter().all(|run| run["state"] == "done"));
    let contacts = house.contacts();
    assert_eq!(contacts.len(), 8);
    assert!(
        contacts.iter().all(|contact| house.notes(contact).len() == 1),
        "one note each"
    );
}

#[test]
fn server_that_was_killed_starts_again_on_its_data() {
    let mut house = House::open();
    let id = house.deliver(&payload::order(1)).event();
    house.stop("KILL");
    assert!(
        house.data_dir.join("admin.sock").exists(),
        "nobody has cleared up"
    );
    house.start_again();
    house.drain();
    assert_eq!(house.cli(&["doctor"]).code, Some(0));
    assert_eq!(text(&house.events(&[])[0], "id"), id);
    assert_eq!(house.runs()[0]["state"], "done");
    assert_eq!(house.notes(&house.contacts()[0]).len(), 1);
    assert!(house.deliver(&payload::order(1)).is_repeat());
}

#[test]
fn server_with_another_master_key_is_refused_until_it_is_told_that_the_old_one_is_lost() {
    let mut house = House::open();
    let mut order = payload::order_tree(1);
    order["thrivecart_secret"] = "mistyped".into();
    assert_eq!(house.deliver(&order.to_string()).status, 401);
    let listed = house.json(&["quarantine", "list"]);
    let id = text(&listed["quarantine"][0], "id").to_owned();
    house.stop("TERM");
    let key = house.data_dir.join("master.key");
    let mode = fs::metadata(&key).expect("a key").permissions().mode();
    let of_directory = fs::metadata(&house.data_dir)
        .expect("a directory")
        .permissions()
        .mode();
    assert_eq!(
        (mode & 0o777, of_directory & 0o777),
        (0o600, 0o700),
        "for their user alone"
    );
    fs::write(&key, "0f".repeat(32)).expect("another key");
    let refused = run(house.path(), &["serve"]);
    assert_fails(&refused, 2, "used with another master key");
    house.start_again_with(&["--new-master-key"]);
    assert_fails(
        &house.cli(&["quarantine", "release", &id]),
        1,
        "start with that key",
    );
    house.stop("TERM");
    house.start_again();
    assert_eq!(house.deliver(&payload::order(2)).status, 200);
    house.drain();
}

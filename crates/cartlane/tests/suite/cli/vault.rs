//! Changing the master key.

use std::fs;
use std::path::Path;

use super::{assert_fails, text};
use crate::common::{House, payload};

/// A delivery in quarantine; its id.
fn quarantined(house: &House, number: u32) -> String {
    let mut order = payload::order_tree(number);
    order["thrivecart_secret"] = "mistyped".into();
    assert_eq!(house.deliver(&order.to_string()).status, 401);
    let listed = house.json(&["quarantine", "list"]);
    text(&listed["quarantine"][0], "id").to_owned()
}

fn key(data_dir: &Path, name: &str) -> String {
    fs::read_to_string(data_dir.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn what_is_sealed_opens_after_the_master_key_was_changed_and_after_it_was_changed_back() {
    let mut house = House::open();
    let (first, second) = (quarantined(&house, 1), quarantined(&house, 2));
    let old = key(&house.data_dir, "master.key");
    assert_fails(&house.cli(&["vault", "rotate"]), 1, "stop it, and all others");
    house.stop("TERM");
    assert_eq!(
        house.json(&["vault", "rotate"])["sealed"],
        4,
        "two deliveries, the secrets of two connections"
    );
    let new = key(&house.data_dir, "master.key");
    assert_ne!(old, new);
    assert_eq!(key(&house.data_dir, "master.key.previous"), old);
    house.start_again();
    house.json(&["quarantine", "release", &first]);
    house.stop("TERM");

    assert_eq!(house.json(&["vault", "rotate", "--revert"])["sealed"], 4);
    assert_eq!(key(&house.data_dir, "master.key"), old);
    house.start_again();
    house.json(&["quarantine", "release", &second]);
    house.drain();
    assert_eq!(house.contacts().len(), 2);
}

/// Killed before the database was sealed anew, and after it but before the files had their names.
#[test]
fn a_change_of_the_master_key_that_was_cut_short_is_taken_back_or_finished_by_the_next_start() {
    let mut house = House::open();
    let first = quarantined(&house, 1);
    house.stop("TERM");
    let path = |name: &str| house.data_dir.join(name);
    fs::write(path("master.key.next"), "0f".repeat(32)).expect("a key that was never used");
    let (key, next, previous) = (
        path("master.key"),
        path("master.key.next"),
        path("master.key.previous"),
    );
    house.start_again();
    assert!(!next.exists(), "it is taken back");
    house.stop("TERM");

    house.json(&["vault", "rotate"]);
    fs::rename(&key, &next).expect("the new key");
    fs::rename(&previous, &key).expect("the old key");
    house.start_again();
    assert!(previous.exists() && !next.exists(), "it is finished");
    house.json(&["quarantine", "release", &first]);
    house.drain();
    assert_eq!(house.contacts().len(), 1);
}

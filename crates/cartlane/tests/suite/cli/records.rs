//! Events and runs: listing, showing, replaying.

use super::{assert_fails, text};
use crate::common::{House, payload};

#[test]
fn events_are_listed_by_each_filter_and_by_page() {
    let house = House::open();
    for recording in payload::recordings() {
        house.deliver(&recording.form);
    }
    house.drain();
    let kinds = |filter: &[&str]| -> Vec<String> {
        house
            .events(filter)
            .iter()
            .map(|event| text(event, "kind").to_owned())
            .collect()
    };
    let all = kinds(&[]);
    assert_eq!(kinds(&["--from", "1h"]), all);
    assert!(kinds(&["--from", "2200-01-01"]).is_empty());
    assert_eq!(kinds(&["--to", "2200-01-01T08:00:00Z"]), all);
    assert!(kinds(&["--to", "1h"]).is_empty());
    assert_eq!(kinds(&["--kind", "cart.abandoned"]), ["cart.abandoned"]);
    assert_eq!(
        kinds(&["--kind", "order.refund", "--mode", "live"]),
        ["order.refund"]
    );
    assert_eq!(kinds(&["--mode", "test"]), ["order.success"]);
    assert_eq!(kinds(&["--contact", "Visitor3@example.com"]), ["cart.abandoned"]);
    assert_eq!(kinds(&["--product", "product-12"]), ["order.success"]);
    assert!(
        kinds(&["--product", "product-1"]).is_empty(),
        "not a part of its name"
    );
    assert!(kinds(&["--product", "product-1_"]).is_empty(), "no pattern");
    for (option, wrong, says) in [
        ("--mode", "prod", "possible values: live, test"),
        ("--status", "broken", "possible values: queued"),
        ("--kind", "order.succes", "did you mean `order.success`?"),
    ] {
        assert_fails(&house.cli(&["events", "list", option, wrong]), 2, says);
    }
    assert_eq!(kinds(&["--status", "done"]), all);
    assert!(kinds(&["--status", "failed"]).is_empty());
    let first = house.json(&["events", "list", "--limit", "1"]);
    let first = first["events"].as_array().expect("a list");
    assert_eq!(first.len(), 1);
    let id = text(&first[0], "id");
    assert_eq!(kinds(&["--before", id]), all[1..]);
    let contact = text(&first[0], "contact_id").to_owned();
    assert!(
        house
            .events(&["--contact", &contact])
            .iter()
            .all(|event| text(event, "contact_id") == contact)
    );
    let table = house.cli(&["events", "list"]);
    assert_eq!(
        table.out.lines().count(),
        all.len() + 1,
        "a heading, and a line each: {}",
        table.out
    );
}

#[test]
fn event_and_its_runs_are_shown_and_replay_repeats_no_effect() {
    let house = House::open();
    let id = house.deliver(&payload::order(1)).event();
    house.drain();
    let shown = house.json(&["events", "show", &id]);
    assert_eq!(shown["event"]["payload"]["thrivecart_secret"], "***");
    let run = text(&shown["runs"][0], "id").to_owned();
    let shown = house.json(&["runs", "show", &run]);
    assert_eq!(shown["run"]["state"], "done");
    assert!(
        shown["steps"].as_array().is_some_and(|steps| steps.len() >= 3),
        "{shown}"
    );
    assert!(
        shown["calls"].as_array().is_some_and(|calls| calls.len() >= 3),
        "{shown}"
    );
    assert_fails(
        &house.cli(&["runs", "retry", &run]),
        1,
        "only a failed run can be retried",
    );

    assert_fails(&house.cli(&["events", "replay"]), 2, "say which events");
    assert_eq!(
        house.json(&["events", "replay", "--kind", "order.success"])["events"],
        1
    );
    house.drain();
    let runs = house.runs();
    assert_eq!(runs.len(), 2);
    assert!(
        runs[0]["is_replay"] == true && runs[0]["state"] == "done",
        "{runs:?}"
    );
    assert_eq!(
        house.notes(&house.contacts()[0]).len(),
        1,
        "the note is not written again"
    );
    let unknown = format!("evt_{}", "0".repeat(26));
    assert_fails(&house.cli(&["events", "show", &unknown]), 1, "events list");
    assert_fails(&house.cli(&["runs", "show", "run_1"]), 1, "is not an id");
}

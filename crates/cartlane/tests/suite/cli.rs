//! The command line: what it prints, and the exit codes that scripts rely on. 0 done, 1 refused or failed, 2 wrong
//! usage or configuration, 3 no server.

use std::collections::BTreeMap;
use std::fs;

use cartlane_thrivecart::wire;
use serde_json::Value;

use crate::common::{House, Output, http, payload, program, run};

const GOOD: &str = "\
name: Look up
description: Reads a contact that is not there, and fails.
on: [order.success]
steps:
  - id: nobody
    operation: ghl.contacts.get
    with:
      contactId: nobody
";

const BAD: &str = "\
nam: Look up
on: [order.succes]
steps:
  - id: nobody
    operation: ghl.contacts.gte
    with:
      contactId: \"{{ event.persn.email }}\"
";

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn assert_fails(output: &Output, code: i32, says: &str) {
    assert_eq!(output.code, Some(code), "{output:?}");
    assert!(output.error.contains(says), "{output:?}");
}

#[test]
fn wrong_key_is_told_with_the_nearest_right_one_and_exit_code_2() {
    let directory = tempfile::TempDir::new().expect("a directory");
    fs::write(directory.path().join("cartlane.toml"), "lisen = '127.0.0.1:0'\n").expect("a file");
    for command in [&["serve"][..], &["doctor"], &["events", "list"]] {
        assert_fails(&run(directory.path(), command), 2, "did you mean `listen`?");
    }
    let as_json = run(directory.path(), &["doctor", "--json"]);
    let error: Value = serde_json::from_str(&as_json.error).expect("JSON");
    assert!(text(&error, "error").contains("`lisen`"), "{error}");
}

#[test]
fn wrong_usage_is_exit_code_2_and_no_server_is_3() {
    let directory = tempfile::TempDir::new().expect("a directory");
    assert_eq!(run(directory.path(), &["evnts"]).code, Some(2));
    assert_fails(
        &run(directory.path(), &["events", "list", "--from", "yesterday"]),
        2,
        "give a date",
    );
    assert_fails(&run(directory.path(), &["serve"]), 2, "no [[connections]]");
    fs::write(directory.path().join("good.yaml"), GOOD).expect("a file");
    let commands: [&[&str]; 5] = [
        &["events", "list"],
        &["runs", "list"],
        &["automations", "list"],
        &["doctor"],
        &["apply", "good.yaml"],
    ];
    for command in commands {
        assert_fails(&run(directory.path(), command), 3, "no server is running");
    }
    let version = run(directory.path(), &["version", "--json"]);
    let version: Value = serde_json::from_str(&version.out).expect("JSON");
    assert_eq!(text(&version, "version"), env!("CARGO_PKG_VERSION"));
}

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
    // GHL takes its time, so that calls are in flight; a client keeps its connection open.
    house.sandbox(
        "PUT",
        "/_sandbox/settings",
        &serde_json::json!({"latency_ms": {"mean": 400, "spread": 0}}),
    );
    let ids: Vec<String> = (0..8)
        .map(|number| house.deliver(&payload::order(number)).event())
        .collect();
    let idle = http::connect(house.address);
    let began = std::time::Instant::now();
    let status = house.stop("TERM");
    assert_eq!(status.code(), Some(0));
    assert!(began.elapsed().as_secs() < 10, "it took {:?}", began.elapsed());
    drop(idle);
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

    assert_fails(&house.cli(&["events", "replay"]), 1, "say which events");
    assert_eq!(
        house.json(&["events", "replay", "--kind", "order.success"])["replayed"],
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

#[test]
fn automations_are_applied_planned_run_and_retried() {
    let house = House::open();
    fs::write(house.path().join("good.yaml"), GOOD).expect("a file");
    let applied = |output: &Value| text(&output["automations"][0], "applied").to_owned();
    assert_eq!(applied(&house.json(&["apply", "good.yaml"])), "created");
    assert_eq!(applied(&house.json(&["apply", "good.yaml"])), "unchanged");
    let listed = house.json(&["automations", "list"]);
    let listed = listed["automations"].as_array().expect("a list");
    assert_eq!(
        listed.len(),
        8,
        "seven of a new installation, and ours at their end"
    );
    assert_eq!(text(&listed[7], "name"), "Look up");
    assert_eq!(
        text(&house.json(&["automations", "show", "Look up"]), "name"),
        "Look up"
    );
    assert_fails(
        &house.cli(&["automations", "show", "Look down"]),
        1,
        "there is no automation `Look down`",
    );

    let event = house.deliver(&payload::order(1)).event();
    house.drain();
    let plan = house.json(&["automations", "plan", &event]);
    let plan = plan["automations"].as_array().expect("a plan");
    let names: Vec<&str> = plan.iter().map(|planned| text(planned, "automation")).collect();
    assert_eq!(names, ["Sync customers", "Look up"]);
    assert_eq!(text(&plan[0]["steps"][0], "operation"), "ghl.contacts.save");
    let planned = house.cli(&["automations", "plan", &event]);
    assert!(
        planned.out.contains("ghl.contacts.create_note") && planned.out.contains("Order 7000001"),
        "{planned:?}"
    );

    let states = || -> BTreeMap<String, String> {
        let state = |run: &Value| (text(run, "automation").to_owned(), text(run, "state").to_owned());
        house.runs().iter().map(state).collect()
    };
    let expected = [("Look up", "failed"), ("Sync customers", "done")];
    let expected = expected.map(|(name, state)| (name.to_owned(), state.to_owned()));
    assert_eq!(states(), expected.into());
    let runs = house.runs();
    let failed = runs
        .iter()
        .find(|run| run["state"] == "failed")
        .expect("the failed run");
    let failed = text(failed, "id").to_owned();
    assert_eq!(house.json(&["runs", "retry", &failed])["queued"], failed.as_str());
    house.drain();
    assert_eq!(
        states()["Look up"],
        "failed",
        "it was tried again and failed again"
    );
    assert_eq!(house.events(&["--status", "failed"]).len(), 1);
}

#[test]
fn bad_automation_is_refused_with_every_fault_and_its_place_and_nothing_is_saved() {
    let house = House::open();
    fs::create_dir(house.path().join("automations")).expect("a directory");
    fs::write(house.path().join("automations/1.yaml"), GOOD).expect("a file");
    fs::write(house.path().join("automations/2.yaml"), BAD).expect("a file");
    let refused = house.cli(&["apply", "automations"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let faults = [
        "2.yaml: nam (line 1, column 1): there is no `nam` here; did you mean `name`?",
        "2.yaml: on[0] (line 2, column 6): `order.succes` is no kind of event; did you mean `order.success`?",
        "(line 5, column 16): there is no operation `ghl.contacts.gte`; did you mean `ghl.contacts.get`?",
        "did you mean `person`?",
    ];
    for fault in faults {
        assert!(refused.error.contains(fault), "{fault}: {}", refused.error);
    }
    let listed = house.json(&["automations", "list"]);
    assert_eq!(
        listed["automations"].as_array().map(Vec::len),
        Some(7),
        "not even the good one was saved"
    );
}

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
    let sent = send("order.form", &["--times", "3"]);
    assert_eq!((sent.code, counted(&sent)), (Some(0), (3.into(), 0.into())));
    assert_eq!(house.events(&[]).len(), 1, "one delivery and two repeats");
    let sent = send("order.json", &["--times", "3", "--set", "order_id=n{n}"]);
    assert_eq!((sent.code, counted(&sent)), (Some(0), (3.into(), 0.into())));
    assert_eq!(house.events(&[]).len(), 4, "each has an order of its own");
    let sent = send(
        "order.json",
        &["--times", "2", "--set", "thrivecart_secret=mistyped"],
    );
    assert_eq!((sent.code, counted(&sent)), (Some(1), (0.into(), 2.into())));
    let unknown = format!("http://{}/hooks/thrivecart/nobody", house.address);
    let sent = house.cli(&["send", "order.form", "--to", &unknown]);
    assert!(sent.code == Some(1) && sent.out.contains("404"), "{sent:?}");
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

#[test]
fn log_is_text_without_colours_where_no_terminal_is() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let config = "listen = '256.0.0.1:0'\n[[connections]]\nname = 'crm'\nkind = 'ghl'\nlocation_id = 'l'\n\
                  token_env = 'CRM_TOKEN'\n";
    fs::write(directory.path().join("cartlane.toml"), config).expect("a file");
    let output = program(directory.path(), &[])
        .arg("serve")
        .output()
        .expect("the program runs");
    let log = String::from_utf8(output.stderr).expect("text");
    assert!(
        log.contains("made a master key") && log.contains("cannot listen on 256.0.0.1:0"),
        "{log}"
    );
    assert!(!log.contains('\u{1b}'), "{log}");
}

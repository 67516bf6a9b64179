//! Automations: applying, planning, retrying.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::{GOOD, assert_fails, text};
use crate::common::{House, payload};

const BAD: &str = "\
nam: Look up
on: [order.succes]
steps:
  - id: nobody
    operation: ghl.contacts.gte
    with:
      contactId: \"{{ event.persn.email }}\"
";

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

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
        &house.cli(&["automations", "show", "Look upp"]),
        1,
        "there is no automation `Look upp`; did you mean `Look up`?",
    );

    let event = house.deliver(&payload::order(1)).event();
    house.drain();
    let plan = house.json(&["automations", "plan", "--event", &event]);
    let plan = plan["automations"].as_array().expect("a plan");
    let names: Vec<&str> = plan.iter().map(|planned| text(planned, "automation")).collect();
    assert_eq!(names, ["Sync customers", "Look up"]);
    assert_eq!(text(&plan[0]["steps"][0], "operation"), "ghl.contacts.save");
    let planned = house.cli(&["automations", "plan", "--event", &event]);
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
    assert_eq!(house.json(&["runs", "retry", "--event", &event])["queued"], 1);
    house.drain();
    assert_eq!(house.json(&["runs", "retry", "--all"])["queued"], 1);
    house.drain();
    assert_eq!(
        states()["Look up"],
        "failed",
        "it was tried again and failed again"
    );
    assert_eq!(house.events(&["--status", "failed"]).len(), 1);
}

/// The automations in the list, each with whether it is enabled.
fn automations(house: &House) -> Vec<(String, bool)> {
    let listed = house.json(&["automations", "list"]);
    let listed = listed["automations"].as_array().expect("a list");
    let row = |row: &Value| (text(row, "name").to_owned(), row["enabled"] == true);
    listed.iter().map(row).collect()
}

#[test]
fn disabled_automation_makes_no_runs_until_it_is_enabled_whatever_is_applied_or_started() {
    let mut house = House::open();
    fs::write(house.path().join("good.yaml"), GOOD).expect("a file");
    house.json(&["apply", "good.yaml"]);
    assert_eq!(
        house.json(&["automations", "disable", "Look up"])["enabled"],
        false
    );
    fs::write(house.path().join("good.yaml"), GOOD.replace("Reads", "Looks for")).expect("a file");
    let applied = house.json(&["apply", "good.yaml"]);
    assert_eq!(text(&applied["automations"][0], "applied"), "changed");
    assert_eq!(applied["automations"][0]["enabled"], false, "it says so");
    house.stop("KILL");
    house.start_again();
    assert_eq!(automations(&house)[7], ("Look up".to_owned(), false));
    let shown = house.cli(&["automations", "show", "Look up"]);
    assert!(shown.out.contains("version 2, disabled"), "{shown:?}");
    house.deliver(&payload::order(1));
    house.drain();
    assert_eq!(house.runs().len(), 1, "that of the default one");
    let enabled = house.cli(&["automations", "enable", "Look up"]);
    assert_eq!(
        (enabled.code, enabled.out.as_str()),
        (Some(0), "`Look up` is enabled\n")
    );
    house.deliver(&payload::order(2));
    house.drain();
    assert_eq!(house.runs().len(), 3);
}

#[test]
fn removed_automations_stay_away_until_they_are_applied_again_and_their_runs_stay() {
    let mut house = House::open();
    let event = house.deliver(&payload::order(1)).event();
    house.drain();
    let shown = house.cli(&["automations", "show", "Sync customers"]).out;
    fs::write(house.path().join("shown.yaml"), shown).expect("a file");
    for (name, _) in automations(&house) {
        assert_eq!(house.json(&["automations", "remove", &name])["removed"], true);
    }
    assert_fails(
        &house.cli(&["automations", "remove", "Sync customers"]),
        1,
        "there is no automation `Sync customers`",
    );
    house.stop("TERM");
    house.start_again();
    assert_eq!(automations(&house), [], "the defaults do not come back");
    house.deliver(&payload::order(2));
    assert_eq!(
        text(&house.runs()[0], "automation"),
        "Sync customers",
        "the old run is there"
    );
    let applied = house.json(&["apply", "shown.yaml"]);
    assert_eq!(text(&applied["automations"][0], "applied"), "restored");
    assert_eq!(automations(&house), [("Sync customers".to_owned(), true)]);
    house.json(&["events", "replay", "--kind", "order.success"]);
    house.drain();
    let notes: Vec<usize> = house
        .contacts()
        .iter()
        .map(|contact| house.notes(contact).len())
        .collect();
    assert_eq!(
        notes,
        [1, 1],
        "what it did before it was removed is not done again"
    );
    assert_eq!(
        house.json(&["events", "show", &event])["runs"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
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

const WATCH: &str = "\
name: Watch
on:
  - manual
  - poll: {operation: ghl.contacts.search, every: 5m}
when: event.person.email
steps:
  - id: contact
    operation: ghl.contacts.save
    with: {email: \"{{ event.person.email }}\"}
";

#[test]
fn an_automation_is_started_by_hand_and_its_poll_is_priced_and_listed() {
    let house = House::open();
    fs::write(house.path().join("watch.yaml"), WATCH).expect("a file");
    let priced = house.cli(&["polls", "price", "watch.yaml"]);
    let price = "Watch polls ghl.contacts.search of crm every 5 min: at least 288 requests a day";
    assert!(priced.out.contains(price), "{priced:?}");
    let applied = house.cli(&["apply", "watch.yaml"]);
    assert!(applied.out.contains(price), "{applied:?}");
    let started = house.json(&["automations", "run", "Watch", "--email", "by.hand@example.com"]);
    house.drain();
    let event = house.json(&["events", "show", text(&started, "event_id")]);
    assert!(event.to_string().contains("by.hand@example.com"), "{event}");
    assert_fails(
        &house.cli(&["automations", "run", "Sync customers", "--email", "a@example.com"]),
        1,
        "add `manual` to its `on`",
    );
    let listed = house.json(&["polls", "list"]);
    assert_eq!(listed["polls"][0]["operation"], "ghl.contacts.search");
    assert_eq!(listed["polls"][0]["automations"][0], "Watch");
}

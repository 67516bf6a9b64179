//! Recipes, trying automations, and the check before one is enabled.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{GOOD, assert_fails, text};
use crate::common::{House, payload, run};

/// A directory for commands that need no server.
fn nowhere() -> tempfile::TempDir {
    tempfile::TempDir::new().expect("a directory")
}

#[test]
fn recipe_is_filled_with_choices_and_saved_and_wrong_ones_are_told() {
    let house = House::open();
    let shown = house.cli(&["recipes", "show", "vip"]);
    assert!(
        shown.out.contains("threshold (a number): 1000 unless chosen")
            && shown.out.contains("name: \"VIP by lifetime value\""),
        "{shown:?}"
    );
    let choices = [
        "recipes",
        "apply",
        "vip",
        "--set",
        "threshold=50",
        "--set",
        "name=Regulars",
        "--disabled",
    ];
    let applied = house.json(&choices);
    assert_eq!(text(&applied["automations"][0], "name"), "Regulars");
    assert_eq!(applied["automations"][0]["enabled"], false);
    let document = house.json(&["automations", "show", "Regulars"]);
    assert!(
        document["document"].to_string().contains(">= 50 * 100"),
        "{document}"
    );
    assert_fails(
        &house.cli(&["recipes", "apply", "vip", "--set", "threshold=much"]),
        2,
        "`threshold` takes a number",
    );
    assert_fails(
        &house.cli(&["recipes", "apply", "welcome-series"]),
        2,
        "workflow: is missing",
    );
    assert_fails(&house.cli(&["recipes", "show", "vipp"]), 1, "did you mean `vip`?");
}

#[test]
fn every_recipe_does_on_its_payloads_what_it_says() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    let examples = examples.display().to_string();
    let tried = run(nowhere().path(), &["automations", "test", "--from", &examples]);
    assert_eq!(tried.code, Some(0), "{}", tried.out);
}

#[test]
fn weekly_refresh_that_does_not_get_to_everybody_says_so() {
    let directory = nowhere();
    let choices = [
        "recipes",
        "apply",
        "customer-refresh-on-schedule",
        "--set",
        "hundreds=0",
        "--print",
    ];
    fs::write(
        directory.path().join("refresh.yaml"),
        run(directory.path(), &choices).out,
    )
    .expect("a file");
    let tried = run(
        directory.path(),
        &["--json", "automations", "test", "--from", "refresh.yaml"],
    );
    let told: Value = serde_json::from_str(&tried.out).unwrap_or_else(|error| panic!("{error}: {tried:?}"));
    let steps = |case: usize| {
        told["automations"][0]["cases"][case]["steps"]
            .as_array()
            .cloned()
            .expect("steps")
    };
    let is_more = |step: &Value| step["step"] == "more" && step["done"] == true;
    assert!(steps(0).iter().any(is_more), "one has the tag: {told}");
    assert!(!steps(1).iter().any(is_more), "nobody has the tag: {told}");
}

#[test]
fn automation_is_tried_on_recorded_events_without_a_server_and_a_failed_run_is_exit_code_1() {
    let directory = nowhere();
    let path = directory.path().join("vip.yaml");
    let printed = run(directory.path(), &["recipes", "apply", "vip", "--print"]);
    fs::write(&path, &printed.out).expect("a file");
    let tried = run(directory.path(), &["automations", "test", "--from", "vip.yaml"]);
    assert_eq!(tried.code, Some(0), "{tried:?}");
    for line in [
        "  order.success (recorded)",
        "ghl.contacts.add_tags {",
        "      + tag: \"vip\"",
        "GHL has all 3 fields as they were sent",
        "1 automations, 2 events, 0 failed",
    ] {
        assert!(tried.out.contains(line), "{line}: {}", tried.out);
    }
    // Another choice, for which the recorded event does other steps, is no failure; a run that fails is one.
    fs::write(&path, printed.out.replace(">= 1000 *", ">= 100000 *")).expect("a file");
    let tried = run(directory.path(), &["automations", "test", "--from", "vip.yaml"]);
    assert_eq!(tried.code, Some(0), "{tried:?}");
    fs::write(directory.path().join("bad.yaml"), GOOD).expect("a file");
    let tried = run(directory.path(), &["automations", "test", "--from", "bad.yaml"]);
    assert_eq!(tried.code, Some(1), "{tried:?}");
    assert!(
        tried.out.contains("FAILED: the run is failed: step `nobody`"),
        "{}",
        tried.out
    );
}

#[test]
fn automation_is_tried_on_whatever_starts_it() {
    let directory = nowhere();
    let document = "\
name: All
on:
  - poll: {operation: ghl.contacts.search}
  - schedule: {cron: 0 6 * * *}
  - automation: {name: Another, outcome: [failed]}
  - manual
steps:
  - id: contact
    operation: ghl.contacts.save
    when: event.person.email
    with: {email: \"{{ event.person.email }}\", source: \"{{ event.kind }} {{ event.payload.item.id | default('-') }}\"}
";
    fs::write(directory.path().join("all.yaml"), document).expect("a file");
    fs::write(
        directory.path().join("event.json"),
        r#"{"kind": "poll.item", "person": {"email": "mine@example.com"}, "payload": {"item": {"id": "x1"}}}"#,
    )
    .expect("a file");
    let tried = |arguments: &[&str]| {
        let tried = run(
            directory.path(),
            &[&["--json", "automations", "test"], arguments].concat(),
        );
        assert_eq!(tried.code, Some(0), "{tried:?}");
        let told: Value = serde_json::from_str(&tried.out).expect("JSON");
        let cases = told["automations"][0]["cases"]
            .as_array()
            .cloned()
            .expect("cases");
        let source = |case: &Value| {
            let inputs = case["steps"][0]["calls"]
                .as_array()
                .and_then(|calls| calls.last())
                .cloned();
            let source = inputs.unwrap_or_default()["inputs"]["source"].clone();
            (
                text(case, "kind").to_owned(),
                source.as_str().unwrap_or("none").to_owned(),
            )
        };
        cases.iter().map(source).collect::<Vec<_>>()
    };
    let told = tried(&["--from", "all.yaml"]);
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["poll.item", "schedule.due", "automation.failed", "manual.run"]
    );
    assert!(
        told[0].1.starts_with("poll.item ") && !told[0].1.ends_with('-'),
        "the contact that the sandbox has: {told:?}"
    );
    assert_eq!(told[1].1, "none", "a time is about nobody");
    assert_eq!(told[2].1, "automation.failed -");
    let of_file = tried(&["--from", "all.yaml", "--event", "event.json"]);
    assert_eq!(of_file, [("poll.item".to_owned(), "poll.item x1".to_owned())]);
}

#[test]
fn event_from_a_file_is_tried_and_what_nobody_has_recorded_is_told() {
    let directory = nowhere();
    fs::write(directory.path().join("good.yaml"), GOOD).expect("a file");
    fs::write(directory.path().join("event.form"), payload::order(7)).expect("a file");
    let tried = run(
        directory.path(),
        &[
            "--json",
            "automations",
            "test",
            "--from",
            "good.yaml",
            "--event",
            "event.form",
        ],
    );
    let told: Value = serde_json::from_str(&tried.out).unwrap_or_else(|error| panic!("{error}: {tried:?}"));
    let case = &told["automations"][0]["cases"][0];
    assert_eq!(
        (text(case, "kind"), text(case, "origin")),
        ("order.success", "event.form")
    );
    fs::write(
        directory.path().join("good.yaml"),
        GOOD.replace("order.success", "order.new_thing"),
    )
    .expect("a file");
    assert_fails(
        &run(directory.path(), &["automations", "test", "--from", "good.yaml"]),
        2,
        "give one with --event FILE",
    );
}

#[test]
fn automation_is_tried_on_the_live_account_with_the_test_contact_alone() {
    let house = House::open();
    let tried = house.cli(&[
        "automations",
        "test",
        "Sync customers",
        "--against",
        "crm",
        "--contact",
        "me@example.com",
    ]);
    assert_eq!(tried.code, Some(0), "{tried:?}");
    assert!(
        tried.out.contains("+ tag: \"lifecycle: customer\""),
        "{}",
        tried.out
    );
    let emails: Vec<Value> = house
        .contacts()
        .iter()
        .map(|contact| contact["email"].clone())
        .collect();
    assert_eq!(emails, ["me@example.com"]);
    assert!(house.runs().is_empty() && house.events(&[]).is_empty());
}

#[test]
fn check_tells_what_is_missing_and_enable_wants_a_reason() {
    let house = House::open();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/welcome-series.yaml");
    let path = path.display().to_string();
    house.json(&["apply", &path, "--disabled"]);
    let name = "Welcome series on the first purchase";
    let checked = house.cli(&["automations", "check", name]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    for line in [
        "error: steps.workflow.with.workflowId: `your-welcome-workflow` is not among the workflows",
        "is not green; its mapping was tried on 0 real events",
    ] {
        assert!(checked.out.contains(line), "{line}: {}", checked.out);
    }
    let refused = house.cli(&["automations", "enable", name]);
    assert_fails(&refused, 1, "is not green: steps.workflow.with.workflowId");
    let enabled = house.json(&[
        "automations",
        "enable",
        name,
        "--override",
        "the workflow comes tomorrow",
    ]);
    assert_eq!(enabled["enabled"], true);
    let log = house.cli(&[
        "audit",
        "list",
        "--action",
        "automation.enabled",
        "--subject",
        name,
    ]);
    for kept in ["the workflow comes tomorrow", "steps.workflow.with.workflowId"] {
        assert!(log.out.contains(kept), "{kept}: {log:?}");
    }
}

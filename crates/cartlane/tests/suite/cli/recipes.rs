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
        "1 automations, 1 events, 0 failed",
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

//! Versions, who made them, and whole workspaces.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{GOOD, assert_fails, text};
use crate::common::House;

#[test]
fn versions_are_listed_compared_and_rolled_back_in_the_name_of_who_did_it() {
    let house = House::open();
    fs::write(house.path().join("good.yaml"), GOOD).expect("a file");
    house.json(&["apply", "good.yaml", "--author", "Zoë"]);
    fs::write(house.path().join("good.yaml"), GOOD.replace("Reads", "Looks for")).expect("a file");
    house.json(&["apply", "good.yaml", "--author", "bob", "--note", "better words"]);
    let listed = house.json(&["automations", "versions", "Look up"]);
    let told = |row: &Value| (row["version"].clone(), row["author"].clone(), row["note"].clone());
    let versions: Vec<_> = listed["versions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(told)
        .collect();
    assert_eq!(
        versions,
        [
            (2.into(), "bob".into(), "better words".into()),
            (1.into(), "Zoë".into(), Value::Null)
        ]
    );
    let diff = house.cli(&["automations", "diff", "Look up"]).out;
    for line in [
        "--- Look up, version 1, ",
        "by Zoë\n",
        "\n-description: Reads ",
        "\n+description: Looks for ",
    ] {
        assert!(diff.contains(line), "{line}: {diff}");
    }
    let former = house.cli(&["automations", "show", "Look up", "--version", "1"]);
    assert!(
        former.out.contains("version 1, ") && former.out.contains("description: Reads "),
        "{former:?}"
    );
    let back = house.cli(&["automations", "rollback", "Look up", "1", "--author", "eve"]);
    assert_eq!(
        back.out,
        "`Look up` says what it said in version 1 again; that is version 3\n"
    );
    let same = house.cli(&["automations", "diff", "Look up", "1", "3"]);
    assert_eq!(same.out, "versions 1 and 3 of `Look up` are the same\n");
    assert_fails(
        &house.cli(&["automations", "rollback", "Look up", "7"]),
        1,
        "there is no version `7 of Look up`; `cartlane automations versions NAME` lists what there is",
    );
    let copied = house.cli(&["automations", "duplicate", "Look up", "Look again"]);
    assert!(
        copied
            .out
            .contains("`Look again` is a copy of `Look up`, and disabled"),
        "{copied:?}"
    );

    let log = house.json(&["audit", "list", "--subject", "Look up"]);
    let told = |row: &Value| format!("{} {}", text(row, "actor"), text(row, "action"));
    let log: Vec<String> = log["entries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(told)
        .collect();
    assert_eq!(
        log,
        [
            "eve automation.rolled_back",
            "bob automation.saved",
            "Zoë automation.enabled",
            "Zoë automation.saved"
        ]
    );
    let log = house.cli(&[
        "audit",
        "list",
        "--actor",
        "bob",
        "--action",
        "automation",
        "--from",
        "1h",
    ]);
    assert!(log.out.contains("better words"), "{log:?}");
    assert_eq!(log.out.lines().count(), 2, "{log:?}");
}

#[test]
fn a_workspace_is_exported_and_imported_elsewhere() {
    let house = House::open();
    fs::write(house.path().join("good.yaml"), GOOD).expect("a file");
    house.json(&["apply", "good.yaml"]);
    house.json(&["automations", "disable", "Look up"]);
    assert_eq!(house.cli(&["export", "all.yaml"]).code, Some(0));
    let exported = fs::read_to_string(house.path().join("all.yaml")).expect("a file");
    assert!(
        exported.contains("format: 1\n") && exported.contains("name: Look up\n"),
        "{exported}"
    );
    assert_eq!(house.cli(&["export", "-"]).out, exported, "or to standard output");

    let elsewhere = House::open();
    let file = elsewhere.path().join("all.yaml");
    let more = "connections:\n  - name: other shop\n    kind: thrivecart\n";
    fs::write(&file, exported.replacen("connections:\n", more, 1)).expect("a file");
    let dry = elsewhere.cli(&["import", "all.yaml", "--dry-run"]);
    for line in [
        "created    connection other shop\n",
        "created    automation Look up\n",
        "unchanged  automation Sync customers\n",
        "to do      `other shop` needs its secret: `cartlane connections rotate \"other shop\" secret` asks for it\n",
        "this was a dry run: nothing was changed\n",
    ] {
        assert!(dry.out.contains(line), "{line}: {dry:?}");
    }
    let shown = elsewhere.cli(&["automations", "show", "Look up"]);
    assert_eq!(shown.code, Some(1), "{shown:?}");
    let imported = elsewhere.json(&["import", "all.yaml"]);
    assert_eq!(imported["is_dry_run"], false);
    let shown = elsewhere.cli(&["automations", "show", "Look up"]);
    assert!(shown.out.contains("version 1, disabled"), "{shown:?}");
    let rotated = elsewhere.cli_told(&["connections", "rotate", "other shop", "secret"], "a-word");
    assert_eq!(rotated.code, Some(0), "what is to do can be done: {rotated:?}");

    fs::write(&file, "format: [").expect("a file");
    assert_fails(&elsewhere.cli(&["import", "all.yaml"]), 1, "all.yaml");
}

#[test]
fn the_schema_is_printed_as_it_is_published() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/automation.schema.json");
    let published = fs::read_to_string(published).expect("the schema");
    let printed = House::open().cli(&["automations", "schema"]).out;
    assert!(printed == published, "`cargo xtask gen docs` writes it anew");
}

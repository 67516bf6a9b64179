//! Wrong usage, wrong configuration, no server.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::{GOOD, assert_fails, text};
use crate::common::{program, run};

#[test]
fn wrong_key_is_told_with_the_nearest_right_one_and_exit_code_2() {
    let directory = tempfile::TempDir::new().expect("a directory");
    fs::write(directory.path().join("cartlane.toml"), "lisen = '127.0.0.1:0'\n").expect("a file");
    for command in [&["serve"][..], &["doctor"], &["events", "list"]] {
        assert_fails(&run(directory.path(), command), 2, "did you mean `listen`?");
    }
    let elsewhere = ["--config", "elsewhere.toml", "doctor"];
    assert_fails(
        &run(directory.path(), &elsewhere),
        2,
        "elsewhere.toml cannot be read",
    );
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

#[test]
fn whoever_stops_reading_gets_no_complaint() {
    let mut child = program(&std::env::temp_dir(), &[])
        .args(["ops", "list", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut first = String::new();
    let mut out = BufReader::with_capacity(16, child.stdout.take().expect("its output"));
    out.read_line(&mut first).expect("a line");
    drop(out);
    let output = child.wait_with_output().expect("the program ends");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(
        (first.as_str(), output.status.code(), said.as_str()),
        ("{\n", Some(0), "")
    );
}

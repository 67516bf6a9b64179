//! The command line: what it prints, and the exit codes that scripts rely on. 0 done, 1 refused or failed, 2 wrong
//! usage or configuration, 3 no server.

mod automations;
mod connections;
mod deliveries;
mod ops;
mod plans;
mod recipes;
mod records;
mod server;
mod usage;
mod vault;
mod versions;

use serde_json::Value;

use crate::common::Output;

/// An automation whose only step fails.
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

/// The text in a field that must be there.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// Asserts how a command failed, and what it said.
fn assert_fails(output: &Output, code: i32, says: &str) {
    assert_eq!(output.code, Some(code), "{output:?}");
    assert!(output.error.contains(says), "{output:?}");
}

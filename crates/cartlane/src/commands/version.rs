//! `cartlane version`.

use std::process::ExitCode;

use serde_json::json;

use crate::output;

/// Prints the version.
pub fn run(as_json: bool) -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    if as_json {
        output::json(&json!({"version": version}));
    } else {
        output::line(&format!("cartlane {version}"));
    }
    ExitCode::SUCCESS
}

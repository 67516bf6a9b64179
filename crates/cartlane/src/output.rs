//! What people and scripts get to see. Exit codes: 0 done, 1 refused or failed, 2 wrong usage or configuration,
//! 3 no server is running.

#![expect(clippy::print_stderr, reason = "this is where the program prints")]

use std::io::{ErrorKind, Write as _, stdout};
use std::process::{ExitCode, exit};

use serde_json::{Value, json};

/// No server answers on the administration socket.
#[derive(Debug, thiserror::Error)]
#[error("no server is running on {0}; start one with `cartlane serve`")]
pub struct NoServer(pub String);

/// The server refused it.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// The error's stable code; the documentation has a section for each.
    pub code: Option<String>,
    /// What happened and what to do.
    pub detail: String,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadConfig(pub String);

/// The command was used in a way that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadUsage(pub String);

/// Prints an error.
pub fn error(error: &anyhow::Error, as_json: bool) {
    if as_json {
        let mut told = json!({"error": format!("{error:#}")});
        if let Some(code) = error
            .downcast_ref()
            .and_then(|refusal: &Refusal| refusal.code.as_ref())
        {
            told["code"] = code.as_str().into();
        }
        eprintln!("{told}");
    } else {
        eprintln!("cartlane: {error:#}");
    }
}

/// The exit code that tells scripts what kind of error it is.
pub fn code_of(error: &anyhow::Error) -> ExitCode {
    if error.is::<NoServer>() {
        ExitCode::from(3)
    } else if error.is::<BadConfig>() || error.is::<BadUsage>() {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}

/// Prints a line. Where nobody reads on, as in `cartlane ops list | head`, the program ends: there is nothing left to do.
pub fn line(text: &str) {
    let Err(error) = writeln!(stdout(), "{text}") else {
        return;
    };
    if error.kind() == ErrorKind::BrokenPipe {
        exit(0);
    }
    eprintln!("cartlane: what there is to say cannot be written: {error}");
    exit(1);
}

/// Prints a warning, beside what is printed for scripts.
pub fn warning(text: &str) {
    eprintln!("cartlane: warning: {text}");
}

/// Prints JSON as it is.
pub fn json(value: &Value) {
    line(&format!("{value:#}"));
}

/// Prints rows as a table: `columns` are (heading, JSON pointer).
pub fn table(rows: &[Value], columns: &[(&str, &str)]) {
    let cell = |row: &Value, pointer: &str| match row.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(","),
        Some(other) => other.to_string(),
    };
    let mut lines: Vec<Vec<String>> =
        vec![columns.iter().map(|(heading, _)| (*heading).to_owned()).collect()];
    lines.extend(
        rows.iter()
            .map(|row| columns.iter().map(|(_, pointer)| cell(row, pointer)).collect()),
    );
    let width = |column: usize| {
        lines
            .iter()
            .map(|line: &Vec<String>| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for row in &lines {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        line(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

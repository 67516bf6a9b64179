//! `docs/functions.md`: the filters and functions of expressions, with their examples.

use std::fmt::Write as _;

use cartlane_flow::functions::{FUNCTIONS, SAMPLE};

const HEAD: &str = "\
# Functions

Made by `cargo xtask gen docs` from `crates/flow/src/functions/`; do not edit. A test evaluates every example.

What expressions have beside [minijinja's own](https://docs.rs/minijinja/latest/minijinja/filters/index.html), of which these are used
most: `lower`, `upper`, `title`, `trim`, `replace(\"a\", \"b\")`, `split`, `join(\", \")`, `length`, `first`, `last`, `sort`, `sum`, `min`,
`max`, `round`, `int`, `float`, `rejectattr`, `tojson`, `urlencode`.

Filters are written behind a value: `event.amount | money`. Every filter hands none through as none. None of them reads a clock, so
that the same event always gives the same; \"now\" is `event.occurred_at` or `event.received_at`. Names of zones are those of the IANA
database, which is built in.
";

/// The page.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    let mut group = "";
    for function in FUNCTIONS {
        if function.group != group {
            group = function.group;
            let _ = write!(
                page,
                "\n## {group}\n\n| | gives | example | result |\n|---|---|---|---|\n"
            );
        }
        for (place, example) in function.examples.iter().enumerate() {
            let cell = |text: &str| text.replace('|', "\\|");
            let (signature, help) = match place {
                0 => (format!("`{}`", cell(function.signature)), cell(function.help)),
                _ => (String::new(), String::new()),
            };
            let expression = cell(example.expression);
            let result = cell(example.result);
            let _ = writeln!(page, "| {signature} | {help} | `{expression}` | `{result}` |");
        }
    }
    let _ = write!(page, "\n## What the examples read\n\n```json\n{SAMPLE}\n```\n");
    page
}

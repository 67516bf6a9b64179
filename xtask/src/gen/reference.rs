//! `docs/operations.md`: every operation, for people who write automations.
//!
//! Described operations have a section each, by category and in the order of the published list; the others a row.

use std::fmt::Write as _;

use cartlane_catalog::{Catalog, Effect, Endpoint, Input, Kind, Operation, Order, Run, System};

const HEAD: &str = "\
# Operations

Made by `cargo xtask gen docs` from `catalog/`; do not edit.

A step of an automation names an operation and gives its inputs. Where GHL wants the location's id, the connection gives
it. `thrivecart.…` needs a ThriveCart connection with an API key, `notify.…` one of Slack or SMTP, `http.request` none. All faults of the inputs are told at once, before anything is sent.

| effect | means | after a lost answer |
|---|---|---|
| read | changes nothing | made again |
| idempotent | twice is the same as once | made again |
| unsafe | twice is one too many | looked for, as each operation says; else somebody has to look |

| kind | means |
|---|---|
| trigger | reads what can be watched for what is new, which this version does not do yet; as a step it is a lookup |
| action | does something |
| lookup | reads something |
";

/// The page.
pub fn markdown() -> String {
    let catalog = Catalog::builtin();
    let mut page = HEAD.to_owned();
    let mut categories: Vec<&str> = Vec::new();
    let published = catalog.listed().into_iter();
    let described = published.chain(
        catalog
            .operations()
            .filter(|operation| operation.listed.is_none()),
    );
    let described: Vec<&Operation> = described.filter(|operation| operation.described).collect();
    for operation in &described {
        if !categories.contains(&operation.category.as_str()) {
            categories.push(&operation.category);
        }
    }
    for category in categories {
        let _ = write!(page, "\n## {category}\n");
        for operation in described
            .iter()
            .filter(|operation| operation.category == category)
        {
            section(&mut page, catalog, operation);
        }
    }
    rest(&mut page, catalog);
    page
}

fn section(page: &mut String, catalog: &Catalog, operation: &Operation) {
    let _ = write!(
        page,
        "\n### {}\n\n`{}`: {}, {}. {}\n\n",
        operation.title,
        operation.id,
        kind(operation.kind),
        effect(operation.effect),
        operation.help
    );
    for note in notes(catalog, operation) {
        let _ = writeln!(page, "- {note}");
    }
    if !operation.inputs.is_empty() {
        page.push_str("\n| input | takes | |\n|---|---|---|\n");
        for input in &operation.inputs {
            row(page, input);
        }
        let _ = write!(page, "\n```json\n{}\n```\n", operation.example);
    }
}

/// What is to be said of an operation besides its inputs.
fn notes(catalog: &Catalog, operation: &Operation) -> Vec<String> {
    let mut notes = Vec::new();
    match &operation.run {
        Run::Http(endpoint) => notes.extend(wire(operation.system, endpoint)),
        Run::Composite(_) => notes.push(format!("calls {}", quoted(&operation.calls))),
        Run::Raw => notes.push("whatever the inputs say, to the connection's address".into()),
    }
    let scopes = catalog.scopes(operation);
    if !scopes.is_empty() {
        notes.push(format!("scopes {}", quoted(&scopes)));
    }
    if let Some(why) = &operation.unusable {
        notes.push(format!("**cannot be used**: {why}"));
    }
    if operation.answers_file() {
        notes.push("its answer is kept as a file: `{file: {id, content_type, bytes, name}}`".into());
    }
    if operation.deprecated {
        notes.push("GHL advises against it".into());
    }
    if !operation.needs_one.is_empty() {
        let how_many = if operation.takes_one {
            "exactly"
        } else {
            "at least"
        };
        notes.push(format!(
            "needs {how_many} one of {}",
            quoted(&operation.needs_one)
        ));
    }
    for (name, instead) in &operation.refused {
        notes.push(format!("`{name}` is not offered: {instead}"));
    }
    notes.extend(lost(operation));
    notes.extend(watched(operation));
    notes
}

fn wire(system: System, endpoint: &Endpoint) -> Option<String> {
    let call = format!("`{} {}`", endpoint.method, endpoint.path);
    match system {
        System::Ghl => {}
        System::ThriveCart => return Some(call),
        System::Notify | System::Http => return None,
    }
    let only = |kind: &str| {
        !endpoint.token_kinds.is_empty() && endpoint.token_kinds.iter().all(|of| of.starts_with(kind))
    };
    let token = if only("agency") {
        ", with an agency's token"
    } else {
        ""
    };
    Some(format!("{call}, version {}{token}", endpoint.version))
}

/// What happens after a lost answer, where that needs saying.
fn lost(operation: &Operation) -> Option<String> {
    let endpoint = operation
        .endpoint()
        .filter(|_| operation.effect == Effect::Unsafe)?;
    Some(match &endpoint.confirm {
        Some(confirm) => format!(
            "after a lost answer it is looked for with `{}`",
            confirm.operation
        ),
        None => "after a lost answer somebody has to look".into(),
    })
}

fn watched(operation: &Operation) -> Option<String> {
    let poll = operation.poll.as_ref()?;
    let id = poll
        .id
        .as_ref()
        .map_or("its content".to_owned(), |id| format!("`{id}`"));
    let changed = poll
        .changed
        .as_ref()
        .map_or("its content".to_owned(), |key| format!("`{key}`"));
    let order = match poll.order {
        Order::Whole => "all is read each time",
        Order::NewestFirst => "newest first",
        Order::Cursor => "from the last poll's time on",
    };
    Some(format!(
        "watched: an item is known by {id} and has changed when {changed} has; {order}"
    ))
}

fn row(page: &mut String, input: &Input) {
    let name = if input.required {
        format!("**`{}`**", input.name)
    } else {
        format!("`{}`", input.name)
    };
    let mut help = input.help.clone();
    if let Some(default) = &input.default {
        let _ = write!(help, " Default: `{default}`.");
    }
    if let Some(source) = &input.option_source {
        let _ = write!(help, " Chosen from {}.", source.replace('_', " "));
    }
    let _ = writeln!(
        page,
        "| {name} | {} | {} |",
        cell(&input.shape.takes_in_words()),
        cell(&help)
    );
}

/// Operations that nobody has described, by resource.
fn rest(page: &mut String, catalog: &Catalog) {
    page.push_str(
        "\n## All others\n\nAs GHL's API description has them: nobody has checked them, and what is neither GET, PUT nor DELETE counts as \
         unsafe.\n",
    );
    let mut resource = "";
    for operation in catalog.operations().filter(|operation| !operation.described) {
        let Some(endpoint) = operation.endpoint() else {
            continue;
        };
        if operation.category != resource {
            resource = &operation.category;
            let _ = write!(
                page,
                "\n### {} (others)\n\n| operation | title | call | effect |\n|---|---|---|---|\n",
                resource.trim_end_matches(" (more)")
            );
        }
        let mut title = cell(&operation.title);
        if operation.deprecated {
            title.push_str(" (GHL advises against it)");
        }
        if let Some(why) = &operation.unusable {
            let _ = write!(title, " (cannot be used: {why})");
        }
        let call = format!("{} {}", endpoint.method, endpoint.path);
        let _ = writeln!(
            page,
            "| `{}` | {title} | `{call}` | {} |",
            operation.id,
            effect(operation.effect)
        );
    }
}

fn quoted(names: &[impl AsRef<str>]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    names.join(", ")
}

/// Text that does not end its table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Trigger => "trigger",
        Kind::Action => "action",
        Kind::Lookup => "lookup",
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Idempotent => "idempotent",
        Effect::Unsafe => "unsafe",
    }
}

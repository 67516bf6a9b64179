//! Operations: listing, showing, calling.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::{assert_fails, text};
use crate::common::{House, Output, run};

/// Runs a command where no server is.
fn offline(arguments: &[&str]) -> Output {
    run(&std::env::temp_dir(), arguments)
}

/// What a command prints that needs no server.
fn told(arguments: &[&str]) -> Value {
    let output = offline(arguments);
    assert_eq!(output.code, Some(0), "{output:?}");
    serde_json::from_str(&output.out).expect("JSON")
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

fn operations(arguments: &[&str]) -> Vec<Value> {
    let all = [&["ops", "list", "--json"], arguments].concat();
    told(&all)["operations"].as_array().expect("a list").clone()
}

#[test]
fn the_list_is_every_official_operation_and_ours() {
    let mut official = BTreeSet::new();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../catalog/ghl/generated");
    for file in fs::read_dir(directory).expect("generated files") {
        let read = fs::read_to_string(file.expect("a file").path()).expect("its text");
        let facts: Value = serde_json::from_str(&read).expect("JSON");
        for operation in facts["operations"].as_array().expect("operations") {
            official.insert(format!(
                "{} {}",
                text(operation, "method"),
                text(operation, "path")
            ));
        }
    }
    assert_eq!(official.len(), 576);
    let mut ours = BTreeSet::new();
    let mut listed = BTreeSet::new();
    for operation in operations(&[]) {
        if operation["method"].is_null() || operation["system"] != "ghl" {
            ours.insert(text(&operation, "id").to_owned());
        } else {
            let call = format!("{} {}", text(&operation, "method"), text(&operation, "path"));
            listed.insert(call); // the own location is read by two of ours
        }
    }
    assert_eq!(listed, official);
    let committed: BTreeSet<String> = lines(include_str!("../../fixtures/ours.txt"))
        .map(str::to_owned)
        .collect();
    assert_eq!(ours, committed);
}

#[test]
fn each_published_category_is_listed_in_its_order_with_its_titles() {
    let mut categories: Vec<(&str, Vec<[&str; 3]>)> = Vec::new();
    for line in lines(include_str!("../../fixtures/published.txt")) {
        let parts: Vec<&str> = line.split(" | ").collect();
        let [category, kind, title, call] = parts[..] else {
            panic!("{line}");
        };
        match categories.last_mut().filter(|(name, _)| *name == category) {
            Some((_, rows)) => rows.push([kind, title, call]),
            None => categories.push((category, vec![[kind, title, call]])),
        }
    }
    assert_eq!(categories.iter().map(|(_, rows)| rows.len()).sum::<usize>(), 124);
    for (category, published) in categories {
        let shown = operations(&["--category", category]);
        assert_eq!(shown.len(), published.len(), "{category}");
        for (shown, [kind, title, call]) in shown.iter().zip(&published) {
            assert_eq!([text(shown, "kind"), text(shown, "title")], [*kind, *title]);
            if !shown["method"].is_null() {
                let is = format!("{} {}", text(shown, "method"), text(shown, "path"));
                assert_eq!(is, *call, "{title}");
            }
        }
        let of_kind = operations(&["--category", &category.to_lowercase(), "--kind", "action"]);
        let actions = published.iter().filter(|[kind, ..]| *kind == "action");
        assert_eq!(of_kind.len(), actions.count(), "{category}");
    }
    assert_fails(
        &offline(&["ops", "list", "--category", "Contact"]),
        2,
        "did you mean `Contacts`?",
    );
}

#[test]
fn operations_are_found_by_words() {
    let ids: Vec<String> = operations(&["--search", "appointment NOTE create"])
        .iter()
        .map(|operation| text(operation, "id").to_owned())
        .collect();
    assert_eq!(ids, ["ghl.calendars.create_appointment_note"]);
}

#[test]
fn an_operation_is_shown_with_inputs_scopes_and_example() {
    let shown = told(&["ops", "show", "ghl.contacts.add_tags", "--json"]);
    assert_eq!(shown["scopes"], json!(["contacts.write"]));
    assert_eq!(shown["inputs"][0]["name"], "contactId");
    assert!(shown["example"]["tags"].is_array(), "{shown}");
    let page = offline(&["ops", "show", "ghl.contacts.add_tags"]);
    for part in [
        "POST /contacts/{contactId}/tags",
        "contacts.write",
        "list of text",
        "\"tags\"",
    ] {
        assert!(page.out.contains(part), "{part}: {page:?}");
    }
    assert_fails(
        &offline(&["ops", "show", "ghl.contact.add_tag"]),
        1,
        "did you mean `ghl.contacts.add_tags`?",
    );
}

#[test]
fn an_operation_is_called_through_the_server() {
    let house = House::open();
    let call = |rest: &[&str]| {
        let command = ["ops", "call", "ghl.contacts.create", "--connection", "crm"];
        house.cli(&[&command, rest].concat())
    };
    let dry = call(&[
        "--dry-run",
        "--input",
        "email=a@example.com",
        "--input",
        "tags=vip,new",
    ]);
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert!(
        dry.out.contains("POST /contacts/") && dry.out.contains("\"new\""),
        "{dry:?}"
    );
    let unlink = [
        "ops",
        "call",
        "ghl.contacts.set_business_in_bulk",
        "--connection",
        "crm",
        "--dry-run",
        "--input",
        "ids=c1",
        "--input",
        "businessId=null",
    ];
    let unlink = house.cli(&unlink);
    assert!(unlink.out.contains("\"businessId\": null"), "{unlink:?}");
    let file = house.path().join("inputs.json");
    fs::write(&file, r#"{"email": "b@example.com", "firstName": "B"}"#).expect("written");
    let made = call(&[
        "--json",
        file.to_str().expect("a path"),
        "--input",
        "firstName=Ada",
    ]);
    let made: Value = serde_json::from_str(&made.out).unwrap_or_else(|_| panic!("{made:?}"));
    assert_eq!(made["output"]["contact"]["firstName"], "Ada");
    assert_fails(
        &call(&["--input", "email=no", "--input", "dnd=maybe"]),
        1,
        "email: `no` is not an e-mail address; dnd: ",
    );
    let refused = call(&["--json", "--input", "email=b@example.com"]);
    let error: Value = serde_json::from_str(&refused.error).unwrap_or_else(|_| panic!("{refused:?}"));
    assert_eq!(error["code"], "ghl.duplicate");
    let list = [
        "ops",
        "call",
        "ghl.contacts.search",
        "--connection",
        "crm",
        "--all",
    ];
    assert_eq!(call(&["--input", "email=c@example.com"]).code, Some(0));
    let all = house.cli(&[&list[..], &["--input", "pageLimit=1"]].concat());
    assert_eq!(all.out.lines().count(), 2, "{all:?}");
    for line in all.out.lines() {
        assert!(serde_json::from_str::<Value>(line).expect("a line of JSON")["email"].is_string());
    }
}

#[test]
fn what_an_input_is_chosen_from_may_depend_on_another() {
    let house = House::open();
    let call = |operation: &str, inputs: &[&str]| {
        let mut command = vec!["ops", "call", operation, "--connection", "crm"];
        for input in inputs {
            command.extend(["--input", input]);
        }
        house.json(&command)["output"].clone()
    };
    let made = call("ghl.contacts.create", &["email=a@example.com"]);
    let contact = format!("contactId={}", text(&made["contact"], "id"));
    let task = [
        contact.as_str(),
        "title=Call",
        "dueDate=31.01.2027",
        "completed=false",
    ];
    let task = call("ghl.contacts.create_task", &task);
    let show = ["ops", "show", "ghl.contacts.get_task", "--connection", "crm"];
    let shown = house.json(&[&show[..], &["--input", &contact]].concat());
    let choices = |shown: &Value| {
        let inputs = shown["inputs"].as_array().expect("inputs").iter();
        let mut tasks = inputs.filter(|input| input["name"] == "taskId");
        tasks.next().expect("an input")["choices"].clone()
    };
    let expected = json!([{"value": task["task"]["id"], "label": "Call"}]);
    assert_eq!(choices(&shown), expected);
    let told = choices(&house.json(&show))["error"].to_string();
    assert!(told.contains("contactId: give it first"), "{told}");
}

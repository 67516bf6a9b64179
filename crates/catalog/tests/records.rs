//! Every record of the catalog, held against the files that it is made of.
//!
//! The files are read here once more and on their own, so that nothing that loading leaves out or bends can hide.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use cartlane_catalog::{BodyKind, Catalog, Effect, Kind, Operation, Order, Request, Shape, System};
use cartlane_model::Problems;
use serde_json::Value;

/// One operation of a generated file, or an entry of an overlay, as it stands there.
type Facts = BTreeMap<String, Value>;

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../catalog/ghl")
}

fn files(folder: &str) -> impl Iterator<Item = String> {
    let read = fs::read_dir(data().join(folder)).expect("a folder");
    read.map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("a file"))
}

/// GHL's operations: those that a generated file stands behind.
fn of_ghl() -> impl Iterator<Item = &'static Operation> {
    let operations = Catalog::builtin().operations();
    operations.filter(|operation| operation.system == System::Ghl)
}

/// All operations of all generated files, by METHOD and path.
fn all_facts() -> Facts {
    let mut all = Facts::new();
    for text in files("generated") {
        let file: Value = serde_json::from_str(&text).expect("JSON");
        for facts in file["operations"].as_array().expect("operations") {
            let key = format!("{} {}", text_of(facts, "method"), text_of(facts, "path"));
            assert!(
                all.insert(key.clone(), facts.clone()).is_none(),
                "{key} is there twice"
            );
        }
    }
    all
}

/// All entries of all overlays, by id.
fn all_entries() -> Facts {
    let overlays = files("overlay").map(|text| toml::from_str::<Value>(&text).expect("TOML"));
    let entries = overlays.flat_map(|overlay| overlay["operation"].as_array().cloned().unwrap_or_default());
    entries
        .map(|entry| (text_of(&entry, "id").to_owned(), entry))
        .collect()
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn the_data_has_no_faults() {
    let problems = Catalog::builtin().problems();
    assert!(problems.0.is_empty(), "{problems}");
}

#[test]
fn every_operation_of_the_vendor_is_there() {
    let ours = of_ghl().filter_map(Operation::endpoint);
    let ours: BTreeSet<String> = ours
        .map(|endpoint| format!("{} {}", endpoint.method, endpoint.path))
        .collect();
    let theirs: BTreeSet<String> = all_facts().into_keys().collect();
    assert_eq!(ours, theirs);
    assert_eq!(theirs.len(), 576);
}

#[test]
fn the_published_list_is_there_in_its_order() {
    let published: Vec<&str> = include_str!("../fixtures/listed.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let kind = |operation: &Operation| match operation.kind {
        Kind::Trigger => "trigger",
        Kind::Action => "action",
        Kind::Lookup => "lookup",
    };
    let listed = Catalog::builtin().listed();
    let ours: Vec<String> = listed
        .iter()
        .map(|operation| {
            format!(
                "{} | {} | {}",
                operation.category,
                kind(operation),
                operation.title
            )
        })
        .collect();
    assert_eq!(ours, published);
    for operation in listed {
        let is_watched = operation.poll.is_some() || operation.kind != Kind::Trigger;
        assert!(operation.described && is_watched, "{}", operation.id);
    }
}

#[test]
fn every_example_makes_a_request_that_fits_the_facts() {
    let (facts, entries) = (all_facts(), all_entries());
    let mut built = 0;
    for operation in of_ghl() {
        let Some(endpoint) = operation.endpoint() else {
            continue;
        };
        let facts = &facts[&format!("{} {}", endpoint.method, endpoint.path)];
        let entry = entries.get(&operation.id).cloned().unwrap_or_default();
        match operation.request(&operation.example, "loc1") {
            Ok(request) => {
                let misfits = Checked { facts, entry: &entry }.misfits(&request, endpoint.body);
                assert!(misfits.0.is_empty(), "{}: {misfits}\n{request:?}", operation.id);
                built += 1;
            }
            Err(problems) => assert!(operation.unusable.is_some(), "{}: {problems}", operation.id),
        }
        assert!(
            operation.inputs.iter().all(|input| !input.help.is_empty()),
            "{}",
            operation.id
        );
    }
    assert!(built > 560, "only {built} requests");
}

/// Method and path of every operation that no generated file stands behind, with what a lost answer means for it.
const OTHERS: [&str; 36] = [
    "GET /ping thrivecart.account.ping: again",
    "GET /products thrivecart.products.list: again",
    "GET /products/{product_id} thrivecart.products.get: again",
    "GET /products/{product_id}/pricing_options thrivecart.products.pricing_options: again",
    "GET /bumps thrivecart.bumps.list: again",
    "GET /bumps/{bump_id} thrivecart.bumps.get: again",
    "GET /bumps/{bump_id}/pricing_options thrivecart.bumps.pricing_options: again",
    "GET /upsells thrivecart.upsells.list: again",
    "GET /upsells/{upsell_id} thrivecart.upsells.get: again",
    "GET /upsells/{upsell_id}/pricing_options thrivecart.upsells.pricing_options: again",
    "GET /downsells thrivecart.downsells.list: again",
    "GET /downsells/{downsell_id} thrivecart.downsells.get: again",
    "GET /downsells/{downsell_id}/pricing_options thrivecart.downsells.pricing_options: again",
    "GET /transactions thrivecart.transactions.list: again",
    "POST /refund thrivecart.transactions.refund: thrivecart.transactions.list",
    "POST /cancelSubscription thrivecart.subscriptions.cancel: thrivecart.transactions.list",
    "POST /pauseSubscription thrivecart.subscriptions.pause: thrivecart.transactions.list",
    "POST /resumeSubscription thrivecart.subscriptions.resume: thrivecart.transactions.list",
    "POST /customer thrivecart.customers.get: again",
    "POST /customerEmailUpdate thrivecart.customers.update_email: thrivecart.customers.get",
    "GET /affiliates thrivecart.affiliates.list: again",
    "POST /affiliate thrivecart.affiliates.get: again",
    "POST /affiliates thrivecart.affiliates.create: thrivecart.affiliates.get",
    "POST /affiliates/{affiliate_id}/favorite thrivecart.affiliates.favorite: again",
    "POST /affiliates/{affiliate_id}/unfavorite thrivecart.affiliates.unfavorite: again",
    "POST /affiliates/{affiliate_id}/register thrivecart.affiliates.register: again",
    "POST /affiliates/{affiliate_id}/approve thrivecart.affiliates.approve: again",
    "POST /affiliates/{affiliate_id}/reject thrivecart.affiliates.reject: again",
    "POST /affiliates/{affiliate_id}/custom_commissions thrivecart.affiliates.custom_commissions: again",
    "POST /affiliates/{affiliate_id}/delete thrivecart.affiliates.delete: again",
    "POST /students thrivecart.students.create: on_unclear",
    "POST /subscribe thrivecart.event_subscriptions.create: on_unclear",
    "POST /unsubscribe thrivecart.event_subscriptions.delete: again",
    "POST / notify.slack: on_unclear",
    "MAIL / notify.email: on_unclear",
    "HTTP / http.request: on_unclear",
];

#[test]
fn every_operation_of_other_systems_builds_its_example() {
    let operations = Catalog::builtin().operations();
    let others: Vec<&Operation> = operations
        .filter(|operation| operation.system != System::Ghl)
        .collect();
    let mut lines = Vec::new();
    for operation in &others {
        let endpoint = operation.endpoint().expect("one call");
        let request = operation
            .request(&operation.example, "unused")
            .expect("a request");
        assert!(
            !request.path.contains('{') && !request.path.contains("unused"),
            "{request:?}"
        );
        assert_eq!(request.version, "");
        assert_eq!(request.body.is_some(), endpoint.body == BodyKind::Json);
        assert!(operation.poll.is_some() || operation.kind != Kind::Trigger);
        assert!(operation.described && operation.inputs.iter().all(|input| input.help.len() > 5));
        let lost = match (operation.effect, &endpoint.confirm) {
            (Effect::Unsafe, Some(confirm)) => confirm.operation.as_str(),
            (Effect::Unsafe, None) => "on_unclear",
            (Effect::Idempotent | Effect::Read, _) => "again",
        };
        lines.push(format!(
            "{} {} {}: {lost}",
            endpoint.method, endpoint.path, operation.id
        ));
    }
    assert_eq!(lines, OTHERS);
}

#[test]
fn an_http_request_is_what_its_method_says() {
    let operation = Catalog::builtin().get("http.request").expect("an operation");
    let effect = |method: &str| operation.effect_with(&serde_json::json!({"method": method}));
    assert_eq!(effect("GET"), Effect::Read);
    assert_eq!(effect("PUT"), Effect::Idempotent);
    assert_eq!(effect("POST"), Effect::Unsafe);
}

/// Answers whose description is of one item, where a list comes.
const LISTS_DESCRIBED_AS_ONE: [&str; 2] = ["ghl.associations.list", "ghl.associations.list_relations"];

#[test]
fn every_pointer_into_an_answer_leads_to_a_documented_key() {
    let catalog = Catalog::builtin();
    let check = |id: &str, pointer: &str| {
        let endpoint = catalog.get(id).and_then(Operation::endpoint).expect("a call");
        let keys = &endpoint.answer.keys;
        let Some(key) = pointer.split('/').nth(1).filter(|_| !keys.is_empty()) else {
            return;
        };
        let is_known = keys.contains_key(key) || LISTS_DESCRIBED_AS_ONE.contains(&id);
        assert!(is_known, "{id}: `{pointer}` is not among {:?}", keys.keys());
    };
    for operation in catalog.operations() {
        if let Some(poll) = &operation.poll {
            check(&operation.id, &poll.items);
            assert!(
                poll.since.is_none() || poll.order == Order::Cursor,
                "{}",
                operation.id
            );
        }
        let Some(endpoint) = operation.endpoint() else {
            continue;
        };
        if let Some(pages) = &endpoint.pages {
            check(&operation.id, &pages.items);
        }
        if let Some(confirm) = &endpoint.confirm {
            check(&confirm.operation, &confirm.list);
        }
        for name in operation
            .inputs
            .iter()
            .filter_map(|input| input.option_source.as_deref())
        {
            let source = catalog.option_source(name).expect("a list");
            check(&source.operation, &source.items);
        }
    }
}

/// Inputs that look like ids and are chosen from no list: nothing in GHL lists them without more than the operation's
/// other inputs say, or they stand for a page or an address.
const NOT_CHOSEN: [&str; 18] = [
    "additionalEmailIds",
    "appointmentId",
    "emailMessageId",
    "eventId",
    "firstRecordId",
    "ghl.blogs.check_slug postId",
    "ghl.conversations.get_email id",
    "ghl.conversations.get_message id",
    "lastMessageId",
    "meetingLocationId",
    "messageId",
    "pixelId",
    "recordId",
    "relationId",
    "secondRecordId",
    "startAfterId",
    "templateId",
    "visitorId",
];

#[test]
fn every_id_is_chosen_from_a_list_where_there_is_one() {
    let mut without = BTreeSet::new();
    for operation in Catalog::builtin().listed() {
        for input in &operation.inputs {
            let name = input.name.as_str();
            let is_id =
                ["Id", "Ids", "_id"].iter().any(|end| name.ends_with(end)) || matches!(name, "id" | "ids");
            if is_id && input.option_source.is_none() && !NOT_CHOSEN.contains(&name) {
                without.insert(format!("{} {name}", operation.id));
            }
        }
    }
    without.retain(|input| !NOT_CHOSEN.contains(&input.as_str()));
    assert_eq!(without, BTreeSet::new());
}

/// A request is held against these.
struct Checked<'a> {
    facts: &'a Value,
    entry: &'a Value,
}

impl Checked<'_> {
    /// Where a request does not fit the vendor's file, other than by a correction that somebody wrote down.
    fn misfits(&self, request: &Request, body: BodyKind) -> Problems {
        let mut problems = Problems::default();
        let versions = self.facts["version"].as_array().cloned().unwrap_or_default();
        if !versions.is_empty() && !versions.contains(&request.version.clone().into()) {
            problems.push("version", request.version.clone());
        }
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        self.check_path(path, &mut problems);
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let query: BTreeMap<&str, &str> = pairs.collect();
        for parameter in self
            .list("parameters")
            .iter()
            .filter(|parameter| parameter["in"] == "query")
        {
            let name = text_of(parameter, "name");
            if parameter["required"] == true && !query.contains_key(name) {
                problems.push(name, "is not in the query");
            }
        }
        for name in query.keys().filter(|name| !self.knows("query", name)) {
            problems.push(*name, "is no parameter of the query");
        }
        match (body, &request.body) {
            (BodyKind::None, None) => {}
            (BodyKind::List, Some(Value::Array(items))) => {
                let shape = shape(&self.facts["body"]["items"]);
                for item in items {
                    shape.check(item, "body", &mut problems);
                }
            }
            (BodyKind::Json | BodyKind::Form, Some(body @ Value::Object(_))) => {
                self.check_body(body, &mut problems);
            }
            _ => problems.push("body", "is none, or of another kind"),
        }
        problems
    }

    fn list(&self, key: &str) -> &[Value] {
        self.facts[key].as_array().map_or(&[], Vec::as_slice)
    }

    fn list_of_body(&self) -> &[Value] {
        self.facts["body"]["fields"].as_array().map_or(&[], Vec::as_slice)
    }

    /// As many segments as the template, the trailing slash too, and the same but for its holes.
    fn check_path(&self, path: &str, problems: &mut Problems) {
        let (ours, theirs): (Vec<&str>, Vec<&str>) = (
            path.split('/').collect(),
            text_of(self.facts, "path").split('/').collect(),
        );
        let same =
            |(ours, theirs): (&&str, &&str)| ours == theirs || theirs.starts_with('{') && !ours.is_empty();
        if ours.len() != theirs.len() || !ours.iter().zip(&theirs).all(same) || path.contains('{') {
            problems.push("path", path);
        }
    }

    fn knows(&self, place: &str, name: &str) -> bool {
        let mut parameters = self.list("parameters").iter();
        parameters.any(|parameter| parameter["in"] == place && parameter["name"] == name)
            || self.corrected(name)
    }

    fn corrected(&self, name: &str) -> bool {
        self.entry["corrections"].get(name).is_some()
            || self.entry["optional"]
                .as_array()
                .is_some_and(|names| names.contains(&name.into()))
            || name == "locationId" && self.entry.get("location_in").is_some()
    }

    fn check_body(&self, body: &Value, problems: &mut Problems) {
        let mut shape = shape(&self.facts["body"]);
        // What the vendor calls binary is an object here, with the bytes and what they are.
        let is_file = |name: &str| {
            self.list_of_body()
                .iter()
                .any(|field| field["format"] == "binary" && field["name"] == name)
        };
        shape
            .fields
            .retain(|field| !self.corrected(&field.name) && !is_file(&field.name));
        let mut body = body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.retain(|name, _| !self.corrected(name) && !is_file(name));
            if shape.fields.is_empty() && !fields.is_empty() {
                problems.push("body", "has fields, though the facts know none");
            }
        }
        shape.check(&body, "body", problems);
    }
}

/// The shape in the generated file, less what is not about values.
fn shape(facts: &Value) -> Shape {
    let mut facts = facts.clone();
    if let Some(members) = facts.as_object_mut() {
        members.retain(|key, _| !matches!(key.as_str(), "schema" | "content" | "required"));
    }
    serde_json::from_value(facts).expect("a shape")
}

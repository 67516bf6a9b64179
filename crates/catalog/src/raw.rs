//! `ghl.request`: any request that the catalog has no operation for, with the connection's address and token.
//!
//! What always holds: the request goes to the connection's own address. The path is checked so that nothing in
//! it can lead to another host or climb out of the address' own path.

use std::collections::BTreeMap;

use cartlane_model::Problems;
use serde_json::{Map, Value, json};

use crate::request::{encoded, pairs};
use crate::{Effect, In, Input, Kind, Operation, Request, Run, Shape, System, Type};

/// Its id.
pub(crate) const ID: &str = "ghl.request";
/// What most operations take.
const VERSION: &str = "2021-07-28";
/// Stands for the connection's location in path, query and body.
const LOCATION: &str = "{locationId}";

/// The operation.
pub(crate) fn operation() -> Operation {
    let method = Shape {
        r#enum: ["GET", "POST", "PUT", "PATCH", "DELETE"]
            .map(str::to_owned)
            .to_vec(),
        ..shape("method", Type::String)
    };
    let version = Some(json!(VERSION));
    let inputs = vec![
        input(method, true, "The method.", None),
        input(
            shape("path", Type::String),
            true,
            "The path, such as /locations/{locationId}/tags; {locationId} becomes the connection's location. Its values must be \
             percent-encoded.",
            None,
        ),
        input(
            shape("query", Type::Object),
            false,
            "Parameters of the query, by name; a list repeats its name.",
            None,
        ),
        input(shape("body", Type::Any), false, "The JSON body.", None),
        input(shape("version", Type::String), false, "The API version.", version),
    ];
    Operation {
        id: ID.into(),
        listed: None,
        title: "Any Request".into(),
        help: "Sends a request of your own to the connection's address with its token, for what has no operation here. GET reads; \
               everything else counts as unsafe, and after a lost answer somebody has to look."
            .into(),
        category: "Any Request".into(),
        kind: Kind::Action,
        system: System::Ghl,
        effect: Effect::Unsafe,
        run: Run::Raw,
        calls: Vec::new(),
        sets_state: None,
        poll: None,
        inputs,
        needs_one: Vec::new(),
        takes_one: false,
        rules: Vec::new(),
        refused: BTreeMap::new(),
        described: true,
        deprecated: false,
        unusable: None,
        example: json!({"method": "GET", "path": "/contacts/", "query": {"locationId": LOCATION, "limit": 20}}),
    }
}

fn shape(name: &str, r#type: Type) -> Shape {
    Shape {
        name: name.into(),
        r#type,
        ..Shape::default()
    }
}

fn input(shape: Shape, required: bool, help: &str, default: Option<Value>) -> Input {
    Input {
        name: shape.name.clone(),
        r#in: In::Body,
        also_in: None,
        required,
        help: help.into(),
        option_source: None,
        default,
        shape: Shape { required, ..shape },
    }
}

/// What is wrong with the inputs beyond their types.
pub(crate) fn check(values: &Map<String, Value>, problems: &mut Problems) {
    if let Some(fault) = values
        .get("path")
        .and_then(Value::as_str)
        .and_then(|path| path_fault(path))
    {
        problems.push("path", fault);
    }
    let is_version = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if values
        .get("version")
        .and_then(Value::as_str)
        .is_some_and(|text| !is_version(text))
    {
        problems.push("version", "is not a version, such as 2021-07-28");
    }
    if let Some(Value::Object(query)) = values.get("query") {
        for (name, _) in query.iter().filter(|(_, value)| value.is_object()) {
            problems.push(
                format!("query.{name}"),
                "is an object; give texts, numbers or lists",
            );
        }
    }
}

fn path_fault(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') || path.starts_with("//") {
        return Some("begins with one slash: only the path, since the address comes from the connection");
    }
    if path.contains(['?', '#']) {
        return Some("has no query or fragment; give `query`");
    }
    let plain = path.replace(LOCATION, "");
    if plain.contains(['\\', '{', '}']) || !plain.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("holds a letter that has to be percent-encoded");
    }
    let is_dots = |segment: &str| matches!(segment.to_lowercase().replace("%2e", ".").as_str(), "." | "..");
    plain
        .split('/')
        .any(is_dots)
        .then_some("holds a segment that is only dots")
}

/// The request; the inputs are checked.
pub(crate) fn request(values: &Map<String, Value>, location_id: &str) -> Request {
    let text = |name: &str| values.get(name).and_then(Value::as_str);
    let filled = |value: &Value| match value.as_str() {
        Some(LOCATION) => Value::from(location_id),
        _ => value.clone(),
    };
    let mut path = text("path")
        .unwrap_or_default()
        .replace(LOCATION, &encoded(location_id));
    let query = values.get("query").and_then(Value::as_object);
    let query: Vec<String> = query
        .into_iter()
        .flatten()
        .flat_map(|(name, value)| pairs(name, &filled(value)))
        .collect();
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let body = values.get("body").map(|body| match body {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), filled(value)))
            .collect(),
        body => body.clone(),
    });
    Request {
        operation_id: ID.into(),
        method: text("method").unwrap_or_default().into(),
        path,
        version: text("version").unwrap_or(VERSION).into(),
        body,
    }
}

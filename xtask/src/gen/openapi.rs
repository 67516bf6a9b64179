//! What an `OpenAPI` file says of one operation, as the catalog wants it: no prose, no `$ref`, nothing corrected.

use serde_json::{Map, Value, json};

use super::schema::Schemas;

/// One operation's facts, in the form of `catalog/*/generated/`.
pub fn facts(document: &Value, path: &str, method: &str, operation: &Value) -> Value {
    let schemas = Schemas::of(document);
    let mut facts = Map::new();
    facts.insert("method".into(), method.to_uppercase().into());
    facts.insert("path".into(), path.into());
    for (name, key) in [("operation_id", "operationId"), ("summary", "summary")] {
        if let Some(text) = operation[key]
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty())
        {
            facts.insert(name.into(), text.into());
        }
    }
    if operation["deprecated"] == true {
        facts.insert("deprecated".into(), true.into());
    }
    let parameters = list(&operation["parameters"]);
    let version = parameters
        .iter()
        .find(|parameter| parameter["in"] == "header" && parameter["name"] == "Version");
    let version = version.map_or(Value::Null, |version| version["schema"]["enum"].clone());
    facts.insert(
        "version".into(),
        if version.is_array() { version } else { json!([]) },
    );
    facts.extend(access(operation));
    let placed = parameters.iter().filter(|parameter| parameter["in"] != "header");
    let placed: Vec<Value> = placed.map(|parameter| schemas.parameter(parameter)).collect();
    facts.insert("parameters".into(), placed.into());
    if let Some(body) = body(&schemas, &operation["requestBody"]) {
        facts.insert("body".into(), body);
    }
    facts.extend(answer(&schemas, &operation["responses"]));
    Value::Object(facts)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Scopes and kinds of token, over all alternatives.
fn access(operation: &Value) -> [(String, Value); 2] {
    let (mut scopes, mut kinds) = (Vec::new(), Vec::new());
    for (scheme, needed) in list(&operation["security"])
        .iter()
        .filter_map(Value::as_object)
        .flatten()
    {
        let kind = match scheme.as_str() {
            "bearer" | "Location-Access" => "location",
            "Location-Access-Only" => "location_oauth",
            "Agency-Access" => "agency",
            "Agency-Access-Only" => "agency_oauth",
            other => other,
        };
        push_new(&mut kinds, kind);
        for scope in list(needed).iter().filter_map(Value::as_str) {
            push_new(&mut scopes, scope);
        }
    }
    [
        ("scopes".into(), json!(scopes)),
        ("token_kinds".into(), json!(kinds)),
    ]
}

fn push_new<'a>(list: &mut Vec<&'a str>, item: &'a str) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// The body: its schema's name, its content type where that is not JSON, and its shape.
fn body(schemas: &Schemas<'_>, body: &Value) -> Option<Value> {
    let (content, media) = body["content"].as_object()?.iter().next()?;
    let mut facts = Map::new();
    let schema = &media["schema"];
    let named = if schema["type"] == "array" {
        &schema["items"]
    } else {
        schema
    };
    if let Some((_, name)) = named["$ref"].as_str().and_then(|name| name.rsplit_once('/')) {
        facts.insert("schema".into(), name.into());
    }
    if content != "application/json" {
        facts.insert("content".into(), content.as_str().into());
    }
    if body["required"] == true {
        facts.insert("required".into(), true.into());
    }
    facts.extend(schemas.shape(schema));
    Some(Value::Object(facts))
}

/// The success statuses, and the top of the first one's answer.
fn answer(schemas: &Schemas<'_>, responses: &Value) -> Map<String, Value> {
    let mut facts = Map::new();
    let empty = Map::new();
    let responses = responses.as_object().unwrap_or(&empty);
    let status = |status: &String| {
        status
            .parse::<u16>()
            .ok()
            .filter(|status| (200..300).contains(status))
    };
    let mut success: Vec<(u16, &Value)> = responses
        .iter()
        .filter_map(|(key, response)| Some((status(key)?, response)))
        .collect();
    success.sort_by_key(|(status, _)| *status);
    let statuses: Vec<u16> = success.iter().map(|(status, _)| *status).collect();
    facts.insert("success".into(), json!(statuses));
    let content = success
        .iter()
        .find_map(|(_, response)| response["content"].as_object()?.iter().next());
    if let Some((content, media)) = content {
        let mut answer = schemas.top(&media["schema"]);
        if content != "application/json" {
            answer.insert("content".into(), content.as_str().into());
        }
        if !answer.is_empty() {
            facts.insert("answer".into(), Value::Object(answer));
        }
    }
    facts
}

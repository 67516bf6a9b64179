//! Operations without a handler: the request is checked against the vendor's schema and answered by an example that
//! is true to it.
//!
//! The description has the top of each answer only, so an example has those keys, with values of the right types:
//! what was sent where a key of the body has the same name and type, an id, a moment, or a plain value. A write
//! changes nothing that could be read later; its effect is `accepted`, so that the log tells it from a refused one.

use std::collections::BTreeMap;

use cartlane_catalog::{Shape, Type};
use serde_json::{Map, Value, json};

use crate::auth::Holder;
use crate::facts::Fact;
use crate::log::Effect;
use crate::reply::{Body, Done, Reply};
use crate::schema;
use crate::settings::{Settings, TokenKind};
use crate::wire::Call;

/// Where requests say which location they mean.
const NAMES: [&str; 3] = ["locationId", "location_id", "altId"];

/// Checks the request, and answers an example.
pub(crate) fn example(
    settings: &Settings,
    holder: Option<&Holder>,
    fact: &Fact,
    params: &[String],
    call: &Call,
    mut new_id: impl FnMut() -> String,
    now: &str,
) -> Result<Done, Reply> {
    let meant = named_location(fact, params, call);
    check_location(settings, holder, fact, meant.as_deref())?;
    check(fact, call, true)?;
    let status = fact.status();
    let mut sent = Map::new();
    if let Some(location) = meant.or_else(|| holder.map(|holder| holder.location.clone())) {
        sent.insert("locationId".to_owned(), json!(location));
    }
    let names = fact
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    sent.extend(
        names
            .zip(params)
            .map(|(name, value)| (name.to_owned(), json!(value))),
    );
    sent.extend(call.body.as_object().cloned().unwrap_or_default());
    let body = fact.answer.as_ref().map_or_else(
        || json!({}),
        |answer| value_of(answer.r#type, &answer.keys, &sent, &mut new_id, now),
    );
    let reply = if status == 204 {
        Reply {
            status,
            body: Body::Text(""),
            headers: Vec::new(),
        }
    } else {
        Reply::json(status, body)
    };
    let effect = (fact.method != "GET").then(|| Effect {
        kind: "accepted",
        contact_id: String::new(),
        detail: json!({"operation": fact.operation(), "params": params}),
    });
    Ok(Done { reply, effect })
}

/// All that is wrong with query and body, as a 422. What is missing in the query is wrong where `all`; handlers refuse
/// that themselves.
pub(crate) fn check(fact: &Fact, call: &Call, all: bool) -> Result<(), Reply> {
    let query: Vec<&Shape> = fact
        .parameters
        .iter()
        .filter(|parameter| parameter.r#in == "query")
        .map(|parameter| &parameter.shape)
        .collect();
    let mut faults = schema::query_faults(&query, &call.query, all);
    if let Some(body) = &fact.body {
        let wants_parts = fact
            .content()
            .is_some_and(|content| content.starts_with("multipart"));
        match &call.uploads {
            Some(uploads) if wants_parts && call.body_is_json => {
                let files: Vec<&str> = uploads
                    .iter()
                    .filter(|upload| !upload.bytes.is_empty())
                    .map(|upload| upload.name.as_str())
                    .collect();
                faults.extend(schema::form_faults(&body.fields, &call.body, &files));
            }
            _ if wants_parts => return Err(Reply::bad_request("Multipart: Boundary not found")),
            _ if !call.body_is_json => return Err(Reply::bad_request("Unexpected token in JSON")),
            _ => faults.extend(schema::faults(&body.fields, body.items.as_ref(), &call.body)),
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Reply::unprocessable(&faults))
    }
}

/// The location that a request names, if any.
fn named_location(fact: &Fact, params: &[String], call: &Call) -> Option<String> {
    let mut segments = fact.path.split('/').filter(|segment| segment.starts_with('{'));
    let in_path = segments.position(|segment| segment == "{locationId}");
    if let Some(location) = in_path.and_then(|index| params.get(index)) {
        return Some(location.clone());
    }
    NAMES.into_iter().find_map(|name| {
        let in_query = call
            .query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str());
        in_query
            .or_else(|| call.body.get(name)?.as_str())
            .map(str::to_owned)
    })
}

/// 403 where the named location isn't the token's, or none is named though the schema wants one.
fn check_location(
    settings: &Settings,
    holder: Option<&Holder>,
    fact: &Fact,
    named: Option<&str>,
) -> Result<(), Reply> {
    let parameters = fact.parameters.iter().map(|parameter| &parameter.shape);
    let fields = fact.body.iter().flat_map(|body| &body.fields);
    let wants = |shape: &Shape| shape.required && shape.name == "locationId";
    let is_wanted = parameters.chain(fields).any(wants);
    let fits = match (named, holder) {
        (None, _) => !is_wanted,
        (Some(_), None) => true,
        (Some(named), Some(holder)) => match holder.kind {
            TokenKind::Location => named == holder.location,
            TokenKind::Agency => named == settings.company.id || settings.location(named).is_some(),
        },
    };
    if fits {
        Ok(())
    } else {
        Err(Reply::wrong_location())
    }
}

fn value_of(
    r#type: Type,
    keys: &BTreeMap<String, Type>,
    sent: &Map<String, Value>,
    new_id: &mut impl FnMut() -> String,
    now: &str,
) -> Value {
    let mut object = || {
        let pairs = keys.iter().map(|(key, r#type)| {
            let same = sent.get(key).filter(|value| fits(*r#type, value)).cloned();
            (
                key.clone(),
                same.unwrap_or_else(|| plain(key, *r#type, new_id, now)),
            )
        });
        Value::Object(pairs.collect())
    };
    match r#type {
        Type::Array if keys.is_empty() => json!([]),
        Type::Array => json!([object()]),
        Type::Object | Type::Any => object(),
        other => plain("", other, new_id, now),
    }
}

fn fits(r#type: Type, value: &Value) -> bool {
    match r#type {
        Type::Any => true,
        Type::String => value.is_string(),
        Type::Integer | Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
        Type::Array => value.is_array(),
        Type::Object => value.is_object(),
    }
}

fn plain(key: &str, r#type: Type, new_id: &mut impl FnMut() -> String, now: &str) -> Value {
    let name = key.to_lowercase();
    match r#type {
        Type::String | Type::Any if name == "id" || name == "_id" || key.ends_with("Id") => json!(new_id()),
        Type::String if name.starts_with("date") || key.ends_with("At") || key.ends_with("Date") => {
            json!(now)
        }
        Type::String | Type::Any => json!("text"),
        Type::Integer | Type::Number => json!(0),
        Type::Boolean => json!(true),
        Type::Array => json!([]),
        Type::Object => json!({}),
    }
}

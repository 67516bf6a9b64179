//! Queries and bodies against the vendor's schema. The wording is class-validator's, as GHL's 422s have it.

use cartlane_catalog::{Shape, Type};
use serde_json::{Map, Value};

/// Everything wrong with a body: of these fields, or a list of `items`. No fields take any object.
pub(crate) fn faults(fields: &[Shape], items: Option<&Shape>, body: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    match (items, body) {
        (Some(items), Value::Array(values)) => each("", items, values, &mut faults),
        (Some(_), _) => faults.push("body must be an array".to_owned()),
        (None, Value::Object(body)) => object("", fields, body, &mut faults),
        (None, Value::Null) => object("", fields, &Map::new(), &mut faults),
        (None, _) => faults.push("body must be an object".to_owned()),
    }
    faults
}

/// Everything wrong with a query, in which all values are texts. A name may carry `[]` or be
/// repeated for a list. What is missing counts where `all`.
pub(crate) fn query_faults(shapes: &[&Shape], query: &[(String, String)], all: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let plain = |name: &str| name.split('[').next().unwrap_or_default().to_owned();
    for (name, value) in query {
        match shapes.iter().find(|shape| plain(&shape.name) == plain(name)) {
            None => faults.push(format!("property {name} should not exist")),
            Some(shape) => {
                let read = match shape.kind() {
                    Type::Integer | Type::Number | Type::Boolean => {
                        serde_json::from_str(value).unwrap_or_else(|_| Value::from(value.as_str()))
                    }
                    Type::Array | Type::Object | Type::Any => continue,
                    Type::String if !shape.r#enum.is_empty() && value.contains(',') => {
                        // Where a query takes one of several words, a list of them is separated by commas.
                        value
                            .split(',')
                            .for_each(|one| check(name, shape, &one.into(), &mut faults));
                        continue;
                    }
                    Type::String => Value::from(value.as_str()),
                };
                check(name, shape, &read, &mut faults);
            }
        }
    }
    let given = |shape: &Shape| query.iter().any(|(name, _)| plain(name) == plain(&shape.name));
    let missing = shapes
        .iter()
        .filter(|shape| all && shape.required && !given(shape));
    faults.extend(missing.map(|shape| wrong_type(&shape.name, shape.kind())));
    faults
}

/// Everything wrong with a form of parts, in which all values are texts. Its files may be of any name, since the
/// descriptions leave most of them out; but there must be one, or the address of one.
pub(crate) fn form_faults(fields: &[Shape], values: &Value, files: &[&str]) -> Vec<String> {
    let values = values.as_object().cloned().unwrap_or_default();
    let mut faults = Vec::new();
    let is_file = |shape: &Shape| shape.format.as_deref() == Some("binary");
    let is_address = |shape: &Shape| shape.name.to_lowercase().contains("url");
    for (name, value) in &values {
        match fields.iter().find(|field| field.name == *name) {
            Some(field) if is_file(field) => faults.push(format!("{name} must be a file")),
            Some(field) => {
                let read = value.as_str().and_then(|text| serde_json::from_str(text).ok());
                let read = match (field.kind(), value) {
                    (Type::Integer | Type::Number | Type::Boolean, _) => {
                        read.unwrap_or_else(|| value.clone())
                    }
                    (Type::Array, Value::String(_)) => Value::Array(vec![value.clone()]),
                    _ => value.clone(),
                };
                check(name, field, &read, &mut faults);
            }
            None => faults.push(format!("property {name} should not exist")),
        }
    }
    let is_missing =
        |field: &&Shape| field.required && !is_address(field) && !values.contains_key(&field.name);
    let missing = fields.iter().filter(is_missing);
    faults.extend(missing.map(|field| wrong_type(&field.name, field.kind())));
    let has_address = fields
        .iter()
        .any(|field| is_address(field) && values.contains_key(&field.name));
    if files.is_empty() && !has_address {
        faults.push("file should not be empty".to_owned());
    }
    faults
}

fn object(path: &str, fields: &[Shape], body: &Map<String, Value>, faults: &mut Vec<String>) {
    if fields.is_empty() {
        return;
    }
    for (name, value) in body {
        match fields.iter().find(|field| field.name == *name) {
            Some(field) => check(&format!("{path}{name}"), field, value, faults),
            None => faults.push(format!("{path}property {name} should not exist")),
        }
    }
    let missing = fields
        .iter()
        .filter(|field| field.required && !body.contains_key(&field.name));
    faults.extend(missing.map(|field| wrong_type(&format!("{path}{}", field.name), field.kind())));
}

fn each(path: &str, items: &Shape, values: &[Value], faults: &mut Vec<String>) {
    for (index, value) in values.iter().enumerate() {
        check(&format!("{path}{index}"), items, value, faults);
    }
}

fn check(path: &str, shape: &Shape, value: &Value, faults: &mut Vec<String>) {
    if value.is_null() && (shape.nullable || !shape.required) {
        return;
    }
    if !shape.any_of.is_empty() {
        let fits = |one: &Shape| {
            let mut own = Vec::new();
            check(path, one, value, &mut own);
            own.is_empty()
        };
        if !shape.any_of.iter().any(fits) {
            faults.push(format!("{path} has none of the allowed forms"));
        }
        return;
    }
    // What the description calls an object is now and then a single value in truth: any type passes as one.
    let may_be_anything = shape.kind() == Type::Object && shape.fields.is_empty();
    if !may_be_anything && !is_a(shape.kind(), value) {
        return faults.push(wrong_type(path, shape.kind()));
    }
    match value {
        Value::String(text) if !shape.r#enum.is_empty() && !shape.r#enum.contains(text) => {
            let allowed = shape.r#enum.join(", ");
            faults.push(format!("{path} must be one of the following values: {allowed}"));
        }
        Value::Array(values) => {
            if let Some(items) = &shape.items {
                each(&format!("{path}."), items, values, faults);
            }
        }
        Value::Object(body) => object(&format!("{path}."), &shape.fields, body, faults),
        _ => {}
    }
}

fn is_a(r#type: Type, value: &Value) -> bool {
    match r#type {
        Type::Any => true,
        Type::String => value.is_string(),
        Type::Integer => value.is_i64() || value.is_u64(),
        Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
        Type::Array => value.is_array(),
        Type::Object => value.is_object(),
    }
}

fn wrong_type(path: &str, r#type: Type) -> String {
    let must = match r#type {
        Type::Any => "should not be empty",
        Type::String => "must be a string",
        Type::Integer => "must be an integer number",
        Type::Number => "must be a number conforming to the specified constraints",
        Type::Boolean => "must be a boolean value",
        Type::Array => "must be an array",
        Type::Object => "must be an object",
    };
    format!("{path} {must}")
}

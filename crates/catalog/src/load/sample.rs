//! Example inputs, made of shapes where nobody wrote any.

use serde_json::{Map, Value, json};

use super::overlay::{CommonInputs, InputText};
use crate::{Input, Shape, Type, forms};

/// Inputs that are right: all that is required, and the first of those of which one is needed.
pub(super) fn inputs(
    inputs: &[Input],
    needs_one: &[String],
    sample: impl Fn(&str) -> Option<Value>,
) -> Value {
    let needed = inputs
        .iter()
        .filter(|input| input.required || needs_one.first() == Some(&input.name));
    let values = needed.map(|input| {
        let value = sample(&input.name).filter(|value| input.shape.takes(value));
        (input.name.clone(), value.unwrap_or_else(|| of(&input.shape)))
    });
    Value::Object(values.collect())
}

/// The sample that is written for an input of this name.
pub(super) fn written(name: &str, own: &InputText, common: &CommonInputs) -> Option<Value> {
    own.sample.clone().or_else(|| common.get(name)?.sample.clone())
}

/// A value that the shape takes.
fn of(shape: &Shape) -> Value {
    if let Some(one) = shape.any_of.first() {
        return of(one);
    }
    match shape.kind() {
        Type::Any => json!("text"),
        Type::String => text(shape).into(),
        Type::Integer => json!(1),
        Type::Number => shape
            .r#enum
            .first()
            .and_then(|choice| choice.parse().ok())
            .unwrap_or(json!(1)),
        Type::Boolean => json!(true),
        Type::Array => shape.items.iter().map(|items| of(items)).collect(),
        Type::Object => object(shape),
    }
}

fn object(shape: &Shape) -> Value {
    let needed = |field: &&Shape| field.required || shape.needs_one.first() == Some(&field.name);
    let fields = shape.fields.iter().filter(needed);
    let values: Map<String, Value> = fields.map(|field| (field.name.clone(), of(field))).collect();
    Value::Object(values)
}

fn text(shape: &Shape) -> String {
    if let Some(choice) = shape.r#enum.first() {
        return choice.clone();
    }
    let name = shape.name.to_lowercase();
    let text = match shape.format.as_deref() {
        Some("email") => "rosan@example.com",
        Some("date") => "2026-01-31",
        Some("date-time" | "time") => "2026-01-31T10:00:00Z",
        Some("uri" | "url") => "https://example.com",
        Some("date_us") => "01-31-2026",
        Some("time_ms") => "1769846400000",
        Some("time_s") => "1769846400",
        Some("phone") => "+18888888888",
        Some("country") => "US",
        Some(forms::ID_LIST) => "[1,15]",
        _ if name.ends_with("email") => "rosan@example.com",
        _ if name.ends_with("url") => "https://example.com",
        _ if name.ends_with("phone") => "+18888888888",
        _ if name.ends_with("id") => "ocQHyuzHvysMo5N5VsXc",
        _ if name.ends_with("date") || name.ends_with("at") => "2026-01-31T10:00:00Z",
        _ => "text",
    };
    text.to_owned()
}

//! Moments in a poll's inputs: `{now}`, `{now+7d}`, `{now-12h}`, `{now+30m}`.

use cartlane_catalog::{Operation, Type};
use cartlane_model::UnixMs;
use serde_json::{Map, Value};

/// The inputs with every moment in its place: milliseconds since 1970, as a text or, where the input is a number, as that.
pub fn filled(operation: &Operation, with: &Map<String, Value>, now: UnixMs) -> Value {
    let fill = |(name, value): (&String, &Value)| {
        let kind = operation.input(name).map(|input| input.shape.kind());
        let is_number = matches!(kind, Some(Type::Integer | Type::Number));
        (name.clone(), fill(value, now, is_number))
    };
    Value::Object(with.iter().map(fill).collect())
}

fn fill(value: &Value, now: UnixMs, is_number: bool) -> Value {
    match value {
        Value::String(text) => match moment(text, now) {
            Some(at) if is_number => at.0.into(),
            Some(at) => at.0.to_string().into(),
            None => value.clone(),
        },
        Value::Array(items) => items.iter().map(|item| fill(item, now, is_number)).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), fill(value, now, is_number)));
            Value::Object(fields.collect())
        }
        _ => value.clone(),
    }
}

fn moment(text: &str, now: UnixMs) -> Option<UnixMs> {
    let offset = text.strip_prefix("{now")?.strip_suffix('}')?.trim();
    if offset.is_empty() {
        return Some(now);
    }
    let unit_ms = match offset.chars().last()? {
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return None,
    };
    let number: i64 = offset[..offset.len() - 1].replace(' ', "").parse().ok()?;
    (offset.starts_with(['+', '-'])).then(|| now.plus_ms(number.saturating_mul(unit_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn moments_are_relative_to_now() {
        let at = |text: &str| moment(text, UnixMs(1_000_000_000)).map(|at| at.0);
        assert_eq!(at("{now}"), Some(1_000_000_000));
        assert_eq!(at("{now+1d}"), Some(1_086_400_000));
        assert_eq!(at("{now - 30m}"), Some(998_200_000));
        assert_eq!(at("{now7d}"), None);
        assert_eq!(at("{now+7}"), None);
        assert_eq!(fill(&json!(["{now}", "x"]), UnixMs(5), false), json!(["5", "x"]));
    }
}

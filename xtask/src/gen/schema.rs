//! Schemas become shapes: references resolved, `allOf` merged, everything left out that is not about values.

use serde_json::{Map, Value, json};

const TYPES: [&str; 6] = ["string", "integer", "number", "boolean", "array", "object"];

/// The named schemas of one `OpenAPI` file.
pub struct Schemas<'a> {
    named: &'a Value,
}

impl<'a> Schemas<'a> {
    pub fn of(document: &'a Value) -> Self {
        Self {
            named: &document["components"]["schemas"],
        }
    }

    /// A parameter: name, place, and its shape.
    pub fn parameter(&self, parameter: &'a Value) -> Value {
        let mut facts = Map::new();
        facts.insert("name".into(), parameter["name"].clone());
        facts.insert("in".into(), parameter["in"].clone());
        if parameter["required"] == true {
            facts.insert("required".into(), true.into());
        }
        let mut shape = self.shape(&parameter["schema"]);
        let contradiction = contradiction(&parameter["schema"], &parameter["example"]);
        shape.extend(contradiction.map(|kind| ("example_is".to_owned(), kind.into())));
        facts.extend(shape);
        Value::Object(facts)
    }

    /// The shape of a schema, as the keys that `Shape` of the catalog has.
    pub fn shape(&self, schema: &'a Value) -> Map<String, Value> {
        self.nested(schema, &mut Vec::new())
    }

    /// Type and keys at the top of a schema; for a list the keys of its items.
    pub fn top(&self, schema: &'a Value) -> Map<String, Value> {
        let shape = self.shape(schema);
        let mut top = Map::new();
        top.extend(shape.get("type").map(|kind| ("type".to_owned(), kind.clone())));
        let fields = shape.get("fields").or_else(|| shape.get("items")?.get("fields"));
        let key = |field: &Value| {
            let kind = field.get("type").cloned().unwrap_or_else(|| "any".into());
            Some((field["name"].as_str()?.to_owned(), kind))
        };
        let keys: Map<String, Value> = fields
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(key)
            .collect();
        if !keys.is_empty() {
            top.insert("keys".into(), Value::Object(keys));
        }
        top
    }

    /// `within` are the names of the schemas that we are in: one that holds itself becomes any object.
    fn nested(&self, schema: &'a Value, within: &mut Vec<&'a str>) -> Map<String, Value> {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            if within.contains(&name) {
                return Map::from_iter([("type".to_owned(), "object".into())]);
            }
            within.push(name);
            let mut shape = self.nested(&self.named[name], within);
            within.pop();
            mark_nullable(schema, &mut shape);
            return shape;
        }
        let mut shape = self.merged(schema, within);
        self.add_own(schema, &mut shape, within);
        shape
    }

    /// All parts of `allOf` in one.
    fn merged(&self, schema: &'a Value, within: &mut Vec<&'a str>) -> Map<String, Value> {
        let mut all = Map::new();
        for part in list(&schema["allOf"]) {
            for (key, value) in self.nested(part, within) {
                match (all.get_mut(&key), value) {
                    (Some(Value::Array(known)), Value::Array(more)) if key == "fields" => known.extend(more),
                    (_, value) => {
                        all.insert(key, value);
                    }
                }
            }
        }
        all
    }

    fn add_own(&self, schema: &'a Value, shape: &mut Map<String, Value>, within: &mut Vec<&'a str>) {
        if let Some(kind) = kind(schema) {
            shape.insert("type".into(), kind.into());
        }
        if let Some(format) = schema["format"].as_str() {
            shape.insert("format".into(), format.into());
        }
        let choices: Vec<String> = list(&schema["enum"]).iter().filter_map(scalar).collect();
        if !choices.is_empty() {
            shape.insert("enum".into(), json!(choices));
        }
        mark_nullable(schema, shape);
        if schema["items"].is_object() {
            let items = self.nested(&schema["items"], within);
            shape.insert("items".into(), Value::Object(items));
        }
        let fields = self.fields(schema, within);
        if !fields.is_empty() {
            shape.insert("fields".into(), fields.into());
        }
        let alternatives = list(&schema["oneOf"]).iter().chain(list(&schema["anyOf"]));
        let alternatives: Vec<Value> = alternatives
            .map(|one| Value::Object(self.nested(one, within)))
            .collect();
        if !alternatives.is_empty() {
            shape.insert("any_of".into(), alternatives.into());
        }
        if let Some(kind) = contradiction(schema, &schema["example"]) {
            shape.insert("example_is".into(), kind.into());
        }
    }

    fn fields(&self, schema: &'a Value, within: &mut Vec<&'a str>) -> Vec<Value> {
        let required = list(&schema["required"]);
        let properties = schema["properties"].as_object().into_iter().flatten();
        let field = |(name, schema): (&'a String, &'a Value)| {
            let mut field = Map::new();
            field.insert("name".into(), name.as_str().into());
            if required.iter().any(|required| required == name) {
                field.insert("required".into(), true.into());
            }
            field.extend(self.nested(schema, within));
            Value::Object(field)
        };
        properties.map(field).collect()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn mark_nullable(schema: &Value, shape: &mut Map<String, Value>) {
    if schema["nullable"] == true {
        shape.insert("nullable".into(), true.into());
    }
}

/// The type, said or implied. What is no JSON type (`any`) says nothing.
fn kind(schema: &Value) -> Option<&'static str> {
    let said = schema["type"].as_str();
    let implied = || {
        let has = |key: &str| schema.get(key).is_some();
        [("properties", "object"), ("items", "array"), ("enum", "string")]
            .into_iter()
            .find_map(|(key, kind)| has(key).then_some(kind))
    };
    match said {
        Some(said) => TYPES.into_iter().find(|kind| *kind == said),
        None => implied(),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The type of the example, where the schema says object and the example is a single value.
fn contradiction(schema: &Value, example: &Value) -> Option<&'static str> {
    let is = match example {
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        _ => return None,
    };
    (schema["type"] == "object" && schema.get("properties").is_none()).then_some(is)
}

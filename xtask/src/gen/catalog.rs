//! The facts of every operation, one file per file of GHL's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{openapi, print};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The generated files by name, with their text.
pub fn files(from: &Path) -> Result<BTreeMap<String, String>> {
    let apps = from.join("apps");
    let folder = if apps.is_dir() { apps } else { from.to_owned() };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let read = || -> Result<(String, String)> {
            let name = path
                .file_name()
                .context("no name")?
                .to_string_lossy()
                .into_owned();
            let document = serde_json::from_str(&fs::read_to_string(&path)?)?;
            let text = resource(&format!("apps/{name}"), &document)?;
            Ok((name, text))
        };
        files.extend([read().with_context(|| path.display().to_string())?]);
    }
    ensure!(!files.is_empty(), "{} has no OpenAPI files", folder.display());
    Ok(files)
}

/// One generated file: operations in the order of path and method, so that the vendor's reordering changes nothing.
fn resource(source: &str, document: &Value) -> Result<String> {
    let paths = document["paths"].as_object().context("no `paths`")?;
    let mut operations = Vec::new();
    for (path, item) in paths {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                operations.push(((path, method), openapi::facts(document, path, method, operation)));
            }
        }
    }
    operations.sort_by_key(|(key, _)| *key);
    let operations: Vec<Value> = operations.into_iter().map(|(_, facts)| facts).collect();
    Ok(print::text(
        &json!({"source": source, "operations": operations}),
        &["operations", "parameters", "fields"],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_resolved_sorted_and_marked_where_the_file_contradicts_itself() {
        let document = json!({
            "paths": {
                "/b/{id}": {"delete": {
                    "operationId": "b", "summary": "Take away", "security": [{"Location-Access": ["b.write"]}],
                    "parameters": [
                        {"name": "Version", "in": "header", "schema": {"type": "string", "enum": ["2021-07-28"]}},
                        {"name": "id", "in": "path", "required": false, "schema": {"type": "string"}},
                    ],
                    "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}}},
                }},
                "/a/": {"post": {
                    "operationId": "a", "security": [{"bearer": ["a.write"]}, {"Agency-Access": ["a.write"]}],
                    "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}},
                    "responses": {"201": {}, "400": {}},
                }},
            },
            "components": {"schemas": {
                "A": {"type": "object", "required": ["date"], "properties": {
                    "date": {"type": "object", "example": "1990-09-25"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/A"}},
                    "both": {"allOf": [{"$ref": "#/components/schemas/Answer"}], "nullable": true},
                    "either": {"oneOf": [{"type": "string", "enum": ["x"]}, {"type": "number"}]},
                }},
                "Answer": {"type": "object", "properties": {"done": {"type": "boolean"}}},
            }},
        });
        let expected = r#"{
"source":"apps/x.json",
"operations":[
{"method":"POST","path":"/a/","operation_id":"a","version":[],"scopes":["a.write"],"token_kinds":["location","agency"],
 "parameters":[],
 "body":{"schema":"A","required":true,"type":"object",
  "fields":[
   {"name":"date","required":true,"type":"object","example_is":"string"},
   {"name":"parts","type":"array","items":{"type":"object"}},
   {"name":"both","type":"object","fields":[{"name":"done","type":"boolean"}],"nullable":true},
   {"name":"either","any_of":[{"type":"string","enum":["x"]},{"type":"number"}]}]},
 "success":[201]},
{"method":"DELETE","path":"/b/{id}","operation_id":"b","summary":"Take away","version":["2021-07-28"],"scopes":["b.write"],"token_kinds":["location"],
 "parameters":[
  {"name":"id","in":"path","type":"string"}],
 "success":[200],"answer":{"type":"object","keys":{"done":"boolean"}}}]}
"#;
        let text = resource("apps/x.json", &document).expect("facts");
        assert_eq!(text, expected);
        assert_eq!(
            serde_json::from_str::<Value>(&text).expect("JSON")["operations"][1]["path"],
            "/b/{id}"
        );
    }
}

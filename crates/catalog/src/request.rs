//! From inputs to a request: each value in its place, encoded as that place needs it.

use cartlane_model::Problems;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{BodyKind, Endpoint, In, Operation};

/// Everything but RFC 3986's unreserved characters; `+` is among the encoded, since servers read it as a
/// space.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request, complete but for address and credential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The operation it belongs to.
    pub operation_id: String,
    /// Method in capitals.
    pub method: String,
    /// Path and query, encoded; begins with a slash.
    pub path: String,
    /// Value of the `Version` header.
    pub version: String,
    /// The JSON body.
    pub body: Option<Value>,
}

impl Operation {
    /// The request that does this operation with `inputs` in the location `location_id`.
    pub fn request(&self, inputs: &Value, location_id: &str) -> Result<Request, Problems> {
        let Some(endpoint) = self.endpoint() else {
            let mut problems = Problems::default();
            problems.push(
                "",
                format!("{} is made of several calls: {}", self.id, self.calls.join(", ")),
            );
            return Err(problems);
        };
        let values = self.checked(inputs)?;
        Ok(Request {
            operation_id: self.id.clone(),
            method: endpoint.method.clone(),
            path: self.path(endpoint, values, location_id),
            version: endpoint.version.clone(),
            body: (endpoint.body == BodyKind::Json).then(|| self.body(endpoint, values, location_id)),
        })
    }

    fn given<'a>(
        &'a self,
        place: In,
        values: &'a Map<String, Value>,
    ) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let here = self.inputs.iter().filter(move |input| input.r#in == place);
        here.filter_map(|input| values.get(&input.name).map(|value| (input.name.as_str(), value)))
    }

    fn path(&self, endpoint: &Endpoint, values: &Map<String, Value>, location_id: &str) -> String {
        let mut path = endpoint.path.clone();
        for (name, value) in self.given(In::Path, values) {
            path = path.replace(&format!("{{{name}}}"), &encoded(&text(value)));
        }
        if endpoint.location_in == Some(In::Path) {
            path = path.replace("{locationId}", &encoded(location_id));
        }
        let location =
            (endpoint.location_in == Some(In::Query)).then(|| format!("locationId={}", encoded(location_id)));
        let pairs = self
            .given(In::Query, values)
            .flat_map(|(name, value)| query(name, value));
        let query: Vec<String> = location.into_iter().chain(pairs).collect();
        if query.is_empty() {
            path
        } else {
            format!("{path}?{}", query.join("&"))
        }
    }

    fn body(&self, endpoint: &Endpoint, values: &Map<String, Value>, location_id: &str) -> Value {
        let location =
            (endpoint.location_in == Some(In::Body)).then(|| ("locationId".into(), location_id.into()));
        let fields = self
            .given(In::Body, values)
            .map(|(name, value)| (name.to_owned(), value.clone()));
        Value::Object(location.into_iter().chain(fields).collect())
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `name=value`, once for each item of a list.
fn query(name: &str, value: &Value) -> Vec<String> {
    let pair = |value: &Value| format!("{}={}", encoded(name), encoded(&text(value)));
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().map(pair).collect(),
        value => vec![pair(value)],
    }
}

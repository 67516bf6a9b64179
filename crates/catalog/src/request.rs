//! From inputs to a request: each value in its place, encoded as that place needs it.

use cartlane_model::Problems;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{BodyKind, Endpoint, In, Input, Operation, Run, forms, raw};

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
    /// The JSON body; for a form the object that its parts are made of.
    pub body: Option<Value>,
}

/// What a connection is of: it fills in what operations ask for of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// The location; empty for an agency.
    pub location_id: &'a str,
    /// The agency, where it is known.
    pub company_id: Option<&'a str>,
}

impl<'a> From<&'a str> for Place<'a> {
    /// A location whose agency is not known.
    fn from(location_id: &'a str) -> Self {
        Self {
            location_id,
            company_id: None,
        }
    }
}

impl Operation {
    /// The request that does this operation with `inputs` in a location or agency.
    pub fn request<'a>(&self, inputs: &Value, place: impl Into<Place<'a>>) -> Result<Request, Problems> {
        let Place {
            location_id,
            company_id,
        } = place.into();
        if matches!(self.run, Run::Raw) {
            return Ok(raw::request(self.checked(inputs)?, location_id));
        }
        let Some(endpoint) = self.endpoint() else {
            let mut problems = Problems::default();
            problems.push(
                "",
                format!("{} is made of several calls: {}", self.id, self.calls.join(", ")),
            );
            return Err(problems);
        };
        let values = &self.with_company(self.checked(inputs)?, company_id)?;
        Ok(Request {
            operation_id: self.id.clone(),
            method: endpoint.method.clone(),
            path: self.path(endpoint, values, location_id),
            version: endpoint.version.clone(),
            body: self.body(endpoint, values, location_id),
        })
    }

    /// The inputs with the agency's id, where the operation asks for one that is not given.
    fn with_company(
        &self,
        values: &Map<String, Value>,
        company_id: Option<&str>,
    ) -> Result<Map<String, Value>, Problems> {
        let mut values = values.clone();
        let input = self.inputs.iter().find(|input| input.is_of_connection());
        let Some(input) = input.filter(|input| !values.contains_key(&input.name)) else {
            return Ok(values);
        };
        if let Some(id) = company_id {
            values.insert(input.name.clone(), id.into());
        } else if input.required {
            let how = "is missing: give it, or declare the connection's `company_id`";
            return Err(Problems::one(&input.name, format!("{how}. {}", input.help)));
        }
        Ok(values)
    }

    /// Names and values for a place: the location, what is fixed, and what is given or has a default.
    fn placed(&self, place: In, values: &Map<String, Value>, location_id: &str) -> Vec<(&str, Value)> {
        let Some(endpoint) = self.endpoint() else {
            return Vec::new();
        };
        let location = endpoint
            .location_name
            .as_deref()
            .filter(|_| endpoint.location_in == Some(place));
        let location = location.map(|name| (name, Value::from(location_id)));
        let fixed = endpoint.fixed.iter().filter(|fixed| fixed.r#in == place);
        let fixed = fixed.map(|fixed| (fixed.name.as_str(), fixed.value.clone()));
        let here = |input: &&Input| input.r#in == place || input.also_in == Some(place);
        let given = self.inputs.iter().filter(here).filter_map(|input| {
            let value = values.get(&input.name).or(input.default.as_ref())?;
            let country = forms::country(values);
            Some((input.name.as_str(), forms::plain(&input.shape, value, country)))
        });
        location.into_iter().chain(fixed).chain(given).collect()
    }

    fn path(&self, endpoint: &Endpoint, values: &Map<String, Value>, location_id: &str) -> String {
        let mut path = endpoint.path.clone();
        for (name, value) in self.placed(In::Path, values, location_id) {
            path = path.replace(&format!("{{{name}}}"), &encoded(&text(&value)));
        }
        let given = self.placed(In::Query, values, location_id);
        let query: Vec<String> = given
            .iter()
            .flat_map(|(name, value)| pairs(name, value))
            .collect();
        if query.is_empty() {
            path
        } else {
            format!("{path}?{}", query.join("&"))
        }
    }

    fn body(&self, endpoint: &Endpoint, values: &Map<String, Value>, location_id: &str) -> Option<Value> {
        let mut fields = self.placed(In::Body, values, location_id).into_iter();
        match endpoint.body {
            BodyKind::None => None,
            BodyKind::Json | BodyKind::Form => {
                Some(fields.map(|(name, value)| (name.to_owned(), value)).collect())
            }
            BodyKind::List => fields.next().map(|(_, value)| value),
        }
    }
}

pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `name=value`, once for each item of a list.
pub(crate) fn pairs(name: &str, value: &Value) -> Vec<String> {
    let pair = |value: &Value| format!("{}={}", encoded(name), encoded(&text(value)));
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().map(pair).collect(),
        value => vec![pair(value)],
    }
}

//! The form of `catalog/*/generated/*.json`: what the vendor's `OpenAPI` file says, unchanged.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::overlay::{Entry, Overlay};
use crate::{In, Shape, Type};

/// One generated file.
#[derive(Debug, Deserialize)]
pub(super) struct FactsFile {
    /// Its operations, by path and method.
    pub operations: Vec<Facts>,
}

impl FactsFile {
    /// The facts of a system without a generated file: they stand in the overlay.
    pub fn of(overlay: &Overlay) -> Result<Self, String> {
        let operations = overlay
            .operation
            .iter()
            .map(Facts::of)
            .collect::<Result<_, _>>()?;
        Ok(Self { operations })
    }
}

/// What the vendor's file says of one operation. Method and path are its identity; operation ids repeat.
#[derive(Debug, Deserialize)]
pub(super) struct Facts {
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub operation_id: String,
    #[serde(default)]
    pub summary: String,
    #[serde(default)]
    pub deprecated: bool,
    /// The values that the `Version` header may have.
    pub version: Vec<String>,
    pub scopes: Vec<String>,
    pub token_kinds: Vec<String>,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    pub success: Vec<u16>,
    /// The top of the answer; `None` where there is no schema.
    pub answer: Option<AnswerTop>,
}

/// A parameter of path or query.
#[derive(Debug, Deserialize)]
pub(super) struct Parameter {
    pub r#in: In,
    #[serde(flatten)]
    pub shape: Shape,
}

/// A body.
#[derive(Debug, Deserialize)]
pub(super) struct Body {
    /// The content type, where it is not JSON.
    pub content: Option<String>,
    #[serde(default)]
    pub fields: Vec<Shape>,
    /// What a body that is a list is made of.
    pub items: Option<Box<Shape>>,
}

impl Body {
    /// Whether it is a form of parts, which can carry files.
    pub fn is_form(&self) -> bool {
        self.content.as_deref() == Some("multipart/form-data")
    }
}

/// The top of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct AnswerTop {
    pub content: Option<String>,
    #[serde(default)]
    pub r#type: Type,
    #[serde(default)]
    pub keys: BTreeMap<String, Type>,
}

impl Facts {
    /// What an overlay's entry says by itself. A POST has a body, even where nothing goes into it.
    fn of(entry: &Entry) -> Result<Self, String> {
        let (method, path) = entry
            .facts
            .split_once(' ')
            .ok_or_else(|| format!("{}: facts are METHOD and path", entry.id))?;
        let query = |shape: &Shape| Parameter {
            r#in: In::Query,
            shape: shape.clone(),
        };
        let body = Body {
            content: None,
            fields: entry.fields.clone(),
            items: None,
        };
        Ok(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            operation_id: String::new(),
            summary: String::new(),
            deprecated: false,
            version: Vec::new(),
            scopes: Vec::new(),
            token_kinds: Vec::new(),
            parameters: entry.query.iter().map(query).collect(),
            body: (method != "GET").then_some(body),
            success: vec![200],
            answer: None,
        })
    }

    /// `POST /contacts/`.
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Every place for a value, in order. Path segments that the file forgot to declare are texts, and all are
    /// required whatever it says.
    pub fn places(&self) -> Vec<(In, Shape)> {
        let segments = self
            .path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        let declared = |name: &str| {
            let mut parameters = self.parameters.iter();
            parameters.any(|parameter| parameter.r#in == In::Path && parameter.shape.name == name)
        };
        let forgotten = segments.filter(|name| !declared(name)).map(|name| Shape {
            name: name.to_owned(),
            r#type: Type::String,
            ..Shape::default()
        });
        let parameters = self
            .parameters
            .iter()
            .map(|parameter| (parameter.r#in, parameter.shape.clone()));
        let fields = self
            .body
            .iter()
            .flat_map(|body| &body.fields)
            .map(|field| (In::Body, field.clone()));
        let mut places: Vec<(In, Shape)> = forgotten
            .map(|shape| (In::Path, shape))
            .chain(parameters)
            .collect();
        for (place, shape) in &mut places {
            shape.required |= *place == In::Path;
        }
        places.extend(fields);
        places
    }
}

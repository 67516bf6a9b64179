//! The form of `catalog/*/generated/*.json`: what the vendor's `OpenAPI` file says, unchanged.

use serde::Deserialize;

use crate::{In, Shape};

/// One generated file.
#[derive(Debug, Deserialize)]
pub(super) struct FactsFile {
    /// Its operations, in the order of use.
    pub operations: Vec<Facts>,
}

/// What the vendor's file says of one operation. Method and path are its identity; operation ids repeat.
#[derive(Debug, Deserialize)]
pub(super) struct Facts {
    pub method: String,
    pub path: String,
    /// The values that the `Version` header may have.
    pub version: Vec<String>,
    pub scopes: Vec<String>,
    pub token_kinds: Vec<String>,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    pub success: Vec<u16>,
    /// Keys at the top of the answer; empty where there is no schema.
    pub answer: Vec<String>,
}

/// A parameter of path or query.
#[derive(Debug, Deserialize)]
pub(super) struct Parameter {
    pub r#in: In,
    #[serde(flatten)]
    pub shape: Shape,
}

/// A JSON body.
#[derive(Debug, Deserialize)]
pub(super) struct Body {
    pub fields: Vec<Shape>,
}

impl Facts {
    /// `POST /contacts/`.
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Every place for a value, in order.
    pub fn places(&self) -> impl Iterator<Item = (In, &Shape)> {
        let parameters = self
            .parameters
            .iter()
            .map(|parameter| (parameter.r#in, &parameter.shape));
        let fields = self.body.iter().flat_map(|body| &body.fields);
        parameters.chain(fields.map(|field| (In::Body, field)))
    }
}

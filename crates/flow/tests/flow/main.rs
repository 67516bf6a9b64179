//! The crate as its callers use it: documents in, next steps out.

mod advance;
mod common;
mod defaults;
mod documents;
mod language;
mod recipes;
mod rules;
mod schema;
mod triggers;

//! Operations as data: what each one is called, takes and does, and how its request is built.
//!
//! An [`Operation`] is a record, not code. Its facts (method, path, version, scopes, fields) are generated
//! from the vendor's `OpenAPI` file into `catalog/*/generated/`; what no such file can say (title, help,
//! effect class, how an unclear call is confirmed, where the file is wrong) is written by hand in
//! `catalog/*/overlay/`. Both are compiled in.
//!
//! ```
//! use cartlane_catalog::Catalog;
//! let operation = Catalog::builtin().get("ghl.contacts.add_tags").expect("a known operation");
//! let inputs = serde_json::json!({"contactId": "sx6wyHhbFdRXh302LLNR", "tags": ["vip"]});
//! let request = operation.request(&inputs, "loc1").expect("right inputs");
//! assert_eq!(request.method, "POST");
//! assert_eq!(request.path, "/contacts/sx6wyHhbFdRXh302LLNR/tags");
//! ```
//!
//! What always holds: inputs are checked before a request exists, and all their faults are told at once; a
//! value cannot leave the place in the request that its input has; every record of the built-in catalog
//! builds its example. Start reading at [`operation`]; data comes in through `load`.

pub mod confirm;
mod load;
pub mod operation;
mod request;
pub mod shape;
mod validate;

use std::sync::LazyLock;

use cartlane_model::Problems;

pub use confirm::{Confirm, Match, confirm_finds, confirm_request};
pub use operation::{BodyKind, Effect, Endpoint, In, Input, Kind, Operation, Run, System};
pub use request::Request;
pub use shape::{Shape, Type};

/// All operations, in the order in which they are shown.
#[derive(Debug)]
pub struct Catalog {
    operations: Vec<Operation>,
}

impl Catalog {
    /// The catalog that is compiled in.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| match load::builtin() {
            Ok(catalog) => catalog,
            Err(problems) => panic!("the built-in catalog is wrong, which its test forbids: {problems}"),
        });
        &BUILTIN
    }

    fn new(operations: Vec<Operation>) -> Result<Self, Problems> {
        let catalog = Self { operations };
        let mut problems = Problems::default();
        for (index, operation) in catalog.operations.iter().enumerate() {
            if catalog.operations[..index]
                .iter()
                .any(|other| other.id == operation.id)
            {
                problems.push(&operation.id, "this id is there twice");
            }
            catalog.check_links(operation, &mut problems);
        }
        problems.into_result(catalog)
    }

    /// The operation with this id, such as `ghl.contacts.create`.
    pub fn get(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    /// All operations, in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The id that someone who wrote `id` most likely meant.
    pub fn nearest(&self, id: &str) -> Option<&str> {
        nearest(id, self.operations.iter().map(|operation| operation.id.as_str()))
    }

    /// The scopes that a token needs for this operation; for a composite those of all its calls.
    pub fn scopes(&self, operation: &Operation) -> Vec<&str> {
        let mut scopes: Vec<&str> = self
            .operations
            .iter()
            .filter(|other| other.id == operation.id || operation.calls.contains(&other.id))
            .filter_map(Operation::endpoint)
            .flat_map(|endpoint| endpoint.scopes.iter().map(String::as_str))
            .collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    }

    /// Notes links of `operation` that lead nowhere: called operations, and its confirming read.
    fn check_links(&self, operation: &Operation, problems: &mut Problems) {
        for call in operation.calls.iter().filter(|call| self.get(call).is_none()) {
            problems.push(
                &operation.id,
                format!("calls `{call}`, which is not in the catalog"),
            );
        }
        let Some(confirm) = operation
            .endpoint()
            .and_then(|endpoint| endpoint.confirm.as_ref())
        else {
            return;
        };
        let read = self
            .get(&confirm.operation)
            .filter(|read| read.effect == Effect::Read);
        let Some(read) = read else {
            return problems.push(
                &operation.id,
                format!("confirm: `{}` is not a read", confirm.operation),
            );
        };
        for (theirs, ours) in &confirm.inputs {
            if read.input(theirs).is_none() || operation.input(ours).is_none() {
                problems.push(
                    &operation.id,
                    format!("confirm: no input `{theirs}` there or `{ours}` here"),
                );
            }
        }
    }
}

/// The candidate that someone who wrote `word` most likely meant; `None` where none is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const NEAR_ENOUGH: f64 = 0.55;
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::normalized_damerau_levenshtein(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= NEAR_ENOUGH)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

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

pub mod answers;
pub mod confirm;
mod countries;
pub mod events;
mod fields;
mod filters;
mod forms;
mod links;
mod load;
pub mod operation;
pub mod options;
pub mod paging;
mod raw;
mod request;
pub mod rules;
pub mod shape;
mod times;
pub mod uploads;
mod validate;

use std::sync::{LazyLock, OnceLock};

use cartlane_model::Problems;

pub use confirm::{Confirm, Match, confirm_finds, confirm_request};
pub use forms::phone;
pub use operation::{AnswerTop, BodyKind, Effect, Endpoint, Fixed, In, Input, Kind, Operation, Run, System};
pub use options::{Choice, OptionSource};
pub use paging::{Cursor, Next, Order, Pages, Poll};
pub use request::{Place, Request};
pub use rules::Rule;
pub use shape::{Shape, Type};
pub use uploads::{File, FileBytes, Part, PartContent};

/// All operations, in the order in which they are shown.
///
/// The data of a resource is read when somebody first asks for one of its operations.
#[derive(Debug)]
pub struct Catalog {
    resources: Vec<Resource>,
    /// Any other request.
    raw: Operation,
}

/// The operations of one resource, once they are read.
#[derive(Debug)]
struct Resource {
    source: &'static load::Source,
    read: OnceLock<Vec<Operation>>,
}

impl Resource {
    fn operations(&self) -> &[Operation] {
        self.read.get_or_init(|| match self.source.read() {
            Ok(operations) => operations,
            Err(problems) => panic!("the built-in catalog is wrong, which its test forbids: {problems}"),
        })
    }
}

impl Catalog {
    /// The catalog that is compiled in.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| {
            let resource = |source: &'static load::Source| Resource {
                source,
                read: OnceLock::new(),
            };
            Catalog {
                resources: load::SOURCES.iter().map(resource).collect(),
                raw: raw::operation(),
            }
        });
        &BUILTIN
    }

    /// Everything that is wrong with the data, which a test forbids. Reads all of it.
    pub fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        let mut all = Vec::new();
        for resource in &self.resources {
            match resource.source.read() {
                Ok(operations) => all.extend(operations),
                Err(more) => problems.0.extend(more.0),
            }
        }
        links::check(&all, &mut problems);
        match load::options() {
            Ok(sources) => options::check(sources, &all, &mut problems),
            Err(more) => problems.0.extend(more.0.clone()),
        }
        problems
    }

    /// The list of choices of this name, such as `pipelines`.
    pub fn option_source(&self, name: &str) -> Option<&OptionSource> {
        load::options().as_ref().ok()?.get(name)
    }

    /// The operation with this id, such as `ghl.contacts.create`.
    pub fn get(&self, id: &str) -> Option<&Operation> {
        if id == self.raw.id {
            return Some(&self.raw);
        }
        let mut resources = self.resources.iter();
        let resource = resources.find(|resource| resource.source.owns(id))?;
        resource.operations().iter().find(|operation| operation.id == id)
    }

    /// All operations, in order.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        let resources = self.resources.iter().flat_map(Resource::operations);
        resources.chain([&self.raw])
    }

    /// The operations of the published list, in its order.
    pub fn listed(&self) -> Vec<&Operation> {
        let mut listed: Vec<&Operation> = self
            .operations()
            .filter(|operation| operation.listed.is_some())
            .collect();
        listed.sort_by_key(|operation| operation.listed);
        listed
    }

    /// The id that someone who wrote `id` most likely meant.
    pub fn nearest(&self, id: &str) -> Option<&str> {
        nearest(id, self.operations().map(|operation| operation.id.as_str()))
    }

    /// The scopes that a token needs for this operation; for a composite those of all its calls.
    pub fn scopes<'a>(&'a self, operation: &'a Operation) -> Vec<&'a str> {
        let calls = operation.calls.iter().filter_map(|call| self.get(call));
        let mut scopes: Vec<&str> = calls
            .chain([operation])
            .filter_map(Operation::endpoint)
            .flat_map(|endpoint| endpoint.scopes.iter().map(String::as_str))
            .collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes
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

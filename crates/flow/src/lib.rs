//! Automation documents, the expressions in them, and what comes next in a run.
//!
//! A [`Document`] says on which events it runs and which operations it makes of them. [`Compiled`] is the same, ready to
//! be evaluated many times. [`advance`] looks at an event and at what the steps so far brought, and names the next step:
//!
//! ```
//! # use cartlane_flow::{Compiled, Document};
//! # struct All;
//! # impl cartlane_flow::Operations for All {
//! #     fn has(&self, _: &str) -> bool { true }
//! #     fn nearest(&self, _: &str) -> Option<String> { None }
//! #     fn inputs(&self, _: &str) -> Option<Vec<String>> { None }
//! # }
//! let document = Document::from_yaml(r#"
//! name: Buyers
//! on: order.success
//! when: event.person.email
//! steps:
//!   - id: contact
//!     operation: ghl.contacts.save
//!     with:
//!       email: "{{ event.person.email }}"
//!   - id: tags
//!     operation: ghl.contacts.add_tags
//!     with:
//!       contactId: "{{ steps.contact.id }}"
//!       tags: [buyer]
//! "#, &All)?;
//! let automation = Compiled::new(document)?;
//! # Ok::<(), cartlane_model::Problems>(())
//! ```
//!
//! What always holds: nothing here reads a clock, the environment, a file or the network. The same document, event and
//! journal give the same answer; every evaluation ends (it has a budget of work); and a run that is advanced step by
//! step ends: a document has a bounded number of steps, and a loop a bounded number of rounds. Everything that can be known to be wrong is said when the
//! document is read, all faults at once: see [`validate`].
//!
//! Start reading at [`document`], then [`advance()`].

pub mod advance;
pub mod compiled;
pub mod condition;
pub mod contact;
pub mod cron;
pub mod defaults;
pub mod document;
pub mod expression;
pub mod fields;
pub mod filters;
pub mod functions;
pub mod history;
mod input;
mod merge;
pub mod moments;
pub mod names;
pub mod next;
mod node;
pub mod on;
mod operations;
mod parse;
mod paths;
pub mod recipe;
pub mod rules;
pub mod schema;
pub mod scope;
mod syntax;
pub mod tables;
mod tenure;
mod uses;
pub mod validate;
pub mod wait;
pub mod yaml;

pub use advance::{advance, awaits};
pub use compiled::Compiled;
pub use condition::{Condition, Operator};
pub use defaults::defaults;
pub use document::{Action, Branch, Call, Case, Document, ForEach, OnError, OnUnclear, Step, Wait};
pub use history::History;
pub use next::{Fault, Next};
pub use on::On;
pub use recipe::{Recipe, recipe, recipes};
pub use rules::{RowInputs, Rules};
pub use scope::{Journal, Scope, StepRecord};
pub use validate::Operations;

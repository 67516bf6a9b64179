//! What can come next in a run, and what is wrong where nobody can say.

use serde_json::Value as Json;

use crate::document::OnUnclear;

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Call an operation, and record what came of it.
    Call {
        /// The step, as it stands in the journal.
        step: String,
        /// The operation's id.
        operation: String,
        /// Its inputs: a JSON map.
        inputs: Json,
        /// The connection that it names.
        connection: Option<String>,
        /// What to do when nobody can tell whether an unsafe call of it took effect.
        on_unclear: OnUnclear,
        /// Whether the run goes on where it fails for good: record that it failed, and ask again.
        goes_on: bool,
    },
    /// Record what a step decided, which needs no call.
    Note {
        /// The step.
        step: String,
        /// What it decided.
        output: Json,
    },
    /// Record that the step was skipped.
    Skip {
        /// The step.
        step: String,
        /// Why, for people.
        reason: String,
    },
    /// Wait until the moment, or an event of one of these kinds that [`awaits`](crate::awaits); record either.
    Wait {
        /// The step.
        step: String,
        /// How long, from when it is first told.
        lasts_ms: Option<i64>,
        /// Until when, in milliseconds since 1970.
        until: Option<i64>,
        /// The kinds of event; [`wait::ANY`] for all.
        kinds: Vec<String>,
    },
    /// Every step is done or skipped.
    Done,
    /// A `stop` has ended the run.
    Ended {
        /// The step.
        step: String,
        /// Why, for people.
        reason: String,
    },
    /// A step failed: the run is over.
    Stopped {
        /// The step.
        step: String,
    },
    /// The automation has nothing to do with this event.
    NotApplicable {
        /// Why, for people.
        reason: String,
    },
}

/// An expression that could not be evaluated. It is the same each time: trying again does not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Fault {
    /// The step, as it stands in the journal; `None` where it is the automation's own condition.
    pub step: Option<String>,
    /// Where in the document: `steps[1].with.body`.
    pub path: String,
    /// What is wrong and what to do about it.
    pub message: String,
}

//! The lists that a person chooses an input's value from, per location: read once, kept for a while, read anew on demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cartlane_catalog::{Catalog, Choice, Cursor, Operation};
use cartlane_model::ConnectionId;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::{CallError, Executor, find};
use crate::Shared;
use crate::budget::Class;
use crate::directory::Target;
use crate::systems::Kind;

/// The list of custom fields.
pub(super) const CUSTOM_FIELDS: &str = "custom_fields";
/// Lists change seldom.
const FRESH: Duration = Duration::from_mins(10);
/// More choices nobody looks through.
const MOST: usize = 1_000;

/// A list of choices.
#[derive(Clone, Debug)]
pub struct Choices {
    /// The first thousand, in GHL's order.
    pub choices: Arc<[Choice]>,
    /// Whether there are more.
    pub is_cut: bool,
    /// Whether it was read before, up to ten minutes ago.
    pub is_kept: bool,
}

/// The lists that were read.
#[derive(Default)]
pub(crate) struct Kept(Mutex<HashMap<Key, (Instant, Choices)>>);

/// Whose list it is, which, and the inputs that it was read with.
type Key = (ConnectionId, String, String);

impl Kept {
    fn get(&self, key: &Key) -> Option<Choices> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, choices) = kept.get(key)?;
        (read_at.elapsed() < FRESH).then(|| Choices {
            is_kept: true,
            ..choices.clone()
        })
    }

    fn put(&self, key: Key, choices: &Choices) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (read_at, _)| read_at.elapsed() < FRESH);
        kept.insert(key, (Instant::now(), choices.clone()));
    }
}

impl Executor {
    /// The choices of an input whose [`option_source`](cartlane_catalog::Input::option_source) is `list`; with `refresh`
    /// read anew. `given` are the other inputs, on which some lists depend: whose tasks.
    pub async fn choices(
        &self,
        connection: &str,
        list: &str,
        given: &Json,
        refresh: bool,
    ) -> Result<Choices, CallError> {
        let source = Catalog::builtin()
            .option_source(list)
            .ok_or_else(|| CallError::NoSuchList(list.into()))?;
        let target = self.target(connection, Kind::of(find(&source.operation)?))?;
        self.shared.choices(&target, list, given, refresh).await
    }
}

impl Shared {
    pub(super) async fn choices(
        &self,
        target: &Target,
        list: &str,
        given: &Json,
        refresh: bool,
    ) -> Result<Choices, CallError> {
        let source = Catalog::builtin()
            .option_source(list)
            .ok_or_else(|| CallError::NoSuchList(list.into()))?;
        let inputs = Json::Object(source.inputs(given).map_err(CallError::Inputs)?);
        let key = (target.id, list.to_owned(), inputs.to_string());
        if let Some(kept) = self.kept_choices.get(&key).filter(|_| !refresh) {
            return Ok(kept);
        }
        let read = find(&source.operation)?;
        let inputs = with_what_pages_need(read, inputs);
        let mut choices: Vec<Choice> = Vec::new();
        let mut cursor = Cursor::new(read, &inputs);
        // An answer that is no list, such as the own location, is asked for once.
        let mut next = cursor
            .as_ref()
            .map_or(Some(inputs), |cursor| cursor.inputs().cloned());
        while let Some(inputs) = next.take().filter(|_| choices.len() < MOST) {
            read.validate(&inputs).map_err(CallError::Inputs)?;
            let answer = Box::pin(self.ask(target, Class::Hand, read, &inputs)).await?;
            choices.extend(source.choices(&answer));
            if let Some(cursor) = &mut cursor {
                cursor.turn(&answer);
                next = cursor.inputs().cloned();
            }
        }
        let has_more = cursor.is_some_and(|cursor| cursor.inputs().is_some());
        let choices = Choices {
            is_cut: has_more || choices.len() > MOST,
            choices: choices.into_iter().take(MOST).collect(),
            is_kept: false,
        };
        self.kept_choices.put(key, &choices);
        Ok(choices)
    }
}

/// Some lists want to be told where they begin.
fn with_what_pages_need(read: &Operation, mut inputs: Json) -> Json {
    let pages = read.endpoint().and_then(|endpoint| endpoint.pages.as_ref());
    if let (Some(cartlane_catalog::Next::Offset(name)), Some(given)) =
        (pages.map(|pages| &pages.next), inputs.as_object_mut())
        && let Some(input) = read.input(name).filter(|input| input.required)
    {
        let is_text = input.shape.kind() == cartlane_catalog::Type::String;
        given.insert(name.clone(), if is_text { "0".into() } else { 0.into() });
    }
    inputs
}

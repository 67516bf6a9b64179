//! A list read to its end, one page in memory at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use cartlane_catalog::Cursor;
use serde_json::Value as Json;

use super::{CallError, Executor, find};
use crate::Shared;
use crate::directory::Target;
use crate::systems::Kind;

/// The items of a list, page by page. Dropped, it asks for nothing more.
pub struct PageStream {
    shared: Arc<Shared>,
    target: Arc<Target>,
    operation: &'static cartlane_catalog::Operation,
    cursor: Cursor,
    page: VecDeque<Json>,
}

impl Executor {
    /// All items of an operation's list, from the page that the inputs ask for.
    pub async fn pages(
        &self,
        connection: &str,
        operation: &str,
        inputs: &Json,
    ) -> Result<PageStream, CallError> {
        let operation = find(operation)?;
        let target = self.target(connection, Kind::of(operation))?;
        let inputs = self.checked(&target, operation, inputs).await?;
        stream(&self.shared, target, operation, &inputs)
    }
}

fn stream(
    shared: &Arc<Shared>,
    target: Arc<Target>,
    operation: &'static cartlane_catalog::Operation,
    inputs: &Json,
) -> Result<PageStream, CallError> {
    let cursor = Cursor::new(operation, inputs).ok_or_else(|| CallError::NoPages(operation.id.clone()))?;
    Ok(PageStream {
        shared: Arc::clone(shared),
        target,
        operation,
        cursor,
        page: VecDeque::new(),
    })
}

impl PageStream {
    /// The next item; `None` after the last. After an error the same page may be asked for again.
    pub async fn next(&mut self) -> Result<Option<Json>, CallError> {
        while self.page.is_empty() {
            let Some(page) = self.next_page().await? else {
                return Ok(None);
            };
            self.page = page.into();
        }
        Ok(self.page.pop_front())
    }

    /// The next page's items; `None` after the last.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Json>>, CallError> {
        let Some(inputs) = self.cursor.inputs() else {
            return Ok(None);
        };
        let answer = self.shared.ask(&self.target, self.operation, inputs).await?;
        let items = self.cursor.turn(&answer);
        Ok((!items.is_empty()).then_some(items))
    }
}

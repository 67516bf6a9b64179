//! A list read to its end, one page in memory at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use cartlane_catalog::Cursor;
use serde_json::Value as Json;

use super::{CallError, Executor, find};
use crate::Shared;
use crate::budget::Class;
use crate::directory::Target;
use crate::systems::Kind;

/// The items of a list, page by page. Dropped, it asks for nothing more.
pub struct PageStream {
    shared: Arc<Shared>,
    target: Arc<Target>,
    operation: &'static cartlane_catalog::Operation,
    class: Class,
    cursor: Cursor,
    page: VecDeque<Json>,
}

/// A page, with what its answer was like.
pub(crate) struct Page {
    pub items: Vec<Json>,
    /// Whether the answer has a list there, and not one thing.
    pub is_list: bool,
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
        let cursor =
            Cursor::new(operation, &inputs).ok_or_else(|| CallError::NoPages(operation.id.clone()))?;
        Ok(PageStream {
            shared: Arc::clone(&self.shared),
            target,
            operation,
            class: self.class,
            cursor,
            page: VecDeque::new(),
        })
    }
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
        Ok(self.turn().await?.map(|page| page.items))
    }

    /// As [`PageStream::next_page`], with what the answer was like.
    pub(crate) async fn turn(&mut self) -> Result<Option<Page>, CallError> {
        let Some(inputs) = self.cursor.inputs() else {
            return Ok(None);
        };
        let ask = self.shared.ask(&self.target, self.class, self.operation, inputs);
        let answer = ask.await?;
        let is_list = self.cursor.is_list(&answer);
        let items = self.cursor.turn(&answer);
        Ok((!items.is_empty()).then_some(Page { items, is_list }))
    }

    /// Whether the last page was read.
    pub(crate) fn is_over(&self) -> bool {
        self.cursor.inputs().is_none()
    }

    /// Lets pages overlap: where their order is by a time, what has the same time as a page's last item would be left out
    /// else; where they are counted, what moves up because something before it is deleted meanwhile. Items may then come twice.
    pub(crate) fn overlap(&mut self) {
        self.cursor.overlap();
    }
}

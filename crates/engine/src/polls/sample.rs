//! What a poll would tell of now: for trials and checks, before it is switched on.

use cartlane_catalog::Operation;
use cartlane_flow::moments;
use serde_json::{Map, Value as Json};

use super::item;
use crate::executor::{CallError, find};
use crate::made::Made;
use crate::{Executor, Handle};

impl Handle {
    /// The events of what an account shows now on the first page of what is polled, `at_most` so many, as though it were
    /// new.
    pub(crate) async fn poll_samples(
        &self,
        connection: &str,
        operation: &str,
        with: &Map<String, Json>,
        at_most: usize,
    ) -> Result<Vec<Made>, CallError> {
        let operation = find(operation)?;
        let inputs = moments::filled(operation, with, self.now());
        let items = first_page(&self.executor(), connection, operation, &inputs).await?;
        let made = |item: &Json| item::made(&operation.id, &inputs, item, "", "new");
        Ok(items.iter().take(at_most).map(made).collect())
    }

    /// The first of these events, with its `kind`, as [`Handle::start_as`] takes it; `None` where there is nothing.
    ///
    /// # Errors
    /// Where the call fails.
    pub async fn poll_sample(
        &self,
        connection: &str,
        operation: &str,
        with: &Map<String, Json>,
    ) -> Result<Option<Json>, CallError> {
        let made = self.poll_samples(connection, operation, with, 1).await?;
        Ok(made.first().map(Made::to_json))
    }
}

async fn first_page(
    executor: &Executor,
    connection: &str,
    operation: &Operation,
    inputs: &Json,
) -> Result<Vec<Json>, CallError> {
    match executor.pages(connection, &operation.id, inputs).await {
        Ok(mut pages) => Ok(pages.next_page().await?.unwrap_or_default()),
        Err(CallError::NoPages(_)) => {
            let output = executor.call(connection, &operation.id, inputs).await?;
            Ok(item::items_of(output.value).0)
        }
        Err(error) => Err(error),
    }
}

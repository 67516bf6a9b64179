//! Reading the list of transactions back to a moment.
//!
//! The list has no filter by date, and comes newest first. So it is read page by page until a transaction is older than
//! wanted. What is sold meanwhile pushes the rest down: a transaction may come twice, and is given once.

use std::collections::HashSet;

use cartlane_model::UnixMs;
use serde_json::{Value, json};

/// The largest page that `ThriveCart` gives.
const PAGE: usize = 100;

/// A reading of the list, back to a moment. Pure: it says what to ask, and is told what came.
///
/// ```
/// use cartlane_model::UnixMs;
/// use cartlane_thrivecart::rest::NewestFirst;
/// let mut reading = NewestFirst::back_to(UnixMs(1_605_457_000_000));
/// assert_eq!(reading.next_page(), Some(serde_json::json!({"page": 1, "perPage": 100, "transactionType": "any"})));
/// let page = serde_json::json!({"transactions": [
///     {"event_id": "446660", "timestamp": 1_605_459_703},
///     {"event_id": "446001", "timestamp": 1_605_000_000},
/// ]});
/// assert_eq!(reading.took(&page).len(), 1);
/// assert_eq!(reading.next_page(), None);
/// ```
#[derive(Debug)]
pub struct NewestFirst {
    back_to: UnixMs,
    page: usize,
    seen: HashSet<String>,
    is_over: bool,
}

impl NewestFirst {
    /// All transactions of this moment and later.
    pub fn back_to(back_to: UnixMs) -> Self {
        Self {
            back_to,
            page: 1,
            seen: HashSet::new(),
            is_over: false,
        }
    }

    /// The inputs of the next `thrivecart.transactions.list`; `None` when all is read.
    pub fn next_page(&self) -> Option<Value> {
        let inputs = || json!({"page": self.page, "perPage": PAGE, "transactionType": "any"});
        (!self.is_over).then(inputs)
    }

    /// Takes the answer to [`next_page`](Self::next_page). Gives what is in it and new, newest first.
    pub fn took(&mut self, answer: &Value) -> Vec<Value> {
        let rows = answer["transactions"].as_array().map_or(&[][..], Vec::as_slice);
        let is_wanted = |row: &&Value| moment(row).is_none_or(|at| at >= self.back_to);
        let wanted: Vec<&Value> = rows.iter().filter(is_wanted).collect();
        // The size of a page is ThriveCart's to decide: only an empty one is surely the last.
        self.is_over = rows.is_empty() || wanted.len() < rows.len();
        let fresh: Vec<Value> = wanted
            .into_iter()
            .filter(|row| self.seen.insert(identity(row)))
            .cloned()
            .collect();
        // A page of known rows alone is one that `page` did not move.
        self.is_over |= fresh.is_empty();
        self.page += 1;
        fresh
    }
}

/// When it happened: seconds since 1970, as a number or its text.
fn moment(row: &Value) -> Option<UnixMs> {
    let timestamp = &row["timestamp"];
    let seconds = timestamp.as_i64().or_else(|| timestamp.as_str()?.parse().ok())?;
    Some(UnixMs(seconds.saturating_mul(1000)))
}

/// Its event's id; where it has none, all of it.
fn identity(row: &Value) -> String {
    match &row["event_id"] {
        Value::Null => row.to_string(),
        Value::String(id) => id.clone(),
        id => id.to_string(),
    }
}

//! What a poll has seen and the events that follow from it, in one transaction.

use std::collections::HashSet;

use cartlane_model::{NodeId, UnixMs};
use cartlane_store::inbox::{self, Delivery};
use cartlane_store::polls::{self, Digest, Poll};
use cartlane_store::{Error, Tx};

/// What one transaction writes.
pub(super) struct Batch {
    pub poll: Poll,
    pub node: NodeId,
    pub states: Vec<(Digest, Digest, Option<UnixMs>)>,
    pub events: Vec<Delivery>,
    /// At the end of a list whose items are known by their content: all others are gone.
    pub forget_but: Option<HashSet<Digest>>,
    /// How far behind the cursor what was seen is forgotten.
    pub forget_older: Option<i64>,
    pub end: Option<polls::Seen>,
}

impl Batch {
    /// Writes it; `false` where the poll is not this node's any more.
    pub fn write(&self, tx: &mut dyn Tx) -> Result<bool, Error> {
        // The keys of people before the poll's row: whoever waits for a poll holds no key.
        if !self.events.is_empty() {
            inbox::lock(tx, &self.events)?;
        }
        if !polls::hold(tx, &self.poll, self.node)? {
            return Ok(false);
        }
        let id = &self.poll.wanted.id;
        polls::remember(tx, id, &self.states)?;
        if !self.events.is_empty() {
            inbox::take(tx, &self.events)?;
        }
        let Some(end) = &self.end else { return Ok(true) };
        if let Some(there) = &self.forget_but {
            let known = polls::all_known(tx, id)?;
            let gone: Vec<Digest> = known.into_iter().filter(|item| !there.contains(item)).collect();
            polls::forget(tx, id, &gone)?;
        }
        if let (Some(behind_ms), Some(cursor)) = (self.forget_older, end.cursor) {
            polls::forget_older(tx, id, cursor.plus_ms(-behind_ms))?;
        }
        polls::succeeded(tx, id, end)?;
        Ok(true)
    }
}

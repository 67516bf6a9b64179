//! What is known about an event's contact: their stored events, folded page by page.
//!
//! Only automations whose expressions read `contact` ask for it. It is what was known when the event came in, the event
//! itself included, so that a replay and a plan answer what the first run did. An event that is only tried and not stored
//! comes after all that its contact has.

use cartlane_flow::{Compiled, History, history};
use cartlane_model::{ContactId, Event, EventId, Mode};
use cartlane_store::history::{self as store, Part};
use cartlane_store::{Error, Tx, contacts, runs::StoredEvent};

use crate::stored::event_of;
use crate::{MAIN_WORKSPACE, Shared};

/// Events in memory at a time: they have whole bodies.
const PAGE: i64 = 50;

impl Shared {
    /// The history of the event's contact up to the event; empty where it is about nobody.
    pub(crate) async fn history(&self, event: &Event) -> Result<History, Error> {
        let (until, mode) = (event.id, event.facts.mode);
        let mut history = History::for_mode(mode);
        let Some(contact) = event.contact_id else {
            return Ok(history);
        };
        let members = self.db.read(move |tx| store::members(tx, contact, until)).await?;
        for member in members {
            let mut after = None;
            loop {
                let page = self.page(member, mode, after, until).await?;
                let events = page.iter().filter_map(|stored| event_of(stored).ok()); // what cannot be read tells nothing
                events.for_each(|event| history.add(&event));
                after = page.last().map(|stored| stored.id);
                if page.len() < usize::try_from(PAGE).unwrap_or_default() {
                    break;
                }
            }
        }
        Ok(history)
    }

    /// The history of the contact of an event that is not stored: what is, and the event.
    pub(crate) async fn history_and(&self, event: &Event) -> Result<History, Error> {
        let mut history = self.history(event).await?;
        history.add(event);
        Ok(history)
    }

    /// The history that an automation reads: of an event that is stored, or of one that is only tried; `None` where it reads
    /// none.
    pub(crate) async fn history_for(
        &self,
        compiled: &Compiled,
        event: &Event,
        is_stored: bool,
    ) -> Result<Option<History>, Error> {
        Ok(match (compiled.reads("contact"), is_stored) {
            (false, _) => None,
            (true, true) => Some(self.history(event).await?),
            (true, false) => Some(self.history_and(event).await?),
        })
    }

    /// Names the items that an event has no name for, as the contact's orders have them: a refund may tell no more than an id.
    pub(crate) async fn name_items(&self, event: &mut Event) -> Result<(), Error> {
        let items = &event.facts.items;
        if event.contact_id.is_none() || items.iter().all(|item| item.name.is_some()) {
            return Ok(());
        }
        let history = self.history(event).await?;
        let order = event.facts.order_id.as_deref();
        for item in event.facts.items.iter_mut().filter(|item| item.name.is_none()) {
            item.name = history.name_of(order, &item.key()).map(str::to_owned);
        }
        Ok(())
    }

    /// Finds out whom an event is about that is not stored.
    pub(crate) async fn recognise(&self, event: &mut Event) -> Result<(), Error> {
        if let Some(email) = event.facts.person.email.clone() {
            let known = move |tx: &mut dyn Tx| contacts::by_email(tx, MAIN_WORKSPACE, &email);
            event.contact_id = self.db.read(known).await?;
        }
        Ok(())
    }

    async fn page(
        &self,
        member: ContactId,
        mode: Option<Mode>,
        after: Option<EventId>,
        until: EventId,
    ) -> Result<Vec<StoredEvent>, Error> {
        let read = move |tx: &mut dyn Tx| {
            let part = Part {
                kinds: &history::KINDS,
                is_test: mode == Some(Mode::Test),
                after,
                until,
                limit: PAGE,
            };
            store::events(tx, member, part)
        };
        self.db.read(read).await
    }
}

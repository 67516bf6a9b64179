//! A stored event as automations read it: its raw body is the truth, decoded anew by the source's decoder.

use cartlane_ghl::hooks;
use cartlane_model::{Event, Facts};
use cartlane_store::runs::StoredEvent;
use cartlane_thrivecart::{ContentType, decode_stored};

use crate::made::{MADE, Made};
use crate::source::{GHL_SIGNED, GHL_UNSIGNED};

/// The event behind its stored form.
pub(crate) fn event_of(stored: &StoredEvent) -> Result<Event, String> {
    let decoded = match stored.content_type.as_str() {
        GHL_SIGNED => hooks::decode_stored(true, &stored.body),
        GHL_UNSIGNED => hooks::decode_stored(false, &stored.body),
        MADE => {
            return Made::read(&stored.body).map(|made| of(stored, made.facts()));
        }
        name => {
            let content_type =
                ContentType::from_name(name).ok_or_else(|| format!("unknown kind of body `{name}`"))?;
            decode_stored(content_type, &stored.body)
        }
    };
    Ok(of(stored, decoded.facts))
}

fn of(stored: &StoredEvent, facts: Facts) -> Event {
    Event {
        id: stored.id,
        workspace_id: stored.workspace_id,
        connection_id: stored.connection_id,
        contact_id: stored.contact_id,
        received_at: stored.received_at,
        occurred_at: stored.occurred_at,
        facts,
    }
}

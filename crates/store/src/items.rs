//! The items that events were about: a small table, kept up to date with the events, from which people choose.

use std::collections::BTreeMap;

use cartlane_model::{ConnectionId, UnixMs, WorkspaceId};

use crate::bulk::Bulk;
use crate::db::{Error, Tx, Value};
use crate::inbox::Delivery;

/// The longest key that is kept, in bytes. Real ones have about ten.
const MAX_KEY: usize = 200;

/// An item that events were about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenItem {
    /// The shop.
    pub connection_id: ConnectionId,
    /// `product-12`.
    pub key: String,
    /// Its newest name; none where no event told one since items are kept.
    pub name: Option<String>,
    /// How many events were about it.
    pub events: i64,
    /// When the first came in.
    pub first_seen_at: UnixMs,
    /// When the last came in.
    pub last_seen_at: UnixMs,
}

/// Items of deliveries that are being taken, each once.
#[derive(Default)]
pub(crate) struct Seen<'d>(BTreeMap<(ConnectionId, &'d str), News<'d>>);

struct News<'d> {
    workspace: WorkspaceId,
    name: Option<&'d str>,
    events: i64,
    at: UnixMs,
}

const ITEMS: Bulk = Bulk {
    sqlite: "INSERT INTO seen_items (connection_id, key, workspace_id, name, events, first_seen_at, last_seen_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (connection_id, key) DO UPDATE SET \
             name = COALESCE(excluded.name, seen_items.name), events = seen_items.events + excluded.events, \
             last_seen_at = excluded.last_seen_at",
    postgres: "INSERT INTO seen_items (connection_id, key, workspace_id, name, events, first_seen_at, last_seen_at) \
               SELECT connection_id, key, workspace_id, name, events, at, at FROM unnest(?1::text[], ?2::text[], \
               ?3::text[], ?4::text[], ?5::int8[], ?6::int8[]) AS news (connection_id, key, workspace_id, name, events, at) \
               ON CONFLICT (connection_id, key) DO UPDATE SET name = COALESCE(excluded.name, seen_items.name), \
               events = seen_items.events + excluded.events, last_seen_at = excluded.last_seen_at",
};

impl<'d> Seen<'d> {
    /// Notes the items of a delivery that is a new event.
    pub fn note(&mut self, delivery: &'d Delivery) {
        for item in delivery.items.iter().filter(|item| item.key.len() <= MAX_KEY) {
            let news = self.0.entry((delivery.connection_id, &item.key)).or_insert(News {
                workspace: delivery.workspace_id,
                name: None,
                events: 0,
                at: delivery.received_at,
            });
            news.events += 1;
            news.at = delivery.received_at;
            news.name = item.name.as_deref().or(news.name);
        }
    }

    /// Writes them, in the order of their keys: nodes that write the same ones wait for each other, and never in a circle.
    pub fn write(self, tx: &mut dyn Tx) -> Result<(), Error> {
        let rows = self.0.iter().map(|((connection, key), news)| {
            vec![
                Value::id(connection),
                (*key).into(),
                Value::id(&news.workspace),
                news.name.into(),
                news.events.into(),
                news.at.into(),
            ]
        });
        ITEMS.execute(tx, rows.collect()).map(drop)
    }
}

/// All items of a workspace's shops, by shop and key. Index: `seen_items_by_workspace`.
pub fn seen(tx: &mut dyn Tx, workspace: WorkspaceId) -> Result<Vec<SeenItem>, Error> {
    let rows = tx.query(
        "SELECT connection_id, key, name, events, first_seen_at, last_seen_at FROM seen_items WHERE workspace_id = ?1 \
         ORDER BY connection_id, key",
        &[Value::id(&workspace)],
    )?;
    let item = |row: &crate::db::Row| {
        Ok(SeenItem {
            connection_id: row.id(0)?,
            key: row.text(1)?.to_owned(),
            name: row.opt_text(2)?.map(str::to_owned),
            events: row.int(3)?,
            first_seen_at: UnixMs(row.int(4)?),
            last_seen_at: UnixMs(row.int(5)?),
        })
    };
    rows.iter().map(item).collect()
}

//! JSON documents by kind and id, each of one location: the state of resources that read much as they were sent.
//!
//! What always holds: ids are unique within a kind, the order is that of insertion, and a document of a contact goes
//! when the contact goes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cartlane_model::UnixMs;
use serde_json::{Map, Value, json};

use crate::accounts::Scene;
use crate::contacts::Contact;
use crate::faults::Dice;
use crate::reply::Reply;

/// One document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) location: String,
    /// Under GHL's names; without id and location.
    pub(crate) fields: Map<String, Value>,
    pub(crate) added_at: UnixMs,
    pub(crate) updated_at: UnixMs,
}

impl Document {
    /// A field that is a text.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }

    /// Id, location and fields.
    pub(crate) fn view(&self) -> Map<String, Value> {
        let mut view = Map::new();
        view.insert("id".to_owned(), json!(self.id));
        view.insert("locationId".to_owned(), json!(self.location));
        view.extend(self.fields.clone());
        view
    }

    /// Lays a body over the fields, but for `locationId`; null takes a field away. Answers what is different now.
    pub(crate) fn apply(&mut self, body: &Map<String, Value>, now: UnixMs) -> Map<String, Value> {
        let mut written = Map::new();
        for (key, value) in body.iter().filter(|(key, _)| *key != "locationId") {
            let old = if value.is_null() {
                self.fields.shift_remove(key).unwrap_or_default()
            } else {
                self.fields.insert(key.clone(), value.clone()).unwrap_or_default()
            };
            if old != *value {
                written.insert(key.clone(), value.clone());
            }
        }
        self.updated_at = now;
        written
    }
}

/// All documents.
#[derive(Default)]
pub(crate) struct Documents {
    kinds: HashMap<&'static str, Drawer>,
    last: u64,
    edition: u64,
}

/// The documents of one kind, by the number under which each came.
#[derive(Default)]
struct Drawer {
    documents: BTreeMap<u64, Document>,
    numbers: HashMap<String, u64>,
}

impl Documents {
    /// Another one after each change.
    pub(crate) fn edition(&self) -> u64 {
        self.edition
    }

    /// Adds a document, or replaces the one of its id in its place.
    pub(crate) fn put(&mut self, kind: &'static str, document: Document) {
        self.edition += 1;
        let drawer = self.kinds.entry(kind).or_default();
        let last = &mut self.last;
        let number = *drawer.numbers.entry(document.id.clone()).or_insert_with(|| {
            *last += 1;
            *last
        });
        drawer.documents.insert(number, document);
    }

    pub(crate) fn get(&self, kind: &str, id: &str) -> Option<&Document> {
        let drawer = self.kinds.get(kind)?;
        drawer.documents.get(drawer.numbers.get(id)?)
    }

    pub(crate) fn remove(&mut self, kind: &str, id: &str) -> Option<Document> {
        self.edition += 1;
        let drawer = self.kinds.get_mut(kind)?;
        let number = drawer.numbers.remove(id)?;
        drawer.documents.remove(&number)
    }

    /// A location's documents of a kind, oldest first.
    pub(crate) fn of<'a>(
        &'a self,
        kind: &str,
        location: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a Document> {
        let drawer = self.kinds.get(kind).into_iter();
        let all = drawer.flat_map(|drawer| drawer.documents.values());
        all.filter(move |document| document.location == location)
    }

    /// Removes what is a record's: the documents of a contact, the relations of anything.
    pub(crate) fn remove_of(&mut self, record: &str) {
        let names = ["contactId", "firstRecordId", "secondRecordId"];
        self.remove_where(|document| names.iter().any(|name| document.text(name) == Some(record)));
    }

    /// Removes all that fit, of any kind.
    pub(crate) fn remove_where(&mut self, fits: impl Fn(&Document) -> bool) {
        self.edition += 1;
        for drawer in self.kinds.values_mut() {
            drawer.documents.retain(|_, document| !fits(document));
            let Drawer { documents, numbers } = drawer;
            numbers.retain(|_, number| documents.contains_key(number));
        }
    }
}

/// An id that follows from seed, location and name alone: for what every location has from the start.
pub(crate) fn stable_id(seed: u64, location: &str, name: &str) -> String {
    // FNV-1a.
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let bytes = location.bytes().chain([0]).chain(name.bytes());
    Dice::new(bytes.fold(0xcbf2_9ce4_8422_2325 ^ seed, hash)).id()
}

impl Scene<'_> {
    /// The location that a body names; 403 where it isn't the token's.
    pub(crate) fn location_in_body(&self) -> Result<String, Reply> {
        let id = self.body.get("locationId").and_then(Value::as_str);
        Ok(self.location(id.unwrap_or_default())?.id.clone())
    }

    /// The location that this parameter of the query names; 403 where it isn't the token's.
    pub(crate) fn location_in_query(&self, name: &str) -> Result<String, Reply> {
        Ok(self.location(self.query(name).unwrap_or_default())?.id.clone())
    }

    /// A document made of the body.
    pub(crate) fn new_document(&mut self, location: &str) -> Document {
        self.document_of(location, self.body)
    }

    /// A document made of these fields.
    pub(crate) fn document_of(&mut self, location: &str, fields: &Map<String, Value>) -> Document {
        let mut document = Document {
            id: self.store.new_id(),
            location: location.to_owned(),
            fields: Map::new(),
            added_at: self.now,
            updated_at: self.now,
        };
        document.apply(fields, self.now);
        document
    }

    /// The document of this id; 400 where there is none, with `name` for its kind, 403 where it belongs to a location
    /// that the token isn't for.
    pub(crate) fn document(&self, kind: &str, name: &str, id: &str) -> Result<Document, Reply> {
        let document = self.store.documents.get(kind, id);
        let document = document.ok_or_else(|| Reply::not_found(name, id))?;
        self.location(&document.location)?;
        Ok(document.clone())
    }

    /// The contact of this id; 400 where there is none, 403 where it belongs to a location that the token isn't for.
    pub(crate) fn contact(&self, id: &str) -> Result<Arc<Contact>, Reply> {
        let contact = self.store.contact(id);
        let contact = contact.ok_or_else(|| Reply::not_found("Contact", id))?;
        self.location(&contact.location_id)?;
        Ok(Arc::clone(contact))
    }

    /// How many rows there are, and the page by `skip` and `limit`, of which there must be no more than `most`.
    pub(crate) fn limited_page(
        &self,
        rows: Vec<Value>,
        limit: usize,
        most: usize,
    ) -> Result<(usize, Vec<Value>), Reply> {
        let asked = self.query("limit").and_then(|text| text.parse::<usize>().ok());
        match asked {
            Some(0) => Err(Reply::unprocessable(
                &["limit must not be less than 1".to_owned()],
            )),
            Some(asked) if asked > most => Err(Reply::unprocessable(&[format!(
                "limit must not be greater than {most}"
            )])),
            _ => self.page(rows, limit),
        }
    }

    /// 422 unless the query has both `skip` and `limit`.
    pub(crate) fn check_paging(&self) -> Result<(), Reply> {
        let missing: Vec<String> = ["skip", "limit"]
            .into_iter()
            .filter(|name| self.query(name).is_none())
            .map(|name| format!("{name} must be a number conforming to the specified constraints"))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Reply::unprocessable(&missing))
        }
    }
}

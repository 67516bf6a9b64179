//! The state: contacts and notes, the ways to find them, and the lagging index that search reads.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use cartlane_model::UnixMs;

use crate::contacts::{Contact, same_text};
use crate::documents::{self, Documents};
use crate::faults::Dice;
use crate::notes::Note;

/// All accounts' contacts and notes.
pub(crate) struct Store {
    contacts: HashMap<String, Arc<Contact>>,
    notes: HashMap<String, Vec<Note>>,
    /// What else there is.
    pub(crate) documents: Documents,
    locations: HashMap<String, Finder>,
    index: Index,
    ids: Dice,
    seed: u64,
    /// How long a write stays invisible to search.
    pub(crate) lag_ms: i64,
}

/// Contact ids of one location by what they are looked up by.
#[derive(Default)]
struct Finder {
    emails: HashMap<String, Vec<String>>,
    phones: HashMap<String, Vec<String>>,
    by_age: BTreeSet<(UnixMs, String)>,
}

/// What search sees: each contact as it was `lag_ms` ago.
#[derive(Default)]
struct Index {
    contacts: HashMap<String, Arc<Contact>>,
    waiting: VecDeque<Change>,
    /// How often it has changed.
    edition: u64,
    /// The last search's whole result, so that its next page costs nothing.
    last: Option<Found>,
}

struct Found {
    edition: u64,
    question: String,
    contacts: Arc<Vec<Arc<Contact>>>,
}

struct Change {
    visible_at: UnixMs,
    id: String,
    contact: Option<Arc<Contact>>,
}

impl Store {
    /// An empty store whose ids follow from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            contacts: HashMap::new(),
            notes: HashMap::new(),
            documents: Documents::default(),
            locations: HashMap::new(),
            index: Index::default(),
            ids: Dice::new(seed),
            seed,
            lag_ms: 0,
        }
    }

    pub(crate) fn new_id(&mut self) -> String {
        self.ids.id()
    }

    /// The id of something that the location has from the start.
    pub(crate) fn stable_id(&self, location: &str, name: &str) -> String {
        documents::stable_id(self.seed, location, name)
    }

    pub(crate) fn contact(&self, id: &str) -> Option<&Arc<Contact>> {
        self.contacts.get(id)
    }

    pub(crate) fn contact_count(&self) -> usize {
        self.contacts.len()
    }

    pub(crate) fn note_count(&self) -> usize {
        self.notes.values().map(Vec::len).sum()
    }

    /// The contact's notes, oldest first.
    pub(crate) fn notes(&self, contact_id: &str) -> &[Note] {
        self.notes.get(contact_id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn notes_mut(&mut self, contact_id: &str) -> &mut Vec<Note> {
        self.notes.entry(contact_id.to_owned()).or_default()
    }

    /// Inserts or replaces a contact.
    pub(crate) fn put(&mut self, contact: Contact, now: UnixMs) {
        let contact = Arc::new(contact);
        let old = self.contacts.insert(contact.id.clone(), Arc::clone(&contact));
        let finder = self.locations.entry(contact.location_id.clone()).or_default();
        if let Some(old) = old {
            finder.forget(&old);
        }
        finder.learn(&contact);
        self.index.waiting.push_back(Change {
            visible_at: now.plus_ms(self.lag_ms),
            id: contact.id.clone(),
            contact: Some(contact),
        });
        self.index.catch_up(now);
    }

    /// Deletes a contact with its notes and documents; whether it was there.
    pub(crate) fn remove(&mut self, id: &str, now: UnixMs) -> bool {
        let Some(old) = self.contacts.remove(id) else {
            return false;
        };
        self.notes.remove(id);
        self.documents.remove_of(id);
        self.locations
            .entry(old.location_id.clone())
            .or_default()
            .forget(&old);
        self.index.waiting.push_back(Change {
            visible_at: now.plus_ms(self.lag_ms),
            id: id.to_owned(),
            contact: None,
        });
        self.index.catch_up(now);
        true
    }

    /// The contact with this e-mail, as its own one before as an additional one, compared without case.
    pub(crate) fn by_email(&self, location: &str, email: &str) -> Option<&Arc<Contact>> {
        let ids = self.locations.get(location)?.emails.get(&email.to_lowercase())?;
        let own = |id: &&String| {
            let contact = self.contacts.get(id.as_str());
            contact
                .and_then(|contact| contact.email())
                .is_some_and(|own| same_text(own, email))
        };
        let id = ids.iter().find(own).or_else(|| ids.first())?;
        self.contacts.get(id)
    }

    /// The contact with this phone number, compared by its digits.
    pub(crate) fn by_phone(&self, location: &str, phone: &str) -> Option<&Arc<Contact>> {
        let ids = self.locations.get(location)?.phones.get(&phone_key(phone))?;
        self.contacts.get(ids.first()?)
    }

    /// How many contacts the location has.
    pub(crate) fn count_in(&self, location: &str) -> usize {
        self.locations
            .get(location)
            .map_or(0, |finder| finder.by_age.len())
    }

    /// The location's contacts, newest first, behind the given one.
    pub(crate) fn newest_first(
        &self,
        location: &str,
        behind: Option<(UnixMs, String)>,
    ) -> impl Iterator<Item = &Arc<Contact>> {
        let by_age = self.locations.get(location).map(|finder| &finder.by_age);
        let end = behind.unwrap_or((UnixMs(i64::MAX), String::new()));
        let ids = by_age
            .into_iter()
            .flat_map(move |set| set.range(..end.clone()).rev());
        ids.filter_map(|(_, id)| self.contacts.get(id))
    }

    /// The location's contacts as search sees them; only those that may have `email` or `phone`, where given.
    pub(crate) fn indexed(
        &mut self,
        location: &str,
        email: Option<&str>,
        phone: Option<&str>,
        now: UnixMs,
    ) -> Vec<Arc<Contact>> {
        self.index.catch_up(now);
        let here = |contact: &&Arc<Contact>| contact.location_id == location;
        let finder = self.locations.get(location);
        let found = match (email, phone) {
            (Some(email), _) => finder.and_then(|finder| finder.emails.get(&email.to_lowercase())),
            (None, Some(phone)) => finder.and_then(|finder| finder.phones.get(&phone_key(phone))),
            (None, None) => return self.index.contacts.values().filter(here).cloned().collect(),
        };
        // What changed within the lag may have had the e-mail before: it's looked at too.
        let waiting = self.index.waiting.iter().map(|change| &change.id);
        let ids: BTreeSet<&String> = found.into_iter().flatten().chain(waiting).collect();
        let contacts = ids.into_iter().filter_map(|id| self.index.contacts.get(id));
        contacts.filter(here).cloned().collect()
    }

    /// What the same question found before, where nothing has changed since; else what `look` finds.
    pub(crate) fn remembered(
        &mut self,
        question: String,
        now: UnixMs,
        look: impl FnOnce(&mut Self) -> Vec<Arc<Contact>>,
    ) -> Arc<Vec<Arc<Contact>>> {
        self.index.catch_up(now);
        let edition = self.index.edition;
        let same = |found: &&Found| found.edition == edition && found.question == question;
        if let Some(found) = self.index.last.as_ref().filter(same) {
            return Arc::clone(&found.contacts);
        }
        let contacts = Arc::new(look(self));
        self.index.last = Some(Found {
            edition,
            question,
            contacts: Arc::clone(&contacts),
        });
        contacts
    }

    /// Every contact, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Contact>> {
        self.contacts.values()
    }
}

impl Finder {
    fn learn(&mut self, contact: &Contact) {
        for email in contact.all_emails() {
            self.emails.entry(email).or_default().push(contact.id.clone());
        }
        if let Some(phone) = contact.phone() {
            self.phones
                .entry(phone_key(phone))
                .or_default()
                .push(contact.id.clone());
        }
        self.by_age.insert((contact.added_at, contact.id.clone()));
    }

    fn forget(&mut self, contact: &Contact) {
        for email in contact.all_emails() {
            drop_id(&mut self.emails, &email, &contact.id);
        }
        if let Some(phone) = contact.phone() {
            drop_id(&mut self.phones, &phone_key(phone), &contact.id);
        }
        self.by_age.remove(&(contact.added_at, contact.id.clone()));
    }
}

fn drop_id(ids: &mut HashMap<String, Vec<String>>, key: &str, id: &str) {
    if let Some(found) = ids.get_mut(key) {
        found.retain(|other| other != id);
        if found.is_empty() {
            ids.remove(key);
        }
    }
}

impl Index {
    fn catch_up(&mut self, now: UnixMs) {
        while self
            .waiting
            .front()
            .is_some_and(|change| change.visible_at <= now)
        {
            let Some(change) = self.waiting.pop_front() else {
                return;
            };
            self.edition += 1;
            match change.contact {
                Some(contact) => self.contacts.insert(change.id, contact),
                None => self.contacts.remove(&change.id),
            };
        }
    }
}

/// A phone number without spaces, dots, dashes and brackets.
pub(crate) fn phone_key(phone: &str) -> String {
    phone
        .chars()
        .filter(|letter| letter.is_ascii_digit() || *letter == '+')
        .collect()
}

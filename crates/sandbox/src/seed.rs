//! Many contacts at once, for whoever lists or searches them.

use serde_json::json;

use crate::contacts::Contact;
use crate::state::Inner;

impl Inner {
    /// Adds `count` contacts to a location, each a second younger than the one before, the last one now; visible to
    /// search at once. Answers how many contacts there are.
    pub(crate) fn seed(&mut self, count: usize, location: &str) -> usize {
        let now = self.time.now();
        let before = self.store.contact_count();
        self.store.lag_ms = 0;
        for index in 0..count {
            let number = before + index;
            let age_ms = i64::try_from(count - index - 1).unwrap_or_default() * 1_000;
            let mut contact = Contact::new(self.store.new_id(), location, now.plus_ms(-age_ms));
            contact.fields.insert("firstName".to_owned(), json!("Seeded"));
            contact
                .fields
                .insert("lastName".to_owned(), json!(format!("Contact {number}")));
            contact
                .fields
                .insert("email".to_owned(), json!(format!("contact-{number}@example.com")));
            contact
                .fields
                .insert("phone".to_owned(), json!(format!("+1555{number:07}")));
            contact.tags.push(format!("group {}", number % 10));
            self.store.put(contact, now);
        }
        self.store.contact_count()
    }
}

//! The GHL account, seen from the inside of the sandbox.

use cartlane_sandbox::{Edit, Entry, Fault, Match, Message, MessageIds, Rule, Running, Settings, Stats};
use serde_json::{Map, Value};

use super::{LOCATION, TOKEN};

/// What is in the account and what was asked of it; and what shall go wrong.
pub struct Ghl<'a> {
    sandbox: &'a Running,
}

impl<'a> Ghl<'a> {
    pub(super) fn new(sandbox: &'a Running) -> Self {
        Self { sandbox }
    }

    /// All contacts as GHL shows them, oldest first.
    pub fn contacts(&self) -> Vec<Value> {
        self.sandbox.state().contacts()
    }

    /// The contact with this e-mail.
    ///
    /// # Panics
    /// When there is none.
    pub fn contact(&self, email: &str) -> Value {
        let found = self.sandbox.state().contact(email);
        found.unwrap_or_else(|| panic!("GHL has no contact {email}"))
    }

    /// The contact's tags, sorted.
    pub fn tags(&self, email: &str) -> Vec<String> {
        let contact = self.contact(email);
        let tags = contact["tags"].as_array().into_iter().flatten();
        let mut tags: Vec<String> = tags.filter_map(Value::as_str).map(str::to_owned).collect();
        tags.sort();
        tags
    }

    /// The bodies of the contact's notes, oldest first.
    pub fn notes(&self, email: &str) -> Vec<String> {
        let contact = self.contact(email);
        let notes = self
            .sandbox
            .state()
            .notes(contact["id"].as_str().unwrap_or_default());
        let body = |note: &Value| note["body"].as_str().unwrap_or_default().to_owned();
        notes.iter().map(body).collect()
    }

    /// Every request so far.
    pub fn calls(&self) -> Vec<Entry> {
        self.sandbox.state().calls()
    }

    /// How many effects of this kind (`note_created`, …) there were, including those of other users.
    pub fn effects(&self, kind: &str) -> usize {
        let entries = self.sandbox.state().log(0, usize::MAX);
        let is_kind = |entry: &&Entry| entry.effect.as_ref().is_some_and(|effect| effect.kind == kind);
        entries.iter().filter(is_kind).count()
    }

    /// Counts so far.
    pub fn stats(&self) -> Stats {
        self.sandbox.state().stats()
    }

    /// Adds to the script of faults.
    pub fn script(&self, rule: Rule) {
        self.sandbox.state().script([rule]);
    }

    /// The next `times` calls that create a note meet `fault`.
    pub fn fail_notes(&self, fault: Fault, times: u32) {
        self.script(Rule::new(creates_note(), fault, times));
    }

    /// The next `times` calls that create a contact meet `fault`.
    pub fn fail_creates(&self, fault: Fault, times: u32) {
        self.script(Rule::new(creates_contact(), fault, times));
    }

    /// The next `times` calls that create a contact are cut, and take effect so much later.
    pub fn late_creates(&self, delay_ms: u32, times: u32) {
        self.script(Rule {
            delay_ms: Some(delay_ms),
            ..Rule::new(creates_contact(), Fault::LateEffect, times)
        });
    }

    /// Changes the settings; the next request meets them.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        self.sandbox.state().change(change);
    }

    /// Makes the connection's token unknown, or known again.
    pub fn revoke_token(&self, is_revoked: bool) {
        let token = if is_revoked { "pit-another" } else { TOKEN };
        self.change(|settings| settings.tokens[0].token = token.into());
    }

    /// Gives the token these scopes alone; `None` for all.
    pub fn scopes(&self, scopes: Option<&[&str]>) {
        let scopes = scopes.map(|scopes| scopes.iter().map(|&scope| scope.to_owned()).collect());
        self.change(|settings| settings.tokens[0].scopes = scopes);
    }

    /// Another user makes a contact with these fields; its id.
    ///
    /// # Panics
    /// When the sandbox refuses it.
    pub fn add_contact(&self, email: &str, set: &Value) -> String {
        let set: Map<String, Value> = set.as_object().cloned().unwrap_or_default();
        self.edit(&Edit {
            create: true,
            set,
            ..Self::edit_of(email)
        })
    }

    /// Another user changes something; the contact's id.
    ///
    /// # Panics
    /// When the sandbox refuses it.
    pub fn edit(&self, edit: &Edit) -> String {
        self.sandbox.state().edit(edit).expect("the edit is made")
    }

    /// The contact or another user writes or calls; the ids of what became of it.
    ///
    /// # Panics
    /// When the sandbox refuses it.
    pub fn message(&self, message: &Message) -> MessageIds {
        self.sandbox
            .state()
            .message(message)
            .expect("the message is kept")
    }

    /// An edit of the contact with this e-mail, to be filled.
    pub fn edit_of(email: &str) -> Edit {
        Edit {
            location: Some(LOCATION.into()),
            email: Some(email.into()),
            ..Edit::default()
        }
    }
}

fn creates_note() -> Match {
    Match {
        method: Some("POST".into()),
        path_contains: Some("/notes".into()),
        ..Match::default()
    }
}

fn creates_contact() -> Match {
    Match {
        method: Some("POST".into()),
        body_contains: Some("\"email\"".into()),
        ..Match::default()
    }
}

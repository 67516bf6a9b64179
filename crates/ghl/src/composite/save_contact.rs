//! Find the contact by e-mail and update it, or create it.
//!
//! What always holds: the e-mail decides who it is; a phone never picks a contact. Where GHL says that another
//! contact has the phone, it is left out with a warning. A field in `if_empty` is sent only where the contact is
//! known to have none. Fields that the contact has already are not sent.
//!
//! ```text
//! known id ─► (an if_empty field unknown? read it) ─► update
//!     │ gone
//!     ▼
//! find by previous e-mail, then by e-mail ── found ─► update    create ── duplicate by e-mail ─► update that
//!     │ none                                                     ▲
//!     └───────────────────────────────────────────────────────────┘
//! ```

mod wanted;

use cartlane_model::contact::email_key;
use serde_json::{Value, json};

use super::{Answer, Done, Known, Part, text};
use crate::compare;
use crate::contact::{FIELDS, Has, has_email};
use wanted::Wanted;

const GET: &str = "ghl.contacts.get";
const FIND: &str = "ghl.contacts.find_duplicate";
const UPDATE: &str = "ghl.contacts.update";
const CREATE: &str = "ghl.contacts.create";
/// More calls than any sensible course of things takes: someone else is changing the contact all the time.
const MOST_CALLS: usize = 12;

pub(super) fn next(inputs: &Value, known: Option<&Known>, done: &[Done]) -> Part {
    let Some(email) = text(inputs, "email") else {
        return Part::Failed("an e-mail is needed: it decides which contact it is".into());
    };
    let mut saving = Saving::new(inputs, email, known, done.first());
    for done in done {
        saving = match saving.after(&done.answer) {
            Ok(saving) => saving,
            Err(reason) => return Part::Failed(reason),
        };
    }
    if done.len() >= MOST_CALLS && !matches!(saving.stage, Stage::Finished { .. }) {
        return Part::Failed(format!("the contact is still not saved after {MOST_CALLS} calls"));
    }
    saving.part()
}

/// Where the fold stands.
#[derive(Clone, Debug)]
enum Stage {
    /// Reads the contact, since an if-empty field is not known.
    Get { id: String },
    /// Looks for the e-mail of this index among the candidates.
    Find { candidate: usize },
    /// Updates; `contact` is what is known of it.
    Update { id: String, contact: Option<Value> },
    /// Creates.
    Create,
    /// Done.
    Finished { contact: Value, created: bool },
}

struct Saving<'a> {
    wanted: Wanted<'a>,
    stage: Stage,
    warnings: Vec<String>,
}

impl<'a> Saving<'a> {
    /// The beginning. What was done first decides where there is something: what is known may be newer than that.
    fn new(inputs: &'a Value, email: &'a str, known: Option<&Known>, first: Option<&Done>) -> Self {
        let wanted = Wanted::new(inputs, email);
        let id = first
            .and_then(|first| text(&first.inputs, "contactId"))
            .map(str::to_owned);
        let stage = match (first.map(|first| first.operation.as_str()), id, known) {
            (Some(GET), Some(id), _) => Stage::Get { id },
            (Some(UPDATE), Some(id), _) => Stage::Update { id, contact: None },
            (None, _, Some(known)) => {
                let id = known.id.clone();
                let is_known = |ours: &&str| known.filled.iter().any(|name| name == ours);
                if wanted.if_empty().all(|ours| is_known(&ours)) {
                    Stage::Update { id, contact: None }
                } else {
                    Stage::Get { id }
                }
            }
            _ => Stage::Find { candidate: 0 },
        };
        Self {
            wanted,
            stage,
            warnings: Vec::new(),
        }
        .settled()
    }

    /// The call to make now, or the end.
    fn part(self) -> Part {
        let (operation, label, inputs) = match &self.stage {
            Stage::Get { id } => (GET, "read contact", json!({"contactId": id})),
            Stage::Find { candidate } => {
                let email = self
                    .wanted
                    .candidates()
                    .get(*candidate)
                    .copied()
                    .unwrap_or(self.wanted.email);
                (FIND, "find contact by e-mail", json!({"email": email}))
            }
            Stage::Update { id, contact } => {
                let mut inputs = self.wanted.changes(contact.as_ref());
                inputs.insert("contactId".into(), id.as_str().into());
                (UPDATE, "update contact", Value::Object(inputs))
            }
            Stage::Create => (CREATE, "create contact", Value::Object(self.wanted.fields())),
            Stage::Finished { contact, created } => return self.finish(contact, *created),
        };
        Part::Call {
            operation,
            inputs,
            label,
        }
    }

    fn finish(&self, contact: &Value, created: bool) -> Part {
        let mut warnings = self.warnings.clone();
        if !created {
            warnings.extend(self.wanted.company_warning(contact));
        }
        let id = contact.get("id").cloned().unwrap_or_default();
        let output = json!({"id": id, "contact": contact, "created": created, "warnings": warnings});
        Part::Done { output, warnings }
    }

    /// An update with nothing to send is none.
    fn settled(mut self) -> Self {
        if let Stage::Update { id, contact } = &self.stage
            && self.wanted.changes(contact.as_ref()).is_empty()
        {
            let contact = contact.clone().unwrap_or_else(|| json!({"id": id}));
            self.stage = Stage::Finished {
                contact,
                created: false,
            };
        }
        self
    }

    /// Where things stand after the current stage's call answered this; an error where it cannot be done.
    fn after(mut self, answer: &Answer) -> Result<Self, String> {
        self.stage = match (self.stage.clone(), answer) {
            (stage @ Stage::Finished { .. }, _) => stage,
            (Stage::Get { id }, Answer::Ok(answer)) => {
                let contact = contact_of(answer).ok_or("GHL's answer has no contact")?;
                Stage::Update {
                    id,
                    contact: Some(contact.clone()),
                }
            }
            (Stage::Find { candidate }, Answer::Ok(answer)) => self.after_find(candidate, contact_of(answer)),
            (Stage::Find { candidate }, Answer::NotFound) => self.after_find(candidate, None),
            (Stage::Get { .. } | Stage::Update { .. }, Answer::NotFound) => self.again(),
            (Stage::Update { contact: before, .. }, Answer::Ok(answer)) => {
                let contact = contact_of(answer).ok_or("GHL's answer has no contact")?;
                self.warnings
                    .extend(compare::warnings(&self.wanted.changes(before.as_ref()), contact));
                Stage::Finished {
                    contact: contact.clone(),
                    created: false,
                }
            }
            (Stage::Create, Answer::Ok(answer)) => {
                let contact = contact_of(answer).ok_or("GHL's answer has no contact")?;
                self.warnings
                    .extend(compare::warnings(&self.wanted.fields(), contact));
                Stage::Finished {
                    contact: contact.clone(),
                    created: true,
                }
            }
            (Stage::Create, Answer::NotFound) => {
                return Err("GHL knows no such thing when it creates a contact".into());
            }
            (
                stage,
                Answer::Duplicate {
                    contact_id,
                    matching_field,
                },
            ) => self.after_duplicate(stage, contact_id, matching_field)?,
            (stage, Answer::Invalid(messages)) => self.after_invalid(stage, messages)?,
        };
        Ok(self.settled())
    }

    /// The contact that was found counts only where it has the e-mail: GHL may have found it by something else.
    fn after_find(&mut self, candidate: usize, found: Option<&Value>) -> Stage {
        let candidates = self.wanted.candidates();
        let looked_for = candidates.get(candidate).copied().unwrap_or(self.wanted.email);
        let ours = found.and_then(|contact| {
            let id = contact.get("id")?.as_str()?;
            Some((id.to_owned(), contact, has_email(contact, looked_for)?))
        });
        let Some((id, contact, has)) = ours else {
            let is_last = candidate + 1 >= candidates.len();
            return if is_last {
                Stage::Create
            } else {
                Stage::Find {
                    candidate: candidate + 1,
                }
            };
        };
        if has == Has::Additional {
            self.keep_primary_email(looked_for);
        }
        // This answer's form is undocumented: that a field is not in it does not say that the contact has none.
        let is_open = |ours: &str| {
            FIELDS
                .iter()
                .any(|(name, ghl)| *name == ours && contact.get(*ghl).is_none())
        };
        let must_read = self.wanted.if_empty().any(is_open);
        if must_read {
            Stage::Get { id }
        } else {
            Stage::Update {
                id,
                contact: Some(contact.clone()),
            }
        }
    }

    /// The contact has the e-mail as an additional one: to send it would replace the primary one.
    fn keep_primary_email(&mut self, looked_for: &str) {
        self.wanted.left_out.push("email");
        if email_key(looked_for) != email_key(self.wanted.email) {
            let email = self.wanted.email;
            self.warnings.push(format!(
                "e-mail {email} was not set: {looked_for} is only an additional e-mail of the contact"
            ));
        }
    }

    /// The contact is gone: it is looked for again.
    fn again(&mut self) -> Stage {
        self.wanted.left_out.clear();
        self.warnings.clear();
        Stage::Find { candidate: 0 }
    }

    fn after_duplicate(
        &mut self,
        stage: Stage,
        contact_id: &str,
        matching_field: &str,
    ) -> Result<Stage, String> {
        let is_create = matches!(stage, Stage::Create);
        let by_phone = match matching_field {
            "phone" => true,
            "email" | "additionalEmail" => false,
            _ => self.wanted.sends("phone"), // unsaid: without the phone it is seen whether it was that
        };
        let fault = || format!("GHL still says that contact {contact_id} is a duplicate by {matching_field}");
        if by_phone {
            if !self.wanted.sends("phone") {
                return Err(fault());
            }
            let phone = self.wanted.given("phone").unwrap_or_default();
            self.warnings.push(format!(
                "phone {phone} was not set: it belongs to another contact ({contact_id})"
            ));
            self.wanted.left_out.push("phone");
            return Ok(stage);
        }
        if is_create {
            if matching_field == "additionalEmail" {
                self.wanted.left_out.push("email");
            }
            let id = contact_id.to_owned();
            let must_read = self.wanted.if_empty().next().is_some();
            return Ok(if must_read {
                Stage::Get { id }
            } else {
                Stage::Update { id, contact: None }
            });
        }
        if !self.wanted.sends("email") {
            return Err(fault());
        }
        let email = self.wanted.email;
        self.warnings.push(format!(
            "e-mail {email} was not set: it belongs to another contact ({contact_id})"
        ));
        self.wanted.left_out.push("email");
        Ok(stage)
    }

    /// Fields that GHL names as wrong are left out, with a warning: the others shall not be lost for them.
    fn after_invalid(&mut self, stage: Stage, messages: &[String]) -> Result<Stage, String> {
        let said = messages.join("; ");
        let words: Vec<&str> = said
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .collect();
        let fields = self.wanted.fields();
        let named = |ghl: &&str| *ghl != "email" && fields.contains_key(*ghl) && words.contains(ghl);
        let wrong: Vec<&'static str> = FIELDS.iter().map(|(_, ghl)| *ghl).filter(named).collect();
        if wrong.is_empty() || !matches!(stage, Stage::Update { .. } | Stage::Create) {
            return Err(format!("GHL does not accept what was sent: {said}"));
        }
        for ghl in wrong {
            let value = fields.get(ghl).and_then(Value::as_str).unwrap_or_default();
            self.warnings
                .push(format!("{ghl} `{value}` was not set: GHL says: {said}"));
            self.wanted.left_out.push(ghl);
        }
        Ok(stage)
    }
}

fn contact_of(answer: &Value) -> Option<&Value> {
    answer
        .get("contact")
        .filter(|contact| contact.get("id").is_some_and(Value::is_string))
}

//! Find the contact by e-mail and update it, or create it.
//!
//! What always holds: the e-mail decides who it is; a phone never picks a contact. Where GHL says that another contact
//! has the phone, it is left out with a warning. A field in `if_empty` is sent only where the contact is known to have
//! none. Fields that the contact has already are not sent.
//!
//! ```text
//! known id ─► (an if_empty field unknown? read it) ─► update
//!     │ gone
//!     ▼
//! find by previous e-mail, then by e-mail ── found ─► update        create ── duplicate by e-mail ─► update that one
//!     │ none                                                         ▲
//!     └───────────────────────────────────────────────────────────────┘
//! ```

use cartlane_model::contact::email_key;
use serde_json::{Map, Value, json};

use super::{Answer, Done, Known, Part, text};
use crate::compare;
use crate::contact::{FIELDS, Has, has_email, is_empty};

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
    inputs: &'a Value,
    email: &'a str,
    stage: Stage,
    /// Fields (GHL's names) that are left out from now on.
    left_out: Vec<&'static str>,
    warnings: Vec<String>,
}

impl<'a> Saving<'a> {
    /// The beginning. What was done first decides where there is something: what is known may be newer than that.
    fn new(inputs: &'a Value, email: &'a str, known: Option<&Known>, first: Option<&Done>) -> Self {
        let mut saving = Self {
            inputs,
            email,
            stage: Stage::Find { candidate: 0 },
            left_out: Vec::new(),
            warnings: Vec::new(),
        };
        let id = first
            .and_then(|first| text(&first.inputs, "contactId"))
            .map(str::to_owned);
        saving.stage = match (first.map(|first| first.operation.as_str()), id, known) {
            (Some(GET), Some(id), _) => Stage::Get { id },
            (Some(UPDATE), Some(id), _) => Stage::Update { id, contact: None },
            (None, _, Some(known)) => {
                let id = known.id.clone();
                let is_known = |ours: &&str| known.filled.iter().any(|name| name == ours);
                if saving.if_empty().all(|ours| is_known(&ours)) {
                    Stage::Update { id, contact: None }
                } else {
                    Stage::Get { id }
                }
            }
            _ => Stage::Find { candidate: 0 },
        };
        saving.settled()
    }

    /// The e-mails to look for, in order.
    fn candidates(&self) -> Vec<&'a str> {
        let previous = text(self.inputs, "previous_email");
        let is_other = |previous: &&str| email_key(previous) != email_key(self.email);
        previous
            .filter(is_other)
            .into_iter()
            .chain([self.email])
            .collect()
    }

    /// The given fields that are only set where the contact has none.
    fn if_empty(&self) -> impl Iterator<Item = &'static str> {
        FIELDS
            .iter()
            .map(|(ours, _)| *ours)
            .filter(|ours| text(self.inputs, ours).is_some() && self.is_if_empty(ours))
    }

    fn is_if_empty(&self, ours: &str) -> bool {
        let names = self.inputs.get("if_empty").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|name| name == ours))
    }

    /// The call to make now, or the end.
    fn part(self) -> Part {
        let (operation, label, inputs) = match &self.stage {
            Stage::Get { id } => (GET, "read contact", json!({"contactId": id})),
            Stage::Find { candidate } => {
                let email = self.candidates().get(*candidate).copied().unwrap_or(self.email);
                (FIND, "find contact by e-mail", json!({"email": email}))
            }
            Stage::Update { id, contact } => {
                let mut inputs = self.changes(contact.as_ref());
                inputs.insert("contactId".into(), id.as_str().into());
                (UPDATE, "update contact", Value::Object(inputs))
            }
            Stage::Create => (CREATE, "create contact", Value::Object(self.fields())),
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
            warnings.extend(self.company_warning(contact));
        }
        let id = contact.get("id").cloned().unwrap_or_default();
        let output = json!({"id": id, "contact": contact, "created": created, "warnings": warnings});
        Part::Done { output, warnings }
    }

    /// GHL takes a company only when it creates a contact.
    fn company_warning(&self, contact: &Value) -> Option<String> {
        let wanted = text(self.inputs, "company")?;
        let has = contact.get("companyName");
        let is_filled = has.is_some_and(|has| !is_empty(has));
        let is_same = has.is_some_and(|has| compare::same("companyName", &json!(wanted), has));
        let is_only_id = contact.as_object().is_some_and(|fields| fields.len() == 1);
        let is_right = is_same || is_only_id || is_filled && self.is_if_empty("company");
        (!is_right)
            .then(|| format!("company `{wanted}` was not set: GHL takes it only when a contact is created"))
    }

    /// All given fields in GHL's names, less those left out.
    fn fields(&self) -> Map<String, Value> {
        let offered = FIELDS.iter().filter(|(_, ghl)| !self.left_out.contains(ghl));
        let mut fields: Map<String, Value> = offered
            .filter_map(|(ours, ghl)| Some(((*ghl).to_owned(), Value::from(text(self.inputs, ours)?))))
            .collect();
        let custom = self
            .inputs
            .get("custom_fields")
            .and_then(Value::as_array)
            .filter(|list| !list.is_empty());
        if let Some(custom) = custom.filter(|_| !self.left_out.contains(&"customFields")) {
            fields.insert("customFields".into(), custom.iter().map(custom_field).collect());
        }
        fields
    }

    /// The fields that an update has to send. Of a contact that was not read, if-empty fields are known to be filled.
    fn changes(&self, contact: Option<&Value>) -> Map<String, Value> {
        let mut fields = self.fields();
        fields.shift_remove("companyName");
        for (ours, ghl) in FIELDS {
            let has = contact
                .and_then(|contact| contact.get(*ghl))
                .filter(|has| !is_empty(has));
            let is_kept = self.is_if_empty(ours) && (contact.is_none() || has.is_some());
            let is_there = || {
                fields
                    .get(*ghl)
                    .is_some_and(|wanted| has.is_some_and(|has| compare::same(ghl, wanted, has)))
            };
            if is_kept || is_there() {
                fields.shift_remove(*ghl);
            }
        }
        if let (Some(Value::Array(custom)), Some(contact)) = (fields.get_mut("customFields"), contact) {
            custom.retain(|field| !compare::has_custom_field(field, contact));
        }
        if fields
            .get("customFields")
            .is_some_and(|custom| custom.as_array().is_some_and(Vec::is_empty))
        {
            fields.shift_remove("customFields");
        }
        fields
    }

    /// An update with nothing to send is none.
    fn settled(mut self) -> Self {
        if let Stage::Update { id, contact } = &self.stage
            && self.changes(contact.as_ref()).is_empty()
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
                    .extend(compare::warnings(&self.changes(before.as_ref()), contact));
                Stage::Finished {
                    contact: contact.clone(),
                    created: false,
                }
            }
            (Stage::Create, Answer::Ok(answer)) => {
                let contact = contact_of(answer).ok_or("GHL's answer has no contact")?;
                self.warnings.extend(compare::warnings(&self.fields(), contact));
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
        let candidates = self.candidates();
        let looked_for = candidates.get(candidate).copied().unwrap_or(self.email);
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
        let must_read = self.if_empty().any(is_open);
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
        self.left_out.push("email");
        if email_key(looked_for) != email_key(self.email) {
            let email = self.email;
            self.warnings.push(format!(
                "e-mail {email} was not set: {looked_for} is only an additional e-mail of the contact"
            ));
        }
    }

    /// The contact is gone: it is looked for again.
    fn again(&mut self) -> Stage {
        self.left_out.clear();
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
        let sends = |ghl: &str, saving: &Self| saving.fields().contains_key(ghl);
        let by_phone = match matching_field {
            "phone" => true,
            "email" | "additionalEmail" => false,
            _ => sends("phone", self), // unsaid: without the phone it is seen whether it was that
        };
        let fault = || format!("GHL still says that contact {contact_id} is a duplicate by {matching_field}");
        if by_phone {
            if !sends("phone", self) {
                return Err(fault());
            }
            let phone = text(self.inputs, "phone").unwrap_or_default();
            self.warnings.push(format!(
                "phone {phone} was not set: it belongs to another contact ({contact_id})"
            ));
            self.left_out.push("phone");
            return Ok(stage);
        }
        if is_create {
            if matching_field == "additionalEmail" {
                self.left_out.push("email");
            }
            let id = contact_id.to_owned();
            let must_read = self.if_empty().next().is_some();
            return Ok(if must_read {
                Stage::Get { id }
            } else {
                Stage::Update { id, contact: None }
            });
        }
        if !sends("email", self) {
            return Err(fault());
        }
        let email = self.email;
        self.warnings.push(format!(
            "e-mail {email} was not set: it belongs to another contact ({contact_id})"
        ));
        self.left_out.push("email");
        Ok(stage)
    }

    /// Fields that GHL names as wrong are left out, with a warning: the others shall not be lost for them.
    fn after_invalid(&mut self, stage: Stage, messages: &[String]) -> Result<Stage, String> {
        let said = messages.join("; ");
        let words: Vec<&str> = said
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .collect();
        let fields = self.fields();
        let named = |ghl: &&str| *ghl != "email" && fields.contains_key(*ghl) && words.contains(ghl);
        let wrong: Vec<&'static str> = FIELDS.iter().map(|(_, ghl)| *ghl).filter(named).collect();
        if wrong.is_empty() || !matches!(stage, Stage::Update { .. } | Stage::Create) {
            return Err(format!("GHL does not accept what was sent: {said}"));
        }
        for ghl in wrong {
            let value = fields.get(ghl).and_then(Value::as_str).unwrap_or_default();
            self.warnings
                .push(format!("{ghl} `{value}` was not set: GHL says: {said}"));
            self.left_out.push(ghl);
        }
        Ok(stage)
    }
}

fn contact_of(answer: &Value) -> Option<&Value> {
    answer
        .get("contact")
        .filter(|contact| contact.get("id").is_some_and(Value::is_string))
}

/// `{id, key, value}` as GHL writes it: `{id, key, field_value}`.
fn custom_field(field: &Value) -> Value {
    let given = |name: &str| field.get(name).filter(|value| !value.is_null()).cloned();
    let parts = [
        ("id", given("id")),
        ("key", given("key")),
        ("field_value", given("value")),
    ];
    Value::Object(
        parts
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect(),
    )
}

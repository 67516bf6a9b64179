//! The names that expressions can read, and which of them someone meant.

use std::collections::HashMap;

use cartlane_catalog::events;

use crate::fields::{self, Inside};

/// What the kinds of event of GHL begin with; these are a closed list, [`cartlane_catalog::events`].
pub const GHL: &str = "ghl.";

/// The kinds of event of `ThriveCart` that are known. Others are accepted too, unless they look like a slip in one of these.
///
/// From `ThriveCart`'s help page *Using webhook notifications* and, where its name is ours, from the list of Event
/// Subscriptions; in the dotted vocabulary.
pub const EVENT_KINDS: [&str; 18] = [
    "order.success",
    "order.refund",
    "order.subscription_payment",
    "order.rebill_failed",
    "order.subscription_cancelled",
    "order.subscription_paused",
    "order.subscription_resumed",
    "cart.abandoned",
    "customer.updated",
    "order.item_payment",
    "order.payment_declined",
    "order.subscription_completed",
    "affiliate.created",
    "affiliate.approved",
    "affiliate.rejected",
    "affiliate.commission_earned",
    "affiliate.commission_payout",
    "affiliate.commission_refund",
];

/// What stands at the top: `event.person.email`, `steps.contact.id`, `settings.target`, `reference`.
pub const ROOTS: [&str; 7] = [
    "event",
    "contact",
    "rules",
    "tables",
    "steps",
    "settings",
    "reference",
];

/// The fields of `event`.
pub const EVENT: [&str; 16] = [
    "id",
    "workspace_id",
    "connection_id",
    "contact_id",
    "received_at",
    "occurred_at",
    "kind",
    "mode",
    "person",
    "items",
    "amount",
    "order_id",
    "invoice_id",
    "coupon",
    "subscription",
    "payload",
];

/// The fields of `event.person`.
pub const PERSON: [&str; 13] = [
    "email",
    "previous_email",
    "customer_id",
    "first_name",
    "last_name",
    "name",
    "phone",
    "company",
    "address1",
    "city",
    "state",
    "postal_code",
    "country",
];

/// The fields of one of `event.items`.
pub const ITEM: [&str; 7] = ["type", "id", "name", "amount", "quantity", "plan_id", "plan_name"];

/// The fields of `event.amount` and of an item's `amount`.
pub const MONEY: [&str; 2] = ["minor", "currency"];

/// The fields of `event.subscription`.
pub const SUBSCRIPTION: [&str; 5] = [
    "id",
    "frequency",
    "paid_until",
    "next_payment_at",
    "remaining_payments",
];

/// The one of `candidates` that someone who wrote `name` most likely meant, if any is near.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// The known kind of event that whoever wrote `kind` meant: one of GHL's where it is one of its but unknown, else one that
/// differs by one or two letters, which is a slip, not another kind.
pub fn mistaken_kind(kind: &str) -> Option<&'static str> {
    if kind.starts_with(GHL) && events::get(kind).is_none() {
        return events::nearest(kind).or(Some(events::UNKNOWN));
    }
    if EVENT_KINDS.contains(&kind) {
        return None;
    }
    EVENT_KINDS
        .into_iter()
        .find(|known| strsim::damerau_levenshtein(kind, known) <= 2)
}

/// The first of `event`'s fields that is of its facts: the output of a `wait` has none of those before it.
const FIRST_FACT: usize = 6;

/// The names in the output of a step, each with the path that it stands for, where that is known.
pub(crate) type Output<'a> = Vec<(&'a str, Option<String>)>;

/// What an expression can see where it stands.
#[derive(Default)]
pub(crate) struct Visible<'a> {
    /// The steps that may have run.
    pub earlier: &'a [&'a str],
    /// All steps of the document.
    pub all: &'a [&'a str],
    /// The outputs of steps whose names are known.
    pub outputs: Option<&'a HashMap<&'a str, Output<'a>>>,
    /// The functions that there are.
    pub functions: &'a [&'a str],
    /// Whether it stands within a loop, where there are `item` and `index`.
    pub in_loop: bool,
    /// What `item` is, where that is known: `event.items[]`.
    pub item: Option<&'a str>,
    /// Whether it is the condition of a wait, where there is `awaited`.
    pub is_awaited: bool,
}

/// What is wrong with `path`, read where `visible` is all that can be seen. `[]` stands behind a list in it.
///
/// What `rules` and `tables` have depends on the document, see `compiled`. `settings`, `event.payload` and what an operation
/// answers are only known in a run, so nothing is said of them.
pub(crate) fn fault(path: &str, visible: &Visible<'_>) -> Option<String> {
    let parts: Vec<&str> = path.split('.').collect();
    if let Some(list) = parts.iter().position(|part| part.ends_with("[]")) {
        return field_fault(path, &parts, list, visible); // the names before were read by themselves
    }
    match parts[..] {
        ["event" | "contact", ..] => field_fault(path, &parts, 0, visible),
        ["awaited", ..] if visible.is_awaited => field_fault(path, &parts, 0, visible),
        ["item", ..] if visible.in_loop || visible.item.is_some() => field_fault(path, &parts, 0, visible),
        ["index", ..] if visible.in_loop => None,
        ["steps", step, ..] if visible.earlier.contains(&step) => field_fault(path, &parts, 1, visible),
        ["steps", step, ..] if visible.all.contains(&step) => Some(format!(
            "`{path}` reads the step `{step}`, which has not run yet at this point, or runs within a loop"
        )),
        ["steps", step, ..] => Some(unknown(path, step, "earlier step", visible.earlier)),
        ["steps" | "settings" | "reference" | "rules" | "tables", ..] | [] => None,
        [root, ..] if visible.functions.contains(&root) => None,
        ["item" | "index", ..] => Some(format!("`{path}` is only there within `for_each`")),
        ["awaited", ..] => Some(format!("`{path}` is only there in the `when` of a `wait`")),
        [root, ..] => {
            let mut known: Vec<&str> = ROOTS.iter().chain(visible.functions).copied().collect();
            if visible.in_loop || visible.item.is_some() {
                known.push("item");
            }
            if visible.in_loop {
                known.push("index");
            }
            if visible.is_awaited {
                known.push("awaited");
            }
            Some(unknown(path, root, "name", &known))
        }
    }
}

/// What is wrong with the parts behind the one at `known`.
fn field_fault(path: &str, parts: &[&str], known: usize, visible: &Visible<'_>) -> Option<String> {
    for at in known + 1..parts.len() {
        let name = parts[at].trim_end_matches("[]");
        let names = match visible.inside(&parts[..at]) {
            Inside::Anything => return None,
            Inside::Nothing => {
                let last = parts[at - 1];
                return Some(format!("`{path}` looks into `{last}`, which has no fields"));
            }
            Inside::Names(names) => names,
        };
        if !names.contains(&name) {
            return Some(unknown(path, name, "field", &names));
        }
    }
    None
}

impl Visible<'_> {
    /// What can stand behind these parts.
    fn inside(&self, parts: &[&str]) -> Inside<'_> {
        if let ["steps", step] = parts {
            let output = self.outputs.and_then(|outputs| outputs.get(step));
            let names = output.map(|output| output.iter().map(|(name, _)| *name).collect());
            return names.map_or(Inside::Anything, Inside::Names);
        }
        let Some(meant) = self.meant(parts) else {
            return Inside::Anything;
        };
        match meant.strip_prefix("facts") {
            Some("") => Inside::Names(EVENT[FIRST_FACT..].to_vec()),
            Some(rest) => fields::inside(&format!("event{rest}")),
            None => fields::inside(&meant),
        }
    }

    /// The path of the event, or of the contact, that these parts stand for; `None` where nobody knows.
    pub(crate) fn meant(&self, parts: &[&str]) -> Option<String> {
        let (root, rest) = match *parts {
            ["event" | "contact", ..] => return Some(parts.join(".")),
            ["awaited", ref rest @ ..] => ("event", rest),
            ["item", ref rest @ ..] => (self.item?, rest),
            ["steps", step, output, ref rest @ ..] => {
                let name = output.trim_end_matches("[]");
                let (_, path) = self
                    .outputs?
                    .get(step)?
                    .iter()
                    .find(|(known, _)| *known == name)?;
                let path = format!("{}{}", path.as_deref()?, &output[name.len()..]);
                return Some(joined(&path, rest));
            }
            _ => return None,
        };
        Some(joined(root, rest))
    }
}

fn joined(root: &str, rest: &[&str]) -> String {
    [&[root], rest].concat().join(".")
}

pub(crate) fn unknown(path: &str, name: &str, what: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("`{path}`: there is no {what} `{name}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("`{path}`: there is no {what} `{name}`"),
        None => format!(
            "`{path}`: there is no {what} `{name}`; there are {}",
            known.join(", ")
        ),
    }
}

//! `docs/ghl-events.md`: every kind of event that GHL tells of, for people who write automations.

use std::fmt::Write as _;

use cartlane_catalog::events::{self, EventKind, Family, Form};

const HEAD: &str = "\
# GoHighLevel's events

Made by `cargo xtask gen docs` from `catalog/ghl/events/`; do not edit.

An automation names kinds of event under `on`. Those of GoHighLevel begin with `ghl.`; any other name with that beginning is
an error that says which one was probably meant.

```yaml
name: Welcome
on: [ghl.contact.created]
steps:
  - id: tags
    operation: ghl.contacts.add_tags
    with:
      contactId: \"{{ event.person.customer_id }}\"   # GHL's id of the contact
      tags: [new]
```

`event.person` has who it is about, under the same names as for ThriveCart; `event.payload` is the delivery as it came, with
the fields below. Steps go to the connection that the event came by, unless the automation names another.

## Setting it up

`cartlane doctor` shows each connection's address, `https://YOUR-HOST/hooks/ghl/KEY`.

- **A marketplace app** (OAuth): put the address into the app's web hook settings and choose the events. Deliveries are signed
  (`X-GHL-Signature`), and checked with the key that GoHighLevel publishes; `webhook_key` replaces it. The older `x-wh-signature`
  counts only where `webhook_rsa_key` is set.
- **A private integration token** gets no such web hooks. Let a workflow's action *Webhook* post to the address, and set
  `accept_unsigned = true` on the connection. Such a delivery is always a [`ghl.workflow.webhook`](#ghlworkflowwebhook), whatever
  it says of itself: only its address is secret.

What is not believed is answered 401 and kept in quarantine. What cannot be stored just now is answered 429, since GoHighLevel
sends again after that alone, six times within about 70 minutes; it does not after a time-out, so that an event may be lost
that our server never saw. A delivery is known by its `webhookId`; one without by its body and time, and one without either is the same as
another with the same bytes within ten minutes. A signed delivery whose `timestamp` is more than two hours away is not believed.

## Your own changes come back

GoHighLevel does not say who changed something. When an automation on `ghl.contact.updated` updates the contact, GoHighLevel tells
of that, and the automation runs again. Most such circles end by themselves, because GoHighLevel tells of a change only when
there is one: adding a tag that is there changes nothing. A step that writes something new each time goes round for ever. So

- give the automation a `when` that its own effect makes false: `when: \"'seen' not in (event.payload.tags or [])\"`, with a step
  that adds the tag `seen`;
- never write a note or a moving value (a date, a counter) on `ghl.note.created`, `ghl.contact.updated` or `ghl.opportunity.updated`
  without one.

## Which kind is it

By `type`. Where a delivery carries none, as GoHighLevel's documentation shows it for associations, relations, records, invoices,
products and prices, its form tells the noun, and an invoice's status what happened to it; what is then left is a kind that ends in
`.changed`. An automation that wants all of them names both. An unknown `type` makes a `ghl.unknown`, never an error.
";

/// The page.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n| kind | GoHighLevel's name | |\n|---|---|---|\n");
    for kind in events::all() {
        let anchor = kind.kind.replace('.', "");
        let name = kind
            .vendor_type
            .as_ref()
            .map_or("–".to_owned(), |name| format!("`{name}`"));
        let _ = writeln!(page, "| [`{}`](#{anchor}) | {name} | {} |", kind.kind, kind.title);
    }
    for family in events::families() {
        write_family(&mut page, family);
    }
    page
}

fn write_family(page: &mut String, family: &Family) {
    let title = family.name.replace('-', " ");
    let _ = write!(page, "\n## {}{}\n", title[..1].to_uppercase(), &title[1..]);
    for kind in &family.kinds {
        section(page, kind);
    }
}

fn section(page: &mut String, kind: &EventKind) {
    let _ = write!(page, "\n### {}\n\n{}. {}\n\n", kind.kind, kind.title, kind.help);
    if let Some(form) = &kind.without_type {
        let _ = writeln!(page, "- recognised {}", recognised(form));
    }
    let mut places = |what: &str, paths: &[String]| {
        if !paths.is_empty() {
            let _ = writeln!(page, "- {what}: {}", quoted(paths));
        }
    };
    places("`event.person.customer_id`, the contact's id", &kind.contact);
    places("`event.person.email`", &kind.email);
    places("`event.amount`", kind.amount.as_slice());
    places(
        "`event.occurred_at`, where there is no `timestamp`",
        &kind.occurred_at,
    );
    let fields: Vec<String> = kind
        .fields
        .iter()
        .map(|field| format!("`{}` {}", field.0, field.1))
        .collect();
    if !fields.is_empty() {
        let _ = writeln!(page, "- fields of `event.payload`: {}", fields.join(", "));
    }
}

fn recognised(form: &Form) -> String {
    let mut text = format!("without a name of its own, by {}", quoted(&form.has));
    if !form.status.is_empty() {
        let _ = write!(text, " and the status {}", quoted(&form.status));
    }
    if !form.types.is_empty() {
        let _ = write!(text, " and `type` {}", quoted(&form.types));
    }
    text
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

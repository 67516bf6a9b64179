//! What the tests of this crate share: an event to begin with, a catalog of the operations used, and a run.

use std::sync::LazyLock;

use cartlane_flow::{Compiled, Document, Journal, Next, Operations, Scope, StepRecord, advance};
use cartlane_model::{
    ConnectionId, ContactId, Event, EventId, EventKind, Facts, Item, Mode, Money, Person, UnixMs, WorkspaceId,
};
use jsonschema::Validator;
use serde_json::{Value, json};

/// The operations that the default automations use, with their inputs.
pub struct Catalog;

const OPERATIONS: [(&str, &str); 5] = [
    (
        "ghl.contacts.save",
        "email previous_email first_name last_name phone company address1 city state postal_code country source \
         custom_fields if_empty",
    ),
    ("ghl.contacts.set_lifecycle", "contact_id stage"),
    ("ghl.contacts.add_tags", "contactId tags"),
    ("ghl.contacts.remove_tags", "contactId tags"),
    ("ghl.contacts.create_note", "contactId body"),
];

impl Operations for Catalog {
    fn has(&self, id: &str) -> bool {
        self.inputs(id).is_some()
    }

    fn nearest(&self, id: &str) -> Option<String> {
        cartlane_flow::names::nearest(id, OPERATIONS.map(|(id, _)| id)).map(str::to_owned)
    }

    fn inputs(&self, id: &str) -> Option<Vec<String>> {
        let (_, inputs) = OPERATIONS.iter().find(|(known, _)| *known == id)?;
        Some(inputs.split_whitespace().map(str::to_owned).collect())
    }
}

/// 2023-11-08T23:48:20Z, when the recorded order was placed.
pub const AT: UnixMs = UnixMs(1_699_487_300_000);

/// An event of `kind` about which nothing is known.
pub fn event(kind: &str) -> Event {
    Event {
        id: EventId::from_u128(1),
        workspace_id: WorkspaceId::from_u128(2),
        connection_id: ConnectionId::from_u128(3),
        contact_id: Some(ContactId::from_u128(4)),
        received_at: AT.plus_ms(1500),
        occurred_at: AT,
        facts: Facts {
            kind: EventKind(kind.to_owned()),
            mode: None,
            person: Person::default(),
            items: Vec::new(),
            amount: None,
            order_id: None,
            invoice_id: None,
            coupon: None,
            subscription: None,
            payload: Value::Null,
        },
    }
}

/// The recorded order of a yearly plan in test mode, 2023.
pub fn order() -> Event {
    let mut event = event("order.success");
    let text = |text: &str| Some(text.to_owned());
    event.facts.mode = Some(Mode::Test);
    event.facts.person = Person {
        email: text("buyer1@example.com"),
        customer_id: text("429583657727489355"),
        first_name: text("Alex"),
        last_name: text("Example"),
        name: text("Alex Example"),
        company: text("Example Studio"),
        country: text("ID"),
        phone: text("0812 3456 7890"),
        ..Person::default()
    };
    event.facts.items = vec![Item {
        plan_id: text("83322"),
        plan_name: text("Yearly Subscription ($4997.00)"),
        quantity: Some(1),
        ..item("product", "12", Some("Alpha & Omega Plan Pro"), 499_700)
    }];
    event.facts.amount = Some(usd(499_700));
    event.facts.order_id = text("23370556");
    event.facts.invoice_id = text("000001382");
    event.facts.payload =
        json!({"event": "order.success", "customer": {"origin": "vanity", "checkbox": null}});
    event
}

pub fn usd(minor: i64) -> Money {
    Money {
        minor,
        currency: "USD".to_owned(),
    }
}

pub fn item(item_type: &str, id: &str, name: Option<&str>, minor: i64) -> Item {
    Item {
        item_type: item_type.to_owned(),
        id: id.to_owned(),
        name: name.map(str::to_owned),
        amount: Some(usd(minor)),
        ..Item::default()
    }
}

/// What the published schema says against a document; nothing where it is one.
pub fn against_schema(document: &Value) -> Vec<String> {
    static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
        let schema = cartlane_flow::schema::automation();
        jsonschema::draft202012::new(&schema).expect("the schema is one")
    });
    let errors = SCHEMA.iter_errors(document);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Reads and compiles a document that has no faults, which the published schema says, too.
pub fn compile(yaml: &str) -> Compiled {
    let document = Document::from_yaml(yaml, &Catalog).unwrap_or_else(|problems| panic!("{problems}"));
    let written = cartlane_flow::yaml::read(yaml).expect("YAML");
    for form in [&written, &document.to_json()] {
        assert_eq!(against_schema(form), [""; 0], "{form}");
    }
    Compiled::new(document).unwrap_or_else(|problems| panic!("{problems}"))
}

/// One question, with `ref-<step>` as the reference and no settings.
pub fn next(automation: &Compiled, event: &Event, steps: &Journal) -> Result<Next, cartlane_flow::Fault> {
    let settings = json!({"shop": {"owner": "Robin"}});
    let reference = |step: &str| format!("ref-{step}");
    advance(
        automation,
        &Scope {
            event,
            steps,
            reference: &reference,
            settings: &settings,
            contact: None,
        },
    )
}

/// Runs to the end; every call answers `{"id": "ghl-1"}`. Gives what was to be done: `[operation, inputs]`, or why not.
pub fn run(automation: &Compiled, event: &Event) -> Value {
    let mut steps = Journal::new();
    let mut done = serde_json::Map::new();
    loop {
        let (step, shown, record) =
            match next(automation, event, &steps).unwrap_or_else(|fault| panic!("{fault}")) {
                Next::Call {
                    step,
                    operation,
                    inputs,
                    ..
                } => (
                    step,
                    json!({ operation: inputs }),
                    StepRecord::Done {
                        output: json!({"id": "ghl-1"}),
                    },
                ),
                Next::Skip { step, reason } => (step, json!(reason), StepRecord::Skipped { reason }),
                Next::Note { step, output } => (step, output.clone(), StepRecord::Done { output }),
                Next::Wait {
                    step,
                    lasts_ms,
                    until,
                    kinds,
                } => (
                    step,
                    json!({"ms": lasts_ms, "until": until, "for": kinds}),
                    StepRecord::Done {
                        output: json!({"timed_out": true}),
                    },
                ),
                Next::Ended { step, reason } => {
                    done.insert(step, json!({ "ended": reason }));
                    return Value::Object(done);
                }
                Next::Done => return Value::Object(done),
                Next::NotApplicable { reason } => return json!(reason),
                Next::Stopped { step } => panic!("stopped at {step}"),
            };
        done.insert(step.clone(), shown);
        steps.push((step, record));
    }
}

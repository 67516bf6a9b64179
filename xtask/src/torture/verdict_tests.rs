//! What each violation looks like, and that nothing else looks like it.

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use super::*;
use crate::sandbox::Effect;

/// Two contacts with three deliveries each: 0, 2, 4 of contact 0 and 1, 3, 5 of contact 1.
struct World {
    workload: Workload,
    acknowledged: BTreeSet<u32>,
    log: BTreeMap<u64, Entry>,
    user_tags: Vec<(usize, String)>,
    final_tags: BTreeMap<usize, Vec<String>>,
}

impl World {
    /// A run in which all went well.
    fn well() -> Self {
        let workload = Workload::generate(6, 2, &mut StdRng::seed_from_u64(7));
        let stage = |index: usize| workload.deliveries[index].kind.lifecycle().to_owned();
        let final_tags = BTreeMap::from([(0, vec![stage(4), "vip".to_owned()]), (1, vec![stage(5)])]);
        let acknowledged = workload
            .deliveries
            .iter()
            .map(|delivery| delivery.order)
            .collect();
        let mut world = Self {
            workload,
            acknowledged,
            log: BTreeMap::new(),
            user_tags: vec![(0, "VIP".to_owned())],
            final_tags,
        };
        for contact in 0..2 {
            world.effect(
                "contact_created",
                contact,
                json!({"email": world.workload.emails[contact]}),
            );
        }
        for index in 0..6 {
            world.note(index);
        }
        world
    }

    fn effect(&mut self, kind: &str, contact: usize, request_body: Value) -> &mut Entry {
        let seq = self.log.len() as u64 + 1;
        let effect = Some(Effect {
            kind: kind.to_owned(),
            contact_id: format!("ghl-{contact}"),
            ..Effect::default()
        });
        let entry = Entry {
            seq,
            actor: "api".to_owned(),
            effect,
            effect_seq: Some(seq),
            request_body,
            ..Entry::default()
        };
        self.log.entry(seq).or_insert(entry)
    }

    fn note(&mut self, index: usize) -> &mut Entry {
        let order = Workload::order_of(index);
        let body = format!("Order {order} (invoice {order:09}), 49.00 USD\nref: abc123def456");
        self.effect("note_created", index % 2, json!({ "body": body }))
    }

    fn note_entry(&mut self, index: usize) -> &mut Entry {
        self.log.get_mut(&(index as u64 + 3)).expect("the note")
    }

    fn verdict(&self, scenario: Scenario) -> Verdict {
        let Self {
            workload,
            acknowledged,
            log,
            user_tags,
            final_tags,
        } = self;
        judge(&Evidence {
            scenario,
            workload,
            acknowledged,
            log,
            user_tags,
            final_tags,
        })
    }

    /// The names of the rules that are broken.
    fn broken(&self) -> Vec<&'static str> {
        let verdict = self.verdict(Scenario::Order);
        verdict
            .rules()
            .into_iter()
            .filter(|(_, found)| !found.is_empty())
            .map(|(rule, _)| rule)
            .collect()
    }
}

type Spoil = fn(&mut World);

#[test]
fn each_violation_is_named_and_nothing_else_is() {
    let cases: [(&str, Spoil, &[&str]); 12] = [
        ("all well", |_| (), &[]),
        (
            "never acknowledged, no effect",
            |w| {
                w.acknowledged.remove(&Workload::order_of(2));
                w.note_entry(2).effect = None;
            },
            &[],
        ),
        (
            "effect, but the acknowledgement got lost",
            |w| {
                w.acknowledged.remove(&Workload::order_of(2));
            },
            &[],
        ),
        (
            "no note",
            |w| w.note_entry(2).effect = None,
            &["acknowledged without effect"],
        ),
        (
            "late effect still to come",
            |w| {
                let note = w.note_entry(2);
                note.effect = None;
                note.pending = true;
            },
            &["acknowledged without effect"],
        ),
        (
            "second note",
            |w| {
                w.note(0);
            },
            &["effects twice"],
        ),
        (
            "second contact",
            |w| {
                w.effect("contact_created", 9, json!({"email": "BUYER-0001@example.com"}));
            },
            &["effects twice"],
        ),
        (
            "refund before sale",
            |w| {
                w.note_entry(4).effect_seq = Some(0);
            },
            &["order inversions"],
        ),
        (
            "tag overwritten",
            |w| {
                w.final_tags.get_mut(&0).expect("tags").pop();
            },
            &["other user's tags lost"],
        ),
        (
            "limit overdrawn",
            |w| w.note_entry(1).status = Some(429),
            &["429s beyond the injected"],
        ),
        (
            "injected 429",
            |w| {
                let note = w.note_entry(1);
                note.status = Some(429);
                note.injected = true;
            },
            &[],
        ),
        (
            "two stages",
            |w| {
                w.final_tags
                    .get_mut(&1)
                    .expect("tags")
                    .push("Lifecycle: none".to_owned());
            },
            &["wrong final lifecycle"],
        ),
    ];
    for (case, spoil, wanted) in cases {
        let mut world = World::well();
        spoil(&mut world);
        assert_eq!(world.broken(), wanted, "{case}");
    }
}

#[test]
fn shuffled_deliveries_may_take_effect_in_any_order() {
    let mut world = World::well();
    world.note_entry(4).effect_seq = Some(0);
    assert!(!world.verdict(Scenario::Shuffle).is_red());
}

#[test]
fn only_notes_that_were_made_count_as_cut() {
    let mut world = World::well();
    for (index, fault) in ["cut_after", "late_effect", "cut_before", "5xx"]
        .into_iter()
        .enumerate()
    {
        world.note_entry(index).fault = Some(fault.to_owned());
    }
    world.note_entry(1).effect = None;
    assert_eq!(world.verdict(Scenario::Order).notes_cut, 1);
}

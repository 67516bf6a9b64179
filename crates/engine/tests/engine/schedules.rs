//! Random schedules of deliveries, faults, kills and stops.

use std::time::Duration;

use cartlane_sandbox::{Fault, Match, Rule};
use cartlane_testkit::TestApp;
use proptest::prelude::*;

const CONTACTS: usize = 3;
const EVENTS: usize = 5;

/// What happens before a delivery is sent.
#[derive(Clone, Debug)]
enum Disturbance {
    Nothing,
    Wait(u64),
    Fault(Fault, &'static str),
    Kill,
    Stop,
}

fn disturbance() -> impl Strategy<Value = Disturbance> {
    let fault = prop::sample::select(vec![
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::LateEffect,
        Fault::ServerError,
        Fault::ServerErrorAfter,
        Fault::GatewayTimeout,
        Fault::NoAnswer,
    ]);
    let method = prop::sample::select(vec!["POST", "PUT", "GET"]);
    prop_oneof![
        2 => Just(Disturbance::Nothing),
        2 => (5_u64..80).prop_map(Disturbance::Wait),
        5 => (fault, method).prop_map(|(fault, method)| Disturbance::Fault(fault, method)),
        2 => Just(Disturbance::Kill),
        1 => Just(Disturbance::Stop),
    ]
}

/// Which contact's next event is sent, and what happens before.
fn schedule() -> impl Strategy<Value = Vec<(usize, Disturbance)>> {
    let order: Vec<usize> = (0..CONTACTS * EVENTS).map(|index| index % CONTACTS).collect();
    let order = Just(order).prop_shuffle();
    let disturbances = prop::collection::vec(disturbance(), CONTACTS * EVENTS);
    (order, disturbances).prop_map(|(order, disturbances)| order.into_iter().zip(disturbances).collect())
}

fn email(contact: usize) -> String {
    format!("buyer{contact}@example.com")
}

fn order(contact: usize, event: usize) -> String {
    format!("{contact}00{event}")
}

async fn disturb(app: &mut TestApp, disturbance: Disturbance) {
    match disturbance {
        Disturbance::Nothing => {}
        Disturbance::Wait(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Disturbance::Fault(fault, method) => {
            let matches = Match {
                method: Some(method.into()),
                ..Match::default()
            };
            app.ghl().script(Rule {
                delay_ms: Some(150),
                ..Rule::new(matches, fault, 1)
            });
        }
        Disturbance::Kill => {
            app.kill(0).await;
            app.start(0).await;
        }
        Disturbance::Stop => app.restart().await,
    }
}

async fn play(schedule: Vec<(usize, Disturbance)>) {
    let mut app = TestApp::builder().start().await;
    let mut sent = [0; CONTACTS];
    for (contact, disturbance) in schedule {
        disturb(&mut app, disturbance).await;
        let event = sent[contact];
        sent[contact] += 1;
        let shop = app.thrivecart();
        let at = 1_700_000_000 + i64::try_from(event).unwrap_or_default();
        shop.order_success(&email(contact))
            .order(&order(contact, event))
            .at(at)
            .deliver()
            .await;
    }
    app.drain().await;
    for contact in 0..CONTACTS {
        let notes = app.ghl().notes(&email(contact));
        let orders: Vec<&str> = notes
            .iter()
            .filter_map(|note| note.split_whitespace().nth(1))
            .collect();
        let expected: Vec<String> = (0..EVENTS).map(|event| order(contact, event)).collect();
        assert_eq!(orders, expected, "notes of contact {contact}");
    }
    assert_eq!(app.ghl().effects("note_created"), CONTACTS * EVENTS);
    assert_eq!(app.ghl().effects("contact_created"), CONTACTS);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8,
        max_shrink_iters: 0, // each case takes seconds
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_acknowledged_event_has_one_note_in_order(schedule in schedule()) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(play(schedule));
    }
}

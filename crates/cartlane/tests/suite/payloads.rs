//! Every recorded payload goes all the way.

use std::collections::BTreeSet;
use std::thread;

use cartlane_testkit::postgres::Cluster;

use crate::common::{House, Setup, payload};

#[test]
fn every_recorded_payload_goes_through_in_both_wire_forms_as_one_event() {
    all_go_through(&House::open());
}

#[test]
fn every_recorded_payload_goes_through_on_postgresql_as_well() {
    let database_url = Some(Cluster::shared().fresh_database());
    let house = House::with(Setup {
        database_url,
        ..Setup::default()
    });
    all_go_through(&house);
    let files = std::fs::read_dir(&house.data_dir).expect("the data directory");
    let is_database = |name: &str| name.starts_with("cartlane.db");
    let mut names = files.map(|file| file.expect("an entry").file_name());
    assert!(
        !names.any(|name| is_database(&name.to_string_lossy())),
        "it was not SQLite again"
    );
}

fn all_go_through(house: &House) {
    let recordings = payload::recordings();
    assert!(recordings.len() >= 10, "the recordings are found");
    for (number, recording) in recordings.iter().enumerate() {
        let mut forms = [&recording.form, &recording.json];
        forms.rotate_left(number % 2); // either form may be the first
        let [first, second] = forms.map(|body| house.deliver(body));
        assert!(!first.is_repeat(), "{} {first:?}", recording.name);
        assert!(second.is_repeat(), "{} {second:?}", recording.name);
        assert_eq!(first.event(), second.event(), "{}", recording.name);
    }
    house.drain();
    let events = house.events(&[]);
    assert_eq!(events.len(), recordings.len());
    for event in &events {
        assert_eq!(event["repeats"], 1, "{event}");
        assert_ne!(
            event["runs"],
            serde_json::json!([]),
            "an automation listens to it: {event}"
        );
    }
    for run in house.runs() {
        assert_eq!(run["state"], "done", "{run}");
    }
    let emails: BTreeSet<String> = house
        .contacts()
        .iter()
        .map(|contact| contact["email"].as_str().unwrap_or_default().to_lowercase())
        .collect();
    let expected = [
        "buyer1@example.com",
        "buyer2@example.com",
        "buyer@example.com",
        "jsmith@example.com",
        "visitor3@example.com",
    ];
    assert_eq!(emails, expected.map(str::to_owned).into());
}

#[test]
fn delivery_sent_eight_times_at_once_is_one_event_and_one_note() {
    let house = House::open();
    let answers: Vec<_> = thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| house.deliver(&payload::order(1))))
            .collect();
        senders
            .into_iter()
            .map(|sender| sender.join().expect("an answer"))
            .collect()
    });
    let ids: BTreeSet<String> = answers.iter().map(crate::common::http::Answer::event).collect();
    assert_eq!(ids.len(), 1, "{answers:?}");
    assert_eq!(
        answers.iter().filter(|answer| !answer.is_repeat()).count(),
        1,
        "{answers:?}"
    );
    house.drain();
    let contacts = house.contacts();
    assert_eq!(contacts.len(), 1);
    assert_eq!(house.notes(&contacts[0]).len(), 1);
    assert_eq!(house.events(&[])[0]["repeats"], 7);
}

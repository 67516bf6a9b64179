//! Planted secrets appear nowhere: not in the database, the log, an answer or anything the program prints.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use cartlane_thrivecart::wire;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::common::{APP_SECRET, House, SECRET, TOKEN, payload, wait_for};

/// A secret word that is not the shop's: somebody may have mistyped the right one.
const WRONG: &str = "Wr0ng+W0rd/pl4nted-t00";

/// How a secret may be spelled; base64 wherever the secret begins inside of the encoded text.
fn spellings(secret: &str) -> Vec<String> {
    let mut spellings = vec![
        secret.to_owned(),
        hex::encode(secret),
        hex::encode_upper(secret),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC)
            .to_string()
            .to_lowercase(),
        secret.replace('/', "\\/"),
    ];
    for before in 0..3 {
        for engine in [STANDARD, URL_SAFE] {
            let whole = engine.encode([vec![b' '; before], secret.as_bytes().to_vec()].concat());
            let certain = [0, 2, 3][before]..(before + secret.len()) / 3 * 4; // letters that no neighbour changes
            spellings.push(whole[certain].to_owned());
        }
    }
    spellings
}

fn assert_free_of_secrets(name: &str, bytes: &[u8]) {
    for secret in [SECRET, TOKEN, WRONG, APP_SECRET] {
        for spelling in spellings(secret) {
            let found = bytes
                .windows(spelling.len())
                .any(|window| window == spelling.as_bytes());
            assert!(!found, "{name} holds {spelling}");
        }
    }
}

/// Deliveries that carry a secret where it belongs and where it doesn't; what they were answered.
fn deliver(house: &House) -> Vec<String> {
    let mut order = payload::order_tree(1);
    order["passthrough"] = json!({"again": SECRET, "as_json": json!({"secret": SECRET}).to_string()});
    let mut wrong = payload::order_tree(2);
    wrong["thrivecart_secret"] = WRONG.into();
    let bodies = [
        wire::to_form(&order),
        order.to_string(),
        wire::to_form(&wrong),
        format!("{{\"thrivecart_secret\":\"{SECRET}\",\"event\":\u{1}}}"),
        format!("{{\"thrivecart_secret\":\"{SECRET}\",\"order_id\":{SECRET}}}"),
    ];
    let answers = bodies.map(|body| house.deliver(&body));
    assert_eq!(
        answers.each_ref().map(|answer| answer.status),
        [200, 200, 401, 400, 400]
    );
    answers.into_iter().map(|answer| answer.body).collect()
}

/// Everything that the program prints.
fn printed(house: &House) -> Vec<String> {
    let event = house.events(&[]).last().expect("the first event")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let run = house.runs()[0]["id"].as_str().expect("an id").to_owned();
    let commands: [&[&str]; 8] = [
        &["events", "list"],
        &["events", "show", &event],
        &["runs", "list"],
        &["runs", "show", &run],
        &["automations", "list"],
        &["automations", "plan", &event],
        &["quarantine", "list"],
        &["doctor"],
    ];
    let mut printed = Vec::new();
    for command in commands {
        for json in [&[][..], &["--json"]] {
            let output = house.cli(&[command, json].concat());
            printed.push(output.out + &output.error);
        }
    }
    printed
}

fn assert_files_free(directory: &Path) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_files_free(&path);
        } else if let Ok(bytes) = fs::read(&path) {
            assert_free_of_secrets(&path.display().to_string(), &bytes);
        }
    }
}

#[test]
fn secrets_appear_in_no_file_no_log_no_answer_and_no_output() {
    let mut house = House::open();
    let answers = deliver(&house);
    house.drain();
    // GHL refuses the token: that is when tokens are most often printed.
    house.sandbox("PUT", "/_sandbox/settings", &json!({"tokens": []}));
    assert_eq!(house.deliver(&payload::order(3)).status, 200);
    wait_for("the pause of the connection", || {
        (house.cli(&["doctor"]).code == Some(1)).then_some(())
    });

    let printed = printed(&house);
    assert!(
        printed.iter().any(|text| text.contains("passthrough")),
        "a payload is among it"
    );
    for text in answers.iter().chain(&printed) {
        assert_free_of_secrets(text, text.as_bytes());
    }
    assert!(house.log().len() > 1_000, "there is a log");
    assert_files_free(house.path());
    house.stop("TERM"); // moves the write-ahead log into the database
    assert_files_free(house.path());
}

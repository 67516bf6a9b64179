//! Planted secrets appear nowhere: not in the database, the log, an answer or anything the program prints.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use cartlane_testkit::postgres::Cluster;
use cartlane_thrivecart::wire;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::common::{APP_SECRET, House, SECRET, Setup, TOKEN, http, payload, wait_for};

/// A secret word that is not the shop's: somebody may have mistyped the right one.
const WRONG: &str = "Wr0ng+W0rd/pl4nted-t00";

/// A secret that only the vault holds.
const VAULT_SECRET: &str = "V4ult-Pl4nted/S3cret+z";

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

/// Secrets that must be nowhere.
struct Planted(Vec<String>);

impl Planted {
    /// Those that are known beforehand.
    fn known() -> Self {
        Self(
            [SECRET, TOKEN, WRONG, APP_SECRET, VAULT_SECRET]
                .map(str::to_owned)
                .to_vec(),
        )
    }

    fn assert_absent(&self, name: &str, bytes: &[u8]) {
        for spelling in self.0.iter().flat_map(|secret| spellings(secret)) {
            let found = memchr::memmem::find(bytes, spelling.as_bytes());
            assert!(found.is_none(), "{name} holds {spelling}");
        }
    }

    fn assert_absent_below(&self, directory: &Path) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                self.assert_absent_below(&path);
            } else if let Ok(bytes) = fs::read(&path) {
                self.assert_absent(&path.display().to_string(), &bytes);
            }
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
    let commands: [&[&str]; 10] = [
        &["events", "list"],
        &["events", "show", &event],
        &["runs", "list"],
        &["runs", "show", &run],
        &["automations", "list"],
        &["automations", "plan", "--event", &event],
        &["quarantine", "list"],
        &["connections", "list"],
        &["ops", "call", "ghl.contacts.list", "--connection", "crm"],
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

/// Connections whose secrets are planted as well: by OAuth, Slack and e-mail.
const CONNECTIONS: &str = "[[connections]]\nname = 'app'\nkind = 'ghl'\nlocation_id = 'location-of-tests'\n\
    client_id = 'sandboxapp-1'\nclient_secret_env = 'APP_SECRET'\nbase_url = 'http://{sandbox}'\n\
    authorize_url = 'http://{sandbox}/v2/oauth/chooselocation'\nallow_private_networks = true\n";

/// Adds connections with secrets for the vault, and uses them so that the other side refuses or is not there; what was
/// printed.
fn add_and_use(house: &House) -> Vec<String> {
    let url = format!("https://hooks.slack.invalid/services/{VAULT_SECRET}");
    let mut printed = Vec::new();
    let mut told = |arguments: &[&str], told: &str| {
        let output = house.cli_told(arguments, told);
        printed.push(output.out + &output.error);
    };
    told(&["connections", "add", "channel", "--kind", "slack"], &url);
    let mail = [
        "connections",
        "add",
        "mail",
        "--kind",
        "smtp",
        "--set",
        "host=127.0.0.1",
        "--set",
        "port=1",
        "--set",
        "from=a@example.com",
        "--set",
        "username=a",
        "--set",
        "allow_private_networks=true",
    ];
    told(&mail, VAULT_SECRET);
    told(&["connections", "rotate", "mail", "password"], VAULT_SECRET);
    told(&["connections", "rotate", "channel", "url"], &url);
    told(
        &[
            "ops",
            "call",
            "notify.slack",
            "--connection",
            "channel",
            "--input",
            "text=x",
        ],
        "",
    );
    let email = [
        "ops",
        "call",
        "notify.email",
        "--connection",
        "mail",
        "--input",
        "to=a@example.com",
        "--input",
        "subject=x",
        "--input",
        "text=y",
    ];
    told(&email, "");
    told(
        &[
            "ops",
            "call",
            "ghl.contacts.get",
            "--connection",
            "app",
            "--input",
            "contactId=nobody",
        ],
        "",
    );
    printed
}

/// Lets a person agree to `app`, and has its tokens renewed; all tokens that there have been.
fn authorize(house: &House) -> Vec<String> {
    let begun = house.json(&["connections", "reauthorize", "app"]);
    let open = begun["open"].as_str().expect("an address");
    let open = open.split_once("/v2/").expect("the page's address").1;
    let agreed = house.sandbox_page(&format!("/v2/{open}"));
    let back = agreed.location.expect("the address to come back to");
    let mut tokens = tokens(house);
    let back = back
        .strip_prefix("https://cartlane.example.com")
        .expect("our own address");
    assert_eq!(http::send(house.address, "GET", back, "", "").status, 200);
    tokens.extend(self::tokens(house));
    house.sandbox(
        "POST",
        "/_sandbox/tokens/revoke",
        &json!({"token": tokens.iter().find(|token| token.contains('.'))}),
    );
    assert_eq!(
        house.cli(&["connections", "test", "app"]).code,
        Some(1),
        "its token is revoked"
    );
    assert_eq!(
        house.cli(&["connections", "test", "app"]).code,
        Some(0),
        "it has another one"
    );
    tokens.extend(self::tokens(house));
    tokens
}

/// The tokens and codes that the sandbox gave.
fn tokens(house: &House) -> Vec<String> {
    let page = house.sandbox_page("/_sandbox/tokens").body;
    let page: serde_json::Value = serde_json::from_str(&page).expect("JSON");
    let tokens = page["tokens"].as_array().expect("a list").iter();
    tokens
        .filter_map(|token| token.as_str().map(str::to_owned))
        .collect()
}

fn lives_through_everything(setup: Setup) -> (House, Planted) {
    let house = House::with(setup);
    let mut planted = Planted::known();
    let answers = deliver(&house);
    let added = add_and_use(&house);
    planted.0.extend(authorize(&house));
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
    for text in answers.iter().chain(&printed).chain(&added) {
        planted.assert_absent(text, text.as_bytes());
    }
    assert!(house.log().len() > 1_000, "there is a log");
    (house, planted)
}

#[test]
fn secrets_appear_in_no_file_no_log_no_answer_and_no_output() {
    let (mut house, planted) = lives_through_everything(Setup {
        shop: "target = 'crm'\napi_key_env = 'APP_SECRET'".into(),
        connections: CONNECTIONS.into(),
        ..Setup::default()
    });
    planted.assert_absent_below(house.path());
    house.stop("TERM"); // moves the write-ahead log into the database
    planted.assert_absent_below(house.path());
}

#[test]
fn secrets_appear_neither_in_a_dump_of_postgresql_nor_in_its_files() {
    let cluster = Cluster::shared();
    let database = cluster.fresh_database();
    let (mut house, planted) = lives_through_everything(Setup {
        shop: "target = 'crm'".into(),
        connections: CONNECTIONS.into(),
        database_url: Some(database.clone()),
        ..Setup::default()
    });
    let dump = Cluster::dump(&database);
    assert!(
        String::from_utf8_lossy(&dump).contains("location-of-tests"),
        "it is the right one"
    );
    planted.assert_absent("the dump", &dump);
    house.stop("TERM");
    cluster.administer("CHECKPOINT");
    planted.assert_absent_below(&cluster.data_directory());
}

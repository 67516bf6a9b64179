//! A server and a sandbox, in processes of their own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::http::{self, Answer};
use super::wait_for;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_cartlane");
/// The shop's secret word: with characters that every encoding spells differently.
pub const SECRET: &str = "Pl4nted-Secret/W0rd+x";
/// The private integration token of GHL.
pub const TOKEN: &str = "pit-pl4nted/tOken+c0ffee";
/// The secret of the marketplace app.
pub const APP_SECRET: &str = "App-Pl4nted/S3cret+y";
const LOCATION: &str = "location-of-tests";
const HOOK_KEY: &str = "hook-key-of-the-tests-0123456789";
const GHL_HOOK_KEY: &str = "ghl-hook-key-of-the-tests-012345";
/// The public half of the key with which the tests sign as GHL does.
const GHL_KEY: &str = "MCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=";

/// How a house is set up.
#[derive(Default)]
pub struct Setup {
    /// Where the data is; in the house's own directory when it is not given.
    pub data_dir: Option<PathBuf>,
    /// Its database; SQLite in the data directory when it is not given.
    pub database_url: Option<String>,
    /// Further lines of `[limits]`.
    pub limits: &'static str,
    /// Further lines of the shop's connection.
    pub shop: String,
    /// Further connections; `{sandbox}` stands for the sandbox's address.
    pub connections: String,
    /// What the server is started under: `strace` with its options.
    pub under: Vec<String>,
}

/// A directory, a sandbox and a server that are gone when this is dropped.
pub struct House {
    /// Where web hooks go.
    pub address: SocketAddr,
    /// Where the database is.
    pub data_dir: PathBuf,
    sandbox_address: SocketAddr,
    sandbox: Child,
    server: Child,
    setup: Setup,
    directory: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub struct Output {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub out: String,
    /// What it complained of.
    pub error: String,
}

impl House {
    /// A house as most tests want it.
    pub fn open() -> Self {
        Self::with(Setup::default())
    }

    /// A house set up in a special way.
    pub fn with(setup: Setup) -> Self {
        let directory = TempDir::new().expect("a directory");
        let (sandbox, sandbox_address) = start_sandbox();
        let data_dir = setup
            .data_dir
            .clone()
            .unwrap_or_else(|| directory.path().join("data"));
        fs::write(
            directory.path().join("cartlane.toml"),
            config(&data_dir, &setup, sandbox_address),
        )
        .expect("the configuration is written");
        let (server, address) = start_server(directory.path(), &setup.under, &[]);
        Self {
            address,
            data_dir,
            sandbox_address,
            sandbox,
            server,
            setup,
            directory,
        }
    }

    /// Opens a page of the sandbox, as a browser does.
    pub fn sandbox_page(&self, path: &str) -> Answer {
        http::send(self.sandbox_address, "GET", path, "user-agent: a browser\r\n", "")
    }

    /// Where the sandbox is.
    pub fn sandbox_url(&self) -> String {
        format!("http://{}", self.sandbox_address)
    }

    /// The house's own directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The path of the hook.
    pub fn hook_path() -> String {
        format!("/hooks/thrivecart/{HOOK_KEY}")
    }

    /// The path of GHL's hook.
    pub fn ghl_hook_path() -> String {
        format!("/hooks/ghl/{GHL_HOOK_KEY}")
    }

    /// The hook's whole address.
    pub fn hook(&self) -> String {
        format!("http://{}{}", self.address, Self::hook_path())
    }

    /// Posts a delivery: JSON when it begins like an object, a form otherwise.
    pub fn deliver(&self, body: &str) -> Answer {
        let is_json = body.starts_with('{');
        let content_type = if is_json {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        let headers = format!("content-type: {content_type}\r\n");
        http::send(self.address, "POST", &Self::hook_path(), &headers, body)
    }

    /// Runs a command of the program against this house.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        run(self.path(), arguments)
    }

    /// Runs a command that reads what it is told.
    pub fn cli_told(&self, arguments: &[&str], told: &str) -> Output {
        run_told(self.path(), arguments, told)
    }

    /// Runs a command with `--json`; what it printed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.cli(&[arguments, &["--json"]].concat());
        assert_eq!(output.code, Some(0), "{arguments:?}: {output:?}");
        serde_json::from_str(&output.out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {output:?}"))
    }

    /// All events in the list, newest first.
    pub fn events(&self, filter: &[&str]) -> Vec<Value> {
        let list = self.json(&[&["events", "list", "--limit", "1000"], filter].concat());
        list["events"].as_array().expect("a list of events").clone()
    }

    /// All runs in the list, newest first.
    pub fn runs(&self) -> Vec<Value> {
        let list = self.json(&["runs", "list", "--limit", "1000"]);
        list["runs"].as_array().expect("a list of runs").clone()
    }

    /// Waits until no run is open.
    pub fn drain(&self) {
        wait_for("the end of all runs", || {
            let open = self.runs().into_iter().any(|run| run["finished_at"].is_null());
            (!open).then_some(())
        });
    }

    /// Asks GHL as any client of it does.
    pub fn ghl(&self, path: &str) -> Value {
        let headers = format!(
            "authorization: Bearer {TOKEN}\r\nversion: 2021-07-28\r\naccept: application/json\r\nuser-agent: tests\r\n"
        );
        let answer = http::send(self.sandbox_address, "GET", path, &headers, "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        serde_json::from_str(&answer.body).expect("GHL answers JSON")
    }

    /// The contacts in GHL.
    pub fn contacts(&self) -> Vec<Value> {
        let page = self.ghl(&format!("/contacts/?locationId={LOCATION}&limit=100"));
        page["contacts"].as_array().expect("a page of contacts").clone()
    }

    /// The notes of a contact in GHL.
    pub fn notes(&self, contact: &Value) -> Vec<String> {
        let id = contact["id"].as_str().expect("an id");
        let notes = self.ghl(&format!("/contacts/{id}/notes"));
        let notes = notes["notes"].as_array().expect("a list of notes");
        notes
            .iter()
            .map(|note| note["body"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Turns one of the sandbox's knobs.
    pub fn sandbox(&self, method: &str, path: &str, body: &Value) {
        let headers = "content-type: application/json\r\n";
        let answer = http::send(self.sandbox_address, method, path, headers, &body.to_string());
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path().join("server.log")).expect("the server's log")
    }

    /// Sends the server a signal (`TERM`, `KILL`) and waits for its end.
    pub fn stop(&mut self, signal: &str) -> ExitStatus {
        let pid = self.server.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", signal, &pid])
            .status()
            .expect("kill runs");
        assert!(sent.success(), "the server had ended before");
        wait_for("the server's end", || {
            self.server.try_wait().expect("a child of ours")
        })
    }

    /// Starts the server again on the same data; its address is a new one.
    pub fn start_again(&mut self) {
        self.start_again_with(&[]);
    }

    /// Starts the server again with further arguments.
    pub fn start_again_with(&mut self, arguments: &[&str]) {
        (self.server, self.address) = start_server(self.directory.path(), &self.setup.under, arguments);
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for child in [&mut self.server, &mut self.sandbox] {
            let _ = child.kill(); // it may have ended
            let _ = child.wait();
        }
    }
}

fn config(data_dir: &Path, setup: &Setup, sandbox: SocketAddr) -> String {
    let data_dir = data_dir.display();
    let database_url = setup.database_url.as_deref().unwrap_or("sqlite://cartlane.db");
    let (limits, shop) = (setup.limits, &setup.shop);
    let connections = setup.connections.replace("{sandbox}", &sandbox.to_string());
    format!(
        "listen = '127.0.0.1:0'\ndata_dir = '{data_dir}'\ndatabase_url = '{database_url}'\nlog = 'debug'\nlog_format = 'json'\n\
         public_url = 'https://cartlane.example.com'\n\
         [limits]\nbackoff_base_ms = 200\nbackoff_cap_ms = 1000\nsettle_ms = 1000\nrequest_timeout_ms = 5000\n{limits}\n\
         [[connections]]\nname = 'shop'\nkind = 'thrivecart'\nsecret_env = 'SHOP_SECRET'\n\
         hook_key_env = 'SHOP_HOOK_KEY'\nsync_test_mode = true\n{shop}\n\
         [[connections]]\nname = 'crm'\nkind = 'ghl'\nlocation_id = '{LOCATION}'\ntoken_env = 'CRM_TOKEN'\n\
         base_url = 'http://{sandbox}'\nallow_private_networks = true\n\
         hook_key_env = 'CRM_HOOK_KEY'\nwebhook_key = '{GHL_KEY}'\n{connections}"
    )
}

/// The program as a command in `directory`, with the secrets in its environment and nothing of ours.
pub fn program(directory: &Path, under: &[String]) -> Command {
    let mut words = under.iter().map(String::as_str).chain([PROGRAM]);
    let mut command = Command::new(words.next().unwrap_or(PROGRAM));
    command.args(words).current_dir(directory).stdin(Stdio::null());
    for name in [
        "LISTEN",
        "DATA_DIR",
        "DATABASE_URL",
        "LOG",
        "CONFIG",
        "MASTER_KEY",
        "BREAK",
    ] {
        command.env_remove(format!("CARTLANE_{name}"));
    }
    command
        .env("SHOP_SECRET", SECRET)
        .env("SHOP_HOOK_KEY", HOOK_KEY)
        .env("CRM_HOOK_KEY", GHL_HOOK_KEY)
        .env("CRM_TOKEN", TOKEN)
        .env("APP_SECRET", APP_SECRET);
    command
}

/// Runs a command of the program in `directory` to its end.
pub fn run(directory: &Path, arguments: &[&str]) -> Output {
    run_told(directory, arguments, "")
}

/// The same, with something to read.
fn run_told(directory: &Path, arguments: &[&str], told: &str) -> Output {
    let mut command = program(directory, &[]);
    command.args(arguments).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("its input");
    let _ = input.write_all(told.as_bytes()); // it may not read it
    drop(input);
    let output = child.wait_with_output().expect("the program runs");
    Output {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        error: String::from_utf8(output.stderr).expect("text"),
    }
}

fn start_sandbox() -> (Child, SocketAddr) {
    let directory = std::env::temp_dir();
    let mut child = program(&directory, &[])
        .args([
            "sandbox",
            "ghl",
            "--listen",
            "127.0.0.1:0",
            "--token",
            TOKEN,
            "--location",
            LOCATION,
            "--client-secret",
            APP_SECRET,
        ])
        .args(["--limit", "2000/1000/2000000"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the sandbox starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut line).expect("its first line");
    let address = line
        .trim()
        .rsplit('/')
        .next()
        .and_then(|address| address.parse().ok());
    (
        child,
        address.unwrap_or_else(|| panic!("the sandbox said {line:?}")),
    )
}

fn start_server(directory: &Path, under: &[String], arguments: &[&str]) -> (Child, SocketAddr) {
    let path = directory.join("server.log");
    let log = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .expect("a log");
    let earlier = log.metadata().expect("a size").len();
    let mut child = program(directory, under)
        .args(["serve", "--config", "cartlane.toml"])
        .args(arguments)
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("the server starts");
    let address = wait_for("the server", || {
        let log = fs::read_to_string(&path).expect("a log");
        let log = &log[usize::try_from(earlier).unwrap_or(0)..];
        assert!(
            child.try_wait().expect("a child of ours").is_none(),
            "the server ended: {log}"
        );
        log.lines().find_map(ready_at)
    });
    let ready = http::send(address, "GET", "/readyz", "", "");
    assert_eq!(ready.status, 200, "{ready:?}");
    (child, address)
}

/// The address in the log's line that says that the server is ready.
fn ready_at(line: &str) -> Option<SocketAddr> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let fields = &entry["fields"];
    (fields["message"] == "ready").then(|| fields["address"].as_str()?.parse().ok())?
}

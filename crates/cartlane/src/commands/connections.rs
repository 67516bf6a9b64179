//! `cartlane connections`: list, add, test, reauthorize, locations, rotate, remove.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use cartlane_engine::{AccountConfig, SecretName};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::admin::Admin;
use crate::config;
use crate::output::{self, BadUsage};

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// All connections and how they are.
    List,
    /// Add a connection while the server runs; its secrets are kept sealed in the database.
    Add(Add),
    /// Try a connection with one cheap call that changes nothing.
    Test {
        /// Its name.
        name: String,
    },
    /// Print the address at which a person authorizes a connection that has a client id, for the first time or anew.
    Reauthorize {
        /// Its name.
        name: String,
    },
    /// The locations in which the app of an agency's connection is installed.
    Locations {
        /// Its name.
        name: String,
    },
    /// Change a secret. The one before stays valid for a while.
    Rotate(Rotate),
    /// Remove a connection with its secrets; its events and runs stay.
    Remove {
        /// Its name.
        name: String,
        /// Also where automations or other connections use it: their runs then fail.
        #[arg(long)]
        force: bool,
    },
}

/// A connection to be added.
#[derive(Args)]
pub struct Add {
    /// Its name.
    name: String,
    /// thrivecart, ghl, slack, smtp or http.
    #[arg(long)]
    kind: String,
    /// A key of the configuration's `[[connections]]`, such as `location_id=ve9EPM428h8vShlRW1KT`; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    keys: Vec<String>,
    /// A secret in a file, such as token=/run/secrets/crm; may be given again. Secrets that the connection needs and that
    /// are not given are asked for.
    #[arg(long = "secret-file", value_name = "SECRET=FILE")]
    files: Vec<String>,
    /// A secret in a variable, such as `token=CRM_TOKEN`; may be given again.
    #[arg(long = "secret-env", value_name = "SECRET=VARIABLE")]
    variables: Vec<String>,
}

/// A secret to be changed.
#[derive(Args)]
pub struct Rotate {
    /// The connection's name.
    name: String,
    /// `secret`, `hook_key`, `token`, `client_secret`, `api_key`, `url` or `password`.
    #[arg(value_parser = secret_name)]
    secret: SecretName,
    /// The new one stands in this file. Without this and --env it is asked for; a hook key is made up.
    #[arg(long, group = "new")]
    file: Option<PathBuf>,
    /// The new one stands in this variable.
    #[arg(long, group = "new")]
    env: Option<String>,
    /// How many days the one before stays valid.
    #[arg(long, default_value_t = 7)]
    overlap_days: u16,
    /// Go back to the one before.
    #[arg(long, group = "new")]
    revert: bool,
    /// End the time of the one before now.
    #[arg(long, group = "new")]
    end_former: bool,
}

/// Does it. 1 where a test fails.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let admin = Admin::of(config)?;
    match command {
        Command::List => list(&admin, as_json).await?,
        Command::Add(add) => return add.run(&admin, as_json).await,
        Command::Test { name } => {
            let path = format!("/api/connections/{name}/test");
            let answer = admin.post(&path, &json!({})).await?;
            return Ok(tell_tried(&name, &answer, as_json));
        }
        Command::Reauthorize { name } => {
            let path = format!("/api/connections/{name}/reauthorize");
            let answer = admin.post(&path, &json!({})).await?;
            let open = answer["open"].as_str().unwrap_or_default();
            let text = format!("open this within ten minutes, and choose the connection's account:\n{open}");
            tell(&answer, &text, as_json);
        }
        Command::Locations { name } => {
            let path = format!("/api/connections/{name}/locations");
            let answer = admin.get(&path, &[]).await?;
            if as_json {
                output::json(&answer);
            } else {
                let columns = [
                    ("LOCATION", "/_id"),
                    ("NAME", "/name"),
                    ("INSTALLED", "/isInstalled"),
                ];
                output::table(
                    answer["locations"].as_array().map_or(&[], Vec::as_slice),
                    &columns,
                );
            }
        }
        Command::Rotate(rotate) => rotate.run(&admin, as_json).await?,
        Command::Remove { name, force } => {
            let path = format!("/api/connections/{name}");
            let query = [("force", force.then(|| "true".to_owned()))];
            let answer = admin.delete_where(&path, &query).await?;
            tell(&answer, &format!("{name} is removed"), as_json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(admin: &Admin, as_json: bool) -> anyhow::Result<()> {
    let mut health = admin.get("/api/health", &[]).await?;
    let connections = health["connections"].take();
    if as_json {
        output::json(&json!({"connections": connections}));
        return Ok(());
    }
    let columns = [
        ("NAME", "/name"),
        ("KIND", "/kind"),
        ("FROM", "/origin"),
        ("LAST ANSWER", "/last_heard_at"),
        ("DAYS LEFT", "/days_left"),
        ("TROUBLE", "/trouble/code"),
        ("SINCE", "/trouble/since"),
    ];
    let rows = connections.as_array().map_or(&[][..], Vec::as_slice);
    output::table(rows, &columns);
    for row in rows {
        for note in row["notes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            output::line(&format!("{}: {note}", row["name"].as_str().unwrap_or_default()));
        }
    }
    Ok(())
}

impl Add {
    async fn run(self, admin: &Admin, as_json: bool) -> anyhow::Result<ExitCode> {
        let account = self.account()?;
        let mut secrets = Map::new();
        for given in &self.files {
            let (name, file) = named(given, "--secret-file")?;
            secrets.insert(name.to_string(), config::secret_in(Path::new(file))?.into());
        }
        for given in &self.variables {
            let (name, variable) = named(given, "--secret-env")?;
            secrets.insert(name.to_string(), variable_of(variable)?.into());
        }
        for name in account.needed_secrets() {
            if !secrets.contains_key(name.as_str()) {
                secrets.insert(name.to_string(), ask(*name)?.into());
            }
        }
        let body = json!({"name": self.name, "account": account, "secrets": secrets});
        let answer = admin.post("/api/connections", &body).await?;
        if !as_json {
            output::line(&format!("{} is added", self.name));
        }
        Ok(tell_tried(&self.name, &answer, as_json))
    }

    fn account(&self) -> anyhow::Result<AccountConfig> {
        let mut table = toml::Table::new();
        table.insert("kind".into(), self.kind.clone().into());
        for given in &self.keys {
            let Some((key, value)) = given.split_once('=') else {
                bail!(BadUsage(format!("--set {given}: give KEY=VALUE")));
            };
            // A value that is no TOML is a text, so that nobody has to write quotes within quotes.
            let read = format!("value = {value}").parse::<toml::Table>().ok();
            let value = read.and_then(|mut table| table.remove("value"));
            let text = given.split_once('=').map_or("", |(_, value)| value);
            table.insert(key.to_owned(), value.unwrap_or_else(|| text.into()));
        }
        config::account(table).map_err(|error| BadUsage(format!("{error:#}")).into())
    }
}

impl Rotate {
    async fn run(self, admin: &Admin, as_json: bool) -> anyhow::Result<()> {
        let (action, value) = match (self.revert, self.end_former, &self.file, &self.env) {
            (true, ..) => ("revert", None),
            (_, true, ..) => ("end_former", None),
            (_, _, Some(file), _) => ("to", Some(config::secret_in(file)?)),
            (_, _, _, Some(variable)) => ("to", Some(variable_of(variable)?)),
            _ if self.secret == SecretName::HookKey => ("to", None),
            _ => ("to", Some(ask(self.secret)?)),
        };
        let path = format!("/api/connections/{}/secrets/{}", self.name, self.secret);
        let body = json!({"action": action, "value": value, "overlap_days": self.overlap_days});
        let answer = admin.post(&path, &body).await?;
        let until = answer["former_until"].as_str();
        let former = until.map_or_else(
            || "the one before is not valid any more".into(),
            |until| format!("the one before stays valid until {until}"),
        );
        tell(
            &answer,
            &format!("the {} of {} is changed; {former}", self.secret, self.name),
            as_json,
        );
        Ok(())
    }
}

fn secret_name(text: &str) -> Result<SecretName, String> {
    let found = SecretName::ALL.into_iter().find(|name| name.as_str() == text);
    found.ok_or_else(|| {
        let names: Vec<&str> = SecretName::ALL.iter().map(|name| name.as_str()).collect();
        format!("there are {}", names.join(", "))
    })
}

/// `NAME=WHERE`, the name of a secret.
fn named<'t>(given: &'t str, flag: &str) -> anyhow::Result<(SecretName, &'t str)> {
    let Some((name, value)) = given.split_once('=') else {
        bail!(BadUsage(format!(
            "{flag} {given}: give SECRET=WHERE, such as token=…"
        )));
    };
    let name = secret_name(name).map_err(|why| BadUsage(format!("{flag} {given}: {why}")))?;
    Ok((name, value))
}

fn variable_of(name: &str) -> anyhow::Result<String> {
    let value = config::environment(name).filter(|value| !value.trim().is_empty());
    let value = value.with_context(|| format!("the variable {name} is not set"))?;
    Ok(value.trim().to_owned())
}

/// Asks the person, without showing what they type; where nobody sits there, reads a line.
fn ask(name: SecretName) -> anyhow::Result<String> {
    let given = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{name}: ")).context("nothing could be asked for")?
    } else {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text)?;
        text
    };
    let given = given.trim().to_owned();
    if given.is_empty() {
        bail!(BadUsage(format!(
            "the {name} is missing: type it, or name a file or a variable that holds it (see --help)"
        )));
    }
    Ok(given)
}

fn tell(answer: &Value, text: &str, as_json: bool) {
    if as_json {
        output::json(answer);
    } else {
        output::line(text);
    }
}

fn tell_tried(name: &str, answer: &Value, as_json: bool) -> ExitCode {
    let text = match (&answer["works"], answer["reason"].as_str()) {
        (Value::Bool(true), _) => format!("{name} works"),
        (_, Some(reason)) => format!("{name} does not work: {reason}"),
        _ => format!("{name} cannot be tried without doing something"),
    };
    tell(answer, &text, as_json);
    if answer["works"] == false {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

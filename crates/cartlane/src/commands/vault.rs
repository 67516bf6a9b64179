//! `cartlane vault`: the key that seals what is kept secret.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;

use super::serve::open_database;
use crate::admin::SOCKET;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::output::{self, BadConfig};
use crate::{master_key, output::line};

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Seal everything with another master key. All servers on the database must be stopped.
    Rotate {
        /// Go back to the key that was in use before.
        #[arg(long)]
        revert: bool,
    },
}

/// Does it.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let Command::Rotate { revert } = command;
    let config = Config::read(config)?;
    let socket = config.data_dir.join(SOCKET);
    if UnixStream::connect(&socket).is_ok() {
        bail!(
            "a server answers on {}; stop it, and all others on the same database, then rotate",
            socket.display()
        );
    }
    if !config.data_dir.is_dir() {
        bail!(
            "the data directory {} is not there; `cartlane serve` makes it",
            config.data_dir.display()
        );
    }
    let clock: Arc<dyn cartlane_model::Clock> = Arc::new(SystemClock);
    let db = open_database(&config, &clock).await?;
    master_key::finish_rotation(&db, &config.data_dir).await?;
    let rotation = master_key::begin_rotation(&config.data_dir, revert)?;
    let rotated = cartlane_engine::rotate_master_key(&db, &rotation.old, &rotation.new).await?;
    master_key::finish_rotation(&db, &config.data_dir).await?;
    db.close().await;
    let Some(rotated) = rotated else {
        bail!(BadConfig(
            "this database is used with another master key; rotate on the machine, or with the key, that its servers use"
                .into()
        ));
    };
    if as_json {
        output::json(&json!({"sealed": rotated.sealed, "unopened": rotated.unopened}));
        return Ok(ExitCode::SUCCESS);
    }
    line(&format!("sealed with the new key: {}", rotated.sealed));
    if rotated.unopened > 0 {
        line(&format!(
            "left as they are, since their key was given up before: {}",
            rotated.unopened
        ));
    }
    if rotation.is_in_files {
        let previous = master_key::previous_file(&config.data_dir);
        line(&format!(
            "the former key is {}; `cartlane vault rotate --revert` goes back to it",
            previous.display()
        ));
    } else {
        line("start all servers with CARTLANE_MASTER_KEY set to the new key");
    }
    Ok(ExitCode::SUCCESS)
}

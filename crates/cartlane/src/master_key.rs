//! The master key: from the environment, else from a file in the data directory, else made there.
//!
//! While it is being changed the new key stands in `master.key.next`: from before the database is sealed with it until it
//! takes the place of `master.key`, which becomes `master.key.previous`. So a rotation that was cut short is finished,
//! or taken back, by whoever comes next.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cartlane_store::Db;

use crate::output::BadConfig;

/// A master key.
pub type Key = [u8; 32];

/// Names the key in the environment: 64 hexadecimal digits.
const VARIABLE: &str = "CARTLANE_MASTER_KEY";
/// Names the key that is to take its place.
const NEXT_VARIABLE: &str = "CARTLANE_NEXT_MASTER_KEY";

/// The file of a data directory that holds the key.
pub fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("master.key")
}

/// The file that holds the key which was in use before.
pub fn previous_file(data_dir: &Path) -> PathBuf {
    data_dir.join("master.key.previous")
}

fn next_file(data_dir: &Path) -> PathBuf {
    data_dir.join("master.key.next")
}

#[expect(clippy::disallowed_methods, reason = "the program reads the environment")]
fn from_environment(variable: &str) -> anyhow::Result<Option<Key>> {
    let text = std::env::var(variable).ok();
    text.map(|text| parse(&text)).transpose()
}

fn parse(text: &str) -> anyhow::Result<Key> {
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key)
        .map_err(|_| BadConfig("the master key must be 64 hexadecimal digits".into()))?;
    Ok(key)
}

/// The key in a file; `None` where there is no such file.
pub fn read(path: &Path) -> anyhow::Result<Option<Key>> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => bail!("the master key {} cannot be read: {error}", path.display()),
    }
}

/// The key in use; made where there is none.
pub fn read_or_make(data_dir: &Path) -> anyhow::Result<Key> {
    if let Some(key) = from_environment(VARIABLE)? {
        return Ok(key);
    }
    let path = file(data_dir);
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    let key = rand::random();
    write(&path, &key)?;
    tracing::info!(path = %path.display(), "made a master key; keep a copy of it with your backups");
    Ok(key)
}

/// A new file, for this user alone, that is on disk when this returns.
fn write(path: &Path, key: &Key) -> anyhow::Result<()> {
    let opened = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = opened.with_context(|| format!("{} cannot be written", path.display()))?;
    file.write_all(hex::encode(key).as_bytes())?;
    file.sync_all()?;
    Ok(())
}

/// The old and the new key of a rotation.
pub struct Rotation {
    /// In use now.
    pub old: Key,
    /// To be used from then on.
    pub new: Key,
    /// Whether the keys are in files; else the environment names them.
    pub is_in_files: bool,
}

/// Decides on the new key: a random one, or, with `is_revert`, the one that was in use before. Where it goes into a file
/// it is on disk when this returns.
pub fn begin_rotation(data_dir: &Path, is_revert: bool) -> anyhow::Result<Rotation> {
    if let Some(old) = from_environment(VARIABLE)? {
        let Some(new) = from_environment(NEXT_VARIABLE)? else {
            bail!(BadConfig(format!(
                "the master key comes from {VARIABLE}; give the new one (64 hexadecimal digits) in {NEXT_VARIABLE}"
            )));
        };
        return Ok(Rotation {
            old,
            new,
            is_in_files: false,
        });
    }
    let Some(old) = read(&file(data_dir))? else {
        bail!(
            "there is no master key yet: {} is made by the first `cartlane serve`",
            file(data_dir).display()
        );
    };
    let new = if is_revert {
        let previous = previous_file(data_dir);
        read(&previous)?
            .with_context(|| format!("there is no former key: {} is not there", previous.display()))?
    } else {
        rand::random()
    };
    write(&next_file(data_dir), &new)?;
    Ok(Rotation {
        old,
        new,
        is_in_files: true,
    })
}

/// Puts the files right after a rotation, also after one that was cut short: where the database is sealed with the new
/// key, that becomes the key; else the rotation never happened.
pub async fn finish_rotation(db: &Db, data_dir: &Path) -> anyhow::Result<()> {
    let (path, next) = (file(data_dir), next_file(data_dir));
    let Some(new) = read(&next)? else { return Ok(()) };
    if !cartlane_engine::belongs_to(db, &new).await? {
        fs::remove_file(&next)?;
        return Ok(());
    }
    // Where this was cut short between the two, the key has its new name already.
    match fs::rename(&path, previous_file(data_dir)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => fs::rename(&next, &path)?,
    }
    fs::File::open(data_dir)?.sync_all()?;
    Ok(())
}

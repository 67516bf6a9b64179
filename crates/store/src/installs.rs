//! Where a vendor's app is installed, as its web hooks told. The newest word counts, in whatever order they come.

use cartlane_model::{ConnectionId, UnixMs, WorkspaceId};

use crate::db::{Error, Tx, Value};

/// One word about an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// Whose connection it came by.
    pub workspace_id: WorkspaceId,
    /// That connection.
    pub connection_id: ConnectionId,
    /// The app.
    pub app_id: String,
    /// Where: a location or a whole company.
    pub owner: Owner,
    /// Installed, or removed.
    pub is_installed: bool,
    /// When that happened.
    pub changed_at: UnixMs,
}

/// Where an app is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// In one location.
    Location(String),
    /// In an agency.
    Company(String),
}

impl Owner {
    fn to_text(&self) -> String {
        match self {
            Self::Location(id) => format!("location/{id}"),
            Self::Company(id) => format!("company/{id}"),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        match text.split_once('/')? {
            ("location", id) => Some(Self::Location(id.to_owned())),
            ("company", id) => Some(Self::Company(id.to_owned())),
            _ => None,
        }
    }
}

/// Writes a word down, unless a newer one is there or one of the same moment. Whether it counted.
pub fn record(tx: &mut dyn Tx, install: &Install) -> Result<bool, Error> {
    let changed = tx.execute(
        "INSERT INTO app_installs (workspace_id, app_id, owner, connection_id, is_installed, changed_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (workspace_id, app_id, owner) DO UPDATE SET \
         connection_id = excluded.connection_id, is_installed = excluded.is_installed, \
         changed_at = excluded.changed_at WHERE excluded.changed_at > app_installs.changed_at",
        &[
            Value::id(&install.workspace_id),
            install.app_id.as_str().into(),
            install.owner.to_text().into(),
            Value::id(&install.connection_id),
            i64::from(install.is_installed).into(),
            install.changed_at.into(),
        ],
    )?;
    Ok(changed > 0)
}

/// The newest word about each app and place.
pub fn list(tx: &mut dyn Tx) -> Result<Vec<Install>, Error> {
    let rows = tx.query(
        "SELECT workspace_id, connection_id, app_id, owner, is_installed, changed_at FROM app_installs \
         ORDER BY workspace_id, app_id, owner",
        &[],
    )?;
    rows.iter()
        .map(|row| {
            let owner = Owner::from_text(row.text(3)?);
            Ok(Install {
                workspace_id: row.id(0)?,
                connection_id: row.id(1)?,
                app_id: row.text(2)?.to_owned(),
                owner: owner.ok_or_else(|| Error::Corrupt("an install of nobody".into()))?,
                is_installed: row.int(4)? != 0,
                changed_at: UnixMs(row.int(5)?),
            })
        })
        .collect()
}

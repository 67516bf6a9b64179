//! `cartlane automations`: versions, diff, rollback, duplicate.

use serde_json::{Value, json};

use super::automations::{find, path_of, print};
use crate::admin::Admin;
use crate::output;

/// All versions of an automation, newest first.
pub async fn list(admin: &Admin, name: &str, as_json: bool) -> anyhow::Result<()> {
    let (path, _) = path_of(&find(admin, name).await?);
    let answer = admin.get(&format!("{path}/versions"), &[]).await?;
    if as_json {
        output::json(&answer);
        return Ok(());
    }
    let columns = [
        ("VERSION", "/version"),
        ("SAVED", "/saved_at"),
        ("AUTHOR", "/author"),
        ("NOTE", "/note"),
    ];
    output::table(answer["versions"].as_array().map_or(&[], Vec::as_slice), &columns);
    Ok(())
}

/// What differs between two versions.
pub async fn diff(
    admin: &Admin,
    name: &str,
    from: Option<i64>,
    to: Option<i64>,
    as_json: bool,
) -> anyhow::Result<()> {
    let (path, name) = path_of(&find(admin, name).await?);
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    let query = [("from", number(from)), ("to", number(to))];
    let answer = admin.get(&format!("{path}/diff"), &query).await?;
    if as_json {
        output::json(&answer);
        return Ok(());
    }
    match answer["text"].as_str().unwrap_or_default().trim_end() {
        "" => output::line(&format!(
            "versions {} and {} of `{name}` are the same",
            answer["from"], answer["to"]
        )),
        text => output::line(text),
    }
    Ok(())
}

/// Saves the document of a former version as a new one.
pub async fn roll_back(admin: &Admin, name: &str, to: &Value, as_json: bool) -> anyhow::Result<()> {
    let (path, name) = path_of(&find(admin, name).await?);
    let version = &to["version"];
    if !as_json {
        let former = admin.get(&format!("{path}/versions/{version}"), &[]).await?;
        super::polls::tell_price(admin, &[former["document"].clone()]).await?;
    }
    let answer = admin.post(&format!("{path}/rollback"), to).await?;
    let line = if answer["applied"] == "unchanged" {
        format!("`{name}` says what it said in version {version} already")
    } else {
        let now = &answer["version"];
        format!("`{name}` says what it said in version {version} again; that is version {now}")
    };
    print(&answer, as_json, &line);
    Ok(())
}

/// Makes a copy.
pub async fn duplicate(admin: &Admin, name: &str, new_name: &str, as_json: bool) -> anyhow::Result<()> {
    let (path, name) = path_of(&find(admin, name).await?);
    let answer = admin
        .post(&format!("{path}/duplicate"), &json!({"name": new_name}))
        .await?;
    let line = format!("`{new_name}` is a copy of `{name}`, and disabled: change it, then enable it");
    print(&answer, as_json, &line);
    Ok(())
}

/// The row of an automation as it was in a former version.
pub async fn at(admin: &Admin, row: Value, version: Option<i64>) -> anyhow::Result<Value> {
    let Some(version) = version else { return Ok(row) };
    let (path, _) = path_of(&row);
    let former = admin.get(&format!("{path}/versions/{version}"), &[]).await?;
    let mut row = row;
    for key in ["version", "document", "author", "note", "saved_at"] {
        row[key] = former[key].clone();
    }
    Ok(row)
}

//! Lists and tables.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, State};

use super::{misused, present};
use crate::scope::Absent;

/// `["a", none, "b"] | lines` is the texts that are there, each on a line of its own.
pub(super) fn lines(state: &mut State, value: &Value) -> Result<Option<String>, Error> {
    let Some(list) = present(state, value)? else {
        return Ok(None);
    };
    if !matches!(list.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(misused("lines", "a list", &list));
    }
    let texts = list
        .try_iter()?
        .filter(|item| !item.is_undefined() && !Absent::is_nothing(item));
    let texts: Vec<String> = texts
        .map(|item| item.to_string())
        .filter(|text| !text.is_empty())
        .collect();
    Ok(Some(texts.join("\n")))
}

/// `event.items | item_names` is the name of each, or its key (`product-12`) where it has none.
pub(super) fn item_names(state: &mut State, value: &Value) -> Result<Option<Vec<String>>, Error> {
    let Some(items) = present(state, value)? else {
        return Ok(None);
    };
    items
        .try_iter()?
        .map(|item| item_name(&item))
        .collect::<Result<_, _>>()
        .map(Some)
}

fn item_name(item: &Value) -> Result<String, Error> {
    let part = |name| {
        item.get_attr(name)
            .map(|part| part.as_str().unwrap_or_default().trim().to_owned())
    };
    let name = part("name")?;
    if name.is_empty() {
        Ok(format!("{}-{}", part("type")?, part("id")?))
    } else {
        Ok(name)
    }
}

/// `lookup({"12": "gold"}, item.id, "basic")` is the table's value for the key, else the third, else none.
pub(super) fn lookup(
    state: &mut State,
    table: &Value,
    key: &Value,
    default: Option<Value>,
) -> Result<Option<Value>, Error> {
    let Some(table) = present(state, table)? else {
        return Ok(default);
    };
    if table.kind() != ValueKind::Map {
        return Err(misused("lookup", "a table such as {\"a\": 1}", &table));
    }
    let Some(key) = present(state, key)? else {
        return Ok(default);
    };
    let found = table.get_item(&key)?;
    Ok(if found.is_undefined() {
        default
    } else {
        Some(found)
    })
}

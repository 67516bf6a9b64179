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
    let texts = elements("lines", &list)?
        .into_iter()
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

/// `["a", none, ""] | compact` is what is there of a list.
pub(super) fn compact(state: &mut State, value: &Value) -> Result<Option<Vec<Value>>, Error> {
    let Some(list) = present(state, value)? else {
        return Ok(None);
    };
    let is_there =
        |item: &Value| !item.is_undefined() && !Absent::is_nothing(item) && item.as_str() != Some("");
    Ok(Some(
        elements("compact", &list)?.into_iter().filter(is_there).collect(),
    ))
}

/// `event.payload.tags | contains("VIP")`: whether it is in the list; texts are compared as GHL compares tags, without
/// regard to case and outer spaces.
pub(super) fn contains(state: &mut State, value: &Value, wanted: &Value) -> Result<Option<bool>, Error> {
    any_of("contains", state, value, std::slice::from_ref(wanted))
}

/// `… | contains_any(["vip", "member"])`: whether one of them is in the list.
pub(super) fn contains_any(state: &mut State, value: &Value, wanted: &Value) -> Result<Option<bool>, Error> {
    let wanted = elements("contains_any", wanted)?;
    any_of("contains_any", state, value, &wanted)
}

fn any_of(filter: &str, state: &mut State, value: &Value, wanted: &[Value]) -> Result<Option<bool>, Error> {
    let Some(list) = present(state, value)? else {
        return Ok(None);
    };
    let list = elements(filter, &list)?;
    Ok(Some(
        list.iter()
            .any(|item| wanted.iter().any(|wanted| is_same(item, wanted))),
    ))
}

/// `["a", "b"] | without(["B"])` is the list less some of it.
pub(super) fn without(
    state: &mut State,
    value: &Value,
    unwanted: &Value,
) -> Result<Option<Vec<Value>>, Error> {
    let Some(list) = present(state, value)? else {
        return Ok(None);
    };
    let unwanted = match present(state, unwanted)? {
        Some(one) if one.as_str().is_some() => vec![one],
        Some(some) => elements("without", &some)?,
        None => Vec::new(),
    };
    let mut list = elements("without", &list)?;
    list.retain(|item| !unwanted.iter().any(|unwanted| is_same(item, unwanted)));
    Ok(Some(list))
}

/// The elements of a list; an error where it is none.
pub(super) fn elements(filter: &str, list: &Value) -> Result<Vec<Value>, Error> {
    if !matches!(list.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(misused(filter, "a list", list));
    }
    Ok(list.try_iter()?.collect())
}

pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => one.trim().to_lowercase() == other.trim().to_lowercase(),
        _ => one == other,
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

//! Texts: tags, names, escapes, hashes.

use minijinja::value::Value;
use minijinja::{Error, State};
use sha2::{Digest, Sha256};

use super::list::elements;
use super::{present, text};

/// The longest tag, in characters. GHL documents no limit; longer ones are of no use in its screens.
const MAX_TAG: usize = 100;

/// `"  Plan   Pro " | tag` is `Plan Pro`; with a prefix, `purchased: Plan Pro`. None where nothing is left.
pub(super) fn tag(state: &mut State, value: &Value, prefix: Option<String>) -> Result<Option<String>, Error> {
    let Some(text) = text(state, value)? else {
        return Ok(None);
    };
    Ok(normalised(&text, &prefix.unwrap_or_default()))
}

fn normalised(text: &str, prefix: &str) -> Option<String> {
    let text = words(text);
    if text.is_empty() {
        return None;
    }
    let tag: String = prefix.chars().chain(text.chars()).take(MAX_TAG).collect();
    Some(tag.trim().to_owned())
}

/// `["Plan  Pro", "plan pro", none] | tags` is `["Plan Pro"]`: each as a [`tag`], once, without regard to case.
pub(super) fn tags(
    state: &mut State,
    value: &Value,
    prefix: Option<String>,
) -> Result<Option<Vec<String>>, Error> {
    let Some(list) = present(state, value)? else {
        return Ok(None);
    };
    let prefix = prefix.unwrap_or_default();
    let mut tags: Vec<String> = Vec::new();
    for item in elements("tags", &list)? {
        let tag = text(state, &item)?.and_then(|text| normalised(&text, &prefix));
        if let Some(tag) = tag
            && !tags
                .iter()
                .any(|known| known.to_lowercase() == tag.to_lowercase())
        {
            tags.push(tag);
        }
    }
    Ok(Some(tags))
}

/// `"A long sentence" | shorten(8)` is `A long …`: as many characters at the most.
pub(super) fn shorten(state: &mut State, value: &Value, most: usize) -> Result<Option<String>, Error> {
    Ok(text(state, value)?.map(|text| {
        if text.chars().count() <= most {
            return text;
        }
        let kept: String = text.chars().take(most.saturating_sub(1)).collect();
        format!("{kept}…")
    }))
}

/// `"A &amp; B" | unescape` is `A & B`.
pub(super) fn unescape(state: &mut State, value: &Value) -> Result<Option<String>, Error> {
    Ok(text(state, value)?.map(|text| html_escape::decode_html_entities(&text).into_owned()))
}

/// `event.person.email | lower | hash` is its SHA-256 in hexadecimal.
pub(super) fn hash(state: &mut State, value: &Value) -> Result<Option<String>, Error> {
    Ok(text(state, value)?.map(|text| hex::encode(Sha256::digest(text.as_bytes()))))
}

/// `"Alex van Example" | first_name` is `Alex`.
pub(super) fn first_name(state: &mut State, value: &Value) -> Result<Option<String>, Error> {
    Ok(text(state, value)?.and_then(|name| name.split_whitespace().next().map(str::to_owned)))
}

/// `"Alex van Example" | last_name` is `van Example`; none where there is one word only.
pub(super) fn last_name(state: &mut State, value: &Value) -> Result<Option<String>, Error> {
    let name = text(state, value)?.map(|name| words(&name));
    Ok(name.and_then(|name| name.split_once(' ').map(|(_, last)| last.to_owned())))
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

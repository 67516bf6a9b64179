//! Texts: tags, names, escapes, hashes.

use minijinja::value::Value;
use minijinja::{Error, State};
use sha2::{Digest, Sha256};

use super::text;

/// The longest tag, in characters. GHL documents no limit; longer ones are of no use in its screens.
const MAX_TAG: usize = 100;

/// `"  Plan   Pro " | tag` is `Plan Pro`; with a prefix, `purchased: Plan Pro`. None where nothing is left.
pub(super) fn tag(state: &mut State, value: &Value, prefix: Option<String>) -> Result<Option<String>, Error> {
    let Some(text) = text(state, value)? else {
        return Ok(None);
    };
    let text = words(&text);
    if text.is_empty() {
        return Ok(None);
    }
    let tag: String = prefix
        .unwrap_or_default()
        .chars()
        .chain(text.chars())
        .take(MAX_TAG)
        .collect();
    Ok(Some(tag.trim().to_owned()))
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

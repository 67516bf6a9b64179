//! Data as it was written: values with their places in the text.

use std::collections::HashMap;
use std::fmt;

use cartlane_model::Problems;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};
use serde_saphyr::Spanned;

/// Where something stands: both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub line: u64,
    pub column: u64,
    /// The text is a YAML block (`|`), whose lines are those of the file from this one on.
    pub is_block: bool,
}

/// A value and where it stands; data that was never text has no places.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub place: Option<Place>,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub name: String,
    pub place: Option<Place>,
}

impl Node {
    /// Reads YAML. Text that is no YAML at all is one fault, since nothing behind it can be trusted. A key may be there twice:
    /// see [`Node::twice`].
    pub(crate) fn from_yaml(text: &str) -> Result<Self, Problems> {
        let options = serde_saphyr::options! {
            strict_booleans: true,
            with_snippet: false,
            duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        };
        let mut node: Self = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let place = error
                .location()
                .map(|at| format!("line {}, column {}", at.line(), at.column()));
            let message = match &error {
                serde_saphyr::Error::MultipleDocuments { .. } => {
                    "a second document begins here; give it a file of its own".to_owned()
                }
                error => {
                    let message = error.to_string();
                    let message = message.split(" at line ").next().unwrap_or_default();
                    format!("not readable as YAML: {}", message.trim_end_matches([',', ' ']))
                }
            };
            Problems::one(place.unwrap_or_default(), message)
        })?;
        let lines: Vec<&str> = text.lines().collect();
        node.mark_blocks(&lines);
        Ok(node)
    }

    /// The keys that one map has twice, in it and below: the path, and where both stand. The last one counts.
    pub(crate) fn twice(&self, path: &str) -> Vec<(String, String)> {
        match &self.kind {
            Kind::List(nodes) => {
                let within = |(index, node): (usize, &Self)| node.twice(&format!("{path}[{index}]"));
                nodes.iter().enumerate().flat_map(within).collect()
            }
            Kind::Map(entries) => {
                let mut found = Vec::new();
                let mut first: HashMap<&str, &Key> = HashMap::new();
                for (key, node) in entries {
                    let path = format!("{path}.{}", key.name);
                    let path = path.trim_start_matches('.');
                    if let Some(first) = first.insert(&key.name, key) {
                        let line = |key: &Key| {
                            key.place
                                .map_or_else(String::new, |place| format!(" in line {}", place.line))
                        };
                        let message =
                            format!("`{}` is there twice:{} and{}", key.name, line(first), line(key));
                        found.push((path.to_owned(), message));
                    }
                    found.extend(node.twice(path));
                }
                found
            }
            _ => Vec::new(),
        }
    }

    /// What this is, for people.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The plain data.
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(nodes) => nodes.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => {
                let entry = |(key, node): &(Key, Self)| (key.name.clone(), node.to_json());
                Value::Object(entries.iter().map(entry).collect())
            }
        }
    }

    fn mark_blocks(&mut self, lines: &[&str]) {
        match &mut self.kind {
            Kind::Text(_) => {
                if let Some(place) = &mut self.place {
                    place.is_block = begins_block(place.line, lines);
                }
            }
            Kind::List(nodes) => nodes.iter_mut().for_each(|node| node.mark_blocks(lines)),
            Kind::Map(entries) => entries.iter_mut().for_each(|(_, node)| node.mark_blocks(lines)),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
        }
    }
}

/// Whether the text that begins in `line` is a block: the line before it ends in `|` or `|-`.
fn begins_block(line: u64, lines: &[&str]) -> bool {
    let before = usize::try_from(line)
        .ok()
        .and_then(|line| lines.get(line.checked_sub(2)?));
    before.is_some_and(|before| before.trim_end().trim_end_matches(['-', '+']).ends_with(" |"))
}

impl From<&Value> for Node {
    fn from(value: &Value) -> Self {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Bool(*value),
            Value::Number(number) => Kind::Number(number.clone()),
            Value::String(text) => Kind::Text(text.clone()),
            Value::Array(values) => Kind::List(values.iter().map(Self::from).collect()),
            Value::Object(entries) => Kind::Map(
                entries
                    .iter()
                    .map(|(name, value)| {
                        let key = Key {
                            name: name.clone(),
                            place: None,
                        };
                        (key, Self::from(value))
                    })
                    .collect(),
            ),
        };
        Self { place: None, kind }
    }
}

fn place(at: serde_saphyr::Location) -> Option<Place> {
    let place = Place {
        line: at.line(),
        column: at.column(),
        is_block: false,
    };
    (place.line > 0).then_some(place)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Self {
            place: place(spanned.referenced),
            kind: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        Kind::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Kind, E> {
        Number::from_f64(value)
            .map(Kind::Number)
            .ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(Kind::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = items.next_key::<Spanned<String>>()? {
            let key = Key {
                name: key.value,
                place: place(key.referenced),
            };
            entries.push((key, items.next_value()?));
        }
        Ok(Kind::Map(entries))
    }
}

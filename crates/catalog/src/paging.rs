//! How a list is read to its end, and how it is watched for what is new.
//!
//! Both are data. Pointers are JSON pointers (RFC 6901) into an operation's answer; names are inputs of the
//! operation. A page that is short, empty or repeats its cursor is the last one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the pages of a list are asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// Where the answer has the items; empty where the answer is the list.
    pub items: String,
    /// The input that says how many items a page has; `None` where the vendor decides.
    pub size: Option<String>,
    /// The largest page that the vendor allows, or documents as safe.
    pub most: Option<u32>,
    /// How the next page is asked for.
    pub next: Next,
}

/// How the next page is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Next {
    /// This input is the number of items to leave out.
    Offset(String),
    /// This input is the page's number, from 1.
    Page(String),
    /// These inputs get their values from these places in the answer.
    Answer(BTreeMap<String, String>),
    /// These inputs get their values from these places in the page's last item.
    Last(BTreeMap<String, String>),
}

impl Next {
    /// The inputs that ask for the next page.
    pub fn inputs(&self) -> Vec<&str> {
        match self {
            Self::Offset(input) | Self::Page(input) => vec![input],
            Self::Answer(inputs) | Self::Last(inputs) => inputs.keys().map(String::as_str).collect(),
        }
    }
}

/// How a list, or one thing, is watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// Where the answer has the items, or the one item; empty for the answer itself.
    pub items: String,
    /// The key that identifies an item; `None` where its whole content does.
    pub id: Option<String>,
    /// The key whose value tells that an item has changed; `None` where its content is compared.
    pub changed: Option<String>,
    /// In which order items come.
    #[serde(default)]
    pub order: Order,
    /// Inputs that leave out what is older than the last poll: `{since}` stands for its time.
    pub since: Option<Value>,
}

/// In which order a polled list comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// None that can be relied on: every item of every page is looked at.
    #[default]
    Whole,
    /// The newest first: reading stops at the first item that is known.
    NewestFirst,
    /// The oldest change first, from the last poll's time on.
    Cursor,
}

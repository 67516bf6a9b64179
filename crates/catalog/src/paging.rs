//! How a list is read to its end, and how it is watched for what is new.
//!
//! Both are data. Pointers are JSON pointers (RFC 6901) into an operation's answer; names are inputs of the
//! operation. A page that is short, empty or repeats its cursor is the last one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Operation, Type};

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

/// Reads a list page by page: what to ask for next, and when there is nothing more to ask for.
///
/// It keeps no items, only what the last page was asked with and a hash of what came. Every page has all of the
/// inputs that the first one has; only those that turn the page change.
///
/// ```
/// use cartlane_catalog::{Catalog, Cursor};
/// use serde_json::json;
/// let list = Catalog::builtin().get("ghl.businesses.list").expect("an operation");
/// let mut cursor = Cursor::new(list, &json!({"limit": "2"})).expect("it has pages");
/// assert_eq!(cursor.inputs(), Some(&json!({"limit": "2"})));
/// assert_eq!(cursor.turn(&json!({"businesses": [{"id": "a"}, {"id": "b"}]})).len(), 2);
/// assert_eq!(cursor.inputs(), Some(&json!({"limit": "2", "skip": "2"})));
/// assert_eq!(cursor.turn(&json!({"businesses": [{"id": "c"}]})).len(), 1);
/// assert_eq!(cursor.inputs(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Cursor {
    operation: &'static Operation,
    /// Where the answer has the items.
    items: String,
    pages: Option<Pages>,
    inputs: Option<Value>,
    /// How many items a full page has; `None` where the vendor decides.
    full: Option<u64>,
    last_page: Option<u64>,
    overlaps: bool,
}

impl Cursor {
    /// Before the first page; `None` where the operation's answer is no list. A list without pages is one page.
    pub fn new(operation: &'static Operation, inputs: &Value) -> Option<Self> {
        let pages = operation.endpoint()?.pages.clone();
        let items = match (&pages, &operation.poll) {
            (Some(pages), _) => pages.items.clone(),
            (None, Some(poll)) => poll.items.clone(),
            (None, None) => return None,
        };
        let mut inputs = inputs.clone();
        let mut full = None;
        if let (Some(pages), Some(given)) = (&pages, inputs.as_object_mut())
            && let Some(size) = &pages.size
        {
            if let (false, Some(most)) = (given.contains_key(size), pages.most) {
                given.insert(size.clone(), as_input(operation, size, most.into()));
            }
            full = given.get(size).and_then(number);
        }
        Some(Self {
            operation,
            items,
            pages,
            inputs: Some(inputs),
            full,
            last_page: None,
            overlaps: false,
        })
    }

    /// For a list with the latest first whose pages are asked for by a time: the next page begins with what has the same
    /// time as this one's last item, since there may be more of them. Items may come twice then.
    pub fn overlap(&mut self) {
        self.overlaps = true;
    }

    /// Whether an answer has a list of items, and not one thing.
    pub fn is_list(&self, answer: &Value) -> bool {
        answer.pointer(&self.items).is_some_and(Value::is_array)
    }

    /// The inputs of the next page; `None` after the last one.
    pub fn inputs(&self) -> Option<&Value> {
        self.inputs.as_ref()
    }

    /// Takes the answer to [`Cursor::inputs`]: the page's items. A page that is the same as the one before has none.
    pub fn turn(&mut self, answer: &Value) -> Vec<Value> {
        let Some(asked) = self.inputs.take() else {
            return Vec::new();
        };
        let items = match answer.pointer(&self.items) {
            Some(Value::Array(items)) => items.clone(),
            Some(Value::Null) | None => Vec::new(),
            Some(one) => vec![one.clone()],
        };
        let hash = hash_of(&items);
        if items.is_empty() || self.last_page.replace(hash) == Some(hash) {
            return Vec::new();
        }
        let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
        if self.full.is_none_or(|full| count >= full) {
            self.inputs = self.next(&asked, answer, &items, count);
        }
        items
    }

    fn next(&self, asked: &Value, answer: &Value, items: &[Value], count: u64) -> Option<Value> {
        let mut inputs = asked.clone();
        let given = inputs.as_object_mut()?;
        let mut set = |name: &str, value: Value| given.insert(name.to_owned(), value);
        match &self.pages.as_ref()?.next {
            Next::Offset(name) => {
                let before = asked.get(name).and_then(number).unwrap_or(0);
                let again = u64::from(self.overlaps && count > 1);
                set(name, as_input(self.operation, name, before + count - again));
            }
            Next::Page(name) => {
                let before = asked.get(name).and_then(number).unwrap_or(1);
                set(name, as_input(self.operation, name, before + 1));
            }
            Next::Answer(places) => {
                for (name, pointer) in places {
                    set(name, cursor_in(answer, pointer)?);
                }
            }
            Next::Last(places) => {
                let last = items.last()?;
                if self.overlaps {
                    for (name, pointer) in places {
                        let value = cursor_in(last, pointer)?;
                        set(name, value.as_i64().map_or(value, |number| (number + 1).into()));
                    }
                    if inputs != *asked {
                        return Some(inputs);
                    }
                }
                let given = inputs.as_object_mut()?;
                for (name, pointer) in places {
                    given.insert(name.clone(), cursor_in(last, pointer)?);
                }
            }
        }
        (inputs != *asked).then_some(inputs)
    }
}

/// A cursor's value; none where it is missing or empty, which only the last page has.
fn cursor_in(answer: &Value, pointer: &str) -> Option<Value> {
    let value = answer.pointer(pointer)?;
    let is_empty = value.is_null()
        || value.as_str().is_some_and(str::is_empty)
        || value.as_array().is_some_and(Vec::is_empty);
    (!is_empty).then(|| value.clone())
}

/// A number as the input takes it: some of the vendor's numbers are texts.
fn as_input(operation: &Operation, name: &str, number: u64) -> Value {
    let is_text = operation
        .input(name)
        .is_some_and(|input| input.shape.kind() == Type::String);
    if is_text {
        number.to_string().into()
    } else {
        number.into()
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn hash_of(items: &[Value]) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    items.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;
    use serde_json::json;

    fn cursor(id: &str, inputs: &Value) -> Cursor {
        let operation = Catalog::builtin().get(id).expect("an operation");
        Cursor::new(operation, inputs).expect("a list")
    }

    #[test]
    fn every_page_keeps_every_input() {
        let filters = json!([{"field": "email", "operator": "exists"}]);
        let mut pages = cursor(
            "ghl.contacts.search",
            &json!({"filters": filters, "pageLimit": 1}),
        );
        pages.turn(&json!({"contacts": [{"id": "a", "searchAfter": [1, "a"]}]}));
        let next = json!({"filters": filters, "pageLimit": 1, "searchAfter": [1, "a"]});
        assert_eq!(pages.inputs(), Some(&next));
    }

    #[test]
    fn a_cursor_that_comes_again_ends_the_list() {
        let page =
            |id: &str| json!({"contacts": [{"id": id}], "meta": {"startAfter": 1, "startAfterId": "a"}});
        let mut pages = cursor("ghl.contacts.list", &json!({"limit": 1}));
        assert_eq!(pages.turn(&page("a")).len(), 1);
        assert_eq!(pages.turn(&page("b")).len(), 1);
        assert_eq!(pages.inputs(), None, "the same cursor");
    }

    #[test]
    fn a_page_that_comes_again_ends_the_list_and_is_not_given_twice() {
        let page = json!({"businesses": [{"id": "a"}]});
        let mut pages = cursor("ghl.businesses.list", &json!({"limit": "1"}));
        assert_eq!(pages.turn(&page).len(), 1);
        assert!(pages.turn(&page).is_empty());
        assert_eq!(pages.inputs(), None);
    }

    #[test]
    fn the_largest_safe_page_is_asked_for_where_nobody_says_a_size() {
        let pages = cursor("ghl.associations.list", &json!({"skip": 0}));
        assert_eq!(pages.inputs().expect("a page")["limit"], 100);
    }

    #[test]
    fn a_list_without_pages_is_one_page() {
        let mut pages = cursor("ghl.opportunities.list_pipelines", &json!({}));
        assert_eq!(pages.turn(&json!({"pipelines": [{"id": "a"}]})).len(), 1);
        assert_eq!(pages.inputs(), None);
    }
}

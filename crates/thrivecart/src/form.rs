//! `application/x-www-form-urlencoded` with PHP's brackets, read in one pass.
//!
//! `customer[address][country]=US&purchase_map[]=product-12` becomes
//! `{"customer": {"address": {"country": "US"}}, "purchase_map": ["product-12"]}`.
//!
//! All text is decoded once into one buffer; nodes point into it and are only at the end copied into a [`Value`].
//! A key mostly differs from the one before it in its last segment only, so that case has a short way.
//! Nothing here fails: odd keys stay as they are, a scalar that gets nested keys is kept under the key `""`.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::escape::unescape;
use crate::json;
use crate::tree::Budget;

/// Reads a body. The caller has checked its length.
pub(crate) fn parse(body: &[u8], budget: &mut Budget) -> Value {
    let mut reader = Reader::new(body.len());
    let mut start = 0;
    while start < body.len() {
        let end = memchr::memchr(b'&', &body[start..]).map_or(body.len(), |length| start + length);
        if end > start {
            reader.read_pair(&body[start..end], budget);
        }
        start = end + 1;
    }
    reader.finish(budget)
}

const NONE: u32 = u32::MAX;

/// A stretch of the text. Small, because a body has hundreds; bodies are far shorter than 4 GiB.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        let small = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: small(start),
            end: small(end),
        }
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One key segment with what hangs below it. Children are a linked list in order of appearance.
struct Node {
    name: Span,
    fingerprint: u32,
    leaf: Option<Span>,
    first_child: u32,
    last_child: u32,
    next_sibling: u32,
    /// What `[]` gets next, as in PHP: one more than the largest index so far.
    next_index: u64,
}

impl Node {
    fn new(name: Span, fingerprint: u32) -> Self {
        Self {
            name,
            fingerprint,
            leaf: None,
            first_child: NONE,
            last_child: NONE,
            next_sibling: NONE,
            next_index: 0,
        }
    }
}

struct Reader<'a> {
    text: Vec<u8>,
    nodes: Vec<Node>,
    /// The raw beginning of the last nested key, up to and with its last `[`; empty where there is none.
    last_prefix: &'a [u8],
    /// The node that this beginning leads to, and its depth.
    last_parent: u32,
    last_depth: usize,
    /// The key being read, decoded, and its segments; reused.
    key: Vec<u8>,
    segments: Vec<Range<usize>>,
}

impl<'a> Reader<'a> {
    fn new(body_bytes: usize) -> Self {
        let mut nodes = Vec::with_capacity(body_bytes / 24 + 8);
        nodes.push(Node::new(Span::new(0, 0), 0));
        Self {
            text: Vec::with_capacity(body_bytes),
            nodes,
            last_prefix: &[],
            last_parent: 0,
            last_depth: 0,
            key: Vec::new(),
            segments: Vec::new(),
        }
    }

    fn read_pair(&mut self, pair: &'a [u8], budget: &mut Budget) {
        let split = memchr::memchr(b'=', pair);
        let (key, value) = split.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
        let Some(node) = self.node(key, budget) else {
            return;
        };
        let start = self.text.len();
        unescape(value, &mut self.text);
        self.nodes[node as usize].leaf = Some(Span::new(start, self.text.len()));
    }

    /// The node of a raw key; `None` where it is beyond the limits.
    fn node(&mut self, key: &'a [u8], budget: &mut Budget) -> Option<u32> {
        if is_plain(key) {
            return budget.admit(1, key).then(|| self.child(0, key));
        }
        let sibling = if self.last_prefix.is_empty() {
            None
        } else {
            key.strip_prefix(self.last_prefix)
        };
        if let Some(segment) = sibling.and_then(last_segment) {
            return budget
                .admit(self.last_depth + 1, segment)
                .then(|| self.child(self.last_parent, segment));
        }
        self.nested_node(key, budget)
    }

    fn nested_node(&mut self, raw: &'a [u8], budget: &mut Budget) -> Option<u32> {
        let (mut key, mut segments) = (std::mem::take(&mut self.key), std::mem::take(&mut self.segments));
        key.clear();
        segments.clear();
        unescape(raw, &mut key);
        split_segments(&key, &mut segments);
        let node = budget.admit(segments.len(), &key).then(|| {
            let (mut parent, mut node) = (0, 0);
            for (level, segment) in segments.iter().enumerate() {
                parent = node;
                let appended = segment.is_empty() && level > 0;
                node = if appended {
                    self.append(parent)
                } else {
                    self.child(parent, &key[segment.clone()])
                };
            }
            self.remember(raw, parent, &segments);
            node
        });
        (self.key, self.segments) = (key, segments);
        node
    }

    /// Keeps the beginning of this key for the next one, unless it would mean another node there (`a[][b]`).
    fn remember(&mut self, raw: &'a [u8], parent: u32, segments: &[Range<usize>]) {
        let end = memchr::memmem::rfind(raw, b"%5B").map(|at| at + 3);
        let end = end
            .max(memchr::memrchr(b'[', raw).map(|at| at + 1))
            .unwrap_or_default();
        let is_same_node_again =
            segments.len() > 1 && segments[1..].iter().all(|segment| !segment.is_empty());
        let usable = is_same_node_again && last_segment(&raw[end..]).is_some();
        self.last_prefix = if usable { &raw[..end] } else { &[] };
        self.last_parent = parent;
        self.last_depth = segments.len() - 1;
    }

    fn child(&mut self, parent: u32, name: &[u8]) -> u32 {
        let fingerprint = fingerprint(name);
        let mut child = self.nodes[parent as usize].first_child;
        while child != NONE {
            let node = &self.nodes[child as usize];
            if node.fingerprint == fingerprint && self.text[node.name.range()] == *name {
                return child;
            }
            child = node.next_sibling;
        }
        self.add_child(parent, name, fingerprint)
    }

    fn add_child(&mut self, parent: u32, name: &[u8], fingerprint: u32) -> u32 {
        let index = index_of(name);
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let name = Span::new(start, self.text.len());
        let id = u32::try_from(self.nodes.len()).unwrap_or(0); // bounded by keys × depth
        self.nodes.push(Node::new(name, fingerprint));
        let parent = &mut self.nodes[parent as usize];
        if let Some(index) = index {
            parent.next_index = parent.next_index.max(index + 1);
        }
        let last = std::mem::replace(&mut parent.last_child, id);
        if last == NONE {
            parent.first_child = id;
        } else {
            self.nodes[last as usize].next_sibling = id;
        }
        id
    }

    /// The node that `[]` makes.
    fn append(&mut self, parent: u32) -> u32 {
        let index = self.nodes[parent as usize].next_index.to_string();
        self.child(parent, index.as_bytes())
    }

    fn finish(self, budget: &mut Budget) -> Value {
        // Text of valid UTF-8 is checked once, in one go; what is cut inside a character is seen when it is taken.
        let tree = Tree {
            valid: std::str::from_utf8(&self.text).ok(),
            text: &self.text,
            nodes: &self.nodes,
        };
        tree.object(0, budget, 1)
    }
}

/// The nodes, read to their end.
struct Tree<'a> {
    valid: Option<&'a str>,
    text: &'a [u8],
    nodes: &'a [Node],
}

impl Tree<'_> {
    fn children(&self, parent: u32) -> impl Iterator<Item = &Node> + Clone {
        let get = |id: u32| self.nodes.get(id as usize);
        std::iter::successors(get(self.nodes[parent as usize].first_child), move |node| {
            get(node.next_sibling)
        })
    }

    fn ids(&self, parent: u32) -> impl Iterator<Item = u32> + use<'_> {
        let known = |id: u32| (id != NONE).then_some(id);
        let first = known(self.nodes[parent as usize].first_child);
        std::iter::successors(first, move |id| known(self.nodes[*id as usize].next_sibling))
    }

    fn string(&self, span: Span) -> String {
        match self.valid.and_then(|text| text.get(span.range())) {
            Some(text) => text.to_owned(),
            None => String::from_utf8_lossy(&self.text[span.range()]).into_owned(),
        }
    }

    /// `depth` is that of the children.
    fn object(&self, node: u32, budget: &mut Budget, depth: usize) -> Value {
        let mut map = Map::with_capacity(self.children(node).count() + 1);
        if let Some(leaf) = self.nodes[node as usize].leaf {
            map.insert(String::new(), self.leaf(leaf, budget, depth));
        }
        for id in self.ids(node) {
            let name = self.string(self.nodes[id as usize].name);
            map.insert(name, self.value(id, budget, depth));
        }
        Value::Object(map)
    }

    fn value(&self, id: u32, budget: &mut Budget, depth: usize) -> Value {
        let node = &self.nodes[id as usize];
        match node.leaf {
            Some(leaf) if node.first_child == NONE => self.leaf(leaf, budget, depth),
            None if self.is_list(id) => Value::Array(
                self.ids(id)
                    .map(|child| self.value(child, budget, depth + 1))
                    .collect(),
            ),
            _ => self.object(id, budget, depth + 1),
        }
    }

    /// Whether the keys are 0, 1, 2, … as PHP's own lists have them.
    fn is_list(&self, parent: u32) -> bool {
        self.children(parent)
            .enumerate()
            .all(|(at, child)| index_of(&self.text[child.name.range()]) == u64::try_from(at).ok())
    }

    fn leaf(&self, span: Span, budget: &mut Budget, depth: usize) -> Value {
        json::leaf(self.string(span), budget, depth)
    }
}

/// Whether a raw key or segment is what it spells, and has no brackets.
fn is_plain(raw: &[u8]) -> bool {
    raw.iter().all(|byte| !matches!(byte, b'%' | b'+' | b'[' | b']'))
}

/// The segment, where the raw end of a key is one plain segment and its closing bracket.
fn last_segment(end: &[u8]) -> Option<&[u8]> {
    let segment = end.strip_suffix(b"%5D").or_else(|| end.strip_suffix(b"]"))?;
    (!segment.is_empty() && is_plain(segment)).then_some(segment)
}

/// Cuts `order[charges][0]` into its segments. Anything that is not quite of that form is one segment, as it is.
fn split_segments(key: &[u8], segments: &mut Vec<Range<usize>>) {
    let opening = memchr::memchr(b'[', key).filter(|at| *at > 0);
    let (Some(opening), Some(b']')) = (opening, key.last()) else {
        segments.push(0..key.len());
        return;
    };
    segments.push(0..opening);
    let mut at = opening;
    while at < key.len() {
        let closing = memchr::memchr(b']', &key[at..]);
        let (b'[', Some(length)) = (key[at], closing) else {
            segments.clear();
            segments.push(0..key.len());
            return;
        };
        segments.push(at + 1..at + length);
        at += length + 1;
    }
}

/// The value of a plain decimal index without leading zeros.
fn index_of(name: &[u8]) -> Option<u64> {
    let plain = !name.is_empty() && name.len() <= 10 && (name[0] != b'0' || name.len() == 1);
    if !plain {
        return None;
    }
    name.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0'))
    })
}

/// Length, first, middle and last byte: tells nearly all sibling names apart in one comparison.
fn fingerprint(name: &[u8]) -> u32 {
    let byte = |at: usize| name.get(at).copied().unwrap_or_default();
    let last = name.len().saturating_sub(1);
    let length = name.len().to_le_bytes()[0];
    u32::from_le_bytes([length, byte(0), byte(last / 2), byte(last)])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::tree::Limits;

    #[rstest]
    #[case::nested("a[b][c]=1&a[b][d]=2&e=3", json!({"a": {"b": {"c": "1", "d": "2"}}, "e": "3"}))]
    #[case::percent_and_plus("a%5Bb%5D=x%20y+z%2B", json!({"a": {"b": "x y z+"}}))]
    #[case::appended_list("a[]=x&a[]=y", json!({"a": ["x", "y"]}))]
    #[case::appended_objects("a[][n]=x&a[][n]=y", json!({"a": [{"n": "x"}, {"n": "y"}]}))]
    #[case::interrupted_list("a[0]=x&b=1&a[1]=y", json!({"a": ["x", "y"], "b": "1"}))]
    #[case::sparse_index("map[12345]=x", json!({"map": {"12345": "x"}}))]
    #[case::append_after_sparse("map[7]=x&map[]=y", json!({"map": {"7": "x", "8": "y"}}))]
    #[case::scalar_then_nested("a=1&a[b]=2", json!({"a": {"": "1", "b": "2"}}))]
    #[case::nested_then_scalar("a[b]=2&a=1", json!({"a": {"": "1", "b": "2"}}))]
    #[case::last_duplicate_wins("a=1&b=2&a=3", json!({"a": "3", "b": "2"}))]
    #[case::json_text("customer={\"email\":\"a@b.c\",\"n\":[1,true,null]}",
        json!({"customer": {"email": "a@b.c", "n": ["1", "true", "null"]}}))]
    #[case::almost_json_text("name=[VIP] Course&x={", json!({"name": "[VIP] Course", "x": "{"}))]
    #[case::broken_percent("a=100%&b=%zz&c=%4", json!({"a": "100%", "b": "%zz", "c": "%4"}))]
    #[case::odd_brackets("a[b=1&[c]=2&d]=3&e[f]g=4&h[i]j[k]=5",
        json!({"a[b": "1", "[c]": "2", "d]": "3", "e[f]g": "4", "h[i]j[k]": "5"}))]
    #[case::no_value("a&b=&&=c", json!({"a": "", "b": "", "": "c"}))]
    #[case::invalid_utf8("a=%ff", json!({"a": "\u{fffd}"}))]
    #[case::utf8_cut_between_key_and_value("%c3=%a9&b=%c3%a9", json!({"\u{fffd}": "\u{fffd}", "b": "é"}))]
    #[case::shared_beginnings("a[b][c]=1&a%5Bb%5D%5Bd%5D=2&a[b][d]=3&a[b]=4&a[b][e%5D]=5&a[][x]=6&a[][x]=7",
        json!({"a": {"b": {"": "4", "c": "1", "d": "3"}, "0": {"x": "6"}, "1": {"x": "7"}}, "a[b][e]]": "5"}))]
    #[case::equals_in_value("a=b=c", json!({"a": "b=c"}))]
    #[case::hyphen_and_numeric_top_level("pro-rata=false&0=x", json!({"pro-rata": "false", "0": "x"}))]
    fn php_form_becomes_a_tree(#[case] body: &str, #[case] expected: Value) {
        assert_eq!(
            parse(body.as_bytes(), &mut Budget::new(&Limits::default())),
            expected
        );
    }

    #[test]
    fn sibling_names_of_one_fingerprint_stay_apart() {
        let tree = parse(b"abXcdefg=1&abYcdefg=2", &mut Budget::new(&Limits::default()));
        assert_eq!(tree, json!({"abXcdefg": "1", "abYcdefg": "2"}));
    }
}

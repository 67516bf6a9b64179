//! `application/x-www-form-urlencoded` with PHP's brackets, read in one pass.
//!
//! `customer[address][country]=US&purchase_map[]=product-12` becomes
//! `{"customer": {"address": {"country": "US"}}, "purchase_map": ["product-12"]}`.
//!
//! All text is decoded once into one buffer; nodes point into it and are only at the end copied into a
//! [`Value`]. A key mostly shares its beginning with the one before it, so that path is tried first.
//! Nothing here fails: odd keys stay as they are, a scalar that gets nested keys is kept under the key `""`.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::escape::unescape;
use crate::json;
use crate::tree::Budget;

/// Reads a body. The caller has checked its length.
pub(crate) fn parse(body: &[u8], budget: &mut Budget) -> Value {
    let mut reader = Reader::new(body.len());
    for pair in body.split(|byte| *byte == b'&') {
        if !pair.is_empty() {
            reader.read_pair(pair, budget);
        }
    }
    reader.object(0, budget, 1)
}

const NONE: u32 = u32::MAX;

/// One key segment with what hangs below it. Children are a linked list in order of appearance.
struct Node {
    name: Range<usize>,
    fingerprint: u64,
    leaf: Option<Range<usize>>,
    first_child: u32,
    last_child: u32,
    next_sibling: u32,
    /// What `[]` gets next, as in PHP: one more than the largest index so far.
    next_index: u64,
}

impl Node {
    fn new(name: Range<usize>, fingerprint: u64) -> Self {
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

struct Reader {
    text: Vec<u8>,
    nodes: Vec<Node>,
    /// The nodes of the previous key, outermost first.
    path: Vec<u32>,
    /// The segments of the key being read; reused.
    segments: Vec<Range<usize>>,
}

impl Reader {
    fn new(body_bytes: usize) -> Self {
        let mut nodes = Vec::with_capacity(body_bytes / 24 + 8);
        nodes.push(Node::new(0..0, 0));
        Self {
            text: Vec::with_capacity(body_bytes),
            nodes,
            path: Vec::with_capacity(8),
            segments: Vec::with_capacity(8),
        }
    }

    fn read_pair(&mut self, pair: &[u8], budget: &mut Budget) {
        let split = pair.iter().position(|byte| *byte == b'=');
        let (key, value) = split.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
        let start = self.text.len();
        unescape(key, &mut self.text);
        self.segments.clear();
        split_segments(&self.text, start, &mut self.segments);
        let name = std::str::from_utf8(&self.text[start..]).unwrap_or_default();
        if !budget.admit(self.segments.len(), name) {
            self.text.truncate(start);
            return;
        }
        let node = self.locate();
        let start = self.text.len();
        unescape(value, &mut self.text);
        self.nodes[node as usize].leaf = Some(start..self.text.len());
    }

    /// The node that the segments lead to, made where it is missing.
    fn locate(&mut self) -> u32 {
        let mut on_path = true;
        let mut node = 0;
        for level in 0..self.segments.len() {
            let segment = self.segments[level].clone();
            let appended = segment.is_empty() && level > 0;
            let name = if appended {
                self.append_index(node)
            } else {
                segment
            };
            let known = self
                .path
                .get(level)
                .copied()
                .filter(|known| on_path && self.is_named(*known, &name));
            on_path = known.is_some();
            node = known.unwrap_or_else(|| self.child(node, name));
            if !on_path {
                self.path.truncate(level);
                self.path.push(node);
            }
        }
        self.path.truncate(self.segments.len());
        node
    }

    fn is_named(&self, node: u32, name: &Range<usize>) -> bool {
        self.text[self.nodes[node as usize].name.clone()] == self.text[name.clone()]
    }

    fn child(&mut self, parent: u32, name: Range<usize>) -> u32 {
        let fingerprint = fingerprint(&self.text[name.clone()]);
        let mut child = self.nodes[parent as usize].first_child;
        while child != NONE {
            let node = &self.nodes[child as usize];
            if node.fingerprint == fingerprint && self.text[node.name.clone()] == self.text[name.clone()] {
                return child;
            }
            child = node.next_sibling;
        }
        self.add_child(parent, name, fingerprint)
    }

    fn add_child(&mut self, parent: u32, name: Range<usize>, fingerprint: u64) -> u32 {
        let index = index_of(&self.text[name.clone()]);
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

    /// Writes the index that `[]` stands for into the text.
    fn append_index(&mut self, parent: u32) -> Range<usize> {
        let start = self.text.len();
        let index = self.nodes[parent as usize].next_index.to_string();
        self.text.extend_from_slice(index.as_bytes());
        start..self.text.len()
    }

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

    fn string(&self, range: &Range<usize>) -> String {
        String::from_utf8_lossy(&self.text[range.clone()]).into_owned()
    }

    /// `depth` is that of the children.
    fn object(&self, node: u32, budget: &mut Budget, depth: usize) -> Value {
        let mut map = Map::with_capacity(self.children(node).count() + 1);
        if let Some(leaf) = &self.nodes[node as usize].leaf {
            map.insert(String::new(), self.leaf(leaf, budget, depth));
        }
        for id in self.ids(node) {
            let name = self.string(&self.nodes[id as usize].name);
            map.insert(name, self.value(id, budget, depth));
        }
        Value::Object(map)
    }

    fn value(&self, id: u32, budget: &mut Budget, depth: usize) -> Value {
        let node = &self.nodes[id as usize];
        match &node.leaf {
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
            .all(|(at, child)| index_of(&self.text[child.name.clone()]) == u64::try_from(at).ok())
    }

    fn leaf(&self, range: &Range<usize>, budget: &mut Budget, depth: usize) -> Value {
        json::leaf(self.string(range), budget, depth)
    }
}

/// Cuts `order[charges][0]` into its segments. Anything that is not quite of that form is one segment, as it is.
fn split_segments(text: &[u8], start: usize, segments: &mut Vec<Range<usize>>) {
    let key = &text[start..];
    let opening = key.iter().position(|byte| *byte == b'[').filter(|at| *at > 0);
    let (Some(opening), Some(b']')) = (opening, key.last()) else {
        segments.push(start..text.len());
        return;
    };
    segments.push(start..start + opening);
    let mut at = opening;
    while at < key.len() {
        let closing = key[at..].iter().position(|byte| *byte == b']');
        let (b'[', Some(length)) = (key[at], closing) else {
            segments.clear();
            segments.push(start..text.len());
            return;
        };
        segments.push(start + at + 1..start + at + length);
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

/// Length, first four and last three bytes: tells nearly all sibling names apart in one comparison.
fn fingerprint(name: &[u8]) -> u64 {
    let head = name.iter().take(4);
    let tail = name.iter().rev().take(3);
    head.chain(tail).fold(name.len() as u64 & 0xff, |print, byte| {
        print << 8 | u64::from(*byte)
    })
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
        let tree = parse(b"abcd1xyz=1&abcd2xyz=2", &mut Budget::new(&Limits::default()));
        assert_eq!(tree, json!({"abcd1xyz": "1", "abcd2xyz": "2"}));
    }
}

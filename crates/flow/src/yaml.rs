//! Data as YAML text and back: how documents are shown and exported.

use cartlane_model::Problems;
use serde_json::Value;

use crate::node::Node;

/// The data as YAML: blocks for texts of several lines, and nothing folded, so that a changed line is one changed line.
pub fn write(value: &Value) -> String {
    let options = serde_saphyr::ser_options! { compact_list_indent: false, folded_wrap_chars: usize::MAX };
    // JSON data has nothing that YAML has not; were it refused all the same, JSON is YAML, too
    serde_saphyr::to_string_with_options(value, options).unwrap_or_else(|_| format!("{value:#}\n"))
}

/// The data in a YAML (or JSON) text.
///
/// # Errors
/// Where it is not YAML, with line and column, and where a map has a key twice.
pub fn read(text: &str) -> Result<Value, Problems> {
    let node = Node::from_yaml(text)?;
    let mut problems = Problems::default();
    for (path, message) in node.twice("") {
        problems.push(path, message);
    }
    problems.into_result(node.to_json())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again_as_it_was() {
        let long = "a long text ".repeat(30);
        let value = json!({
            "texts": ["", " ", "no", "on", "1", "1.0", "null", "~", "2026-01-31", "a: b", "# c", "'", "\"", "- x", "{{ a }}",
                "{% if x %}", "tab\tin", "trailing ", "é", "\u{1F600}", "1e3", "0x1f", "012", ".5", "12:30:45", "yes", "<<", "="],
            "lines": ["one\ntwo", "one\ntwo\n", "one\n\n\n", "\n", "  indented\nnot", "a\r\nb", "# no comment\nx", "\ttab\nx", &long],
            "numbers": [0, -1, 1.5, 1e300, u64::MAX],
            "others": [true, false, null, [], {}, [[1], [[]]], {"a b": {"on": 1, "": 2}}],
            "key with: colon": 1,
        });
        let text = write(&value);
        assert_eq!(
            read(&text).unwrap_or_else(|problems| panic!("{problems}: {text}")),
            value,
            "{text}"
        );
    }

    #[test]
    fn default_automations_are_written_as_the_same_documents() {
        for (file, yaml) in crate::defaults() {
            let value = read(yaml).expect("YAML");
            assert_eq!(read(&write(&value)), Ok(value), "{file}");
        }
    }
}

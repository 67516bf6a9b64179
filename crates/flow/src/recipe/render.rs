//! From choices to a document's text.

use cartlane_model::Problems;
use serde_json::{Map, Value};

use super::{ChoiceKind, NAME, Recipe};
use crate::names::nearest;

impl Recipe {
    /// The document's text with these choices, by their names; the error holds every choice that is wrong or missing.
    pub fn render(&self, given: &Map<String, Value>) -> Result<String, Problems> {
        let mut problems = Problems::default();
        let known = || {
            self.choices
                .iter()
                .map(|choice| choice.name.as_str())
                .chain([NAME])
        };
        for name in given.keys().filter(|name| !known().any(|known| known == *name)) {
            let message = match nearest(name, known()) {
                Some(near) => format!(
                    "the recipe `{}` does not ask this; did you mean `{near}`?",
                    self.name
                ),
                None => format!(
                    "the recipe `{}` does not ask this; it asks {}",
                    self.name,
                    known().collect::<Vec<_>>().join(", ")
                ),
            };
            problems.push(name, message);
        }
        let mut values = Map::new();
        let name = given
            .get(NAME)
            .cloned()
            .unwrap_or_else(|| self.title.as_str().into());
        if !ChoiceKind::Text.takes(&name) {
            problems.push(NAME, format!("takes {}", ChoiceKind::Text.describe()));
        }
        values.insert(NAME.into(), name);
        for choice in &self.choices {
            let given = given.get(&choice.name).filter(|value| !value.is_null());
            let value = match given.or(choice.default.as_ref()) {
                Some(value) if choice.kind.takes(value) => value.clone(),
                Some(_) => {
                    problems.push(&choice.name, format!("takes {}", choice.kind.describe()));
                    continue;
                }
                None if choice.optional => "".into(),
                None => {
                    problems.push(
                        &choice.name,
                        format!("is missing: {}. {}", choice.label, choice.help),
                    );
                    continue;
                }
            };
            values.insert(choice.name.clone(), value);
        }
        let text = filled(self.template, &values);
        problems.into_result(text)
    }

    /// The choices of the example in `docs/examples/`: what has no default stands as an example.
    pub fn example(&self) -> Map<String, Value> {
        let example = |choice: &super::Choice| Some((choice.name.clone(), choice.example.clone()?));
        self.choices.iter().filter_map(example).collect()
    }
}

/// The template with each `[[name]]` that has a value replaced by that.
fn filled(template: &str, values: &Map<String, Value>) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("[[") {
        text.push_str(before);
        let found = after
            .split_once("]]")
            .and_then(|(name, after)| Some((values.get(name)?, after)));
        if let Some((value, after)) = found {
            text.push_str(&value.to_string());
            rest = after;
        } else {
            text.push_str("[[");
            rest = after;
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn choices_are_written_as_json_and_all_else_stays() {
        let values = json!({"tags": ["a", "b \"c\""], "text": "x: y", "none": null});
        let template = "tags: [[tags]]\ntext: {{ [[text]] ~ '[[' }}\nown: [[none]]\nlist: [[1, 2]]\n";
        let expected =
            "tags: [\"a\",\"b \\\"c\\\"\"]\ntext: {{ \"x: y\" ~ '[[' }}\nown: null\nlist: [[1, 2]]\n";
        assert_eq!(filled(template, values.as_object().expect("a map")), expected);
    }
}

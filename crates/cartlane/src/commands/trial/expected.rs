//! What a recipe says that must have changed, held against what has.

use cartlane_engine::Effect;
use cartlane_flow::recipe::Expected;
use serde_json::Value;

/// Of these all changes must be said.
const WHOLE: [&str; 4] = ["tag", "note", "task", "opportunity"];

/// Where the changes are other than said: what is missing, or what was not to be. Each change counts for one that is said.
pub fn unlike(said: &[Expected], changed: &[(Value, Vec<Effect>)]) -> Option<String> {
    let mut left: Vec<&Effect> = changed.iter().flat_map(|(_, effects)| effects).collect();
    for said in said {
        let Some(at) = left.iter().position(|effect| is_as_said(said, effect)) else {
            let (before, after) = (shown(said.before.as_ref()), shown(said.after.as_ref()));
            return Some(format!(
                "the recipe says that this changes: {}, {before} -> {after}",
                said.what
            ));
        };
        left.remove(at);
    }
    let unsaid = left
        .into_iter()
        .find(|effect| WHOLE.contains(&effect.what.as_str()))?;
    let (before, after) = (shown(Some(&unsaid.before)), shown(Some(&unsaid.after)));
    Some(format!(
        "the recipe does not say that this changes: {}, {before} -> {after}",
        unsaid.what
    ))
}

fn is_as_said(said: &Expected, effect: &Effect) -> bool {
    said.what == effect.what
        && fits(&said.what, said.before.as_ref(), &effect.before)
        && fits(&said.what, said.after.as_ref(), &effect.after)
}

fn fits(what: &str, said: Option<&Value>, is: &Value) -> bool {
    match (said, is) {
        (None, is) => is.is_null(),
        (Some(Value::String(said)), Value::String(is)) if what == "note" => is.contains(said.as_str()),
        (Some(Value::Object(said)), is) => said
            .iter()
            .all(|(name, value)| is_same(value, is.get(name).unwrap_or(&Value::Null))),
        (Some(said), is) => is_same(said, is),
    }
}

/// Whether two values are the same, numbers by their value: 49 is 49.0.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < f64::EPSILON,
        _ => one == other,
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(list: &Value) -> Vec<Expected> {
        serde_json::from_value(list.clone()).expect("changes")
    }

    #[test]
    fn each_change_is_said_once_and_of_tags_notes_tasks_and_opportunities_all_are() {
        let effect = |what: &str, before: Value, after: Value| Effect {
            what: what.to_owned(),
            before,
            after,
        };
        let won = json!({"name": "Order 7", "status": "won", "monetaryValue": 49.0});
        let changed = [(
            json!("a@example.com"),
            vec![
                effect("city", json!("Bonn"), json!("Ulm")),
                effect("tag", json!("old"), Value::Null),
                effect("note", Value::Null, json!("Paid.\nref: abc")),
                effect("opportunity", Value::Null, won),
            ],
        )];
        let right = json!([
            {"what": "tag", "before": "old"}, {"what": "note", "after": "Paid."},
            {"what": "opportunity", "after": {"name": "Order 7", "monetaryValue": 49}},
        ]);
        assert_eq!(unlike(&said(&right), &changed), None);
        for (place, other, told) in [
            (
                0,
                json!({"what": "tag", "after": "old"}),
                "says that this changes: tag, nothing -> \"old\"",
            ),
            (
                1,
                json!({"what": "note", "after": "paid"}),
                "says that this changes: note, nothing -> \"paid\"",
            ),
            (
                2,
                json!({"what": "opportunity", "after": {"monetaryValue": 4}}),
                "says that this changes: opportunity",
            ),
            (
                1,
                json!({"what": "tag", "before": "old"}),
                "says that this changes: tag, \"old\" -> nothing",
            ),
            (
                1,
                json!({"what": "city", "before": "Bonn", "after": "Ulm"}),
                "does not say that this changes: note",
            ),
        ] {
            let mut wrong = right.clone();
            wrong[place] = other;
            let problem = unlike(&said(&wrong), &changed).expect("it is unlike");
            assert!(problem.contains(told), "{problem}");
        }
    }
}

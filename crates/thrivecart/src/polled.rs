//! Who the rows of the API's answers are about, in the names that events have.

use cartlane_model::Person;
use serde_json::Value;

/// The customer that a row names: a transaction's, or the one that was asked for. Affiliates, who have e-mails too, are
/// no customers.
pub fn person(row: &Value) -> Person {
    let text = |name: &str| match &row["customer"][name] {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Person {
        email: text("email"),
        customer_id: text("id"),
        name: text("name"),
        ..Person::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_is_about_its_customer_alone() {
        let row = json!({"event_id": 7, "customer": {"name": "Ada", "email": "ada@example.com", "id": 12}});
        let found = person(&row);
        assert_eq!(
            (
                found.email.as_deref(),
                found.customer_id.as_deref(),
                found.name.as_deref()
            ),
            (Some("ada@example.com"), Some("12"), Some("Ada"))
        );
        assert_eq!(
            person(&json!({"email": "affiliate@example.com", "user_id": 3})),
            Person::default()
        );
        assert_eq!(person(&json!([])), Person::default());
    }
}

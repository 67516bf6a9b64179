//! Countries as people and checkouts write them, made into the code that GHL takes (ISO 3166-1 alpha-2).

use std::collections::HashMap;
use std::sync::LazyLock;

use keshvar::{Alpha2, Alpha3, CountryIterator};
use serde_json::{Map, Value};

use crate::Operation;

/// What the format of a country's input is called.
pub(crate) const COUNTRY: &str = "country";

/// Every country by its names, in small letters. (The library's own search builds its table on the stack, which that of a
/// thread is too small for.)
static NAMES: LazyLock<HashMap<String, Alpha2>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for country in CountryIterator::new() {
        let official = [country.iso_short_name(), country.iso_long_name()];
        for name in country.unofficial_name_list().iter().copied().chain(official) {
            names.entry(name.to_lowercase()).or_insert(country.alpha2());
        }
    }
    names
});

/// The code of a country by its code of two or three letters, or by a name of it in any of many languages; `None` where
/// nobody knows it.
pub(crate) fn code(text: &str) -> Option<String> {
    let text = text.trim();
    let capitals = text.to_uppercase();
    let alpha2 = Alpha2::try_from(capitals.as_str()).ok();
    let alpha3 = || Alpha3::try_from(capitals.as_str()).ok();
    let named = || NAMES.get(&text.to_lowercase()).copied();
    let code = alpha2
        .or_else(|| alpha3().map(|code| code.to_country().alpha2()))
        .or_else(named)?;
    Some(code.to_string())
}

/// Whether this is the code itself.
pub(crate) fn is_code(text: &str) -> bool {
    code(text).as_deref() == Some(text)
}

impl Operation {
    /// The inputs without the countries that nobody knows, and a sentence about each that was left out: what a checkout
    /// calls a country must not keep its buyer out of the CRM.
    pub fn without_unknown_countries(&self, inputs: Value) -> (Value, Vec<String>) {
        let Value::Object(given) = inputs else {
            return (inputs, Vec::new());
        };
        let is_country = |name: &str| {
            let input = self.input(name);
            input.is_some_and(|input| !input.required && input.shape.format.as_deref() == Some(COUNTRY))
        };
        let mut told = Vec::new();
        let mut kept = Map::new();
        for (name, value) in given {
            match value
                .as_str()
                .filter(|text| is_country(&name) && code(text).is_none())
            {
                Some(text) => told.push(format!(
                    "{name} was not set: `{text}` is no country that ISO 3166 knows"
                )),
                None => drop(kept.insert(name, value)),
            }
        }
        (kept.into(), told)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Catalog;

    #[test]
    fn a_country_is_known_by_its_codes_and_by_its_names() {
        let known = [
            ("US", ["us", "USA", "United States", "United States of America"]),
            ("GB", ["GB", "gbr", " United Kingdom ", "UK"]),
            ("DE", ["DE", "DEU", "Germany", "Deutschland"]),
            ("NL", ["nl", "NLD", "The Netherlands", "Netherlands"]),
        ];
        for (expected, texts) in known {
            for text in texts {
                assert_eq!(code(text).as_deref(), Some(expected), "{text}");
            }
        }
        for text in ["", "ZZ", "Narnia", "U.S."] {
            assert_eq!(code(text), None, "{text}");
        }
        assert!(is_code("AT") && !is_code("at") && !is_code("Austria"));
    }

    #[test]
    fn an_unknown_country_is_left_out_with_a_word_and_nothing_else_is() {
        let create = Catalog::builtin().get("ghl.contacts.create").expect("known");
        let inputs = json!({"email": "a@b.co", "country": "Narnia", "city": "Narnia"});
        let (left, told) = create.without_unknown_countries(inputs);
        assert_eq!(left, json!({"email": "a@b.co", "city": "Narnia"}));
        assert_eq!(
            told,
            ["country was not set: `Narnia` is no country that ISO 3166 knows"]
        );
        let known = json!({"email": "a@b.co", "country": "Austria"});
        assert_eq!(
            create.without_unknown_countries(known.clone()),
            (known.clone(), vec![])
        );
        let sent = create.request(&known, "loc1").expect("right inputs").body;
        assert_eq!(sent.expect("a body")["country"], "AT");
    }
}

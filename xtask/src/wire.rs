//! Form bodies as ThriveCart sends them, made from recorded ones.

use std::fmt::Display;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// A sale, as recorded.
pub const ORDER_SUCCESS: &str =
    include_str!("../../crates/thrivecart/fixtures/order.success.subscription.stripe.testmode.2023.form");

/// The fields of a form body, in order, to be changed and written again.
#[derive(Clone)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a recorded body.
    pub fn parse(body: &str) -> Self {
        let decode = |text: &str| {
            percent_decode_str(&text.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        let pairs = body
            .trim()
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(name, value)| (decode(name), decode(value))).collect())
    }

    /// Sets the field `name`, where it stands if there is one, else at the end.
    pub fn set(&mut self, name: &str, value: impl Display) -> &mut Self {
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value.to_string(),
            None => self.0.push((name.to_owned(), value.to_string())),
        }
        self
    }

    /// Removes the fields for which `unwanted` holds.
    pub fn remove(&mut self, unwanted: impl Fn(&str) -> bool) -> &mut Self {
        self.0.retain(|(name, _)| !unwanted(name));
        self
    }

    /// The body.
    pub fn encode(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs = self
            .0
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_form_keeps_order_and_escapes() {
        let mut form = Form::parse("a%5Bx%5D=1&name=R%26D+Ltd&date=2020-01-01&b=%C3%BC\n");
        form.set("a[x]", 2)
            .set("new", "+")
            .remove(|name| name.starts_with("date"));
        assert_eq!(form.encode(), "a%5Bx%5D=2&name=R%26D%20Ltd&b=%C3%BC&new=%2B");
    }
}

//! A request that is a new sale to a new customer each time, at the cost of overwriting some digits.

use crate::http;
use crate::processes::{ACCOUNT, SECRET};
use crate::wire::{Form, ORDER_SUCCESS};

const PLACEHOLDER: &str = "7000000000";

/// The encoded request, and where its number stands.
#[derive(Clone)]
pub struct Template {
    request: Vec<u8>,
    places: Vec<usize>,
}

impl Template {
    /// A recorded sale to `path`, with every id and the e-mail address made of one number.
    pub fn order_success(path: &str) -> Self {
        let mut form = Form::parse(ORDER_SUCCESS);
        form.set("mode", "live")
            .set("mode_int", 2)
            .set("thrivecart_account", ACCOUNT)
            .set("thrivecart_secret", SECRET);
        for name in [
            "order_id",
            "order[id]",
            "invoice_id",
            "order[invoice_id]",
            "customer_id",
            "customer[id]",
        ] {
            form.set(name, PLACEHOLDER);
        }
        form.set("subscription_ids[product-12]", PLACEHOLDER);
        form.set("transactions[product-12]", format!("ch_3EXAMPLE{PLACEHOLDER}"));
        form.set("subscriptions[product-12]", format!("sub_1EXAMPLE{PLACEHOLDER}"));
        form.set("customer[email]", format!("buyer-{PLACEHOLDER}@example.com"));
        let body = form.encode();
        let request = http::encode_form(path, body.as_bytes());
        let head = request.len() - body.len();
        let places = body.match_indices(PLACEHOLDER).map(|(at, _)| head + at).collect();
        Self { request, places }
    }

    /// The request for `number` (up to ten digits).
    pub fn numbered(&mut self, number: u64) -> &[u8] {
        let digits = format!("{number:0width$}", width = PLACEHOLDER.len());
        for &at in &self.places {
            self.request[at..at + PLACEHOLDER.len()].copy_from_slice(digits.as_bytes());
        }
        &self.request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_makes_another_sale_of_the_same_length() {
        let mut template = Template::order_success("/hook");
        let first = String::from_utf8(template.numbered(1).to_vec()).expect("text");
        let second = String::from_utf8(template.numbered(2).to_vec()).expect("text");
        assert_eq!(first.replace("0000000001", "0000000002"), second);
        assert_eq!(second.matches("0000000002").count(), 10);
        assert!(!second.contains(PLACEHOLDER));
    }
}

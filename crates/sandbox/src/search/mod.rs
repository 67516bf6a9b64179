//! POST /contacts/search: filters, sorting and both kinds of paging, over the lagging index.
//!
//! The official schema is empty; the grammar is that of the page it links to (GHL's search
//! filter guide): at most 500 a page, `page * pageLimit` at most 10,000, or `searchAfter` of the last contact.

mod filter;
mod order;
mod records;

use serde_json::{Map, Value, json};

use crate::contacts::{Contact, mentions};
use crate::reply::{Done, Reply};
use crate::routes::Request;
use crate::store::Store;
use filter::Filter;
use order::Order;

/// Longest `query` and longest value of a filter, in characters.
const TEXT_MAX: usize = 75;
const PAGE_MAX: u64 = 500;
const WINDOW_MAX: u64 = 10_000;

/// POST /contacts/search
pub(crate) fn search(store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let search = Search::read(request.body)?;
    let location = &request.location.id;
    let asked = ["filters", "sort", "query"].map(|key| request.body.get(key));
    let question = json!([location, asked, store.documents.edition()]).to_string();
    let found = store.remembered(question, request.now, |store| {
        let (email, phone) = search.filter.lookup();
        let mut found = store.indexed(location, email, phone, request.now);
        found.retain(|contact| search.filter.accepts(contact, &store.documents));
        found.retain(|contact| search.query.as_ref().is_none_or(|query| mentions(contact, query)));
        found.sort_by_cached_key(|contact| search.order.key(contact));
        found
    });
    let total = found.len();
    let start = match &search.page {
        Page::At(skip) => *skip,
        Page::Behind(cursor) => found.partition_point(|contact| !search.order.is_behind(contact, cursor)),
    };
    let page = found.iter().skip(start).take(search.page_limit);
    let contacts: Vec<Value> = page.map(|contact| row(contact, &search.order)).collect();
    Ok(Done::read(json!({"contacts": contacts, "total": total})))
}

fn row(contact: &Contact, order: &Order) -> Value {
    let mut row = contact.view();
    row.insert("contactName".to_owned(), json!(contact.name()));
    row.insert("searchAfter".to_owned(), order.cursor(contact));
    Value::Object(row)
}

/// A search that was read and found valid.
struct Search {
    filter: Filter,
    query: Option<String>,
    order: Order,
    page: Page,
    page_limit: usize,
}

enum Page {
    At(usize),
    Behind(Vec<Value>),
}

impl Search {
    fn read(body: &Map<String, Value>) -> Result<Self, Reply> {
        let page_limit = body.get("pageLimit").and_then(Value::as_u64).unwrap_or_default();
        if !(1..=PAGE_MAX).contains(&page_limit) {
            return Err(invalid("pageLimit must be between 1 and 500"));
        }
        let query = body
            .get("query")
            .and_then(Value::as_str)
            .filter(|query| !query.is_empty());
        if query.is_some_and(|query| query.chars().count() > TEXT_MAX) {
            return Err(invalid("query must be shorter than or equal to 75 characters"));
        }
        Ok(Self {
            filter: Filter::read_all(body.get("filters"))?,
            query: query.map(str::to_owned),
            order: Order::read(body.get("sort"))?,
            page: read_page(body, page_limit)?,
            page_limit: usize::try_from(page_limit).unwrap_or_default(),
        })
    }
}

fn read_page(body: &Map<String, Value>, page_limit: u64) -> Result<Page, Reply> {
    match (
        body.get("page"),
        body.get("searchAfter").and_then(Value::as_array),
    ) {
        (Some(_), Some(cursor)) if !cursor.is_empty() => {
            Err(invalid("page and searchAfter must not be given together"))
        }
        (_, Some(cursor)) if !cursor.is_empty() => Ok(Page::Behind(cursor.clone())),
        (page, _) => {
            let page = page.map_or(Some(1), Value::as_u64).filter(|page| *page > 0);
            let page = page.ok_or_else(|| invalid("page must not be less than 1"))?;
            if page.saturating_mul(page_limit) > WINDOW_MAX {
                return Err(Reply::bad_request(
                    "page * pageLimit must not be greater than 10000",
                ));
            }
            Ok(Page::At(
                usize::try_from((page - 1) * page_limit).unwrap_or_default(),
            ))
        }
    }
}

fn invalid(message: &str) -> Reply {
    Reply::unprocessable(&[message.to_owned()])
}

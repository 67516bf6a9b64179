//! Blogs: what a post must be like.

use serde_json::{Value, json};

use crate::client::{Ghl, LOCATION};

async fn first(ghl: &Ghl, path: &str, list: &str) -> Value {
    let (status, body) = ghl.get(path).await;
    assert_eq!(status, 200, "{body}");
    body[list][0]["_id"].clone()
}

async fn post(ghl: &Ghl) -> Value {
    json!({
        "locationId": LOCATION,
        "title": "Five sauces",
        "blogId": first(ghl, "/blogs/site/all?locationId=loc1&skip=0&limit=5", "data").await,
        "imageUrl": "https://x.test/s.jpg",
        "description": "What goes with what",
        "rawHTML": "<p>Butter.</p>",
        "status": "DRAFT",
        "imageAltText": "Bowls",
        "categories": [first(ghl, "/blogs/categories?locationId=loc1&offset=0&limit=5", "categories").await],
        "author": first(ghl, "/blogs/authors?locationId=loc1&offset=0&limit=5", "authors").await,
        "urlSlug": "five-sauces",
        "publishedAt": "2026-01-31T10:00:00Z",
    })
}

#[tokio::test]
async fn blogs_authors_and_categories_follow_from_the_seed_and_are_paged() {
    let (one, other) = (Ghl::start().await, Ghl::start().await);
    for (path, left_out) in [
        ("site/all", "skip"),
        ("authors", "offset"),
        ("categories", "offset"),
    ] {
        let query = |paging: &str| format!("/blogs/{path}?locationId=loc1{paging}");
        let all = query(&format!("&{left_out}=0&limit=9"));
        assert_eq!(
            one.get(&all).await.1.as_object().map(serde_json::Map::len),
            Some(2),
            "a list and the trace"
        );
        let list = |mut body: Value| {
            body.as_object_mut().expect("object").remove("traceId");
            body
        };
        assert_eq!(list(one.get(&all).await.1), list(other.get(&all).await.1));
        for wrong in [
            format!("&{left_out}=0"),
            "&limit=5".into(),
            format!("&{left_out}=0&limit=101"),
        ] {
            assert_eq!(one.get(&query(&wrong)).await.0, 422, "{path}{wrong}");
        }
        let rest = query(&format!("&{left_out}=1&limit=9"));
        assert_ne!(list(one.get(&rest).await.1), list(one.get(&all).await.1));
    }
}

#[tokio::test]
async fn a_post_needs_its_twelve_fields_and_what_they_name() {
    let ghl = Ghl::start().await;
    let post = post(&ghl).await;
    for name in post
        .as_object()
        .expect("object")
        .keys()
        .filter(|name| *name != "locationId")
    {
        let mut poor = post.clone();
        poor.as_object_mut().expect("object").shift_remove(name);
        let (status, body) = ghl.post("/blogs/posts", poor).await;
        assert_eq!(status, 422, "without {name}: {body}");
    }
    for (name, value, status) in [
        ("locationId", json!("loc2"), 403),
        ("status", json!("HIDDEN"), 422),
        ("publishedAt", json!("tomorrow"), 422),
        ("blogId", json!("none"), 400),
        ("author", json!("none"), 400),
        ("categories", json!(["none"]), 400),
    ] {
        let mut wrong = post.clone();
        wrong[name] = value;
        assert_eq!(ghl.post("/blogs/posts", wrong).await.0, status, "{name}");
    }
    let (status, made) = ghl.post("/blogs/posts", post.clone()).await;
    assert_eq!(
        (status, &made["data"]["archived"]),
        (200, &json!(false)),
        "{made}"
    );
    assert!(made["data"].get("rawHTML").is_none(), "reads have no text");
    let (status, refused) = ghl.post("/blogs/posts", post).await;
    assert_eq!(
        (status, &refused["message"]),
        (400, &json!("urlSlug five-sauces already exists"))
    );
}

#[tokio::test]
async fn an_update_replaces_the_whole_post() {
    let ghl = Ghl::start().await;
    let mut post = post(&ghl).await;
    post["tags"] = json!(["sauce"]);
    let (_, made) = ghl.post("/blogs/posts", post.clone()).await;
    let path = format!("/blogs/posts/{}", made["data"]["_id"].as_str().expect("id"));
    post.as_object_mut().expect("object").shift_remove("tags");
    post["status"] = json!("ARCHIVED");
    let (status, body) = ghl.put(&path, post.clone()).await;
    assert_eq!(status, 200, "{body}");
    let body = &body["updatedBlogPost"];
    assert_eq!((&body["archived"], &body["tags"]), (&json!(true), &json!([])));
    let list = |more: &str| {
        let blog = post["blogId"].as_str().expect("id");
        format!("/blogs/posts/all?locationId=loc1&blogId={blog}&offset=0&limit=5{more}")
    };
    assert_eq!(ghl.get(&list("&status=DRAFT")).await.1["blogs"], json!([]));
    assert_eq!(
        ghl.get(&list("&searchTerm=SAUCES")).await.1["blogs"],
        json!([body])
    );
    assert_eq!(
        ghl.get("/blogs/posts/all?locationId=loc1&blogId=none&offset=0&limit=5")
            .await
            .0,
        400
    );
    post.as_object_mut().expect("object").shift_remove("title");
    assert_eq!(ghl.put(&path, post.clone()).await.0, 422);
    post["title"] = json!("Six sauces");
    assert_eq!(ghl.put("/blogs/posts/none", post).await.0, 400);
}

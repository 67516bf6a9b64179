//! Polls keep to half of a day, whatever becomes of the nodes that make them.

use std::sync::atomic::Ordering;

use cartlane_model::{ConnectionId, NodeId};
use cartlane_store::budgets::{self, Ask, Grant, Limits};
use cartlane_store::{Db, Dialect, migrate};
use rstest::rstest;

use crate::common;

const CRM: ConnectionId = ConnectionId::from_u128(1);
const HOUR_MS: i64 = 3_600_000;
const LIMITS: Limits = Limits {
    max: 30,
    interval_ms: 10_000,
    daily: Some(200),
};

async fn ask(db: &Db, node: u128, polls_spent: i64, polls_held: i64) -> Grant {
    let ask = Ask {
        connection: CRM,
        node: NodeId::from_u128(node),
        busy: 0,
        held: 0,
        wants_more: true,
        spent: polls_spent,
        daily_left: None,
        daily_reset_at: None,
        polls_spent,
        polls_held,
        wants_polls: true,
        lasts_ms: 15_000,
    };
    let grant = db.write(move |tx| {
        budgets::learn(tx, CRM, LIMITS)?;
        budgets::grant(tx, &ask)
    });
    grant.await.expect("a grant")
}

async fn polls_left(db: &Db) -> i64 {
    let left = db.read(|tx| budgets::left(tx, NodeId::from_u128(9))).await;
    left.expect("what is left")[0].polls
}

#[rstest]
#[tokio::test]
async fn polls_of_all_nodes_together_get_half_of_any_24_hours(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let (options, clock, _directory) = common::options(dialect);
    let db = Db::open(&options).expect("the database opens");
    migrate(&db).await.expect("it is migrated");
    let later = |ms: i64| {
        clock.0.fetch_add(ms, Ordering::Relaxed);
        options.clock_offset_ms.fetch_add(ms, Ordering::Relaxed);
    };
    let first = ask(&db, 1, 0, 0).await.polls;
    assert_eq!(first, 30, "an interval's worth at a time");
    // The second node polls all it gets; the first one dies with what it has.
    let (mut made, mut last) = (0, 0);
    for _ in 0..50 {
        last = ask(&db, 2, last, 0).await.polls;
        made += last;
    }
    assert_eq!(first + made, 100, "half of 200");
    later(20_000);
    assert_eq!(
        ask(&db, 2, 0, 0).await.polls,
        0,
        "the dead node's polls count as made"
    );
    assert_eq!(polls_left(&db).await, 0);
    later(23 * HOUR_MS);
    assert_eq!(ask(&db, 2, 0, 0).await.polls, 0);
    later(2 * HOUR_MS);
    assert_eq!(
        ask(&db, 2, 0, 0).await.polls,
        30,
        "those of yesterday count no more"
    );
    assert_eq!(polls_left(&db).await, 100);
}

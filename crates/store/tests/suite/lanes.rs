//! Lanes and the inbox before them: order, fencing, repeats, and people who turn out to be one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cartlane_model::{AutomationId, ConnectionId, ContactKey, EventId, NodeId, RunId, UnixMs, WorkspaceId};
use cartlane_store::inbox::{self, Delivery, NewRun, Taken};
use cartlane_store::lanes::{self, Lane};
use cartlane_store::runs::{self, End, Retried, Work};
use cartlane_store::{Db, Dialect, Error, Options};
use rstest::rstest;
use tempfile::TempDir;

use super::common::{self, StandingClock};

const ONE: NodeId = NodeId::from_u128(1);
const OTHER: NodeId = NodeId::from_u128(2);
const LEASE_MS: i64 = 10_000;

struct Fixture {
    db: Db,
    clock: Arc<StandingClock>,
    options: Options,
    _directory: TempDir,
}

impl Fixture {
    async fn open(dialect: Dialect) -> Self {
        let (options, clock, directory) = common::options(dialect);
        let db = Db::open(&options).expect("the database opens");
        cartlane_store::migrate(&db).await.expect("the tables are made");
        Self {
            db,
            clock,
            options,
            _directory: directory,
        }
    }

    fn advance(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
        self.options.clock_offset_ms.fetch_add(ms, Ordering::Relaxed);
    }

    async fn take(&self, deliveries: Vec<Delivery>) -> Vec<Taken> {
        let taken = self.db.write(move |tx| inbox::take(tx, &deliveries)).await;
        taken.expect("deliveries are taken")
    }

    async fn claim(&self, node: NodeId) -> Vec<Lane> {
        let claimed = self
            .db
            .write(move |tx| lanes::claim(tx, node, LEASE_MS, 10))
            .await;
        claimed.expect("lanes are claimed")
    }

    async fn head(&self, lane: &Lane) -> Option<Work> {
        let lane = lane.clone();
        let head = self.db.write(move |tx| runs::next_or_release(tx, &lane)).await;
        head.expect("the head is read")
    }

    /// Ends a run, if the lane is still held; whether it was.
    async fn finish(&self, lane: &Lane, run: RunId, end: End) -> bool {
        let lane = lane.clone();
        let finished = self.db.write(move |tx| {
            if !lanes::hold(tx, &lane)? {
                return Ok(false);
            }
            runs::finish(tx, run, end, None, &[])?;
            Ok::<_, Error>(true)
        });
        finished.await.expect("the run's end is written")
    }
}

/// The `number`th delivery; with one run.
fn delivery(number: u128, emails: &[&str], dedupe_keys: &[&str]) -> Delivery {
    Delivery {
        event_id: EventId::from_u128(number),
        workspace_id: WorkspaceId::from_u128(1),
        connection_id: ConnectionId::from_u128(1),
        kind: "order.success".into(),
        mode: Some("live"),
        occurred_at: UnixMs(1_700_000_000_000),
        received_at: UnixMs(1_700_000_000_000),
        contact_keys: emails
            .iter()
            .map(|&email| ContactKey::Email(email.into()))
            .collect(),
        email: None,
        order_id: None,
        items: Vec::new(),
        amount_minor: None,
        currency: None,
        content_type: "form",
        body: b"event=order.success".to_vec(),
        install: None,
        dedupe_keys: dedupe_keys.iter().map(|&key| key.into()).collect(),
        runs: vec![NewRun {
            id: RunId::from_u128(number),
            automation_id: AutomationId::from_u128(1),
            version: 1,
        }],
    }
}

#[rstest]
#[tokio::test]
async fn a_lane_gives_its_runs_one_after_the_other_and_wakes_for_new_ones(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let fixture = Fixture::open(dialect).await;
    // the ids are not in order, the deliveries are
    fixture
        .take(vec![delivery(9, &["a@x"], &["9"]), delivery(3, &["a@x"], &["3"])])
        .await;
    let lane = fixture.claim(ONE).await.remove(0);
    for number in [9, 3] {
        let work = fixture.head(&lane).await.expect("there is a run");
        assert_eq!(work.run_id, RunId::from_u128(number));
        assert!(fixture.finish(&lane, work.run_id, End::Done).await);
    }
    assert!(fixture.head(&lane).await.is_none());
    assert!(fixture.claim(OTHER).await.is_empty(), "an idle lane is not due");
    fixture.take(vec![delivery(4, &["a@x"], &["4"])]).await;
    let again = fixture.claim(OTHER).await.remove(0);
    assert_eq!((&again.id, again.fence > lane.fence), (&lane.id, true));
}

#[rstest]
#[tokio::test]
async fn whoever_lost_its_lane_writes_nothing(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let fixture = Fixture::open(dialect).await;
    fixture.take(vec![delivery(1, &["a@x"], &["1"])]).await;
    let stale = fixture.claim(ONE).await.remove(0);
    assert!(fixture.claim(OTHER).await.is_empty(), "the lease holds");
    fixture.advance(LEASE_MS + 1);
    assert!(
        fixture.claim(ONE).await.is_empty(),
        "nobody claims what it owns itself"
    );
    let lane = fixture.claim(OTHER).await.remove(0);
    let run = RunId::from_u128(1);
    assert!(!fixture.finish(&stale, run, End::Failed).await);
    assert!(fixture.finish(&lane, run, End::Done).await);
}

#[rstest]
#[tokio::test]
async fn any_known_key_makes_a_repeat_and_its_other_keys_are_known_from_then_on(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let fixture = Fixture::open(dialect).await;
    let first = delivery(1, &["a@x"], &["webhook:1", "fact:1"]);
    let repeat = delivery(2, &["a@x"], &["webhook:2", "fact:1"]);
    let by_new_key = delivery(3, &["a@x"], &["webhook:2"]);
    let taken = fixture.take(vec![first, repeat, by_new_key]).await;
    let event = EventId::from_u128(1);
    assert_eq!(
        taken,
        [Taken::New(event), Taken::Repeat(event), Taken::Repeat(event)]
    );
    let lane = fixture.claim(ONE).await.remove(0);
    assert!(fixture.finish(&lane, RunId::from_u128(1), End::Done).await);
    assert!(fixture.head(&lane).await.is_none(), "a repeat has no runs");
}

#[rstest]
#[tokio::test]
async fn people_who_turn_out_to_be_one_keep_the_order_of_both_lanes(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let fixture = Fixture::open(dialect).await;
    let old = delivery(1, &["old@x"], &["1"]);
    let new = delivery(2, &["new@x"], &["2"]);
    let both = delivery(3, &["new@x", "old@x"], &["3"]);
    fixture.take(vec![old, new, both]).await;
    let mut claimed = fixture.claim(ONE).await;
    assert_eq!(claimed.len(), 2);
    let mut work = Vec::new();
    for lane in claimed.drain(..) {
        let head = fixture.head(&lane).await.expect("a run");
        work.push((lane, head.run_id));
    }
    work.sort_by_key(|(_, run)| *run);
    let [(old_lane, old_run), (new_lane, new_run)] = <[_; 2]>::try_from(work).expect("two lanes");
    assert!(fixture.finish(&new_lane, new_run, End::Done).await);

    let last = fixture.head(&new_lane).await.expect("the event of both");
    let after = last.after_lane.clone().expect("it comes after the other lane");
    assert_eq!(after, old_lane.id);
    let waits = async || {
        let (after, run) = (after.clone(), last.run_id);
        let waits = fixture.db.read(move |tx| runs::waits_for(tx, &after, run)).await;
        waits.expect("the other lane is looked at")
    };
    assert!(waits().await);
    assert!(fixture.finish(&old_lane, old_run, End::Done).await);
    assert!(!waits().await);
}

#[rstest]
#[tokio::test]
async fn a_retry_goes_to_the_tail_and_names_the_runs_before_it(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let fixture = Fixture::open(dialect).await;
    let deliveries = [7, 5, 6].map(|number| delivery(number, &["a@x"], &[&number.to_string()]));
    fixture.take(deliveries.to_vec()).await;
    let lane = fixture.claim(ONE).await.remove(0);
    let failed = RunId::from_u128(7);
    assert!(fixture.finish(&lane, failed, End::Failed).await);
    let retry = async || {
        let retried = fixture.db.write(move |tx| runs::retry(tx, failed)).await;
        retried.expect("an answer")
    };
    let after = [5, 6].map(RunId::from_u128).to_vec();
    assert_eq!(retry().await, Retried::Queued { after });
    assert_eq!(retry().await, Retried::NotFailed("queued".into()));
    for number in [5, 6, 7] {
        let work = fixture.head(&lane).await.expect("there is a run");
        assert_eq!(work.run_id, RunId::from_u128(number));
        assert!(fixture.finish(&lane, work.run_id, End::Done).await);
    }
}

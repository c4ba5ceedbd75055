//! Leases: one holder at a time; commits of a late holder are rejected.

use std::time::Duration;

use pulse_store::{Commit, NodeLease, StoreError};
use tokio::task::JoinSet;

use super::{Fixture, count, thing};

const TTL: Duration = Duration::from_secs(10);

/// PL-27, DL-24, T6: a holder that was suspended past the end of its lease is rejected by its token, not by its clock.
pub(crate) async fn a_late_holder_is_fenced(fixture: &Fixture) {
    let nodes = [fixture.store().await, fixture.store().await];
    let cx = fixture.cx();
    let lease = nodes[0].acquire_lease("shard-1", "a", TTL).await.unwrap().unwrap();
    nodes[0].commit(&cx, Commit::new().fence(&lease).insert(thing(1, "in time", 0))).await.unwrap();
    fixture.clock.advance(TTL);
    // Expired, but no other holder has acquired it.
    nodes[0].commit(&cx, Commit::new().fence(&lease).insert(thing(2, "late", 0))).await.unwrap();
    let taken = nodes[1].acquire_lease("shard-1", "b", TTL).await.unwrap().unwrap();
    assert!(taken.token > lease.token);
    let outcome = nodes[0].commit(&cx, Commit::new().fence(&lease).insert(thing(3, "too late", 0))).await;
    assert!(matches!(outcome, Err(StoreError::Fenced)), "{outcome:?}");
    nodes[1].commit(&cx, Commit::new().fence(&taken).insert(thing(4, "new holder", 0))).await.unwrap();
    assert!(matches!(nodes[0].renew_lease(&lease, TTL).await, Err(StoreError::Fenced)));
    assert!(matches!(nodes[0].release_lease(&lease).await, Err(StoreError::Fenced)));
    assert_eq!(count(&nodes[0]).await, 3);
}

pub(crate) async fn a_lease_is_held_by_one(fixture: &Fixture) {
    let nodes = [fixture.store().await, fixture.store().await];
    let mut tasks = JoinSet::new();
    for holder in 0..8_usize {
        let store = nodes[holder % 2].clone();
        tasks.spawn(async move { store.acquire_lease("one", &holder.to_string(), TTL).await.unwrap() });
    }
    let held: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(held.len(), 1, "{held:?}");
    // A restarted holder gets a new token, which fences its former process.
    let again = nodes[0].acquire_lease("one", &held[0].holder, TTL).await.unwrap().unwrap();
    assert_eq!(again.token, held[0].token + 1);
}

pub(crate) async fn a_lease_is_renewed_and_released(fixture: &Fixture) {
    let store = fixture.store().await;
    let lease = store.acquire_lease("one", "a", TTL).await.unwrap().unwrap();
    fixture.clock.advance(TTL / 2);
    let lease = store.renew_lease(&lease, TTL).await.unwrap();
    fixture.clock.advance(TTL / 2);
    assert_eq!(store.acquire_lease("one", "b", TTL).await.unwrap(), None);
    store.release_lease(&lease).await.unwrap();
    assert_eq!(store.acquire_lease("one", "b", TTL).await.unwrap().unwrap().token, lease.token + 1);
}

pub(crate) async fn nodes_draw_with_different_numbers(fixture: &Fixture) {
    let stores = [fixture.store().await, fixture.store().await];
    let mut tasks = JoinSet::new();
    for node in 0..8_usize {
        let store = stores[node % 2].clone();
        tasks.spawn(async move { NodeLease::acquire(&store, &format!("node {node}"), TTL).await.unwrap() });
    }
    let leases = tasks.join_all().await;
    let mut numbers: Vec<u16> = leases.iter().map(NodeLease::number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 8);
    // A released number stays free for a while. The one that has been free for the longest time comes first.
    let number = leases[0].number();
    leases[0].clone().release().await.unwrap();
    let next = NodeLease::acquire(&stores[0], "next", TTL).await.unwrap();
    assert_ne!(next.number(), number);
}

pub(crate) async fn a_lapsed_node_stops_drawing(fixture: &Fixture) {
    let store = fixture.store().await;
    let lease = NodeLease::acquire(&store, "a", TTL).await.unwrap();
    assert!(lease.is_held(fixture.clock.now()));
    store.database().write_only_as(&lease);
    store.commit(&fixture.cx(), Commit::new().insert(thing(1, "held", 0))).await.unwrap();
    fixture.clock.advance(TTL / 2);
    lease.renew().await.unwrap();
    fixture.clock.advance(TTL - Duration::from_millis(1));
    assert!(lease.is_held(fixture.clock.now()));
    fixture.clock.advance(Duration::from_millis(1));
    assert!(!lease.is_held(fixture.clock.now()));
    assert!(matches!(lease.renew().await, Err(StoreError::Fenced)));
    let outcome = store.commit(&fixture.cx(), Commit::new().insert(thing(2, "lapsed", 0))).await;
    assert!(matches!(outcome, Err(StoreError::Fenced)), "{outcome:?}");
    let keeper = tokio::spawn(async move { lease.keep().await });
    while !keeper.is_finished() {
        fixture.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert!(matches!(keeper.await.unwrap(), StoreError::Fenced));
}

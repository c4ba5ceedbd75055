//! One batch: load, decide, commit.

use std::collections::{BTreeMap, BTreeSet};

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, Store};

use super::{Outcomes, QueuedCommands};
use crate::domain::command::{Command, Refusal, Reply, ReservationResult};
use crate::domain::ledger::{Changes, Ledger};
use crate::domain::reservation::{Key, Reservation};
use crate::domain::resource::{Resource, ResourceRef};
use crate::row_cache::RowCache;
use crate::store::{changes, reservations, resources};
use crate::view;

/// Decides every command on the current rows, and writes the changes.
pub(super) async fn run(store: &Store, cache: &RowCache, cx: &Cx, batch: &[QueuedCommands]) -> Result<Outcomes, Error> {
    let loaded = load_reservations(store, batch).await?;
    let mut wanted: BTreeSet<ResourceRef> = BTreeSet::new();
    commands(batch).for_each(|command| command.verb.name_resources(&mut wanted));
    wanted.extend(loaded.values().flat_map(|row| row.lines.iter().map(|outcome| outcome.line.resource)));

    let cached = cache.get(&wanted);
    let (mut ledger, mut outcomes) = decide(store, cx, batch, &loaded, (&wanted, cached)).await?;
    let doubtful = refused_resources(batch, &outcomes);
    if !cache.get(&doubtful).is_empty() {
        // Cached rows may be old. The commit rejects a change of an old row, but a refusal commits nothing.
        cache.remove(&doubtful);
        let cached = cache.get(&wanted);
        (ledger, outcomes) = decide(store, cx, batch, &loaded, (&wanted, cached)).await?;
    }
    let changes = ledger.into_changes();
    count(&changes, &outcomes);
    write(store, cache, cx, changes, &outcomes).await?;
    Ok(outcomes)
}

/// Commands of a batch, in their order.
fn commands(batch: &[QueuedCommands]) -> impl Iterator<Item = &Command> {
    batch.iter().flat_map(|queued| &queued.commands)
}

async fn load_reservations(store: &Store, batch: &[QueuedCommands]) -> Result<BTreeMap<Key, Reservation>, Error> {
    let keys: BTreeSet<Key> = commands(batch).filter_map(|command| command.verb.key()).collect();
    let rows = reservations::by_keys(store, &keys).await?;
    Ok(rows.into_iter().map(|found| (found.key, found.row)).collect())
}

async fn decide(
    store: &Store,
    cx: &Cx,
    batch: &[QueuedCommands],
    loaded: &BTreeMap<Key, Reservation>,
    (wanted, cached): (&BTreeSet<ResourceRef>, Vec<(ResourceRef, Resource)>),
) -> Result<(Ledger, Outcomes), Error> {
    let mut ledger = Ledger::new(cx.now);
    for key in commands(batch).filter_map(|command| command.verb.key()) {
        ledger.load_reservation(key, loaded.get(&key).cloned());
    }
    let mut unread = wanted.clone();
    for (resource, row) in cached {
        unread.remove(&resource);
        ledger.load_resource(resource, Some(row));
    }
    unread.iter().for_each(|resource| ledger.load_resource(*resource, None));
    for found in resources::by_refs(store, &unread).await? {
        ledger.load_resource(found.resource, Some(found.row));
    }
    let outcomes = commands(batch).map(|command| ledger.apply(command)).collect();
    Ok((ledger, outcomes))
}

/// Resources whose rows may be the reason of a refusal.
fn refused_resources(batch: &[QueuedCommands], outcomes: &Outcomes) -> BTreeSet<ResourceRef> {
    let mut doubtful = BTreeSet::new();
    for (command, outcome) in commands(batch).zip(outcomes) {
        match outcome {
            Ok(Reply::Reservation(ReservationResult { state: None, lines, .. })) => {
                doubtful.extend(lines.iter().filter(|line| line.status.is_refusal()).map(|line| line.line.resource));
            }
            Err(_) => command.verb.name_resources(&mut doubtful),
            Ok(Reply::Reservation(_) | Reply::Stock(..) | Reply::Transfer(_) | Reply::Empty) => {}
        }
    }
    doubtful
}

async fn write(store: &Store, cache: &RowCache, cx: &Cx, changes: Changes, outcomes: &Outcomes) -> Result<(), Error> {
    let answer = outcomes.first().and_then(|outcome| outcome.as_ref().ok()).filter(|_| cx.idempotency.is_some());
    if changes.is_empty() && answer.is_none() {
        return Ok(());
    }
    let written: Vec<(ResourceRef, Resource)> =
        changes.resources.iter().map(|changed| (changed.key, changed.is.clone())).collect();
    let commit = changes::commit(store, cx.now, changes);
    let commit = match answer {
        Some(reply) => with_answer(commit, cx, reply),
        None => commit,
    };
    let outcome = store.commit(cx, commit).await;
    if outcome.is_err() {
        cache.clear();
    } else if !store.database().is_shared() {
        // On a shared database other nodes change the rows, so cached ones would be rejected too often.
        cache.put(written);
    }
    Ok(outcome?)
}

fn with_answer(commit: Commit, cx: &Cx, reply: &Reply) -> Commit {
    match reply {
        Reply::Reservation(result) => commit.answer(cx, &view::reservation(result)),
        Reply::Stock(resource, row) => commit.answer(cx, &view::stock(*resource, row)),
        Reply::Transfer(both) => commit.answer(cx, &view::transfer(both)),
        Reply::Empty => commit,
    }
}

fn count(changes: &Changes, outcomes: &Outcomes) {
    let total = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    metrics::counter!("pulse_stock_commands_total").increment(total(outcomes.len()));
    metrics::counter!("pulse_stock_movements_total").increment(total(changes.movements.len()));
    for outcome in outcomes {
        let reason = match outcome {
            Ok(Reply::Reservation(ReservationResult { state: None, .. })) => "refused",
            Err(Refusal::Short { .. }) => "short",
            Err(Refusal::KeyReused) => "key_reused",
            Err(Refusal::NotFound | Refusal::ReservationNotFound) => "not_found",
            Err(Refusal::TooMuch | Refusal::TransferInvalid) => "invalid",
            Ok(Reply::Reservation(_) | Reply::Stock(..) | Reply::Transfer(_) | Reply::Empty) => continue,
        };
        metrics::counter!("pulse_stock_refusals_total", "reason" => reason).increment(1);
    }
}

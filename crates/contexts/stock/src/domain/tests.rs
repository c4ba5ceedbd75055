//! Tests of the commands: tables of cases, and random sequences compared with a simple model.

use std::collections::BTreeMap;

use proptest::prelude::*;
use pulse_kernel::Timestamp;
use pulse_kernel::id::ShopId;

use super::command::{Change, Command, Refusal, Reply, Verb};
use super::journal::{Holders, Replay};
use super::ledger::{Changes, Ledger, Signal};
use super::reservation::{Key, Line, Owner, Reservation, State};
use super::resource::{DeductAt, Kind, LineStatus, Moment, QUANTITY_MAX, Resource, ResourceRef, Rules, decide_demand};

const SHOP: ShopId = ShopId::new(7);
const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn sku(id: i64) -> ResourceRef {
    ResourceRef { id, kind: Kind::Sku }
}

fn order(id: i64) -> Key {
    Key { id, owner: Owner::Order }
}

fn lines(of: &[(i64, i64)]) -> Vec<Line> {
    of.iter().map(|(id, quantity)| Line { resource: sku(*id), quantity: *quantity }).collect()
}

fn counted(on_hand: i64, rules: Rules) -> Resource {
    let mut row = Resource { on_hand, is_counted: true, version: 1, ..Resource::uncounted(SHOP) };
    row.set_rules(rules);
    row
}

fn reserve(id: i64, of: &[(i64, i64)]) -> Verb {
    Verb::Reserve { key: order(id), lines: lines(of), expires_at: None, moment: Moment::Order }
}

fn confirm(id: i64, of: &[(i64, i64)]) -> Verb {
    Verb::Confirm { key: order(id), lines: lines(of) }
}

fn change(id: i64, quantity: i64) -> Change {
    Change { shop: SHOP, resource: sku(id), quantity, note: String::new() }
}

/// In-memory database: applies batches of commands to its rows.
#[derive(Default)]
struct TestLedger {
    resources: BTreeMap<ResourceRef, Resource>,
    reservations: BTreeMap<Key, Reservation>,
    replays: BTreeMap<ResourceRef, Replay>,
}

impl TestLedger {
    fn with(of: &[(i64, i64, Rules)]) -> Self {
        let mut ledger = Self::default();
        for (id, on_hand, rules) in of {
            let row = counted(*on_hand, *rules);
            let replay = Replay { version: 1, on_hand: *on_hand, ..Replay::default() };
            ledger.resources.insert(sku(*id), row);
            ledger.replays.insert(sku(*id), replay);
        }
        ledger
    }

    /// Executes a batch: loads the rows, decides the commands one after the other, writes the changes.
    fn batch(&mut self, now: Timestamp, verbs: &[Verb]) -> (Vec<Result<Reply, Refusal>>, Changes) {
        let mut batch = Ledger::new(now);
        for id in 1..=4 {
            batch.load_resource(sku(id), self.resources.get(&sku(id)).cloned());
        }
        for id in 1..=6 {
            batch.load_reservation(order(id), self.reservations.get(&order(id)).cloned());
        }
        let replies = verbs.iter().map(|verb| batch.apply(&Command { actor: None, verb: verb.clone() })).collect();
        let changes = batch.into_changes();
        for changed in &changes.resources {
            assert_eq!(changed.is.revision, changed.was.as_ref().map_or(0, |was| was.revision) + 1);
            self.resources.insert(changed.key, changed.is.clone());
        }
        for changed in &changes.reservations {
            assert_ne!(changed.was.as_ref().map(|was| was.state), Some(changed.is.state), "a state is entered once");
            self.reservations.insert(changed.key, changed.is.clone());
        }
        for movement in &changes.movements {
            assert_eq!(self.replays.entry(movement.resource).or_default().step(movement), None);
        }
        (replies, changes)
    }

    /// Executes a batch of one command.
    fn execute(&mut self, verb: Verb) -> Result<Reply, Refusal> {
        self.batch(NOW, &[verb]).0.remove(0)
    }

    /// Executes a command on a reservation. Returns its state; `None` for a refusal.
    fn state(&mut self, verb: Verb) -> Option<State> {
        match self.execute(verb) {
            Ok(Reply::Reservation(result)) => result.state,
            other => panic!("{other:?}"),
        }
    }

    fn quantities(&self, id: i64) -> (i64, i64) {
        self.resources.get(&sku(id)).map_or((0, 0), |row| (row.on_hand, row.reserved))
    }

    /// Checks that quantities equal the sums of the journal, and reserved quantities those of the active reservations.
    fn check(&self) {
        for (resource, row) in &self.resources {
            let replay = self.replays.get(resource).copied().unwrap_or_default();
            assert_eq!((replay.version, replay.on_hand, replay.reserved), (row.version, row.on_hand, row.reserved));
            let held = self.reservations.values().filter(|row| row.state == State::Active);
            let held: i64 = held.filter_map(|row| row.units().get(resource).copied()).sum();
            assert_eq!(held, row.reserved, "{resource:?}");
            assert!(row.reserved >= 0 && (row.was_oversell_allowed || row.available() >= 0), "{row:?}");
        }
    }
}

/// R02, TR-13, DL-26: the outcome of a line for each state of its resource.
#[test]
fn a_line_has_the_first_status_that_applies() {
    let rules = Rules::default();
    let at_payment = Rules { deduct_at: DeductAt::Payment, ..rules };
    let oversell = Rules { is_oversell_allowed: true, ..rules };
    let halted = |row: Resource| Some(Resource { is_halted: true, ..row });
    for (resource, demand, moment, expected) in [
        (None, 9, Moment::Order, LineStatus::Untracked),
        (Some(Resource::uncounted(SHOP)), 9, Moment::Order, LineStatus::Untracked),
        (halted(Resource::uncounted(SHOP)), 1, Moment::Order, LineStatus::Unavailable),
        (halted(counted(9, at_payment)), 1, Moment::Order, LineStatus::Unavailable),
        (Some(counted(0, at_payment)), 9, Moment::Order, LineStatus::DeferredToPayment),
        (Some(counted(0, at_payment)), 9, Moment::Payment, LineStatus::Insufficient),
        (Some(counted(9, at_payment)), 9, Moment::Payment, LineStatus::Ok),
        (Some(counted(5, rules)), 5, Moment::Order, LineStatus::Ok),
        (Some(counted(5, rules)), 6, Moment::Order, LineStatus::Insufficient),
        (Some(counted(5, oversell)), 6, Moment::Order, LineStatus::Ok),
        (Some(counted(0, oversell)), QUANTITY_MAX + 1, Moment::Order, LineStatus::Insufficient),
    ] {
        assert_eq!(decide_demand(resource.as_ref(), demand, moment), expected, "{resource:?} {demand} {moment:?}");
    }
}

#[test]
fn a_batch_is_decided_in_its_order_and_each_resource_changes_once() {
    let mut ledger = TestLedger::with(&[(1, 3, Rules::default())]);
    let verbs = [
        reserve(1, &[(1, 2)]),
        reserve(2, &[(1, 2)]),
        confirm(1, &[]),
        Verb::Replenish(change(1, 1)),
        reserve(2, &[(1, 2)]),
        reserve(3, &[(1, 1)]),
    ];
    let (replies, changes) = ledger.batch(NOW, &verbs);
    let held: Vec<bool> =
        replies.iter().map(|reply| matches!(reply, Ok(Reply::Reservation(result)) if result.state.is_some())).collect();
    assert_eq!(held, [true, false, true, false, true, false]);
    assert_eq!((changes.resources.len(), changes.movements.len(), changes.reservations.len()), (1, 4, 2));
    assert_eq!(ledger.quantities(1), (2, 2));
    ledger.check();
}

#[test]
fn a_refused_command_changes_nothing() {
    let mut ledger = TestLedger::with(&[(1, 3, Rules::default()), (2, 0, Rules::default())]);
    let cases = [
        (Verb::Adjust(change(1, -4)), Refusal::Short { available: 3 }),
        (Verb::Adjust(change(1, QUANTITY_MAX)), Refusal::TooMuch),
        (Verb::Replenish(change(1, QUANTITY_MAX)), Refusal::TooMuch),
        (Verb::Replenish(change(3, 1)), Refusal::NotFound),
        (Verb::Replenish(Change { shop: ShopId::new(8), ..change(1, 1) }), Refusal::NotFound),
        (Verb::ReplenishNew(Change { shop: ShopId::new(8), ..change(1, 1) }), Refusal::NotFound),
        (Verb::ReplenishNew(change(1, QUANTITY_MAX)), Refusal::TooMuch),
        (Verb::Transfer { change: change(1, 4), to: sku(2) }, Refusal::Short { available: 3 }),
        (Verb::Transfer { change: change(1, 1), to: sku(1) }, Refusal::TransferInvalid),
        (confirm(1, &[]), Refusal::ReservationNotFound),
        (Verb::Put { shop: ShopId::new(8), resource: sku(1), rules: Rules::default(), on_hand: 0 }, Refusal::NotFound),
    ];
    for (verb, refusal) in cases {
        let (replies, changes) = ledger.batch(NOW, std::slice::from_ref(&verb));
        assert_eq!((replies, changes), (vec![Err(refusal)], Changes::default()), "{verb:?}");
    }
}

/// TR-12: one event per fall to the warning line, and one when units are available again.
#[test]
fn crossing_the_warning_line_emits_one_event() {
    let rules = Rules { warning_line: 2, ..Rules::default() };
    let mut ledger = TestLedger::with(&[(1, 4, rules)]);
    let mut signals = |verb| ledger.batch(NOW, &[verb]).1.signals;
    assert_eq!(signals(reserve(1, &[(1, 1)])), []);
    let low = |available| Signal::RanLow { shop: SHOP, resource: sku(1), available, warning_line: 2 };
    assert_eq!(signals(reserve(2, &[(1, 1)])), [low(2)]);
    assert_eq!(signals(reserve(3, &[(1, 2)])), []);
    assert_eq!(signals(confirm(3, &[])), []);
    let back = Signal::IsBack { shop: SHOP, resource: sku(1), available: 1 };
    assert_eq!(signals(Verb::Release { key: order(1) }), [back]);
    assert_eq!(signals(Verb::Replenish(change(1, 9))), []);
    assert_eq!(signals(reserve(4, &[(1, 10)])), [low(0)]);
}

/// R05, TR-23: a timer that is not needed any more is cancelled; one that fires too early is set again.
#[test]
fn timers_follow_the_reservation() {
    let at = NOW.plus(std::time::Duration::from_secs(60));
    let until = |id, of: &[(i64, i64)]| Verb::Reserve {
        key: order(id),
        lines: lines(of),
        expires_at: Some(at),
        moment: Moment::Order,
    };
    let mut ledger = TestLedger::with(&[(1, 9, Rules::default())]);
    let timers = |changes: Changes| changes.timers.into_iter().collect::<Vec<_>>();
    assert_eq!(timers(ledger.batch(NOW, &[until(1, &[(1, 1)])]).1), [(order(1), Some(at))]);
    assert_eq!(timers(ledger.batch(NOW, &[Verb::Expire { key: order(1) }]).1), [(order(1), Some(at))]);
    assert_eq!(timers(ledger.batch(at, &[Verb::Expire { key: order(1) }]).1), [(order(1), None)]);
    assert_eq!(timers(ledger.batch(at, &[Verb::Expire { key: order(1) }]).1), [(order(1), None)]);
    let both = ledger.batch(NOW, &[until(2, &[(1, 1)]), confirm(2, &[])]).1;
    assert_eq!(timers(both), [], "no timer was set");
    ledger.batch(NOW, &[reserve(4, &[(1, 1)])]);
    assert_eq!(timers(ledger.batch(at, &[Verb::Expire { key: order(4) }]).1), [(order(4), None)]);
    assert_eq!(ledger.reservations[&order(4)].state, State::Active, "one without a deadline never expires");
    assert_eq!(timers(ledger.batch(NOW, &[Verb::Expire { key: order(3) }]).1), [(order(3), None)]);
    ledger.check();
}

/// Active reservations at an instant are found by reading the journal backwards.
#[test]
fn active_reservations_are_found_in_the_journal() {
    let mut ledger = TestLedger::with(&[(1, 9, Rules::default())]);
    let verbs = [
        reserve(1, &[(1, 1)]),
        reserve(2, &[(1, 3)]),
        confirm(1, &[]),
        reserve(3, &[(1, 2)]),
        Verb::Release { key: order(2) },
        reserve(4, &[(1, 1)]),
    ];
    let journal = ledger.batch(NOW, &verbs).1.movements;
    let holders = |until: usize| {
        let mut holders = Holders::default();
        let walked = journal[..until].iter().rev().take_while(|_| !holders.is_complete()).count();
        journal[..until].iter().rev().take(walked).for_each(|movement| holders.step_back(movement));
        holders.largest(20).iter().map(|held| (held.key.id, held.quantity)).collect::<Vec<_>>()
    };
    assert_eq!(holders(journal.len()), [(3, 2), (4, 1)]);
    assert_eq!(holders(2), [(2, 3), (1, 1)]);
    assert_eq!(holders(1), [(1, 1)]);
}

/// Random commands for few resources and keys, so that they interact.
fn any_verb() -> impl Strategy<Value = Verb> {
    let some_lines = || prop::collection::vec((1..=4_i64, 1..=4_i64), 1..4);
    let key = 1..=6_i64;
    prop_oneof![
        4 => (key.clone(), some_lines(), any::<bool>(), any::<bool>()).prop_map(|(id, of, is_payment, expires)| {
            Verb::Reserve {
                key: order(id),
                lines: lines(&of),
                expires_at: expires.then_some(NOW),
                moment: if is_payment { Moment::Payment } else { Moment::Order },
            }
        }),
        3 => (key.clone(), prop::collection::vec((1..=4_i64, 1..=4_i64), 0..3)).prop_map(|(id, of)| confirm(id, &of)),
        2 => key.clone().prop_map(|id| Verb::Release { key: order(id) }),
        2 => key.prop_map(|id| Verb::Expire { key: order(id) }),
        1 => (1..=4_i64, 1..=5_i64).prop_map(|(id, quantity)| Verb::Replenish(change(id, quantity))),
        1 => (1..=4_i64, 1..=5_i64).prop_map(|(id, quantity)| Verb::ReplenishNew(change(id, quantity))),
        1 => (1..=4_i64, -4..=4_i64).prop_map(|(id, quantity)| Verb::Adjust(change(id, quantity))),
        1 => (1..=4_i64, 1..=4_i64, 1..=4_i64)
            .prop_map(|(from, to, quantity)| Verb::Transfer { change: change(from, quantity), to: sku(to) }),
        1 => (1..=4_i64, any::<bool>(), 0..=3_i64, 0..=5_i64).prop_map(|(id, is_payment, warning_line, on_hand)| {
            let deduct_at = if is_payment { DeductAt::Payment } else { DeductAt::Order };
            let rules = Rules { deduct_at, is_oversell_allowed: false, warning_line };
            Verb::Put { shop: SHOP, resource: sku(id), rules, on_hand }
        }),
        1 => (1..=4_i64, any::<bool>(), 1..=9_i64).prop_map(|(id, is_out, out_version)| {
            Verb::Halt { shop: SHOP, resource: sku(id), is_out, out_version }
        }),
    ]
}

/// Model: the number of units that entered each resource. They are on hand or were deducted by a confirmed reservation.
#[derive(Default)]
struct UnitModel {
    added: BTreeMap<i64, i64>,
}

impl UnitModel {
    /// Applies a command. `opened` tells whether it created the stock record.
    fn apply(&mut self, verb: &Verb, reply: &Result<Reply, Refusal>, opened: bool) {
        if reply.is_err() {
            return;
        }
        match verb {
            Verb::Replenish(change) | Verb::ReplenishNew(change) | Verb::Adjust(change) => {
                *self.added.entry(change.resource.id).or_insert(0) += change.quantity;
            }
            Verb::Transfer { change, to } => {
                *self.added.entry(change.resource.id).or_insert(0) -= change.quantity;
                *self.added.entry(to.id).or_insert(0) += change.quantity;
            }
            Verb::Put { resource, on_hand, .. } if opened => *self.added.entry(resource.id).or_insert(0) += on_hand,
            Verb::Put { .. }
            | Verb::Reserve { .. }
            | Verb::Confirm { .. }
            | Verb::Release { .. }
            | Verb::Expire { .. }
            | Verb::Halt { .. } => {}
        }
    }
}

proptest! {
    /// TR-12, TR-13, TR-19, R03, R05: after any sequence of commands, in batches of any size, every added unit is on hand
    /// or was deducted by a confirmed reservation; reserved quantities match the active reservations and the journal.
    #[test]
    fn no_unit_is_created_or_lost(script in prop::collection::vec((any_verb(), any::<bool>()), 1..80)) {
        let mut ledger = TestLedger::with(&[(1, 6, Rules::default()), (2, 3, Rules { deduct_at: DeductAt::Payment, ..Rules::default() })]);
        let mut model = UnitModel { added: BTreeMap::from([(1, 6), (2, 3)]) };
        let mut batch = Vec::new();
        for (verb, is_last) in script {
            batch.push(verb);
            if !is_last {
                continue;
            }
            let mut counted: Vec<i64> =
                ledger.resources.iter().filter(|(_, row)| row.is_counted).map(|(resource, _)| resource.id).collect();
            let verbs = std::mem::take(&mut batch);
            let (replies, _) = ledger.batch(NOW, &verbs);
            for (verb, reply) in verbs.iter().zip(&replies) {
                let opened = match verb {
                    Verb::Put { resource, .. } | Verb::ReplenishNew(Change { resource, .. }) => {
                        Some(resource.id).filter(|id| !counted.contains(id))
                    }
                    Verb::Reserve { .. }
                    | Verb::Confirm { .. }
                    | Verb::Release { .. }
                    | Verb::Expire { .. }
                    | Verb::Replenish(_)
                    | Verb::Adjust(_)
                    | Verb::Transfer { .. }
                    | Verb::Halt { .. } => None,
                };
                counted.extend(opened);
                model.apply(verb, reply, opened.is_some());
            }
            ledger.check();
            for (resource, row) in &ledger.resources {
                let taken = ledger.reservations.values().filter(|row| row.state == State::Confirmed);
                let taken: i64 = taken.filter_map(|row| row.units().get(resource).copied()).sum();
                let added = model.added.get(&resource.id).copied().unwrap_or(0);
                prop_assert_eq!(row.on_hand + taken, added, "{:?}", resource);
            }
        }
    }

    /// TR-15, R05: an immediate repetition of a command moves nothing.
    #[test]
    fn a_repeated_command_of_a_reservation_moves_nothing(script in prop::collection::vec(any_verb(), 1..60)) {
        let mut ledger = TestLedger::with(&[(1, 6, Rules::default()), (2, 5, Rules::default()), (3, 4, Rules::default())]);
        for verb in script {
            let first = ledger.execute(verb.clone());
            if verb.key().is_some() && first.is_ok() {
                let (replies, changes) = ledger.batch(NOW, std::slice::from_ref(&verb));
                prop_assert_eq!(&changes.movements, &[]);
                prop_assert_eq!(&replies[0], &first);
            }
        }
    }
}

/// A reservation whose units are short at payment stays active and can be confirmed later.
#[test]
fn a_reservation_that_is_short_at_payment_stays_active() {
    let at_payment = Rules { deduct_at: DeductAt::Payment, ..Rules::default() };
    let mut ledger = TestLedger::with(&[(1, 1, at_payment), (2, 5, Rules::default())]);
    assert_eq!(ledger.state(reserve(1, &[(1, 1), (2, 2)])), Some(State::Active));
    assert_eq!(ledger.state(reserve(2, &[(1, 1), (2, 2)])), Some(State::Active));
    assert_eq!(ledger.state(confirm(1, &[])), Some(State::Confirmed));
    assert_eq!(ledger.state(confirm(2, &[])), None);
    assert_eq!((ledger.quantities(1), ledger.quantities(2)), ((0, 0), (3, 2)));
    assert_eq!(ledger.execute(Verb::Replenish(change(1, 1))).map(|_| ()), Ok(()));
    assert_eq!(ledger.state(confirm(2, &[])), Some(State::Confirmed), "a retry succeeds");
    ledger.check();
}

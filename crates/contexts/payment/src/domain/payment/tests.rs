//! Effects of facts in every order.

use proptest::prelude::*;
use pulse_kernel::Currency;

use super::*;

const PROVIDER: &str = "stripe";

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::CNY)
}

/// A payment of 10 yuan with `attempts` attempts, which the provider calls `pi_1`, `pi_2` and so on.
fn payment(attempts: i64) -> Payment {
    let intent = Intent {
        id: PaymentId::new(1),
        order: OrderId::new(2),
        shop: ShopId::new(3),
        customer: AccountId::new(4),
        amount: cny(1_000),
        state: IntentState::Open,
        is_closed: false,
        paid_attempt: None,
        created_at: Timestamp::EPOCH,
        version: 1,
    };
    let mut payment = Payment::opened(intent);
    payment.attempts = (1..=attempts)
        .map(|number| Attempt {
            id: AttemptId::new(number),
            provider: PROVIDER.to_owned(),
            reference: Some(format!("pi_{number}")),
            state: AttemptState::Open,
            pay_url: String::new(),
            return_url: String::new(),
            failure: None,
            received: None,
            cancel_tries: 0,
            is_booked: false,
            started_at: Timestamp::EPOCH,
        })
        .collect();
    payment
}

fn about(number: i64, status: AttemptStatus) -> Fact {
    Fact::Attempt(AttemptFact { reference: format!("pi_{number}"), attempt: None, status })
}

fn declined(at: i64, text: &str) -> AttemptStatus {
    AttemptStatus::Declined(Failure { at: Timestamp::from_millis(at), text: text.to_owned() })
}

fn refund(name: &str, of: i64, minor: i64, status: RefundStatus) -> Fact {
    Fact::Refund(RefundFact {
        reference: name.to_owned(),
        refund: None,
        attempt_reference: format!("pi_{of}"),
        amount: cny(minor),
        status,
        // A real fact has a new ID each time; the same reference is the same refund anyway.
        fresh_id: RefundId::new(name.len().try_into().unwrap()),
    })
}

/// Merges the facts one after the other, each in its own use case. Returns all effects.
fn merge(payment: &mut Payment, facts: &[Fact]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for fact in facts {
        let before = payment.clone();
        payment.merge_fact(PROVIDER, fact).unwrap();
        effects.extend(payment.take_effects(&before));
    }
    effects
}

/// Short descriptions of the effects.
fn words(effects: &[Effect]) -> Vec<String> {
    let word = |effect: &Effect| match effect {
        Effect::Captured { attempt, is_surplus: false, .. } => format!("captured {}", attempt.get()),
        Effect::Captured { attempt, .. } => format!("surplus {}", attempt.get()),
        Effect::Declined { attempt, failure } => format!("declined {} {failure}", attempt.get()),
        Effect::Refunded { amount, .. } => format!("refunded {}", amount.minor),
        Effect::RefundReturned { amount, .. } => format!("returned {}", amount.minor),
        Effect::RefundFailed { failure, is_returned: true, .. } => format!("failed after return {failure}"),
        Effect::RefundFailed { failure, .. } => format!("refund failed {failure}"),
        Effect::Misdirected { attempt, amount, .. } => format!("misdirected {} {amount}", attempt.get()),
        Effect::DisputeBooked { is_reinstated: false, amount, .. } => format!("withdrawn {}", amount.minor),
        Effect::DisputeBooked { amount, .. } => format!("reinstated {}", amount.minor),
        Effect::DisputeChanged { .. } => "dispute changed".to_owned(),
    };
    effects.iter().map(word).collect()
}

/// R10, R12 to R14, and a second attempt that succeeds after the first.
#[test]
fn facts_have_their_effects_once_and_at_the_right_time() {
    use AttemptStatus::{Cancelled, Processing, Succeeded, Waiting};
    let success = |number| about(number, Succeeded(cny(1_000)));
    for (facts, expected, state) in [
        (vec![about(1, Waiting), about(1, Processing)], vec![], IntentState::Processing),
        (vec![success(1), about(1, Processing), success(1)], vec!["captured 1"], IntentState::Succeeded),
        (vec![about(1, Cancelled), success(1)], vec!["captured 1"], IntentState::Succeeded),
        (vec![success(1), about(1, Cancelled)], vec!["captured 1"], IntentState::Succeeded),
        (
            vec![about(1, declined(1, "funds")), about(1, declined(1, "funds")), success(1)],
            vec!["declined 1 funds", "captured 1"],
            IntentState::Succeeded,
        ),
        (vec![success(1), about(1, declined(1, "funds"))], vec!["captured 1"], IntentState::Succeeded),
        (vec![success(1), success(2)], vec!["captured 1", "surplus 2"], IntentState::Succeeded),
        (
            vec![refund("re", 1, 400, RefundStatus::Succeeded), success(1)],
            vec!["captured 1", "refunded 400"],
            IntentState::Succeeded,
        ),
        (
            vec![
                success(1),
                refund("re", 1, 400, RefundStatus::Succeeded),
                refund("re", 1, 400, RefundStatus::Pending),
            ],
            vec!["captured 1", "refunded 400"],
            IntentState::Succeeded,
        ),
        (
            vec![
                success(1),
                refund("re", 1, 400, RefundStatus::Succeeded),
                refund("re", 1, 400, RefundStatus::Failed("closed".to_owned())),
                refund("re", 1, 400, RefundStatus::Succeeded),
            ],
            vec!["captured 1", "refunded 400", "returned 400", "failed after return closed"],
            IntentState::Succeeded,
        ),
        (
            vec![
                success(1),
                refund("re", 1, 400, RefundStatus::Failed("closed".to_owned())),
                refund("re", 1, 400, RefundStatus::Succeeded),
            ],
            vec!["captured 1", "refund failed closed"],
            IntentState::Succeeded,
        ),
    ] {
        let mut payment = payment(2);
        let effects = merge(&mut payment, &facts);
        assert_eq!(words(&effects), expected, "{facts:?}");
        assert_eq!(payment.intent.state, state, "{facts:?}");
    }
}

#[test]
fn a_contradicting_fact_changes_nothing() {
    let mut payment = payment(1);
    let before = payment.clone();
    let nothing = about(1, AttemptStatus::Succeeded(cny(0)));
    let mismatch = Mismatch::Amount { ours: cny(1_000), theirs: cny(0) };
    assert_eq!(payment.merge_fact(PROVIDER, &nothing), Err(mismatch));
    assert_eq!(payment.merge_fact(PROVIDER, &about(9, AttemptStatus::Waiting)), Err(Mismatch::UnknownAttempt));
    assert_eq!(payment.merge_fact("sandbox", &about(1, AttemptStatus::Waiting)), Err(Mismatch::UnknownAttempt));
    assert_eq!(payment.merge_fact(PROVIDER, &refund("re", 9, 1, RefundStatus::Pending)), Err(Mismatch::UnknownAttempt));
    assert_eq!(payment, before);
}

/// M3: less, more, and another currency. The money pays nothing, is refunded once, and no other refund takes it.
#[test]
fn another_amount_is_refunded_and_pays_nothing() {
    for received in [cny(999), cny(1_001), Money::new(1_000, Currency::USD)] {
        let mut payment = payment(2);
        let effects = merge(&mut payment, &[about(1, AttemptStatus::Succeeded(received))]);
        assert_eq!(words(&effects), [format!("misdirected 1 {received}")]);
        assert_eq!((payment.intent.state, payment.intent.paid_attempt), (IntentState::Open, None));
        for _ in 0..2 {
            payment.refund_misdirected(Timestamp::EPOCH);
        }
        let refunds: Vec<_> = payment.refunds.iter().map(|refund| (refund.amount, refund.state)).collect();
        assert_eq!(refunds, [(received, RefundState::Pending)]);
        let contradiction = about(1, AttemptStatus::Succeeded(cny(1_000)));
        let mismatch = Mismatch::Amount { ours: received, theirs: cny(1_000) };
        assert_eq!(payment.merge_fact(PROVIDER, &contradiction), Err(mismatch));
        let effects = merge(&mut payment, &[about(2, AttemptStatus::Succeeded(cny(1_000)))]);
        assert_eq!((words(&effects), payment.intent.state), (vec!["captured 2".to_owned()], IntentState::Succeeded));
    }
}

/// M4: requests to cancel follow after increasing pauses, at once after a change of the state, and end.
#[test]
fn requests_to_cancel_are_limited() {
    let mut payment = payment(1);
    payment.attempts[0].state = AttemptState::Processing;
    let open = payment.clone();
    payment.close();
    assert_eq!(payment.cancel_pause(&open), Some(Duration::ZERO), "the attempt became obsolete");
    assert_eq!(payment.cancel_pause(&payment.clone()), None, "nothing changed");
    let mut pauses = Vec::new();
    loop {
        let before = payment.clone();
        payment.count_cancel_tries(&before, &[AttemptId::new(1)]);
        match payment.cancel_pause(&before) {
            Some(pause) => pauses.push(pause.as_secs()),
            None => break,
        }
    }
    assert_eq!(pauses[..4], [1, 2, 4, 8]);
    assert_eq!((pauses.len(), pauses.iter().max()), (35, Some(&3_600)));
    let before = payment.clone();
    payment.merge_fact(PROVIDER, &about(1, declined(1, "funds"))).unwrap();
    assert_eq!(payment.cancel_pause(&before), Some(Duration::ZERO), "the provider may accept it now");
    let before = payment.clone();
    payment.merge_fact(PROVIDER, &about(1, declined(2, "funds"))).unwrap();
    assert_eq!(payment.cancel_pause(&before), None, "a newer failure is no other state");
}

/// An attempt without a stored reference is recognized by our ID, which the provider returns.
#[test]
fn an_attempt_is_found_by_our_id() {
    let mut payment = payment(1);
    payment.attempts[0].reference = None;
    let status = AttemptStatus::Succeeded(cny(1_000));
    let fact = AttemptFact { reference: "pi_new".to_owned(), attempt: Some(AttemptId::new(1)), status };
    assert_eq!(words(&merge(&mut payment, &[Fact::Attempt(fact)])), ["captured 1"]);
    assert_eq!(payment.attempts[0].reference.as_deref(), Some("pi_new"));
}

#[test]
fn a_refund_uses_an_attempt_with_enough_money() {
    let now = Timestamp::EPOCH;
    let success = |number| about(number, AttemptStatus::Succeeded(cny(1_000)));
    let request = |payment: &mut Payment, id: i64, minor: i64, is_rejected_payment: bool| {
        let (id, cause, reason) = (RefundId::new(id), RefundCause::TooLate, "late".to_owned());
        payment.request_refund(RefundRequest { id, amount: cny(minor), cause, reason, is_rejected_payment }, now);
        let refund = payment.refund(id).unwrap();
        (refund.attempt.map(AttemptId::get), refund.state)
    };
    let (pending, failed) = (RefundState::Pending, RefundState::Failed);

    let mut unpaid = payment(1);
    assert_eq!(request(&mut unpaid, 100, 1, false), (None, failed));

    let mut paid = payment(2);
    merge(&mut paid, &[success(1)]);
    assert_eq!(request(&mut paid, 100, 600, false), (Some(1), pending));
    assert_eq!(request(&mut paid, 100, 600, false), (Some(1), pending), "the same refund again");
    assert_eq!(paid.refunds.len(), 1);
    assert_eq!(request(&mut paid, 101, 401, false), (None, failed), "only 400 are left");
    assert_eq!(request(&mut paid, 102, 400, false), (Some(1), pending));
    assert_eq!(request(&mut paid, 103, 0, false), (None, failed));

    let mut twice = payment(2);
    merge(&mut twice, &[success(1), success(2)]);
    let (first, second) = (1, 2);
    let mut other = twice.clone();
    assert_eq!(request(&mut other, first, 1_000, true), (Some(1), pending), "the attempt with its ID");
    assert_eq!(request(&mut other, second, 1_001, true), (None, failed), "more than there is");
    assert_eq!(request(&mut twice, 100, 1_000, true), (Some(2), pending), "the surplus first");
    assert_eq!(request(&mut twice, second, 1_000, true), (None, failed), "it is refunded");
    assert_eq!(request(&mut twice, 102, 1_000, false), (Some(1), pending));
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let status = prop_oneof![
        Just(AttemptStatus::Waiting),
        Just(AttemptStatus::Processing),
        Just(AttemptStatus::Cancelled),
        Just(AttemptStatus::Succeeded(cny(1_000))),
        (0..3_i64).prop_map(|at| declined(at, "no")),
        (0..3_i64).prop_map(|at| declined(at, "funds")),
    ];
    let refund_status = prop_oneof![
        Just(RefundStatus::Pending),
        Just(RefundStatus::Succeeded),
        Just(RefundStatus::Failed("closed".to_owned())),
    ];
    prop_oneof![
        (1..=2_i64, status).prop_map(|(number, status)| about(number, status)),
        (1..=2_i64, 1..=2_usize, refund_status).prop_map(|(of, which, status)| {
            // The names of the refunds of two attempts differ.
            refund(&"r".repeat(which + 2 * usize::try_from(of).unwrap()), of, 100, status)
        }),
    ]
}

/// Attempts, refunds, state of the payment, booked sum, number of surplus captures.
type End = (Vec<(AttemptState, Option<Failure>)>, Vec<String>, IntentState, i64, usize);

/// Values that must not depend on the order of the facts.
fn end(payment: &Payment, effects: &[Effect]) -> End {
    let attempts = payment.attempts.iter().map(|attempt| (attempt.state, attempt.failure.clone())).collect();
    let mut refunds: Vec<String> = payment
        .refunds
        .iter()
        .map(|refund| format!("{:?} {:?} {:?} {}", refund.reference, refund.attempt, refund.state, refund.is_booked))
        .collect();
    refunds.sort();
    let booked = effects.iter().map(|effect| match effect {
        Effect::Captured { amount, .. } | Effect::RefundReturned { amount, .. } => amount.minor,
        Effect::Refunded { amount, .. } => -amount.minor,
        Effect::Misdirected { .. } | Effect::DisputeBooked { .. } | Effect::DisputeChanged { .. } => 0,
        Effect::Declined { .. } | Effect::RefundFailed { .. } => 0,
    });
    let surplus = effects.iter().filter(|effect| matches!(effect, Effect::Captured { is_surplus: true, .. })).count();
    (attempts, refunds, payment.intent.state, booked.sum(), surplus)
}

proptest! {
    /// PL-11, R14, R15: the same facts in any order, with repetitions, have the same result.
    #[test]
    fn the_order_of_facts_does_not_matter(
        (facts, shuffled, repeated) in prop::collection::vec(any_fact(), 0..12).prop_flat_map(|facts| {
            let count = facts.len();
            (Just(facts.clone()), Just(facts).prop_shuffle(), prop::collection::vec(0..count.max(1), 0..6))
        }),
        is_closed in any::<bool>(),
    ) {
        let (mut one, mut other) = (payment(2), payment(2));
        if is_closed {
            one.close();
        }
        let first = merge(&mut one, &facts);
        let mut again = shuffled;
        let repeats: Vec<Fact> = repeated.iter().filter_map(|index| facts.get(*index).cloned()).collect();
        again.extend(repeats.iter().cloned());
        let mut second = merge(&mut other, &again);
        if is_closed {
            other.close();
        }
        second.extend(merge(&mut other, &repeats));
        prop_assert_eq!(end(&one, &first), end(&other, &second));
    }

    /// Merging all facts again has no effect.
    #[test]
    fn repeated_facts_have_no_effect(facts in prop::collection::vec(any_fact(), 0..12)) {
        let mut payment = payment(2);
        merge(&mut payment, &facts);
        let after = payment.clone();
        prop_assert_eq!(words(&merge(&mut payment, &facts)), Vec::<String>::new());
        prop_assert_eq!(payment, after);
    }
}

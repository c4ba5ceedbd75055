//! What follows from facts in every order.

use proptest::prelude::*;
use pulse_kernel::Currency;

use super::*;

const PROVIDER: &str = "stripe";

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::CNY)
}

/// A payment of 10 yuan with so many attempts that the provider knows as `pi_1`, `pi_2`.
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
            is_booked: false,
            started_at: Timestamp::EPOCH,
        })
        .collect();
    payment
}

fn about(number: i64, said: Said) -> Fact {
    Fact::Attempt(AttemptFact { reference: format!("pi_{number}"), attempt: None, said })
}

fn declined(at: i64, text: &str) -> Said {
    Said::Declined(Failure { at: Timestamp::from_millis(at), text: text.to_owned() })
}

fn refund(name: &str, of: i64, minor: i64, said: RefundSaid) -> Fact {
    Fact::Refund(RefundFact {
        reference: name.to_owned(),
        refund: None,
        attempt_reference: format!("pi_{of}"),
        amount: cny(minor),
        said,
        // As in life, drawn anew for each hearing; the same name is the same refund all the same.
        fresh_id: RefundId::new(name.len().try_into().unwrap()),
    })
}

/// Hears the facts one after the other, each in a use case of its own, and gives all effects.
fn hear(payment: &mut Payment, facts: &[Fact]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for fact in facts {
        let before = payment.clone();
        payment.tell(PROVIDER, fact).unwrap();
        effects.extend(payment.settle(&before));
    }
    effects
}

/// In short words.
fn words(effects: &[Effect]) -> Vec<String> {
    let word = |effect: &Effect| match effect {
        Effect::Captured { attempt, is_surplus: false, .. } => format!("captured {}", attempt.get()),
        Effect::Captured { attempt, .. } => format!("surplus {}", attempt.get()),
        Effect::Declined { attempt, failure } => format!("declined {} {failure}", attempt.get()),
        Effect::Refunded { amount, .. } => format!("refunded {}", amount.minor),
        Effect::RefundUndone { amount, .. } => format!("undone {}", amount.minor),
        Effect::RefundFailed { failure, is_undone: true, .. } => format!("refund came back {failure}"),
        Effect::RefundFailed { failure, .. } => format!("refund failed {failure}"),
    };
    effects.iter().map(word).collect()
}

/// R10, R12 to R14, and a second attempt that succeeds after the first.
#[test]
fn facts_have_their_effects_once_and_when_their_time_has_come() {
    use Said::{Cancelled, Processing, Succeeded, Waiting};
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
            vec![refund("re", 1, 400, RefundSaid::Succeeded), success(1)],
            vec!["captured 1", "refunded 400"],
            IntentState::Succeeded,
        ),
        (
            vec![success(1), refund("re", 1, 400, RefundSaid::Succeeded), refund("re", 1, 400, RefundSaid::Pending)],
            vec!["captured 1", "refunded 400"],
            IntentState::Succeeded,
        ),
        (
            vec![
                success(1),
                refund("re", 1, 400, RefundSaid::Succeeded),
                refund("re", 1, 400, RefundSaid::Failed("closed".to_owned())),
                refund("re", 1, 400, RefundSaid::Succeeded),
            ],
            vec!["captured 1", "refunded 400", "undone 400", "refund came back closed"],
            IntentState::Succeeded,
        ),
        (
            vec![
                success(1),
                refund("re", 1, 400, RefundSaid::Failed("closed".to_owned())),
                refund("re", 1, 400, RefundSaid::Succeeded),
            ],
            vec!["captured 1", "refund failed closed"],
            IntentState::Succeeded,
        ),
    ] {
        let mut payment = payment(2);
        let effects = hear(&mut payment, &facts);
        assert_eq!(words(&effects), expected, "{facts:?}");
        assert_eq!(payment.intent.state, state, "{facts:?}");
    }
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut payment = payment(1);
    let before = payment.clone();
    let wrong = about(1, Said::Succeeded(cny(1)));
    let misfit = Misfit::Amount { ours: cny(1_000), theirs: cny(1) };
    assert_eq!(payment.tell(PROVIDER, &wrong), Err(misfit));
    assert_eq!(payment.tell(PROVIDER, &about(9, Said::Waiting)), Err(Misfit::Unknown));
    assert_eq!(payment.tell("sandbox", &about(1, Said::Waiting)), Err(Misfit::Unknown));
    assert_eq!(payment.tell(PROVIDER, &refund("re", 9, 1, RefundSaid::Pending)), Err(Misfit::Unknown));
    assert_eq!(payment, before);
}

/// An attempt whose reference was not written down is recognized by our own id, which the provider carries.
#[test]
fn an_attempt_is_found_by_what_the_provider_carries() {
    let mut payment = payment(1);
    payment.attempts[0].reference = None;
    let said = Said::Succeeded(cny(1_000));
    let fact = AttemptFact { reference: "pi_new".to_owned(), attempt: Some(AttemptId::new(1)), said };
    assert_eq!(words(&hear(&mut payment, &[Fact::Attempt(fact)])), ["captured 1"]);
    assert_eq!(payment.attempts[0].reference.as_deref(), Some("pi_new"));
}

#[test]
fn a_refund_is_taken_from_where_there_is_money() {
    let now = Timestamp::EPOCH;
    let success = |number| about(number, Said::Succeeded(cny(1_000)));
    let ask = |payment: &mut Payment, id: i64, minor: i64, of: i64| {
        payment.ask_refund(RefundId::new(id), (cny(minor), "late"), of, now);
        let refund = payment.refund(RefundId::new(id)).unwrap();
        (refund.attempt.map(AttemptId::get), refund.state)
    };
    let (pending, failed) = (RefundState::Pending, RefundState::Failed);

    let mut unpaid = payment(1);
    assert_eq!(ask(&mut unpaid, 100, 1, 0), (None, failed));

    let mut paid = payment(2);
    hear(&mut paid, &[success(1)]);
    assert_eq!(ask(&mut paid, 100, 600, 0), (Some(1), pending));
    assert_eq!(ask(&mut paid, 100, 600, 0), (Some(1), pending), "the same refund again");
    assert_eq!(paid.refunds.len(), 1);
    assert_eq!(ask(&mut paid, 101, 401, 0), (None, failed), "only 400 are left");
    assert_eq!(ask(&mut paid, 102, 400, 0), (Some(1), pending));
    assert_eq!(ask(&mut paid, 103, 0, 0), (None, failed));

    let mut twice = payment(2);
    hear(&mut twice, &[success(1), success(2)]);
    let (payment_id, first, second) = (twice.intent.id.get(), 1, 2);
    let mut other = twice.clone();
    assert_eq!(ask(&mut other, first, 1_000, payment_id), (Some(1), pending), "the attempt with its number");
    assert_eq!(ask(&mut other, second, 1_001, payment_id), (None, failed), "more than there is");
    assert_eq!(ask(&mut twice, 100, 1_000, payment_id), (Some(2), pending), "the surplus first");
    assert_eq!(ask(&mut twice, second, 1_000, payment_id), (None, failed), "it has gone back");
    assert_eq!(ask(&mut twice, 102, 1_000, 0), (Some(1), pending));
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let said = prop_oneof![
        Just(Said::Waiting),
        Just(Said::Processing),
        Just(Said::Cancelled),
        Just(Said::Succeeded(cny(1_000))),
        (0..3_i64).prop_map(|at| declined(at, "no")),
        (0..3_i64).prop_map(|at| declined(at, "funds")),
    ];
    let refund_said = prop_oneof![
        Just(RefundSaid::Pending),
        Just(RefundSaid::Succeeded),
        Just(RefundSaid::Failed("closed".to_owned())),
    ];
    prop_oneof![
        (1..=2_i64, said).prop_map(|(number, said)| about(number, said)),
        (1..=2_i64, 1..=2_usize, refund_said).prop_map(|(of, which, said)| {
            // The names of the refunds of two attempts differ.
            refund(&"r".repeat(which + 2 * usize::try_from(of).unwrap()), of, 100, said)
        }),
    ]
}

/// Attempts, refunds, the intent, what is booked, how many captures are surplus.
type End = (Vec<(AttemptState, Option<Failure>)>, Vec<String>, IntentState, i64, usize);

/// What must not depend on the order: states, failures, and what the books come to.
fn end(payment: &Payment, effects: &[Effect]) -> End {
    let attempts = payment.attempts.iter().map(|attempt| (attempt.state, attempt.failure.clone())).collect();
    let mut refunds: Vec<String> = payment
        .refunds
        .iter()
        .map(|refund| format!("{:?} {:?} {:?} {}", refund.reference, refund.attempt, refund.state, refund.is_booked))
        .collect();
    refunds.sort();
    let booked = effects.iter().map(|effect| match effect {
        Effect::Captured { amount, .. } | Effect::RefundUndone { amount, .. } => amount.minor,
        Effect::Refunded { amount, .. } => -amount.minor,
        Effect::Declined { .. } | Effect::RefundFailed { .. } => 0,
    });
    let surplus = effects.iter().filter(|effect| matches!(effect, Effect::Captured { is_surplus: true, .. })).count();
    (attempts, refunds, payment.intent.state, booked.sum(), surplus)
}

proptest! {
    /// PL-11, R14, R15: any order of the same facts, with any of them repeated, comes to the same end.
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
        let first = hear(&mut one, &facts);
        let mut again = shuffled;
        let repeats: Vec<Fact> = repeated.iter().filter_map(|index| facts.get(*index).cloned()).collect();
        again.extend(repeats.iter().cloned());
        let mut second = hear(&mut other, &again);
        if is_closed {
            other.close();
        }
        second.extend(hear(&mut other, &repeats));
        prop_assert_eq!(end(&one, &first), end(&other, &second));
    }

    /// What follows, follows once: hearing everything again has no effect.
    #[test]
    fn hearing_everything_again_has_no_effect(facts in prop::collection::vec(any_fact(), 0..12)) {
        let mut payment = payment(2);
        hear(&mut payment, &facts);
        let settled = payment.clone();
        prop_assert_eq!(words(&hear(&mut payment, &facts)), Vec::<String>::new());
        prop_assert_eq!(payment, settled);
    }
}

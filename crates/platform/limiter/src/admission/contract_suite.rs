//! The contract of [`AdmissionEngine`] as tests, which an engine runs with [`crate::admission_contract!`].

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{AdmissionEngine, AdmissionRequest, ExistingAdmission, Loading, SaleStats, Verdict};

/// Runs the suite against an engine. The expression is an async closure without arguments that returns an
/// [`AdmissionEngine`] and a value that must live as long. Each test creates its own; they may share a server, in which they
/// use the sales 1 to 99.
///
/// The crate that calls it needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! admission_contract {
    ($make:expr) => {
        $crate::admission_contract! { @each $make;
            a_sale_that_is_not_there_is_an_answer
            a_duplicate_names_the_first_admission
            sold_out_leaves_no_trace
            who_is_revoked_may_ask_again
            units_are_given_back_once
            units_come_and_go_while_selling
            a_sale_is_exact_in_parallel
            units_that_come_back_in_parallel_are_sold_once
            what_was_loaded_is_what_was
            only_the_last_to_load_opens
            a_load_that_was_broken_off_sells_nothing
            sales_do_not_meet
            confirming_changes_no_answer
        }
    };
    (@each $make:expr; $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (engine, _below) = ($make)().await;
                let engine: std::sync::Arc<dyn $crate::admission::AdmissionEngine> = std::sync::Arc::new(engine);
                $crate::admission::contract_suite::$name(engine).await;
            }
        )*
    };
}

/// The value of a call that must succeed.
async fn sure<T>(answer: impl Future<Output = pulse_kernel::Result<T>>) -> T {
    match answer.await {
        Ok(value) => value,
        Err(error) => panic!("the engine failed: {}", error.report()),
    }
}

async fn opened(engine: &Arc<dyn AdmissionEngine>, sale: i64, free: u64) {
    let loading = sure(engine.prepare(sale)).await;
    assert!(sure(engine.open(loading, free)).await, "nobody else loads sale {sale}");
}

async fn stats(engine: &Arc<dyn AdmissionEngine>, sale: i64) -> Option<(i64, u64)> {
    sure(engine.stats(sale)).await.map(|SaleStats { free, buyers }| (free, buyers))
}

/// A request for one unit with the admission ID 1000 * buyer + attempt.
const fn request_of(sale: i64, buyer: i64, attempt: i64) -> AdmissionRequest {
    AdmissionRequest { sale, buyer, admission: 1_000 * buyer + attempt, units: 1 }
}

/// T1: a request for a sale that was never opened, is being loaded, or was closed, gets a verdict and not an error.
pub async fn a_sale_that_is_not_there_is_an_answer(engine: Arc<dyn AdmissionEngine>) {
    let refuses = async |engine: &Arc<dyn AdmissionEngine>| {
        assert_eq!(sure(engine.admit(request_of(1, 7, 0))).await, Verdict::NoSale);
        assert!(!sure(engine.cancel(request_of(1, 7, 0))).await);
        assert!(!sure(engine.release(request_of(1, 7, 0))).await);
        assert_eq!(stats(engine, 1).await, None);
    };
    sure(engine.close(1)).await;
    refuses(&engine).await;
    sure(engine.add(1, 5)).await;
    sure(engine.confirm(1, &[7_000])).await;
    assert!(!sure(engine.dead_letter(1, 7_000, "nothing")).await);
    refuses(&engine).await;
    let loading = sure(engine.prepare(1)).await;
    refuses(&engine).await;
    assert!(sure(engine.load(loading, &[ExistingAdmission { buyer: 7, admission: 7_000, units: 1 }])).await);
    refuses(&engine).await;
    assert!(sure(engine.open(loading, 0)).await);
    assert_eq!(sure(engine.admit(request_of(1, 7, 1))).await, Verdict::Duplicate { admission: 7_000 });
    sure(engine.close(1)).await;
    refuses(&engine).await;
}

/// PL-18, PL-19: one admission per buyer; a repeated request gets the same admission.
pub async fn a_duplicate_names_the_first_admission(engine: Arc<dyn AdmissionEngine>) {
    opened(&engine, 2, 10).await;
    assert_eq!(sure(engine.admit(request_of(2, 7, 0))).await, Verdict::Admitted);
    assert_eq!(sure(engine.admit(request_of(2, 7, 1))).await, Verdict::Duplicate { admission: 7_000 });
    assert_eq!(sure(engine.admit(request_of(2, 7, 0))).await, Verdict::Admitted, "the same request");
    assert_eq!(stats(&engine, 2).await, Some((9, 1)), "and the same units");
    // An ID that a double cannot represent.
    let long = AdmissionRequest { sale: 2, buyer: i64::MAX, admission: i64::MAX - 1, units: 1 };
    assert_eq!(sure(engine.admit(long)).await, Verdict::Admitted);
    let again = AdmissionRequest { admission: i64::MAX, ..long };
    assert_eq!(sure(engine.admit(again)).await, Verdict::Duplicate { admission: i64::MAX - 1 });
}

/// PL-18: a rejected request changes nothing.
pub async fn sold_out_leaves_no_trace(engine: Arc<dyn AdmissionEngine>) {
    opened(&engine, 3, 2).await;
    assert_eq!(sure(engine.admit(AdmissionRequest { units: 3, ..request_of(3, 7, 0) })).await, Verdict::SoldOut);
    assert_eq!(stats(&engine, 3).await, Some((2, 0)));
    assert_eq!(sure(engine.admit(AdmissionRequest { units: 2, ..request_of(3, 7, 1) })).await, Verdict::Admitted);
    assert_eq!(sure(engine.admit(request_of(3, 8, 0))).await, Verdict::SoldOut);
    assert_eq!(
        sure(engine.admit(request_of(3, 7, 2))).await,
        Verdict::Duplicate { admission: 7_001 },
        "before sold out"
    );
    assert_eq!(stats(&engine, 3).await, Some((0, 1)));
}

/// A cancelled admission lets the buyer request again.
pub async fn who_is_revoked_may_ask_again(engine: Arc<dyn AdmissionEngine>) {
    opened(&engine, 4, 1).await;
    assert_eq!(sure(engine.admit(request_of(4, 7, 0))).await, Verdict::Admitted);
    assert!(!sure(engine.cancel(request_of(4, 7, 1))).await, "another name");
    assert!(sure(engine.cancel(request_of(4, 7, 0))).await);
    assert!(!sure(engine.cancel(request_of(4, 7, 0))).await, "once");
    assert_eq!(stats(&engine, 4).await, Some((1, 0)));
    assert_eq!(sure(engine.admit(request_of(4, 7, 2))).await, Verdict::Admitted);
    assert!(!sure(engine.cancel(request_of(4, 7, 0))).await, "the name of before");
    assert_eq!(stats(&engine, 4).await, Some((0, 1)));
}

/// TR-19: released units are sold again, once, and not to the same buyer.
pub async fn units_are_given_back_once(engine: Arc<dyn AdmissionEngine>) {
    opened(&engine, 5, 2).await;
    let two = AdmissionRequest { units: 2, ..request_of(5, 7, 0) };
    assert_eq!(sure(engine.admit(two)).await, Verdict::Admitted);
    assert!(!sure(engine.release(AdmissionRequest { admission: 7_001, ..two })).await, "another name");
    assert!(sure(engine.release(two)).await);
    assert!(!sure(engine.release(two)).await, "once");
    assert!(!sure(engine.cancel(two)).await, "what was given back cannot be revoked too");
    assert_eq!(stats(&engine, 5).await, Some((2, 1)));
    assert_eq!(sure(engine.admit(request_of(5, 7, 1))).await, Verdict::Duplicate { admission: 7_000 });
    assert_eq!(sure(engine.admit(request_of(5, 8, 0))).await, Verdict::Admitted);
    assert_eq!(stats(&engine, 5).await, Some((1, 2)));
}

/// Units are added and removed while the sale is open; below zero requests are rejected until units are added.
pub async fn units_come_and_go_while_selling(engine: Arc<dyn AdmissionEngine>) {
    opened(&engine, 6, 1).await;
    assert_eq!(sure(engine.admit(request_of(6, 1, 0))).await, Verdict::Admitted);
    assert_eq!(sure(engine.admit(request_of(6, 2, 0))).await, Verdict::SoldOut);
    sure(engine.add(6, 2)).await;
    assert_eq!(sure(engine.admit(request_of(6, 2, 1))).await, Verdict::Admitted);
    sure(engine.add(6, -3)).await;
    assert_eq!(stats(&engine, 6).await, Some((-2, 2)));
    assert_eq!(sure(engine.admit(request_of(6, 3, 0))).await, Verdict::SoldOut);
    sure(engine.add(6, 3)).await;
    assert_eq!(sure(engine.admit(request_of(6, 3, 1))).await, Verdict::Admitted);
    assert_eq!(stats(&engine, 6).await, Some((0, 3)));
}

/// PL-21: 600 buyers with two concurrent requests each for 100 units, and 50 units added meanwhile.
pub async fn a_sale_is_exact_in_parallel(engine: Arc<dyn AdmissionEngine>) {
    opened(&engine, 7, 100).await;
    let mut asks = JoinSet::new();
    for attempt in 0..2 {
        for buyer in 1..=600 {
            let engine = Arc::clone(&engine);
            asks.spawn(async move {
                if (buyer, attempt) == (300, 0) {
                    sure(engine.add(7, 50)).await;
                }
                (
                    buyer,
                    request_of(7, buyer, attempt).admission,
                    sure(engine.admit(request_of(7, buyer, attempt))).await,
                )
            });
        }
    }
    let answers = asks.join_all().await;
    let mut first = BTreeMap::new();
    for (buyer, admission, verdict) in &answers {
        if *verdict == Verdict::Admitted {
            assert_eq!(first.insert(*buyer, *admission), None, "buyer {buyer} was admitted twice");
        }
    }
    for (buyer, _, verdict) in &answers {
        if let Verdict::Duplicate { admission } = verdict {
            assert_eq!(first.get(buyer), Some(admission), "a duplicate of what nobody was told");
        }
    }
    // Requests before the 50 units were added may be rejected, so some of these may be free.
    let sold = i64::try_from(first.len()).unwrap_or(i64::MAX);
    assert!(sold >= 100);
    assert_eq!(stats(&engine, 7).await, Some((150 - sold, u64::try_from(sold).unwrap_or(0))));
    for buyer in 601..=700 {
        let expected = if buyer - 600 <= 150 - sold { Verdict::Admitted } else { Verdict::SoldOut };
        assert_eq!(sure(engine.admit(request_of(7, buyer, 0))).await, expected);
    }
}

/// TR-19: every unit is released twice concurrently with new requests; no unit is sold twice or lost.
pub async fn units_that_come_back_in_parallel_are_sold_once(engine: Arc<dyn AdmissionEngine>) {
    opened(&engine, 8, 50).await;
    for buyer in 1..=50 {
        assert_eq!(sure(engine.admit(request_of(8, buyer, 0))).await, Verdict::Admitted);
    }
    let mut calls = JoinSet::new();
    for buyer in 1..=50 {
        for _ in 0..2 {
            let engine = Arc::clone(&engine);
            calls.spawn(async move { u64::from(sure(engine.release(request_of(8, buyer, 0))).await) });
        }
    }
    let mut asks = JoinSet::new();
    for buyer in 51..=200 {
        let engine = Arc::clone(&engine);
        asks.spawn(async move { sure(engine.admit(request_of(8, buyer, 0))).await == Verdict::Admitted });
    }
    assert_eq!(calls.join_all().await.into_iter().sum::<u64>(), 50);
    let sold = asks.join_all().await.into_iter().filter(|is_admitted| *is_admitted).count();
    let left = stats(&engine, 8).await.map(|(free, _)| free);
    assert_eq!(left, i64::try_from(50 - sold).ok(), "what came back and was not sold again");
}

/// TR-18: a sale that was lost and loaded from its rows has the same numbers and verdicts.
pub async fn what_was_loaded_is_what_was(engine: Arc<dyn AdmissionEngine>) {
    opened(&engine, 9, 4_000).await;
    let mut journal = Vec::new();
    for buyer in 1..=2_500 {
        let units = if buyer % 2 == 0 { 2 } else { 1 };
        let request = AdmissionRequest { units, ..request_of(9, buyer, 0) };
        if sure(engine.admit(request)).await == Verdict::Admitted {
            let is_back = buyer % 10 == 0 && sure(engine.release(request)).await;
            journal.push(ExistingAdmission {
                buyer,
                admission: request.admission,
                units: if is_back { 0 } else { units },
            });
        }
    }
    let before = stats(&engine, 9).await;
    let taken: u64 = journal.iter().map(|known| u64::from(known.units)).sum();
    let loading = sure(engine.prepare(9)).await;
    for part in journal.chunks(1_700) {
        assert!(sure(engine.load(loading, part)).await);
    }
    assert!(sure(engine.open(loading, 4_000 - taken)).await);
    assert_eq!(stats(&engine, 9).await, before);
    for known in &journal {
        let again = AdmissionRequest { admission: 1, ..request_of(9, known.buyer, 0) };
        assert_eq!(sure(engine.admit(again)).await, Verdict::Duplicate { admission: known.admission });
        let back = AdmissionRequest { units: known.units, ..request_of(9, known.buyer, 0) };
        assert_eq!(sure(engine.release(back)).await, known.units > 0, "who gave back before cannot again");
    }
    assert_eq!(stats(&engine, 9).await.map(|(free, _)| free), Some(4_000));
}

/// TR-18: of two concurrent loads the earlier one fails and changes nothing.
pub async fn only_the_last_to_load_opens(engine: Arc<dyn AdmissionEngine>) {
    let known = [ExistingAdmission { buyer: 7, admission: 7_000, units: 1 }];
    let slow = sure(engine.prepare(10)).await;
    assert!(sure(engine.load(slow, &known)).await);
    let quick = sure(engine.prepare(10)).await;
    assert!(!sure(engine.load(slow, &known)).await);
    assert!(!sure(engine.open(slow, 99)).await);
    assert_eq!(stats(&engine, 10).await, None);
    assert!(sure(engine.load(quick, &known)).await);
    assert!(sure(engine.open(quick, 5)).await);
    assert!(!sure(engine.load(slow, &[ExistingAdmission { buyer: 8, admission: 8_000, units: 1 }])).await);
    assert!(!sure(engine.open(slow, 99)).await);
    assert!(!sure(engine.open(quick, 99)).await, "it is open");
    assert_eq!(stats(&engine, 10).await, Some((5, 1)));
    assert!(!sure(engine.open(Loading { sale: 11, ..quick }, 1)).await, "another sale");
}

/// TR-18: after an aborted load the sale stays closed until it is loaded completely.
pub async fn a_load_that_was_broken_off_sells_nothing(engine: Arc<dyn AdmissionEngine>) {
    opened(&engine, 12, 5).await;
    assert_eq!(sure(engine.admit(request_of(12, 1, 0))).await, Verdict::Admitted);
    let broken = sure(engine.prepare(12)).await;
    assert!(sure(engine.load(broken, &[ExistingAdmission { buyer: 9, admission: 9_000, units: 1 }])).await);
    assert_eq!(sure(engine.admit(request_of(12, 2, 0))).await, Verdict::NoSale);
    opened(&engine, 12, 4).await;
    assert_eq!(stats(&engine, 12).await, Some((4, 0)), "the partial load left nothing");
    assert_eq!(sure(engine.admit(request_of(12, 9, 0))).await, Verdict::Admitted);
}

/// Sales do not affect each other.
pub async fn sales_do_not_meet(engine: Arc<dyn AdmissionEngine>) {
    opened(&engine, 13, 1).await;
    opened(&engine, 14, 1).await;
    assert_eq!(sure(engine.admit(request_of(13, 7, 0))).await, Verdict::Admitted);
    assert_eq!(sure(engine.admit(request_of(14, 7, 1))).await, Verdict::Admitted);
    assert!(!sure(engine.cancel(request_of(14, 7, 0))).await);
    sure(engine.close(13)).await;
    assert_eq!(stats(&engine, 14).await, Some((0, 1)));
    assert_eq!(sure(engine.admit(request_of(13, 8, 0))).await, Verdict::NoSale);
}

/// PL-20: verdicts do not depend on confirmation.
pub async fn confirming_changes_no_answer(engine: Arc<dyn AdmissionEngine>) {
    opened(&engine, 15, 3).await;
    assert_eq!(sure(engine.admit(request_of(15, 7, 0))).await, Verdict::Admitted);
    for _ in 0..2 {
        sure(engine.confirm(15, &[7_000, 123])).await;
        assert_eq!(stats(&engine, 15).await, Some((2, 1)));
        assert_eq!(sure(engine.admit(request_of(15, 7, 1))).await, Verdict::Duplicate { admission: 7_000 });
    }
    assert!(
        !sure(engine.dead_letter(15, 7_000, "late")).await,
        "a confirmed admission is not moved to the dead letters"
    );
    assert!(sure(engine.release(request_of(15, 7, 0))).await);
    assert_eq!(stats(&engine, 15).await, Some((3, 1)));
}

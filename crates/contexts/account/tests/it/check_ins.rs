//! Check-ins: days, time zones and streaks.

use pulse_contract::account::v1::*;
use pulse_testkit::{Person, TestNode};

use crate::{DAY, HOUR, MINUTE, code};

async fn check_in(node: &TestNode, person: &Person) -> CheckInMonth {
    node.accounts().check_in(&person.cx(), CheckInRequest {}).await.unwrap()
}

async fn month(node: &TestNode, person: &Person, month: &str) -> CheckInMonth {
    let request = GetCheckInsRequest { month: month.to_owned() };
    node.accounts().get_check_ins(&person.cx(), request).await.unwrap()
}

async fn live_in(node: &TestNode, person: &Person, zone: &str) {
    let request = UpdateMeRequest { time_zone: Some(zone.to_owned()), ..Default::default() };
    node.accounts().update_me(&person.cx(), request).await.unwrap();
}

/// PL-02: a day is one bit, recorded once, and a streak crosses months.
pub(crate) async fn days_are_bits_and_streaks_cross_months(node: &mut TestNode) {
    node.set_time("2026-02-26T04:00:00Z");
    let person = node.sign_up("+8613800138000").await;
    for (day, bits, count, streak) in [
        ("2026-02-26", 1 << 25, 1, 1),
        ("2026-02-27", 0b11 << 25, 2, 2),
        ("2026-02-28", 0b111 << 25, 3, 3),
        ("2026-03-01", 1, 1, 4),
        ("2026-03-02", 0b11, 2, 5),
        ("2026-03-04", 0b1011, 3, 1),
    ] {
        node.set_time(&format!("{day}T04:00:00Z"));
        for _ in 0..2 {
            let seen = check_in(node, &person).await;
            assert_eq!(
                (seen.month.as_str(), seen.day_bits, seen.day_count, seen.streak_days),
                (day.rsplit_once('-').unwrap().0, bits, count, streak),
                "{day}"
            );
        }
    }
    assert_eq!(month(node, &person, "2026-02").await.day_bits, 0b111 << 25);
    assert_eq!(month(node, &person, "2025-02").await.day_count, 0);
    // Without a check-in today the streak ends with yesterday; a day later it is broken.
    node.advance(DAY);
    assert_eq!(month(node, &person, "2026-03").await.streak_days, 1);
    node.advance(DAY);
    assert_eq!(month(node, &person, "2026-03").await.streak_days, 0);
}

/// PL-02: the day follows the time zone of the account, also with clock changes.
pub(crate) async fn a_day_begins_where_the_person_lives(node: &mut TestNode) {
    node.set_time("2026-03-07T20:00:00Z");
    let person = node.sign_up("+8613800138000").await;
    assert_eq!(check_in(node, &person).await.day_bits, 1 << 7, "the 8th in Shanghai");
    live_in(node, &person, "America/Los_Angeles").await;
    assert_eq!(check_in(node, &person).await.day_bits, (1 << 7) | (1 << 6), "the 7th in Los Angeles");
    // The night in which the clocks go forward: 2026-03-08 there has 23 hours.
    node.set_time("2026-03-09T06:59:59Z");
    assert_eq!(check_in(node, &person).await.day_count, 2, "a second before midnight it is still the 8th");
    node.set_time("2026-03-09T07:00:00Z");
    let seen = check_in(node, &person).await;
    assert_eq!((seen.day_count, seen.streak_days), (3, 3), "the 9th began");
    live_in(node, &person, "Pacific/Kiritimati").await;
    node.set_time("2026-03-31T10:00:00Z");
    assert_eq!(check_in(node, &person).await.month, "2026-04", "where the day begins first");
}

/// Concurrent check-ins of one day count once, and accounts do not share days.
pub(crate) async fn parallel_check_ins_are_one(node: &mut TestNode) {
    let (one, other) = (node.sign_up("+8613800138000").await, node.sign_up("+8613800138001").await);
    let many = futures::future::join_all((0..20).map(|_| check_in(node, &one))).await;
    assert!(many.iter().all(|month| month.day_count == 1 && month.streak_days == 1));
    assert_eq!(month(node, &other, "2026-05").await.day_count, 0);
}

/// A streak grows to its limit of a year and stays there.
pub(crate) async fn a_streak_is_counted_to_its_limit(node: &mut TestNode) {
    let person = node.sign_up("+8613800138000").await;
    let mut last = 0;
    for _ in 0..370 {
        last = check_in(node, &person).await.streak_days;
        node.advance(DAY);
    }
    assert_eq!(last, 366);
    node.advance(HOUR + MINUTE);
    let request = GetCheckInsRequest { month: "2026-5".to_owned() };
    assert_eq!(code(&node.accounts().get_check_ins(&person.cx(), request).await), "ok", "the edge checks the form");
}

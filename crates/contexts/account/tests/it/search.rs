//! Search of accounts by a part of the phone number.

use std::collections::BTreeSet;

use futures::future::join_all;
use pulse_contract::account::v1::*;
use pulse_testkit::TestNode;

use crate::code;

/// Digits of a number, from a position on.
fn part(phone: &str, at: usize, count: usize) -> &str {
    phone.get(at..at + count).unwrap()
}

/// All pages of a search.
async fn search(node: &TestNode, digits: &str, page_size: i32) -> Vec<String> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = SearchAccountsRequest { phone_digits: digits.to_owned(), page_size, page_token };
        let page = node.accounts().search_accounts(&node.cx(), request).await.unwrap();
        all.extend(page.accounts.into_iter().map(|account| account.phone));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

/// Numbers that share many digits, so that searches find a part of them; the same in every run.
fn phones() -> Vec<String> {
    let mut state = 7_u64;
    let mut phones = BTreeSet::new();
    while phones.len() < 120 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Digits from 0 to 2 only, behind a country and an operator.
        let digits: String =
            (0..8).map(|place| char::from(b'0' + u8::try_from((state >> (20 + 4 * place)) % 3).unwrap())).collect();
        phones.insert(format!("+86138{digits}"));
    }
    phones.into_iter().collect()
}

/// TR-73, R35: four or more consecutive digits find the same numbers as brute force.
pub(crate) async fn any_digits_in_a_row_find_what_brute_force_finds(node: &mut TestNode) {
    let phones = phones();
    join_all(phones.iter().map(|phone| node.sign_up(phone))).await;
    let mut searches: BTreeSet<&str> = phones.iter().flat_map(|phone| (1..=10).map(|at| part(phone, at, 4))).collect();
    searches
        .extend(phones.iter().take(10).flat_map(|phone| [part(phone, 1, 13), part(phone, 4, 5), part(phone, 2, 10)]));
    searches.extend(["9999", "33333", "0000"]);
    for digits in searches {
        let found: BTreeSet<String> = search(node, digits, 100).await.into_iter().collect();
        let expected: BTreeSet<String> = phones.iter().filter(|phone| phone.contains(digits)).cloned().collect();
        assert_eq!(found, expected, "{digits}");
    }
    let everybody = search(node, "8613", 7).await;
    assert_eq!(everybody.len(), phones.len(), "small pages neither repeat nor skip");
    assert_eq!(everybody.into_iter().collect::<BTreeSet<_>>().len(), phones.len());
    let spaced = format!("+86 138-{} {}", part(&phones[3], 6, 4), part(&phones[3], 10, 4));
    assert_eq!(search(node, &spaced, 20).await, [phones[3].clone()]);
}

/// Fewer than four digits and other characters are refused.
pub(crate) async fn searches_without_enough_digits_are_refused(node: &mut TestNode) {
    let operator = node.operator().await;
    let http = node.http();
    for refused in ["861", "", "abcd", "8613%25", "86131234567890123"] {
        let reply = http.get(&format!("/v1/operator/accounts?phone_digits={refused}")).by(&operator).send().await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "VALIDATION_FAILED"), "{refused}");
    }
    let request = SearchAccountsRequest { phone_digits: "8613".into(), page_token: "x".into(), ..Default::default() };
    assert_eq!(code(&node.accounts().search_accounts(&node.cx(), request).await), "PAGE_TOKEN_INVALID");
}

//! Follows: both sides, their counters, and the lists.

use std::collections::{BTreeSet, HashSet};

use futures::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use pulse_contract::account::v1::*;
use pulse_kernel::Error;
use pulse_testkit::{Person, TestNode};

use crate::context_fixture::{ContextFixture, FOLLOWING_MAX};
use crate::{SECOND, code, tally};

async fn people(node: &TestNode, count: usize) -> Vec<Person> {
    join_all((0..count).map(|number| async move { node.sign_up(&format!("+86138001380{number:02}")).await })).await
}

async fn follow(node: &TestNode, follower: &Person, followee: &Person) -> Result<FollowResponse, Error> {
    node.accounts().follow(&follower.cx(), FollowRequest { account_id: followee.id() }).await
}

async fn unfollow(node: &TestNode, follower: &Person, followee: &Person) -> Result<UnfollowResponse, Error> {
    node.accounts().unfollow(&follower.cx(), UnfollowRequest { account_id: followee.id() }).await
}

/// Public numbers of followers and followed accounts.
async fn counts(node: &TestNode, person: &Person) -> (i64, i64) {
    let request = GetProfileRequest { account_id: person.id() };
    let profile = node.accounts().get_profile(&node.anonymous(), request).await.unwrap();
    (profile.follower_count, profile.following_count)
}

/// All pages of the list, newest first.
async fn followers(node: &TestNode, person: &Person, page_size: i32) -> Vec<i64> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListFollowersRequest { account_id: person.id(), page_size, page_token };
        let page = node.accounts().list_followers(&node.anonymous(), request).await.unwrap();
        all.extend(page.followers.iter().map(|profile| profile.account_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

/// All pages of the list, newest first.
async fn following(node: &TestNode, person: &Person, page_size: i32) -> Vec<i64> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListFollowingRequest { account_id: person.id(), page_size, page_token };
        let page = node.accounts().list_following(&node.anonymous(), request).await.unwrap();
        all.extend(page.following.iter().map(|profile| profile.account_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

/// A second follow or unfollow changes nothing.
pub(crate) async fn following_twice_is_following_once(node: &mut TestNode) {
    let people = people(node, 2).await;
    let first = follow(node, &people[0], &people[1]).await.unwrap();
    node.advance(SECOND);
    assert_eq!(follow(node, &people[0], &people[1]).await.unwrap(), first);
    assert_eq!((counts(node, &people[0]).await, counts(node, &people[1]).await), ((0, 1), (1, 0)));
    for _ in 0..2 {
        unfollow(node, &people[0], &people[1]).await.unwrap();
        assert_eq!((counts(node, &people[0]).await, counts(node, &people[1]).await), ((0, 0), (0, 0)));
    }
}

/// Following oneself and following an unknown account are refused.
pub(crate) async fn following_oneself_or_an_unknown_account_is_refused(node: &mut TestNode) {
    let people = people(node, 1).await;
    assert_eq!(code(&follow(node, &people[0], &people[0]).await), "ACCOUNT_FOLLOW_SELF");
    let nobody = FollowRequest { account_id: 42 };
    assert_eq!(code(&node.accounts().follow(&people[0].cx(), nobody).await), "ACCOUNT_NOT_FOUND");
    assert_eq!(counts(node, &people[0]).await, (0, 0));
}

/// A hundred concurrent follows of one pair count once.
pub(crate) async fn a_hundred_parallel_follows_count_once(node: &mut TestNode) {
    let people = people(node, 2).await;
    let outcomes = join_all((0..100).map(|_| follow(node, &people[0], &people[1]))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ok", 100)]);
    assert_eq!((counts(node, &people[0]).await, counts(node, &people[1]).await), ((0, 1), (1, 0)));
    assert_eq!(followers(node, &people[1], 20).await, [people[0].id()]);
    let outcomes = join_all((0..100).map(|_| unfollow(node, &people[0], &people[1]))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ok", 100)]);
    assert_eq!((counts(node, &people[0]).await, counts(node, &people[1]).await), ((0, 0), (0, 0)));
}

/// Concurrent follows in both directions both succeed.
pub(crate) async fn crossing_follows_both_happen(node: &mut TestNode) {
    let people = people(node, 6).await;
    let pairs = people.iter().flat_map(|a| people.iter().map(move |b| (a, b))).filter(|(a, b)| a.id() != b.id());
    let outcomes = join_all(pairs.map(|(a, b)| follow(node, a, b))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ok", 30)]);
    for person in &people {
        assert_eq!(counts(node, person).await, (5, 5));
    }
}

/// A random step: follower, followed account, and whether it is a follow.
type Step = (usize, usize, bool);

/// TR-47: after any concurrent follows and unfollows both sides and the counters are equal.
pub(crate) async fn both_sides_stay_equal_whatever_people_do(node: &mut TestNode) {
    let people = people(node, 4).await;
    let step = (0..4_usize, 0..4_usize, prop::bool::weighted(0.6)).prop_filter("others", |(a, b, _)| a != b);
    let rounds = prop::collection::vec(prop::collection::vec(step, 1..12), 1..4);
    let mut runner = TestRunner::deterministic();
    for _ in 0..Config::default().cases.min(8) {
        let rounds: Vec<Vec<Step>> = rounds.new_tree(&mut runner).unwrap().current();
        for round in rounds {
            let steps = round.iter().map(async |(a, b, is_follow)| {
                let (follower, followee) = (&people[*a], &people[*b]);
                if *is_follow {
                    code(&follow(node, follower, followee).await)
                } else {
                    code(&unfollow(node, follower, followee).await)
                }
            });
            assert_eq!(tally(join_all(steps).await), [("ok", round.len())], "{round:?}");
            sides_are_equal(node, &people).await;
        }
    }
}

async fn sides_are_equal(node: &TestNode, people: &[Person]) {
    let (mut forth, mut back) = (BTreeSet::new(), BTreeSet::new());
    for person in people {
        let (following, followers) = (following(node, person, 20).await, followers(node, person, 20).await);
        let lengths = (i64::try_from(followers.len()).unwrap(), i64::try_from(following.len()).unwrap());
        assert_eq!(counts(node, person).await, lengths);
        forth.extend(following.into_iter().map(|other| (person.id(), other)));
        back.extend(followers.into_iter().map(|other| (other, person.id())));
    }
    assert_eq!(forth, back);
}

/// TR-51: pages neither repeat nor skip entries, while entries are added and removed.
pub(crate) async fn lists_page_without_repeat_or_skip(node: &mut TestNode) {
    let people = people(node, 24).await;
    let star = &people[0];
    for person in &people[1..16] {
        node.advance(SECOND);
        follow(node, person, star).await.unwrap();
    }
    let expected: Vec<i64> = people[1..16].iter().rev().map(Person::id).collect();
    assert_eq!(followers(node, star, 4).await, expected);
    assert_eq!(followers(node, star, 15).await, expected);
    let (mut seen, mut page_token, mut newcomers) = (Vec::new(), String::new(), people[16..].iter());
    loop {
        let request = ListFollowersRequest { account_id: star.id(), page_size: 4, page_token };
        let page = node.accounts().list_followers(&node.anonymous(), request).await.unwrap();
        seen.extend(page.followers.iter().map(|profile| profile.account_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        node.advance(SECOND);
        follow(node, newcomers.next().unwrap(), star).await.unwrap();
        // An entry that was listed already is removed without an effect on the next page.
        let gone = people.iter().find(|person| person.id() == seen[0]).unwrap();
        unfollow(node, gone, star).await.unwrap();
    }
    assert_eq!(seen, expected);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len());
}

/// Follows of the same instant have a fixed order.
pub(crate) async fn follows_of_one_instant_have_an_order(node: &mut TestNode) {
    let people = people(node, 10).await;
    for person in &people[1..] {
        follow(node, &people[0], person).await.unwrap();
    }
    let mut expected: Vec<i64> = people[1..].iter().map(Person::id).collect();
    expected.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(following(node, &people[0], 2).await, expected);
    let request =
        ListFollowingRequest { account_id: people[0].id(), page_token: "broken".into(), ..Default::default() };
    assert_eq!(code(&node.accounts().list_following(&node.anonymous(), request).await), "PAGE_TOKEN_INVALID");
}

/// Concurrent follows keep the limit; an unfollow allows one more follow.
pub(crate) async fn follows_in_parallel_keep_the_limit(fixture: &ContextFixture) {
    fixture.put_accounts(1..11).await;
    let cx = fixture.cx_of(1, 1);
    let follow = |account_id| fixture.accounts.follow(&cx, FollowRequest { account_id });
    let outcomes = join_all((2..11).map(follow)).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ACCOUNT_FOLLOW_LIMIT", 6), ("ok", 3)]);
    let count = "SELECT COUNT(*) FROM account_following WHERE follower_id = 1";
    assert_eq!(fixture.number(count).await, FOLLOWING_MAX);
    let counted = "SELECT following_count FROM account_accounts WHERE id = 1";
    assert_eq!(fixture.number(counted).await, FOLLOWING_MAX);
    let followed = (2..11).zip(&outcomes).find(|(_, outcome)| outcome.is_ok()).unwrap().0;
    fixture.accounts.unfollow(&cx, UnfollowRequest { account_id: followed }).await.unwrap();
    let outcomes = join_all((2..11).map(follow)).await;
    assert_eq!(fixture.number(count).await, FOLLOWING_MAX);
    // Two were followed already, one is new.
    assert_eq!(tally(outcomes.iter().map(code)), [("ACCOUNT_FOLLOW_LIMIT", 6), ("ok", 3)]);
}

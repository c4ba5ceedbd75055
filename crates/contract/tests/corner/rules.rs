//! The rules of `(buf.validate)`, one by one.

use pulse_contract::{Timestamp, Validate};

use crate::corner::v1::all::Inner;
use crate::corner::v1::rules::Contact;
use crate::corner::v1::{Color, Rules};

/// A message that follows every rule.
fn good() -> Rules {
    Rules {
        len: "abc".into(),
        min_max: "ab".into(),
        min_max_bytes: "ab".into(),
        pattern: "abc".into(),
        prefix: "amz".into(),
        constant: "x".into(),
        among: "a".into(),
        not_in: "c".into(),
        email: "a@b.c".into(),
        uuid: "123e4567-e89b-12d3-a456-426614174000".into(),
        uri: "https://a.b/c".into(),
        hostname: "a.b".into(),
        gt_lt: 1,
        gte_lte: 1,
        int_in: -1,
        int_not_in: 6,
        latitude: 90.0,
        ratio: 0.75,
        agreed: true,
        digest: "ab".into(),
        color: Color::Red.into(),
        tags: vec!["a".into()],
        counts: [("a".to_owned(), 1)].into(),
        inner: Some(Inner::default()),
        contact: Some(Contact::Phone("123".into())),
        needed: "x".into(),
        ..Rules::default()
    }
}

/// What is wrong after `change`, as `path code` lines.
fn found(change: impl FnOnce(&mut Rules)) -> Vec<String> {
    let mut rules = good();
    change(&mut rules);
    match rules.validate() {
        Ok(()) => Vec::new(),
        Err(error) => error.violations().iter().map(|it| format!("{} {}", it.field, it.code)).collect(),
    }
}

type Change = fn(&mut Rules);

#[test]
fn each_rule_finds_what_breaks_it_and_nothing_else() {
    let table: &[(Change, &str)] = &[
        (|it| it.len = "ab".into(), "len string.len"),
        (|it| it.min_max = "城".into(), "min_max string.min_len"),
        (|it| it.min_max = "城城城城城".into(), "min_max string.max_len"),
        (|it| it.min_max_bytes = "a".into(), "min_max_bytes string.min_bytes"),
        (|it| it.min_max_bytes = "城城".into(), "min_max_bytes string.max_bytes"),
        (|it| it.pattern = "A".into(), "pattern string.pattern"),
        (|it| it.prefix = "mz".into(), "prefix string.prefix"),
        (|it| it.prefix = "am".into(), "prefix string.suffix"),
        (|it| it.prefix = "az".into(), "prefix string.contains"),
        (|it| it.constant = "y".into(), "constant string.const"),
        (|it| it.among = "c".into(), "among string.in"),
        (|it| it.not_in = "a".into(), "not_in string.not_in"),
        (|it| it.email = "a".into(), "email string.email"),
        (|it| it.uuid = "a".into(), "uuid string.uuid"),
        (|it| it.uri = "a".into(), "uri string.uri"),
        (|it| it.hostname = "-".into(), "hostname string.hostname"),
        (|it| it.gt_lt = 0, "gt_lt int64.gt"),
        (|it| it.gt_lt = 10, "gt_lt int64.lt"),
        (|it| it.gte_lte = 0, "gte_lte uint32.gte"),
        (|it| it.gte_lte = 10, "gte_lte uint32.lte"),
        (|it| it.int_in = 0, "int_in sint32.in"),
        (|it| it.int_not_in = 7, "int_not_in fixed64.not_in"),
        (|it| it.latitude = 90.5, "latitude double.lte"),
        (|it| it.ratio = 0.5, "ratio float.gt"),
        (|it| it.agreed = false, "agreed bool.const"),
        (|it| it.digest = "".into(), "digest bytes.min_len"),
        (|it| it.digest = "12345".into(), "digest bytes.max_len"),
        (|it| it.color = 0, "color enum.not_in"),
        (|it| it.color = 9, "color enum.defined_only"),
        (|it| it.tags.clear(), "tags repeated.min_items"),
        (|it| it.tags = ["a", "b", "c", "d"].map(Into::into).into(), "tags repeated.max_items"),
        (|it| it.tags = ["a", "b", "a"].map(Into::into).into(), "tags repeated.unique"),
        (|it| it.tags.push(String::new()), "tags[1] string.min_len"),
        (|it| it.counts.clear(), "counts map.min_pairs"),
        (|it| it.counts = (1..4).map(|it| (it.to_string(), it)).collect(), "counts map.max_pairs"),
        (|it| it.counts = [("long".to_owned(), 1)].into(), "counts[\"long\"] string.max_len"),
        (|it| it.counts = [("a".to_owned(), 0)].into(), "counts[\"a\"] int64.gt"),
        (|it| it.inner = None, "inner required"),
        (|it| it.inner.as_mut().unwrap().text = "x".repeat(11), "inner.text string.max_len"),
        (
            |it| it.items = vec![Inner::default(), Inner { text: "x".repeat(11), ..Inner::default() }],
            "items[1].text string.max_len",
        ),
        (
            |it| it.named = [("k".to_owned(), Inner { text: "x".repeat(11), ..Inner::default() })].into(),
            "named[\"k\"].text string.max_len",
        ),
        (|it| it.at = Some(Timestamp { seconds: 0, nanos: -1 }), "at timestamp.valid"),
        (|it| it.page_size = 9, "page_size int32.gte"),
        (|it| it.nickname = Some("x".into()), "nickname string.min_len"),
        (|it| it.contact = None, "contact required"),
        (|it| it.contact = Some(Contact::Phone("1".into())), "phone string.min_len"),
        (|it| it.needed = String::new(), "needed required"),
    ];
    for (index, (change, expected)) in table.iter().enumerate() {
        assert_eq!(found(change), [*expected], "row {index}");
    }
}

/// E14: a pattern is explained in words.
#[test]
fn a_pattern_is_explained_in_words() {
    let error = Rules { pattern: "A".into(), ..good() }.validate().unwrap_err();
    assert_eq!(error.violations()[0].message, "must be lower-case letters");
}

#[test]
fn what_follows_the_rules_passes() {
    let table: &[Change] = &[
        |_| {},
        |it| it.min_max = "城城城城".into(),
        |it| it.latitude = -90.0,
        |it| it.page_size = 0,
        |it| it.page_size = 10,
        |it| it.unchecked = "x".into(),
        |it| it.nickname = None,
        |it| it.contact = Some(Contact::AccountId(0)),
        |it| it.below = Some(Box::new(good())),
        |it| it.at = Some(Timestamp { seconds: 0, nanos: 0 }),
    ];
    for (index, change) in table.iter().enumerate() {
        assert_eq!(found(change), [""; 0], "row {index}");
    }
}

#[test]
fn every_violation_is_reported_at_once_and_a_flood_is_cut() {
    let several = found(|it| {
        it.len.clear();
        it.latitude = f64::NAN;
        it.below = Some(Box::new(Rules { gt_lt: 99, ..good() }));
    });
    let expected = [
        "len string.len",
        "latitude double.gte",
        "latitude double.lte",
        "latitude double.finite",
        "below.gt_lt int64.lt",
    ];
    assert_eq!(several, expected);
    let flood = found(|it| it.items = vec![Inner { text: "x".repeat(11), ..Inner::default() }; 1_000]);
    assert_eq!(flood.len(), 100);
}

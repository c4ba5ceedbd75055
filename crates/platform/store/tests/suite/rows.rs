//! Rows are read as they were written.

use bytes::Bytes;
use pulse_kernel::id::ShopId;
use pulse_kernel::{Currency, Money};
use pulse_store::{Commit, Insert, Row, Statement, StoreError, Value, row, stored_enum, values};

use super::{Fixture, Happened, count, put, thing};

const COLUMNS: &[&str] = &["id", "name", "note", "data", "score", "version"];
const SELECT: &str = "SELECT name, note, data, score, version FROM t_things WHERE id = ?";

type Thing = (Option<String>, Option<String>, Option<Bytes>, Option<f64>, i64);

pub(crate) async fn every_type_is_read_as_it_was_written(fixture: &Fixture) {
    let store = fixture.store().await;
    let long = "长".repeat(100_000);
    let rows: Vec<(i64, Thing)> = vec![
        (
            i64::MAX,
            (
                Some("🍜 ラーメン ünïcode".into()),
                Some(long),
                Some(Bytes::from_static(&[0, 255, 0])),
                Some(0.1),
                i64::MIN,
            ),
        ),
        (i64::MIN, (None, None, None, None, i64::MAX)),
        (0, (Some(String::new()), Some("'\"\\ ? $1 \n%_;--".into()), Some(Bytes::new()), Some(-1e300), 0)),
    ];
    let mut insert = Insert::into("t_things", COLUMNS);
    for (id, (name, note, data, score, version)) in rows.clone() {
        insert = insert.row(values![id, name, note, data, score, version]);
    }
    store.commit(&fixture.cx(), Commit::new().insert(insert)).await.unwrap();
    for (id, thing) in rows {
        assert_eq!(store.one::<Thing>(Statement::new(SELECT, values![id])).await.unwrap(), thing);
    }
    let nothing = store.optional::<Thing>(Statement::new(SELECT, values![77_i64])).await.unwrap();
    assert_eq!(nothing, None);
}

/// E2: a text with U+0000 is refused by every database, in a commit and in a query.
pub(crate) async fn a_text_with_nul_is_refused(fixture: &Fixture) {
    let store = fixture.store().await;
    let insert =
        Insert::into("t_things", COLUMNS).row(values![1_i64, "a\0b", "note", Option::<Bytes>::None, 0.0, 1_i64]);
    let outcome = store.commit(&fixture.cx(), Commit::new().insert(insert)).await;
    assert!(matches!(outcome, Err(StoreError::Nul)), "{outcome:?}");
    assert_eq!(pulse_kernel::Error::from(outcome.unwrap_err()).code(), "VALIDATION_FAILED");
    let query = Statement::new("SELECT id FROM t_things WHERE name = ?", values!["\0"]);
    let outcome = store.optional::<(i64,)>(query).await;
    assert!(matches!(outcome, Err(StoreError::Nul)), "{outcome:?}");
    assert_eq!(count(&store).await, 0);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Score {
    Low,
    High,
}

stored_enum! { Score { Low = 1, High = 2 } }

row! {
    #[derive(Clone, Debug, PartialEq)]
    struct Declared {
        id: ShopId = "id",
        note: Option<String> = "note",
        data: Happened = "data" as message,
    } with {
        price: Money { minor = "version", currency = "name" },
    }
}

pub(crate) async fn a_declared_row_is_read_as_it_was_written(fixture: &Fixture) {
    let store = fixture.store().await;
    let row = |id, note: Option<&str>, currency| Declared {
        id: ShopId::new(id),
        note: note.map(str::to_owned),
        data: Happened { thing: id, count: 2 },
        price: Money::new(-id, currency),
    };
    let rows = [row(1, None, Currency::EUR), row(2, Some("two"), Currency::CNY)];
    store.commit(&fixture.cx(), Commit::new().insert(Insert::rows("t_things", &rows))).await.unwrap();
    let query =
        Statement::listing("SELECT * FROM t_things WHERE id IN (??) ORDER BY id", rows.iter().map(|row| row.id), []);
    assert_eq!(store.all::<Declared>(query).await.unwrap(), rows);
    let ids: Vec<ShopId> = store.all(Statement::new("SELECT id FROM t_things ORDER BY id", [])).await.unwrap();
    assert_eq!(ids, rows.map(|row| row.id));
}

pub(crate) async fn a_stored_value_of_another_kind_is_a_defect(fixture: &Fixture) {
    let store = fixture.store().await;
    let high = Commit::new().insert(Insert::into("t_things", &["id", "data", "version"]).row(values![
        1_i64,
        vec![7_u8],
        Score::High
    ]));
    store.commit(&fixture.cx(), high).await.unwrap();
    put(&store, 2, "eur", 3).await;
    let query = |id: i64| Statement::new("SELECT name, data, version FROM t_things WHERE id = ?", values![id]);
    let row: Row = store.one(query(1)).await.unwrap();
    assert_eq!(row.get::<Score>("version").unwrap(), Score::High);
    let undecodable = row.message::<Happened>("data").unwrap_err();
    assert!(undecodable.to_string().contains("column data"), "{undecodable}");
    let row: Row = store.one(query(2)).await.unwrap();
    for wrong in [
        row.get::<Score>("version").map(drop),
        row.get::<Currency>("name").map(drop),
        row.get::<Bytes>("data").map(drop),
    ] {
        assert!(matches!(wrong, Err(StoreError::Defect { .. })), "{wrong:?}");
    }
}

pub(crate) async fn text_is_compared_byte_by_byte(fixture: &Fixture) {
    let store = fixture.store().await;
    let names = ["B", "Z", "a", "a ", "b", "\u{e4}", "e\u{301}", "\u{e9}", "\u{4e2d}"];
    for (id, name) in (0_i64..).zip(names) {
        put(&store, id, name, 0).await;
    }
    let sorted: Vec<(String,)> =
        store.all(Statement::new("SELECT name FROM t_things ORDER BY name", values![])).await.unwrap();
    let mut expected = names.map(|name| (name.to_owned(),));
    expected.sort();
    assert_eq!(sorted, expected);
    let found: Vec<(i64,)> =
        store.all(Statement::new("SELECT id FROM t_things WHERE name = ?", values!["a"])).await.unwrap();
    assert_eq!(found, [(2,)]);
}

pub(crate) async fn sums_counts_and_averages_are_numbers(fixture: &Fixture) {
    let store = fixture.store().await;
    for id in 1..=4 {
        put(&store, id, &id.to_string(), i64::from(u32::MAX) * id).await;
    }
    let query = Statement::new("SELECT COUNT(*), SUM(version), MAX(id), AVG(id) FROM t_things", values![]);
    let found: (i64, i64, i64, f64) = store.one(query).await.unwrap();
    assert_eq!(found, (4, i64::from(u32::MAX) * 10, 4, 2.5));
    let none = Statement::new("SELECT SUM(version) FROM t_things WHERE id > ?", values![100_i64]);
    assert_eq!(store.one::<(Option<i64>,)>(none).await.unwrap(), (None,));
    let exists = Statement::new("SELECT EXISTS (SELECT 1 FROM t_things WHERE id = ?)", values![1_i64]);
    assert!(store.one::<(bool,)>(exists).await.unwrap().0);
}

pub(crate) async fn a_list_finds_its_rows(fixture: &Fixture) {
    let store = fixture.store().await;
    for id in 1..=9 {
        put(&store, id, &id.to_string(), id % 2).await;
    }
    let odd = "SELECT id FROM t_things WHERE id IN (??) AND version = ? ORDER BY id";
    let found: Vec<(i64,)> = store.all(Statement::listing(odd, [1_i64, 2, 3, 5, 100], values![1_i64])).await.unwrap();
    assert_eq!(found, [(1,), (3,), (5,)]);
    let none: Vec<(i64,)> = store.all(Statement::listing(odd, Vec::<i64>::new(), values![1_i64])).await.unwrap();
    assert_eq!(none, []);
}

pub(crate) async fn many_rows_are_inserted_at_once(fixture: &Fixture) {
    let store = fixture.store().await;
    let insert = (0..1_000_i64).fold(Insert::into("t_things", &["id", "name", "version"]), |insert, id| {
        insert.row(values![id, id.to_string(), 0_i64])
    });
    store.commit(&fixture.cx(), Commit::new().insert(insert)).await.unwrap();
    assert_eq!(count(&store).await, 1_000);
    store.commit(&fixture.cx(), Commit::new().insert(Insert::into("t_things", COLUMNS))).await.unwrap();
}

pub(crate) async fn an_existing_row_is_updated_or_skipped(fixture: &Fixture) {
    let store = fixture.store().await;
    put(&store, 1, "old", 1).await;
    let update = thing(1, "new", 2).row(values![2_i64, "two", 2_i64]).on_conflict_update(&["id"], &["name", "version"]);
    store.commit(&fixture.cx(), Commit::new().insert(update)).await.unwrap();
    let ignore = thing(1, "newest", 3).row(values![3_i64, "three", 3_i64]).on_conflict_ignore(&["id"]);
    store.commit(&fixture.cx(), Commit::new().insert(ignore)).await.unwrap();
    let query = Statement::new("SELECT id, name, version FROM t_things ORDER BY id", values![]);
    let found: Vec<(i64, String, i64)> = store.all(query).await.unwrap();
    assert_eq!(found, [(1, "new".into(), 2), (2, "two".into(), 2), (3, "three".into(), 3)]);
}

pub(crate) async fn a_wrong_statement_is_a_defect(fixture: &Fixture) {
    let store = fixture.store().await;
    let outcome = store.all::<(i64,)>(Statement::new("SELECT nothing FROM t_nowhere", values![])).await;
    assert!(matches!(outcome, Err(StoreError::Defect { .. })), "{outcome:?}");
    let too_long = thing(1, &"x".repeat(65), 0);
    let outcome = store.commit(&fixture.cx(), Commit::new().insert(too_long)).await;
    // SQLite does not limit the length; no engine truncates.
    match outcome {
        Ok(()) => assert_eq!(
            store.one::<(String,)>(Statement::new("SELECT name FROM t_things", values![])).await.unwrap().0.len(),
            65
        ),
        Err(error) => assert!(matches!(error, StoreError::Defect { .. }), "{error:?}"),
    }
    let null = Commit::new()
        .insert(Insert::into("t_things", &["id", "version"]).row(values![2_i64, Value::from(None::<i64>)]));
    let outcome = store.commit(&fixture.cx(), null).await;
    assert!(matches!(outcome, Err(StoreError::Defect { .. })), "{outcome:?}");
}

//! Rows per second of `pulse import shops`, with the code of that command, against plain inserts of the same shops.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::Instant;

use anyhow::anyhow;
use indicatif::ProgressBar;
use prost::Message;
use pulse_bench::{Outcome, Progress, alternate};
use pulse_city::{City, Size};
use pulse_contract::shop::v1::{Shop, ShopState, StoredShop};
use pulse_exchange::{Format, ReadOptions, ShopWriter};
use pulse_kernel::Cx;
use pulse_node::transfer::import::{Job, import};
use pulse_node::{Config, Node, NodeOptions, transfer};
use rusqlite::{Connection, params_from_iter, types::Value};

use super::figure::Figure;
use super::plan::BenchPlan;
use crate::demo::{DemoCity, imported_shop};
use crate::process_memory;

/// Number of pairs of rounds; a round takes several seconds.
const ROUNDS: usize = 3;
/// Rows per transaction and per statement of the reference.
const BATCH: usize = 500;

pub(super) async fn run(plan: &BenchPlan) -> anyhow::Result<Figure> {
    let folder = plan.temporary_folder()?;
    let file = folder.path().join("shops.jsonl");
    let city = City::new(1, Size { shops: plan.rows, people: 0, couriers: 0 });
    write(&city, &file)?;
    let progress = Progress::on_stderr("import", 6);
    process_memory::reset_peak();
    let memory_before = process_memory::current("self").unwrap_or_default();
    let subject = async |round: usize| {
        let data = folder.path().join(format!("subject-{round}"));
        let elapsed = import_once(&file, &data, plan.rows).await?;
        std::fs::remove_dir_all(&data)?;
        anyhow::Ok(elapsed)
    };
    let reference = async |round: usize| {
        let database = folder.path().join(format!("reference-{round}.db"));
        let city = city.clone();
        tokio::task::spawn_blocking(move || insert_all(&city, &database)).await?
    };
    let rounds = alternate(ROUNDS, &progress, subject, reference).await?;
    progress.finish();
    let reference = format!(
        "plain inserts: {BATCH} generated rows per statement and transaction, one connection, same columns and \
         indexes, flushed; no parsing, validation or events"
    );
    let measured = rounds.measurement("import", &reference, 1, &rounds.subject_as_one());
    Ok(Figure::from(measured)
        .with("rows", plan.rows)
        .with("memory_before_bytes", memory_before)
        .with("memory_peak_bytes", process_memory::peak("self").unwrap_or_default()))
}

/// Writes the file to import: JSON lines.
fn write(city: &City, file: &Path) -> anyhow::Result<()> {
    let mut writer = ShopWriter::new(BufWriter::new(File::create(file)?), Format::JsonLines)?;
    for number in 0..city.size().shops {
        writer.write(&transfer::record(shop(city, number)))?;
    }
    writer.finish()?;
    Ok(())
}

/// A shop of the city in the form of an export.
fn shop(city: &City, number: u32) -> Shop {
    let imported = imported_shop(city.shop(number));
    let draft = imported.shop.unwrap_or_default();
    Shop {
        external_id: imported.external_id,
        name: draft.name,
        name_en: draft.name_en,
        state: ShopState::Active.into(),
        category_code: draft.category_code,
        location: draft.location,
        address: draft.address,
        phone: draft.phone,
        price_level: draft.price_level,
        hours: draft.hours,
        rating_hundredths: imported.rating_hundredths,
        rating_count: imported.rating_count,
        ..Shop::default()
    }
}

async fn import_once(file: &Path, data: &Path, rows: u32) -> anyhow::Result<Outcome> {
    let mut config = Config::default();
    data.clone_into(&mut config.node.data);
    let node = Node::start(&config, NodeOptions::for_command()).await?;
    let job = Job {
        file: file.to_owned(),
        read: ReadOptions::default(),
        source: None,
        time_zone: String::new(),
        refused: None,
        is_restart: true,
        store: String::new(),
    };
    let made = DemoCity::make_categories(&node.shops().shops, &Cx::system("bench", node.clock.now())).await;
    made.map_err(|error| anyhow!(error.report()))?;
    let begun = Instant::now();
    let report = import(&node.shops().shops, &node.clock, job, data, &ProgressBar::hidden()).await;
    let elapsed = begun.elapsed();
    node.stop().await;
    let report = report?;
    anyhow::ensure!(report.created_count == u64::from(rows), "some rows were not imported: {report:?}");
    Ok(Outcome::of_job(u64::from(rows), elapsed))
}

const COLUMNS: usize = 14;
const TABLE: &str = "
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE shops (id INTEGER NOT NULL PRIMARY KEY, merchant_id BIGINT NOT NULL, name VARCHAR(120) NOT NULL,
        state BIGINT NOT NULL, external_id VARCHAR(120), category_code BIGINT NOT NULL, latitude_e7 BIGINT NOT NULL,
        longitude_e7 BIGINT NOT NULL, price_level BIGINT NOT NULL, rating_hundredths BIGINT NOT NULL,
        rating_count BIGINT NOT NULL, details BLOB NOT NULL, version BIGINT NOT NULL, created_at BIGINT NOT NULL);
    CREATE UNIQUE INDEX shops_external ON shops (external_id);
    CREATE INDEX shops_merchant ON shops (merchant_id, id);
    CREATE INDEX shops_state ON shops (state, id);
    CREATE INDEX shops_category ON shops (category_code, id);";

fn insert_all(city: &City, database: &Path) -> anyhow::Result<Outcome> {
    let mut connection = Connection::open(database)?;
    connection.execute_batch(TABLE)?;
    let begun = Instant::now();
    let count = city.size().shops;
    let mut numbers = (0..count).peekable();
    while numbers.peek().is_some() {
        let batch: Vec<u32> = numbers.by_ref().take(BATCH).collect();
        let values: Vec<Value> = batch.iter().flat_map(|number| row(city, *number)).collect();
        let places = vec![format!("({})", vec!["?"; COLUMNS].join(", ")); batch.len()].join(", ");
        let transaction = connection.transaction()?;
        transaction.prepare_cached(&format!("INSERT INTO shops VALUES {places}"))?.execute(params_from_iter(values))?;
        transaction.commit()?;
    }
    Ok(Outcome::of_job(u64::from(count), begun.elapsed()))
}

fn row(city: &City, number: u32) -> [Value; COLUMNS] {
    let shop = city.shop(number);
    let (category, place, price_level) = (shop.category.number(), shop.place, shop.price_level);
    let imported = imported_shop(shop);
    let draft = imported.shop.unwrap_or_default();
    let details = StoredShop {
        name_en: draft.name_en,
        address: draft.address,
        phone: draft.phone,
        hours: draft.hours,
        ..StoredShop::default()
    };
    [
        i64::from(number).into(),
        0.into(),
        draft.name.into(),
        i64::from(i32::from(ShopState::Active)).into(),
        imported.external_id.into(),
        category.into(),
        i64::from(place.latitude_e7).into(),
        i64::from(place.longitude_e7).into(),
        i64::from(price_level).into(),
        i64::from(imported.rating_hundredths).into(),
        i64::from(imported.rating_count).into(),
        details.encode_to_vec().into(),
        1.into(),
        i64::from(number).into(),
    ]
}

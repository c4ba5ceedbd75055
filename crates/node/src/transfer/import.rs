//! Import of the shops of a file: reads, validates and writes concurrently, in constant memory.
//!
//! **Invariant:** every row is validated before it joins a batch, so an invalid row does not affect valid ones. Rows are
//! identified by their external id, so importing a file twice changes nothing. Of several rows with one id, the last one
//! wins: batches with a common id are written one after the other. Within a batch, the later row is refused.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use futures::stream::{FuturesOrdered, StreamExt};
use indicatif::ProgressBar;
use pulse_contract::Validate;
use pulse_contract::shop::v1::{ImportShopsRequest, ImportShopsResponse, ImportedShop, ShopClient};
use pulse_exchange::{Position, ReadOptions, ShopReader};
use pulse_kernel::{Clock, Cx, Error};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::category_tree::{CategoryPath, CategoryTree, category_path};
use super::checkpoint::{Checkpoint, Checkpoints, Identity};
use super::record::imported;
use super::report::{Notice, Refused, Report};

/// Number of rows per call.
const BATCH: usize = 500;
/// Number of concurrent calls: one is written while others are validated.
const IN_FLIGHT: usize = 4;
/// Number of batches that wait between reading and writing.
const QUEUE: usize = 2;
/// Size of the read buffer, in bytes.
const READ_BYTES: usize = 256 * 1024;
/// Maximum number of refused rows in a report; the file of refused rows contains all.
const REFUSED_SHOWN_MAX: usize = 20;
/// Maximum length of a source that is the name of the file, in characters.
const SOURCE_CHARS_MAX: usize = 60;
/// Interval of checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(250);

/// Parameters of an import.
#[derive(Clone, Debug)]
pub struct Job {
    /// Path of the file; `-` for standard input, which has no checkpoints.
    pub file: PathBuf,
    /// Format options.
    pub read: ReadOptions,
    /// Prefix of ids that do not name their source.
    pub source: Option<String>,
    /// IANA name of the time zone of opening hours without one; empty for the zone of the configuration.
    pub time_zone: String,
    /// File for the refused rows, one JSON object per line.
    pub refused: Option<PathBuf>,
    /// Whether to ignore the checkpoint of an interrupted import.
    pub is_restart: bool,
    /// Identity of the database for the checkpoint: differs between databases, also of one URL at different times.
    pub store: String,
}

/// Rows that the reader passes to the writer.
#[derive(Default)]
struct Batch {
    shops: Vec<ImportedShop>,
    /// External ids of the shops, while the call is in progress.
    external_ids: Vec<String>,
    /// Place of each shop in the file.
    places: Vec<Place>,
    /// Category of each shop by its names, if the file states it.
    category_paths: Vec<Option<CategoryPath>>,
    refused: Vec<Refused>,
    rows: u64,
    position: Position,
}

/// Place of a row in the file.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    line: u64,
    feature: Option<u64>,
}

/// Imports the file of the job; `folder` is the data folder, which keeps the checkpoint.
///
/// # Errors
/// When the file cannot be read completely, or the database is not available. Rows imported before stay imported.
pub async fn import(
    shops: &ShopClient,
    clock: &Clock,
    job: Job,
    folder: &Path,
    bar: &ProgressBar,
) -> anyhow::Result<Report> {
    let mut progress = Progress::begin(&job, folder, bar)?;
    let (sender, mut batches) = mpsc::channel(QUEUE);
    let position = progress.position;
    let reading = tokio::task::spawn_blocking(move || read(&job, position, &sender));
    let mut calls = Calls::new(shops);
    let mut waiting: Option<Batch> = None;
    loop {
        if let Some(batch) = waiting.take_if(|batch| calls.may_begin(batch)) {
            calls.begin(shops, clock, batch);
        }
        tokio::select! {
            biased;
            Some(answer) = calls.next() => {
                let (batch, response) = answer?;
                progress.advance(batch, response)?;
            }
            batch = batches.recv(), if waiting.is_none() => match batch {
                Some(batch) => waiting = Some(batch),
                None => break,
            }
        }
    }
    while let Some(answer) = calls.next().await {
        let (batch, response) = answer?;
        progress.advance(batch, response)?;
    }
    reading.await??;
    progress.finish()
}

/// Result of a call: its batch without the shops, and the response.
type Answer = anyhow::Result<(Batch, ImportShopsResponse)>;

/// The calls in progress, in the order of the file.
struct Calls {
    categories: Arc<CategoryTree>,
    open: FuturesOrdered<JoinHandle<Answer>>,
    /// External ids of their shops.
    external_ids: HashSet<String>,
}

impl Calls {
    fn new(shops: &ShopClient) -> Self {
        let categories = Arc::new(CategoryTree::new(shops.clone()));
        Self { categories, open: FuturesOrdered::new(), external_ids: HashSet::new() }
    }

    /// Whether a batch may start: there is a free slot, and no call in progress has a common id. Otherwise either row could
    /// win.
    fn may_begin(&self, batch: &Batch) -> bool {
        self.open.len() < IN_FLIGHT && !batch.shops.iter().any(|shop| self.external_ids.contains(&shop.external_id))
    }

    fn begin(&mut self, shops: &ShopClient, clock: &Clock, mut batch: Batch) {
        batch.external_ids = batch.shops.iter().map(|shop| shop.external_id.clone()).collect();
        self.external_ids.extend(batch.external_ids.iter().cloned());
        let (shops, clock, categories) = (shops.clone(), clock.clone(), Arc::clone(&self.categories));
        // One task per call, so that validation and encoding use every core.
        self.open.push_back(tokio::spawn(async move { send(&shops, &categories, &clock, batch).await }));
    }

    /// Result of the oldest call; `None` when there is none.
    async fn next(&mut self) -> Option<Answer> {
        let answer = match self.open.next().await? {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error.into())),
        };
        if let Ok((batch, _)) = &answer {
            for external_id in &batch.external_ids {
                self.external_ids.remove(external_id);
            }
        }
        Some(answer)
    }
}

async fn send(shops: &ShopClient, categories: &CategoryTree, clock: &Clock, batch: Batch) -> Answer {
    let mut batch = batch;
    let mut taken = std::mem::take(&mut batch.shops);
    if taken.is_empty() {
        return Ok((batch, ImportShopsResponse::default()));
    }
    let cx = Cx::system("import", clock.now());
    for (shop, path) in taken.iter_mut().zip(&batch.category_paths) {
        if let (Some(draft), Some(path)) = (&mut shop.shop, path) {
            draft.category_code = categories.code_of(&cx, path, draft.category_code).await?;
        }
    }
    let response = shops.import_shops(&cx, ImportShopsRequest { shops: taken }).await;
    match response {
        Ok(response) => Ok((batch, response)),
        Err(error) => bail!("a batch could not be written: {}; run the import again to continue", error.report()),
    }
}

/// Reads the file into batches; stops when the writer has ended.
fn read(job: &Job, position: Position, batches: &mpsc::Sender<Batch>) -> anyhow::Result<()> {
    let name = job.file.to_string_lossy();
    let opened = || format!("cannot read shops from {name}");
    if name == "-" {
        let input = BufReader::with_capacity(READ_BYTES, io::stdin());
        let reader = ShopReader::open(input, "", &job.read).with_context(opened)?;
        return hand_over(job, reader, batches);
    }
    let file = File::open(&job.file).with_context(opened)?;
    let input = BufReader::with_capacity(READ_BYTES, file);
    let reader = ShopReader::resume(input, &name, &job.read, position).with_context(opened)?;
    hand_over(job, reader, batches)
}

fn hand_over(job: &Job, reader: ShopReader<impl BufRead>, batches: &mpsc::Sender<Batch>) -> anyhow::Result<()> {
    let mut batch = Batch::default();
    let source = job.source.clone().unwrap_or_else(|| source_of(&job.file));
    for row in reader {
        let row = row.with_context(|| format!("cannot read {} to its end", job.file.display()))?;
        batch.rows += 1;
        batch.position = row.position;
        match row.content {
            Err(refused) => {
                let reason = match refused.column {
                    Some(column) => format!("{column}: {}", refused.reason),
                    None => refused.reason,
                };
                let code = pulse_contract::errors::VALIDATION_FAILED.code.to_owned();
                batch.refused.push(Refused {
                    line: refused.line,
                    feature: row.number,
                    external_id: String::new(),
                    code,
                    reason,
                });
            }
            Ok(mut record) => {
                record.external_id = from_source(&record.external_id, &source);
                let path = category_path(&mut record);
                let shop = imported(record, &job.time_zone);
                match shop.validate() {
                    Ok(()) => {
                        batch.places.push(Place { line: row.line, feature: row.number });
                        batch.category_paths.push(path);
                        batch.shops.push(shop);
                    }
                    Err(error) => {
                        batch.refused.push(refused(row.line, row.number, shop.external_id, &error));
                    }
                }
            }
        }
        // Refused rows count as well, so that a file without valid rows needs constant memory too.
        if batch.shops.len() + batch.refused.len() >= BATCH
            && batches.blocking_send(std::mem::take(&mut batch)).is_err()
        {
            return Ok(());
        }
    }
    if batch.rows > 0 {
        // If the writer has ended, it returns its own error.
        batches.blocking_send(batch).unwrap_or_default();
    }
    Ok(())
}

/// The source of a file: its name without the extension, so that files with equal ids are different sources. Names with a
/// meaning of their own get a suffix.
fn source_of(file: &Path) -> String {
    let name = file.file_stem().map(|name| name.to_string_lossy()).unwrap_or_default();
    let name: String = name.trim().chars().map(|c| if c == ':' || c.is_control() { '_' } else { c }).collect();
    let name: String = name.chars().take(SOURCE_CHARS_MAX).collect();
    match name.as_str() {
        "" | "-" => "stdin".to_owned(),
        "pulse" | "osm" | "yelp" | "place" => name + "-file",
        _ => name,
    }
}

/// Replaces the default prefix of an id, which is the file format, by the source of the job.
fn from_source(external_id: &str, source: &str) -> String {
    match external_id.split_once(':') {
        Some(("csv" | "geojson" | "json", id)) => [source, ":", id].concat(),
        Some(_) | None => external_id.to_owned(),
    }
}

fn refused(line: u64, feature: Option<u64>, external_id: String, error: &Error) -> Refused {
    let violations = error.violations().iter().map(|violation| {
        let field = violation.field.strip_prefix("shop.").unwrap_or(&violation.field);
        format!("{field}: {}", violation.message)
    });
    let mut reason = violations.collect::<Vec<_>>().join("; ");
    if reason.is_empty() {
        error.detail().clone_into(&mut reason);
    }
    Refused { line, feature, external_id, code: error.code().to_owned(), reason }
}

/// State of an import: report, position, checkpoint and progress bar.
struct Progress {
    report: Report,
    position: Position,
    bar: ProgressBar,
    refused: Option<RefusedFile>,
    /// `None` for standard input.
    checkpoint: Option<(Checkpoints, Identity)>,
    saved_at: Option<Instant>,
    begun: Instant,
}

impl Progress {
    fn begin(job: &Job, folder: &Path, bar: &ProgressBar) -> anyhow::Result<Self> {
        let mut progress = Self {
            report: Report::default(),
            position: Position::default(),
            bar: bar.clone(),
            refused: None,
            checkpoint: None,
            saved_at: None,
            begun: Instant::now(),
        };
        let mut refused_bytes = 0;
        // Absolute, because the next run may have another working directory.
        let refused = job.refused.as_deref().map(std::path::absolute).transpose()?;
        if let Some(refused) = &refused {
            ensure!(
                !is_same_file(refused, &job.file),
                "--refused {} is the imported file; use another file for the refused rows",
                refused.display()
            );
        }
        if job.file.as_os_str() != "-" {
            let options = format!("{:?} {:?} {} {} {refused:?}", job.read, job.source, job.time_zone, job.store);
            let identity = Identity::of(&job.file, options)?;
            let checkpoints = Checkpoints::of(folder, &identity)?;
            if let Some(found) = checkpoints.load(&identity).filter(|_| !job.is_restart) {
                progress.position = found.position.parse().unwrap_or_default();
                progress.report = Report { resumed_after_count: found.report.read_count, ..found.report };
                refused_bytes = found.refused_bytes;
            }
            bar.set_length(identity.size());
            bar.set_position(progress.position.bytes);
            progress.checkpoint = Some((checkpoints, identity));
        }
        if let Some(path) = &refused {
            progress.refused = Some(RefusedFile::open(path, refused_bytes)?);
        }
        Ok(progress)
    }

    fn advance(&mut self, batch: Batch, response: ImportShopsResponse) -> anyhow::Result<()> {
        let Batch { places, mut refused, rows, position, .. } = batch;
        let count = |count: i32| u64::try_from(count).unwrap_or_default();
        let place_of =
            |index: i32| usize::try_from(index).ok().and_then(|index| places.get(index)).copied().unwrap_or_default();
        self.report.read_count += rows;
        self.report.created_count += count(response.created_count);
        self.report.updated_count += count(response.updated_count);
        self.report.unchanged_count += count(response.unchanged_count);
        refused.extend(response.refused.into_iter().map(|shop| {
            let Place { line, feature } = place_of(shop.index);
            Refused { line, feature, external_id: shop.external_id, code: shop.code, reason: shop.reason }
        }));
        for notice in response.notices {
            let Place { line, feature } = place_of(notice.index);
            self.report.notice_count += 1;
            if self.report.notices.len() < REFUSED_SHOWN_MAX {
                let (external_id, text) = (notice.external_id, notice.text);
                self.report.notices.push(Notice { line, feature, external_id, text });
            }
        }
        refused.sort_by_key(|refused| refused.line);
        for refused in refused {
            self.report.refused_count += 1;
            if let Some(file) = &mut self.refused {
                file.write(&refused)?;
            }
            if self.report.refused.len() < REFUSED_SHOWN_MAX {
                self.report.refused.push(refused);
            }
        }
        self.position = position;
        self.show();
        if self.saved_at.is_none_or(|saved_at| saved_at.elapsed() >= CHECKPOINT_EVERY) {
            self.save()?;
        }
        Ok(())
    }

    fn show(&self) {
        let elapsed_ms = self.begun.elapsed().as_millis().max(1);
        let rows = self.report.read_count - self.report.resumed_after_count;
        let rate = (u128::from(rows) * 1_000).div_euclid(elapsed_ms);
        self.bar.set_position(self.position.bytes);
        self.bar.set_message(format!("{} rows, {rate} rows/s", self.report.read_count));
    }

    fn save(&mut self) -> anyhow::Result<()> {
        self.saved_at = Some(Instant::now());
        let refused_bytes = self.refused.as_mut().map_or(Ok(0), RefusedFile::flush)?;
        let Some((checkpoints, identity)) = &self.checkpoint else { return Ok(()) };
        checkpoints.save(&Checkpoint {
            identity: identity.clone(),
            position: self.position.to_string(),
            report: self.report.clone(),
            refused_bytes,
        })
    }

    fn finish(mut self) -> anyhow::Result<Report> {
        if let Some(file) = &mut self.refused {
            file.flush()?;
        }
        if let Some((checkpoints, _)) = &self.checkpoint {
            checkpoints.remove()?;
        }
        self.bar.finish_and_clear();
        Ok(self.report)
    }
}

/// Whether both paths lead to the same existing file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

/// File of the refused rows, one JSON object per line.
struct RefusedFile {
    out: io::BufWriter<File>,
    bytes: u64,
}

impl RefusedFile {
    /// Opens the file and truncates it to `bytes`; rows after that position are read again.
    fn open(path: &Path, bytes: u64) -> anyhow::Result<Self> {
        if bytes > 0 {
            // Extending the file would fill the place of lost rows with zeros.
            let found = fs::metadata(path).map_or(0, |told| told.len());
            ensure!(
                found >= bytes,
                "{} has lost refused rows since the import was interrupted: {found} of {bytes} bytes are left; restore \
                 the file, or start again with --restart",
                path.display()
            );
        }
        let open = || {
            let mut file = File::options().create(true).truncate(false).write(true).open(path)?;
            file.set_len(bytes)?;
            file.seek(SeekFrom::End(0))?;
            io::Result::Ok(file)
        };
        let file = open().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { out: io::BufWriter::new(file), bytes })
    }

    fn write(&mut self, refused: &Refused) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(refused)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.bytes += u64::try_from(line.len())?;
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<u64> {
        self.out.flush()?;
        Ok(self.bytes)
    }
}

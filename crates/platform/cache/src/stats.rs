//! Statistics of a cache, for callers and as metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Statistics of a cache since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Reads that a fresh entry answered, absent values included.
    pub hits: u64,
    /// Hits that answered an absent value.
    pub null_hits: u64,
    /// Reads that a stale entry answered while it was refreshed.
    pub stale_served: u64,
    /// Reads without a usable entry.
    pub misses: u64,
    /// Misses that joined a running load.
    pub coalesced: u64,
    /// Loads that were started, for misses and refreshes.
    pub loads: u64,
    /// Loads that failed.
    pub load_failures: u64,
    /// Loads whose result was not stored, because the key was written meanwhile.
    pub outdated_loads: u64,
    /// Values that were too heavy to be stored.
    pub oversized: u64,
    /// Entries that were evicted to make room for others.
    pub evictions: u64,
    /// Current number of entries, expired ones included.
    pub entries: u64,
    /// Current weight of the entries.
    pub weight: u64,
}

/// A counter for [`CacheStats`] that is also exported as a metric.
pub(crate) struct Meter {
    total: AtomicU64,
    exported: metrics::Counter,
}

impl Meter {
    fn new(exported: metrics::Counter) -> Self {
        Self { total: AtomicU64::new(0), exported }
    }

    pub(crate) fn count(&self) {
        // Relaxed: no other memory depends on the counter.
        self.total.fetch_add(1, Ordering::Relaxed);
        self.exported.increment(1);
    }

    fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

/// The counters of one cache, labelled with its name.
pub(crate) struct Meters {
    pub(crate) hits: Meter,
    pub(crate) null_hits: Meter,
    pub(crate) stale_served: Meter,
    pub(crate) misses: Meter,
    pub(crate) coalesced: Meter,
    pub(crate) loads: Meter,
    pub(crate) load_failures: Meter,
    pub(crate) outdated_loads: Meter,
    pub(crate) oversized: Meter,
    pub(crate) evictions: Meter,
    pub(crate) load_seconds: metrics::Histogram,
}

impl Meters {
    pub(crate) fn of(cache: &'static str) -> Self {
        describe();
        let meter = |name: &'static str| Meter::new(metrics::counter!(name, "cache" => cache));
        Self {
            hits: meter("pulse_cache_hits_total"),
            null_hits: meter("pulse_cache_null_hits_total"),
            stale_served: meter("pulse_cache_stale_served_total"),
            misses: meter("pulse_cache_misses_total"),
            coalesced: meter("pulse_cache_coalesced_total"),
            loads: meter("pulse_cache_loads_total"),
            load_failures: meter("pulse_cache_load_failures_total"),
            outdated_loads: meter("pulse_cache_outdated_loads_total"),
            oversized: meter("pulse_cache_oversized_total"),
            evictions: meter("pulse_cache_evictions_total"),
            load_seconds: metrics::histogram!("pulse_cache_load_duration_seconds", "cache" => cache),
        }
    }

    pub(crate) fn read(&self, entries: u64, weight: u64) -> CacheStats {
        CacheStats {
            hits: self.hits.total(),
            null_hits: self.null_hits.total(),
            stale_served: self.stale_served.total(),
            misses: self.misses.total(),
            coalesced: self.coalesced.total(),
            loads: self.loads.total(),
            load_failures: self.load_failures.total(),
            outdated_loads: self.outdated_loads.total(),
            oversized: self.oversized.total(),
            evictions: self.evictions.total(),
            entries,
            weight,
        }
    }
}

fn describe() {
    let texts = [
        ("pulse_cache_hits_total", "Reads that a fresh cache entry answered, absent values included."),
        ("pulse_cache_null_hits_total", "Cache hits that answered an absent value."),
        ("pulse_cache_stale_served_total", "Reads that a stale cache entry answered while it was refreshed."),
        ("pulse_cache_misses_total", "Reads without a usable cache entry."),
        ("pulse_cache_coalesced_total", "Cache misses that joined a running load."),
        ("pulse_cache_loads_total", "Loads of a cache that were started, for misses and refreshes."),
        ("pulse_cache_load_failures_total", "Loads of a cache that failed."),
        (
            "pulse_cache_outdated_loads_total",
            "Loads whose result was not cached, because the key was written meanwhile.",
        ),
        ("pulse_cache_oversized_total", "Values that were too heavy to be cached."),
        ("pulse_cache_evictions_total", "Cache entries that were evicted to make room for others."),
    ];
    for (name, text) in texts {
        metrics::describe_counter!(name, text);
    }
    metrics::describe_histogram!(
        "pulse_cache_load_duration_seconds",
        metrics::Unit::Seconds,
        "Duration of the loads of a cache."
    );
}

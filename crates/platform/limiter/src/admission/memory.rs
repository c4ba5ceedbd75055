//! The engine of one process.
//!
//! A buyer takes two numbers and a byte in a hash table with a load of 7/16 to 7/8: 20 to 39 bytes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::{AdmissionEngine, AdmissionRequest, ExistingAdmission, Loading, SaleStats, Unconfirmed, Verdict};
use crate::Answer;

/// Number of locks of a sale; a power of two.
const SHARDS: usize = 64;
/// Flag in the ID of an admission whose units were released; IDs are positive, so the bit is free.
const RELEASED: i64 = i64::MIN;

/// An [`AdmissionEngine`] with its state in this process.
#[derive(Debug, Default)]
pub struct MemoryAdmissionEngine {
    sales: RwLock<HashMap<i64, Sale>>,
    loads: AtomicU64,
}

#[derive(Debug)]
struct Sale {
    /// Token of the last load.
    token: u64,
    is_open: AtomicBool,
    free: AtomicI64,
    hasher: RandomState,
    shards: Box<[Mutex<Buyers>]>,
}

/// Admissions by buyer.
type Buyers = HashMap<i64, i64>;

impl MemoryAdmissionEngine {
    /// An engine without sales.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// [`AdmissionEngine::admit`] for callers that cannot wait.
    #[must_use]
    pub fn admit_now(&self, request: AdmissionRequest) -> Verdict {
        self.with(request.sale, Verdict::NoSale, |sale| sale.admit(request))
    }

    /// The result of `work` on an open sale, or `otherwise`.
    fn with<T>(&self, sale: i64, otherwise: T, work: impl FnOnce(&Sale) -> T) -> T {
        match self.sales.read().get(&sale).filter(|sale| sale.is_open.load(Ordering::Acquire)) {
            Some(sale) => work(sale),
            None => otherwise,
        }
    }

    /// Applies `work` to a sale of which `loading` is the last load; returns whether there is one.
    fn with_loading(&self, loading: Loading, work: impl FnOnce(&Sale)) -> bool {
        let sales = self.sales.read();
        let is_ours = |sale: &&Sale| sale.token == loading.token && !sale.is_open.load(Ordering::Acquire);
        sales.get(&loading.sale).filter(is_ours).map(work).is_some()
    }
}

impl Sale {
    fn new(token: u64) -> Self {
        Self {
            token,
            is_open: AtomicBool::new(false),
            free: AtomicI64::new(0),
            hasher: RandomState::new(),
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
        }
    }

    /// Applies `work` to the shard of a buyer under its lock.
    fn with_buyers<T>(&self, buyer: i64, work: impl FnOnce(&mut Buyers) -> T) -> Option<T> {
        let hash = usize::try_from(self.hasher.hash_one(buyer) & 0xffff_ffff).ok()?;
        let shard = self.shards.get(hash & (SHARDS - 1))?;
        Some(work(&mut shard.lock()))
    }

    fn admit(&self, request: AdmissionRequest) -> Verdict {
        let decide = |buyers: &mut Buyers| match buyers.entry(request.buyer) {
            Entry::Occupied(first) if *first.get() == request.admission => Verdict::Admitted,
            Entry::Occupied(first) => Verdict::Duplicate { admission: first.get() & !RELEASED },
            Entry::Vacant(place) => match self.take(request.units) {
                true => {
                    place.insert(request.admission);
                    Verdict::Admitted
                }
                false => Verdict::SoldOut,
            },
        };
        self.with_buyers(request.buyer, decide).unwrap_or(Verdict::NoSale)
    }

    /// Takes `units` free units, or none.
    fn take(&self, units: u32) -> bool {
        let units = i64::from(units);
        // Relaxed: no other memory is published with the count.
        let less = |free: i64| (free >= units).then(|| free - units);
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn put(&self, units: i64) {
        self.free.fetch_add(units, Ordering::Relaxed);
    }

    fn cancel(&self, request: AdmissionRequest) -> bool {
        let undo = |buyers: &mut Buyers| match buyers.get(&request.buyer) {
            Some(admission) if *admission == request.admission => {
                buyers.remove(&request.buyer);
                self.put(request.units.into());
                true
            }
            Some(_) | None => false,
        };
        self.with_buyers(request.buyer, undo).unwrap_or(false)
    }

    fn release(&self, request: AdmissionRequest) -> bool {
        let mark = |buyers: &mut Buyers| match buyers.get_mut(&request.buyer) {
            Some(admission) if *admission == request.admission => {
                *admission |= RELEASED;
                self.put(request.units.into());
                true
            }
            Some(_) | None => false,
        };
        self.with_buyers(request.buyer, mark).unwrap_or(false)
    }

    fn load(&self, known: &[ExistingAdmission]) {
        for known in known {
            let admission = if known.units == 0 { known.admission | RELEASED } else { known.admission };
            self.with_buyers(known.buyer, |buyers| buyers.insert(known.buyer, admission));
        }
    }

    fn stats(&self) -> SaleStats {
        let buyers: usize = self.shards.iter().map(|shard| shard.lock().len()).sum();
        SaleStats { free: self.free.load(Ordering::Relaxed), buyers: u64::try_from(buyers).unwrap_or(u64::MAX) }
    }
}

impl AdmissionEngine for MemoryAdmissionEngine {
    fn is_external(&self) -> bool {
        false
    }

    fn admit(&self, request: AdmissionRequest) -> Answer<'_, Verdict> {
        Answer::ready(self.admit_now(request))
    }

    fn cancel(&self, request: AdmissionRequest) -> Answer<'_, bool> {
        Answer::ready(self.with(request.sale, false, |sale| sale.cancel(request)))
    }

    fn release(&self, request: AdmissionRequest) -> Answer<'_, bool> {
        Answer::ready(self.with(request.sale, false, |sale| sale.release(request)))
    }

    fn prepare(&self, sale: i64) -> Answer<'_, Loading> {
        let token = self.loads.fetch_add(1, Ordering::Relaxed);
        self.sales.write().insert(sale, Sale::new(token));
        Answer::ready(Loading { sale, token })
    }

    fn load<'a>(&'a self, loading: Loading, known: &'a [ExistingAdmission]) -> Answer<'a, bool> {
        Answer::ready(self.with_loading(loading, |sale| sale.load(known)))
    }

    fn open(&self, loading: Loading, free: u64) -> Answer<'_, bool> {
        Answer::ready(self.with_loading(loading, |sale| {
            sale.free.store(i64::try_from(free).unwrap_or(i64::MAX), Ordering::Relaxed);
            sale.is_open.store(true, Ordering::Release);
        }))
    }

    fn add(&self, sale: i64, units: i64) -> Answer<'_, ()> {
        self.with(sale, (), |sale| sale.put(units));
        Answer::ready(())
    }

    fn close(&self, sale: i64) -> Answer<'_, ()> {
        self.sales.write().remove(&sale);
        Answer::ready(())
    }

    fn stats(&self, sale: i64) -> Answer<'_, Option<SaleStats>> {
        Answer::ready(self.with(sale, None, |sale| Some(sale.stats())))
    }

    // Admissions end with this process, so no other node can claim them.

    fn confirm<'a>(&'a self, _: i64, _: &'a [i64]) -> Answer<'a, ()> {
        Answer::ready(())
    }

    fn claim_unconfirmed(&self, _: i64, _: Duration, _: u32) -> Answer<'_, Vec<Unconfirmed>> {
        Answer::ready(Vec::new())
    }

    fn dead_letter<'a>(&'a self, _: i64, _: i64, _: &'a str) -> Answer<'a, bool> {
        Answer::ready(false)
    }
}

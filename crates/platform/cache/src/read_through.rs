//! A read-through cache: a cache with its loader built in (PL-31).

use std::borrow::Borrow;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;

use pulse_kernel::Error;

use crate::Cache;

type Load<K, V> = dyn Fn(K) -> Pin<Box<dyn Future<Output = Result<Option<V>, Error>> + Send>> + Send + Sync;

/// A read-through cache (PL-31): a [`Cache`] with its loader built in.
pub struct ReadThrough<K, V> {
    cache: Cache<K, V>,
    load: Arc<Load<K, V>>,
}

impl<K, V> Clone for ReadThrough<K, V> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), load: Arc::clone(&self.load) }
    }
}

impl<K, V> ReadThrough<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache whose misses call `load`.
    pub fn new<Fut>(cache: Cache<K, V>, load: impl Fn(K) -> Fut + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        Self { cache, load: Arc::new(move |key| Box::pin(load(key))) }
    }

    /// The value of `key`. `None` when it does not exist.
    ///
    /// # Errors
    /// As [`Cache::get_or_load`].
    pub async fn get<Q>(&self, key: &Q) -> Result<Option<V>, Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.cache.get_or_load(key, || (self.load)(key.to_owned())).await
    }

    /// The inner cache, for invalidation and writes.
    #[must_use]
    pub fn cache(&self) -> &Cache<K, V> {
        &self.cache
    }
}

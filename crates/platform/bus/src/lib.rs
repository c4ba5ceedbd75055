//! Events from outboxes to consumers, at least once, in order per key.

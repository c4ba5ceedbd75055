//! Admission: rate limits, leased permits, dedup windows.

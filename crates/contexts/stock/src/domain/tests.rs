//! What the verbs do, as tables and under random interleavings.

//! Everything that is generated from proto/, and the small runtime that it needs.

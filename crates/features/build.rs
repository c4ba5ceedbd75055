//! Empty. A build script is what build-dependencies need.

fn main() {}

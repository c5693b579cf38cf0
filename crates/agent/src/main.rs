//! The `coditect-agent` binary.

fn main() {}

//! The `policylayer` program.

fn main() {}

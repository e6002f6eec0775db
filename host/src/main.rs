//! Entry point of the `pagewalk` binary.

fn main() {}

//! Run-time widths over rust-hdl: the values ([`bits`]), the signals ([`wire`]) and the storage ([`primitive`]) that
//! every block is built from. Owns no block of the MMU.

pub mod bits;
pub mod primitive;
pub mod wire;

//! The first-level TLBs: a set-associative one made of lanes and a fully associative one made of entries. Owns what
//! is kept, what hits and what makes room; the access and its pipeline are [`crate::mmu::side`], refusals are
//! [`crate::walk`].

pub mod entry;
pub mod full;
pub mod lane;
pub mod replacement;
pub mod rights;
pub mod rows;
pub mod set;

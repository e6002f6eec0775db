//! The first-level TLBs: a set-associative one made of lanes and a fully associative one made of entries. Owns what is
//! kept and what hits; the access and its pipeline are [`crate::mmu::side`], refusals are [`crate::walk`].

pub mod entry;
pub mod full;
pub mod geometry;
pub mod lane;
pub mod set;

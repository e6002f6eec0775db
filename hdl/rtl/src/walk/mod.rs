//! The page-table walk: the walker, and the verdict on one entry. Owns no TLB.

pub mod check;
pub mod masks;
pub mod walker;

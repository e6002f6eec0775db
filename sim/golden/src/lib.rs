//! The golden model: software that predicts everything the generated MMU does, to the cycle.
//!
//! [`Golden`] is an [`Mmu`](pagewalk_arch::Mmu). It follows the contract of the MMU and the manuals, and shares nothing
//! with the generator but names and geometry. Read [`walk`] beside a manual first; the TLBs (`tlb`), the rules of time
//! (`timing`) and the order of events (`exact`) are built on it, and `stream` with `filter` only makes them fast.

mod architecture;
mod delivery;
mod exact;
mod filter;
mod golden;
mod rights;
mod stream;
mod timing;
mod tlb;
pub mod walk;

pub use golden::Golden;
pub use rights::{Denial, Rights};

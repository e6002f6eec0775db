//! The golden model: software that predicts everything the generated MMU does, to the cycle.
//!
//! [`Golden`] is an [`Mmu`](pagewalk_arch::Mmu). It follows the contract of the MMU and the manuals, and shares nothing
//! with the generator but names and geometry. Read [`walk`] beside a manual first; the TLBs (`tlb`), the rules of time
//! (`timing`) and the order of events (`timed`) are built on it, and `stream` with `hit_cache` only makes them fast.
//!
//! | question | file |
//! |---|---|
//! | what a page-table entry means, reserved bits, A and D | `walk/riscv.rs`, `walk/x86.rs` |
//! | which fault a walk ends in | `walk/refusal.rs` |
//! | who may do what, under which mode bits | `rights.rs` |
//! | which entry matches, where a refill goes | `tlb/mod.rs` |
//! | which way makes room | `tlb/replacement.rs` |
//! | which fences drop what | `tlb/fence.rs` |
//! | in which cycle | `timing.rs` |
//! | what happens before what | `timed.rs` |

mod architecture;
mod delivery;
mod golden;
mod hit_cache;
mod rights;
mod stream;
mod timed;
mod timing;
mod tlb;
pub mod walk;

pub use golden::Golden;
pub use rights::{Denial, Rights};

//! Taking memory back when free frames run low: Linux's mm/vmscan.c with its two lists for each kind of page.
//!
//! Owns when pages move between the lists of the LRU and when they are taken. Works on all address spaces at once, by the
//! reverse mappings of frames. `System::make_room` alone reclaims: it is called where nothing is held that a page which
//! goes could be, and what is then taken from memory is there.
//!
//! `active` says what counts as used; `lazy` is what MADV_FREE leaves to be taken; `balance` is kswapd, and what whoever
//! asks must do itself; `scan` says how much of which list is looked at; `shrink` looks; `unmap` takes pages from those who map them; `migrate` moves them;
//! `workingset` knows how soon they came back.

mod active;
mod balance;
mod lazy;
mod migrate;
mod scan;
mod shrink;
mod thrash;
mod unmap;
mod workingset;

pub(crate) use thrash::Thrash;
pub(crate) use workingset::Shadow;

use crate::frame::{LruList, PhysicalMemory};

/// Pages that are looked at together: `SWAP_CLUSTER_MAX`.
const CLUSTER_PAGES: u64 = 32;
/// The first look is at 1 in 2¹² pages of a list: `DEF_PRIORITY`.
const PRIORITY_FIRST: u32 = 12;

/// For whom memory is asked: what the asker may wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gfp {
    /// GFP_HIGHUSER_MOVABLE: a page of a process, or of a file.
    #[default]
    User,
    /// GFP_KERNEL: the kernel's own, such as page tables.
    Kernel,
}

/// What reclaim remembers of a node between its runs: Linux's `lruvec`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reclaim {
    /// Pages that went or became active, so far: the clock by which refaults are judged.
    nonresident_age: u64,
    /// What taking anonymous pages has cost lately, and pages of files: pages written and read again.
    anon_cost: u64,
    file_cost: u64,
    /// The counts of `workingset_activate_*` when reclaim last ended: more since then, and active pages may be too many.
    activations_seen: [u64; 2],
    /// Runs of kswapd in a row that took nothing.
    failures: u32,
}

impl Reclaim {
    /// `lru_note_cost`: recent costs weigh more.
    fn note_cost(&mut self, memory: &PhysicalMemory, is_file: bool, pages: u64) {
        *(if is_file { &mut self.file_cost } else { &mut self.anon_cost }) += pages;
        let lists = LruList::ALL.into_iter().filter(|&list| list != LruList::Unevictable);
        let pages: u64 = lists.map(|list| memory.lru_len(list)).sum();
        if self.file_cost + self.anon_cost > pages / 4 {
            self.file_cost /= 2;
            self.anon_cost /= 2;
        }
    }
}

//! The fence that a verb ends with, and what must not be used for anything else before it: Linux's `mmu_gather` and
//! `flush_tlb_mm_range`.
//!
//! Changes are gathered while entries are rewritten and flushed once: page by page from the lowest to the highest
//! page changed where these are few, else the whole address space. A gather **owns** the references of the entries that
//! it was told of, and the frames of tables that are gone: they are returned once every CPU that could have cached them
//! has fenced, and not a moment earlier.

use crate::{Mapped, PageRange, Pfn};

/// What has changed since the last fence.
#[derive(Debug, Default)]
#[must_use = "what is gathered is returned by a flush alone"]
pub(crate) struct Gather {
    pages: Option<PageRange>,
    whole: bool,
    /// Frames with a reference each, tables included.
    held: Vec<Pfn>,
}

impl Gather {
    /// An entry that was `before` is different now.
    pub(crate) fn add(&mut self, before: &Mapped) {
        if !before.pte.is_valid() {
            return;
        }
        let page = before.page;
        let grown = self.pages.map_or(PageRange::single(page), |pages| {
            PageRange::new(pages.start().min(page), pages.end().max(page.up(1)))
        });
        self.pages = Some(grown);
    }

    /// Takes over the reference of an entry that is gone, or maps something else now.
    pub(crate) fn hold(&mut self, frame: Pfn) {
        self.held.push(frame);
    }

    /// Takes over the frame of a table that nothing points to any more. No fence of a single page covers that.
    pub(crate) fn hold_table(&mut self, frame: Pfn) {
        self.whole = true;
        self.held.push(frame);
    }

    /// Something has changed that no fence of a single page covers.
    pub(crate) fn add_everything(&mut self) {
        self.whole = true;
    }

    /// The pages that fences one by one cover, as far as they do.
    pub(crate) fn pages(&self) -> Option<PageRange> {
        self.pages.filter(|_| !self.whole)
    }

    /// Gives up what it holds: every CPU has fenced.
    pub(crate) fn release(&mut self) -> impl Iterator<Item = Pfn> + '_ {
        self.held.drain(..)
    }

    /// Whether any fence is due.
    pub(crate) fn is_empty(&self) -> bool {
        self.pages.is_none() && !self.whole
    }
}

impl Drop for Gather {
    fn drop(&mut self) {
        debug_assert!(self.held.is_empty() || std::thread::panicking(), "{self:?} was never flushed");
    }
}

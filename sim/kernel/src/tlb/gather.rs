//! The fence that a verb ends with: Linux's `mmu_gather` and `flush_tlb_mm_range`.
//!
//! Changes are gathered while entries are rewritten and flushed once: page by page from the lowest to the highest
//! page changed where these are few, else the whole address space.

use crate::space::AddressSpace;
use crate::system::System;
use crate::{Mapped, PageRange};
use pagewalk_arch::Platform;

/// What has changed since the last fence.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    pages: Option<PageRange>,
    whole: bool,
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

    /// Something has changed that no fence of a single page covers: a table is gone.
    pub(crate) fn add_everything(&mut self) {
        self.whole = true;
    }

    /// Whether any fence is due.
    pub(crate) fn is_empty(&self) -> bool {
        self.pages.is_none() && !self.whole
    }
}

impl AddressSpace {
    /// Issues the fences that `gather` calls for.
    pub(crate) fn flush(&self, system: &mut System, platform: &mut dyn Platform, gather: Gather) {
        match gather.pages {
            _ if gather.is_empty() => {}
            Some(pages) if !gather.whole && pages.pages() <= system.config.flush_ceiling_pages => {
                pages.iter().for_each(|page| system.flush_page(platform, self.id(), page));
            }
            _ => system.flush_address_space(platform, self.id()),
        }
    }
}

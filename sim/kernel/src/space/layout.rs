//! Where a new area comes to lie: Linux's `get_unmapped_area`, with addresses that are not randomised.
//!
//! Owns the choice of an address. Does not own whether the area may be: that is the call's.

use super::AddressSpace;
use crate::{Errno, PageRange, VmFlags, Vma, Vpn};
use pagewalk_arch::{FRAME_BYTES, FRAME_SHIFT, FormatSpec, Isa, VirtAddr};

/// Pages that stay free below what grows downwards: `stack_guard_gap`.
const GUARD_PAGES: u64 = 256;
/// The least distance of the first mapping from the top: room for the stack.
const STACK_ROOM_MIN: u64 = 128 << 20;

/// The first address that programs cannot have: `TASK_SIZE`. On 64-bit x86 the last page of the lower half is kept
/// free; on 32-bit machines the kernel has the upper gigabyte.
pub(crate) fn task_size(spec: &FormatSpec) -> u64 {
    match (spec.isa, spec.va_register_bits) {
        (_, 32) => 0xc000_0000,
        (Isa::X86, _) => spec.user_end() - FRAME_BYTES,
        (Isa::RiscV, _) => spec.user_end(),
    }
}

/// Between what bounds areas are placed, and from which side: `arch_pick_mmap_layout`. Decided when a program starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Areas are placed below, downwards: `mmap_base`.
    top: Vpn,
    /// Upwards from here where nothing is free below `top`: `TASK_UNMAPPED_BASE`.
    bottom: Vpn,
    end: Vpn,
    /// `vm.legacy_va_layout`, or a stack without a limit: upwards only.
    is_upward: bool,
    /// Pages of a table of the second level, at which disk file systems align large mappings.
    huge_pages: u64,
}

impl Layout {
    /// For a program whose stack may grow to `stack_bytes`.
    pub(crate) fn new(spec: &FormatSpec, stack_bytes: u64, is_legacy: bool) -> Self {
        let end = task_size(spec);
        let room = stack_bytes.saturating_add(GUARD_PAGES << FRAME_SHIFT);
        let gap = room.clamp(STACK_ROOM_MIN.min(end / 6 * 5), end / 6 * 5);
        let up = |address: u64| Vpn(address.div_ceil(FRAME_BYTES));
        Self {
            top: up(end - gap),
            bottom: up(end / 3),
            end: Vpn(end >> FRAME_SHIFT),
            is_upward: is_legacy || stack_bytes == u64::MAX,
            huge_pages: 1 << spec.index_bits[0],
        }
    }
    /// Areas are placed below this page.
    pub(crate) fn top(&self) -> Vpn {
        self.top
    }
    /// The page after the last that programs can have.
    pub(crate) fn end(&self) -> Vpn {
        self.end
    }
}

/// What is to be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// How many pages.
    pub(crate) pages: u64,
    /// It begins at this page of a file of a disk file system: if large, it is aligned as a huge page would have to be
    /// (`thp_get_unmapped_area`).
    pub(crate) disk_offset: Option<u64>,
}

/// The lowest page that must stay free below `vma`: `vm_start_gap`.
pub(super) fn start_gap(vma: &Vma) -> Vpn {
    let guard = if vma.has(VmFlags::GROWSDOWN) { GUARD_PAGES } else { 0 };
    Vpn(vma.pages.start().0.saturating_sub(guard))
}

impl AddressSpace {
    /// A place for `what`.
    pub(crate) fn place(&self, what: Placement) -> Result<PageRange, Errno> {
        if what.pages > self.layout.end.0 {
            return Err(Errno::NoMem);
        }
        let aligned = what.disk_offset.and_then(|offset| self.place_aligned(what.pages, offset));
        aligned.or_else(|| self.free_pages(what.pages)).ok_or(Errno::NoMem)
    }

    /// Whether `pages`, which the caller chose (MAP_FIXED), are pages that it can have.
    pub(crate) fn can_have(&self, at: VirtAddr, pages: u64) -> Result<PageRange, Errno> {
        let end = self.layout.end.0;
        if pages > end || at.page_number() > end - pages {
            return Err(Errno::NoMem);
        }
        if !at.0.is_multiple_of(FRAME_BYTES) {
            return Err(Errno::Inval);
        }
        Ok(PageRange::new(Vpn::of(at), Vpn::of(at).up(pages)))
    }

    fn place_aligned(&self, pages: u64, offset: u64) -> Option<PageRange> {
        let huge = self.layout.huge_pages;
        let (end, first_whole) = (offset.checked_add(pages)?, offset.checked_next_multiple_of(huge)?);
        if end < first_whole + huge {
            return None;
        }
        let padded = self.free_pages(pages.checked_add(huge)?)?.start();
        let start = padded.up(offset.wrapping_sub(padded.0) & (huge - 1));
        Some(PageRange::new(start, start.up(pages)))
    }

    fn free_pages(&self, pages: u64) -> Option<PageRange> {
        let Layout { top, bottom, end, is_upward, .. } = self.layout;
        let below = if is_upward { None } else { self.free_below(pages, top) };
        below.or_else(|| self.free_above(pages, bottom, end))
    }

    /// The highest free pages below `top`.
    fn free_below(&self, pages: u64, top: Vpn) -> Option<PageRange> {
        let mut ceiling = match self.vmas.find(top).or_else(|| self.vmas.above(top)) {
            Some(above) => top.min(start_gap(above)),
            None => top,
        };
        let lower = self.vmas.overlapping(PageRange::new(Vpn(0), top)).rev();
        for floor in lower.map(Some).chain([None]) {
            // The page at 0 is nobody's.
            let from = floor.map_or(Vpn(1), |vma| vma.pages.end());
            if ceiling.pages_above(from) >= pages {
                return Some(PageRange::new(Vpn(ceiling.0 - pages), ceiling));
            }
            ceiling = floor.map_or(ceiling, |vma| ceiling.min(start_gap(vma)));
        }
        None
    }

    /// The lowest free pages from `bottom` on.
    fn free_above(&self, pages: u64, bottom: Vpn, end: Vpn) -> Option<PageRange> {
        let mut from = self.vmas.find(bottom).map_or(bottom, |vma| vma.pages.end());
        loop {
            let next = self.vmas.above(from);
            let ceiling = next.map_or(end, |vma| start_gap(vma).min(end));
            if ceiling.pages_above(from) >= pages {
                return Some(PageRange::new(from, from.up(pages)));
            }
            from = next?.pages.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::PagingFormat;

    #[test]
    fn mappings_begin_where_linux_has_them() {
        let layout = |format: PagingFormat, stack| Layout::new(format.spec(), stack, false);
        let la48 = layout(PagingFormat::La48, 8 << 20);
        assert_eq!((la48.top, la48.end), (Vpn(0x7_ffff_7fff), Vpn(0x7_ffff_ffff)));
        assert_eq!(la48.bottom, Vpn(0x2_aaaa_aaaa + 1));
        assert_eq!(layout(PagingFormat::La48, 1 << 30).top, Vpn(0x7_ffff_ffff - (1 << 18) - 256));
        assert!(layout(PagingFormat::La48, u64::MAX).is_upward);
        assert_eq!(layout(PagingFormat::X86Pae, 8 << 20).top, Vpn(0xb_8000));
        assert_eq!(layout(PagingFormat::Sv39, 8 << 20).top, Vpn((1 << 26) - (1 << 15)));
    }
}

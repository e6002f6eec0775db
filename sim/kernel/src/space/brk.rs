//! brk(2): the heap grows and shrinks at its upper end.

use super::populate::OnRefusal;
use super::{AddressSpace, Heap};
use crate::errno::CallStop;
use crate::system::System;
use crate::{PageRange, VmFlags, Vma, Vpn};
use pagewalk_arch::{FRAME_BYTES, Platform, VirtAddr};
use pagewalk_trace::Protection;

const HEAP_RIGHTS: Protection = Protection { read: true, write: true, execute: false };

/// The first page that starts at or above `end`.
pub(super) fn page_above(end: VirtAddr) -> Vpn {
    Vpn(end.0.div_ceil(FRAME_BYTES))
}

impl AddressSpace {
    /// The break is now at `end`. The first call of a program asks where it is (`brk(0)`) and so says where the heap
    /// begins; the page that it begins in may belong to the image.
    pub(crate) fn set_break(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        end: VirtAddr,
    ) -> Result<(), CallStop> {
        let heap = *self.heap.get_or_insert(Heap { start: end, end });
        let (before, now) = (page_above(heap.end), page_above(end));
        self.heap = Some(Heap { start: heap.start.min(end), end });
        if now > before {
            let grown = PageRange::new(before, now);
            let mut vma = Vma::anonymous(grown, HEAP_RIGHTS);
            vma.attributes.flags = self.future_flags.union(VmFlags::ACCOUNT);
            self.discard(system, platform, grown);
            self.unmapped.remove(grown);
            self.vmas.insert_above(vma);
            if vma.has(VmFlags::LOCKED) {
                return self.populate(system, platform, grown, OnRefusal::NextArea);
            }
        } else if now < before {
            self.unmap(system, platform, PageRange::new(now, before));
        }
        Ok(())
    }
}

//! A fault on a page that is in swap: Linux's `do_swap_page`.

use super::{AddressSpace, FaultStop, Touch, with_ad};
use crate::frame::FolioFlags;
use crate::space::Rss;
use crate::system::System;
use crate::table::Swapped;
use crate::{OutOfMemory, Pte, VmFlags, Vpn};
use pagewalk_arch::{AccessKind, PhysAddr, Platform};
use pagewalk_trace::Protection;

impl AddressSpace {
    /// Brings the page back that the entry at `slot` says is in swap. A page that was the process's own, or is nobody's
    /// else's now, may be written at once if this is a write.
    pub(super) fn fault_swapped(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        touch: &mut Touch,
        slot: PhysAddr,
        swapped: Swapped,
    ) -> Result<(), FaultStop> {
        let came = system.swap_in(swapped.slot)?;
        let frame = came.frame;
        touch.waited |= came.waited;
        system.events.pgmajfault += u64::from(came.waited);
        system.memory.get(frame);
        system.swap.free(swapped.slot);
        system.mms.count(self.id, Rss::Swap, -1);
        let is_write = touch.kind == AccessKind::Store;
        let held_by_cache_alone = system.memory.references(frame) == 2;
        if system.swap.is_full() || touch.area.has(VmFlags::LOCKED) || (is_write && held_by_cache_alone) {
            system.free_swap(frame);
        }
        let exclusive = swapped.exclusive || system.memory.references(frame) == 1;
        if exclusive {
            system.memory.set(frame, FolioFlags::EXCLUSIVE);
        }
        let asked = touch.area.attributes.protection;
        let rights = Protection { write: asked.write && is_write && exclusive, ..asked };
        let pte = with_ad(system, Pte::new(frame, rights), touch);
        self.install(system, platform, slot, pte);
        touch.lock(system, frame);
        if is_write && !exclusive {
            let mapped = self.table.lookup(platform, touch.page).expect("it was just mapped");
            self.fault_on(system, platform, touch, mapped)?;
        }
        Ok(())
    }

    /// Maps a page of swap again that nobody asked for, since its slot is to go: `unuse_pte`.
    pub(crate) fn unuse(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        page: Vpn,
        slot: PhysAddr,
        swapped: Swapped,
    ) -> Result<(), OutOfMemory> {
        let frame = system.swap_in(swapped.slot)?.frame;
        let area = *self.vmas.find(page).expect("a page in swap lies in an area");
        system.memory.get(frame);
        system.swap.free(swapped.slot);
        system.mms.count(self.id, Rss::Swap, -1);
        if swapped.exclusive {
            system.memory.set(frame, FolioFlags::EXCLUSIVE);
        }
        let rights = Protection { write: false, ..area.attributes.protection };
        self.install(system, platform, slot, Pte::new(frame, rights));
        if area.has(VmFlags::LOCKED) {
            system.mlock(frame);
        }
        // The last that had it there.
        system.free_swap(frame);
        Ok(())
    }
}

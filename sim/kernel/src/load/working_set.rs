//! The working-set policy (Denning): no more processes than whose working sets fit into memory together.
//!
//! Owns what a working set is: the pages that a process has used during its last window of accesses. They are found by the A
//! bits that the hardware has set, which are cleared and fenced when a window ends. Reclaim clears A bits as well, and takes
//! pages; what it found used it leaves in [`Touched`]. What this clears it leaves in turn as a mark on the page, so that
//! reclaim does not take for unused what was used (Linux's PG_young).

use crate::kernel::Kernel;
use crate::table::{Entry, write_entry};
use crate::{FolioFlags, MmId, PageRange, Pte, Vpn};
use pagewalk_arch::Platform;
use std::collections::BTreeSet;

/// Pages that were found used since the window of their address space began; `None`: nobody asks.
pub(crate) type Touched = Option<BTreeSet<(MmId, Vpn)>>;

impl Kernel {
    /// A window of `pid` is over: what its working set is, and whether all of them fit.
    pub(super) fn judge_working_sets(&mut self, platform: &mut dyn Platform, pid: u32) {
        let working_set = self.take_working_set(platform, pid);
        let load = self.load_of(pid);
        (load.accesses, load.working_set) = (0, Some(working_set));
        let room = self.room();
        let wanted = |kernel: &Self| kernel.active().filter_map(|(_, load)| load.working_set).sum::<u64>();
        while wanted(self) > room {
            let why = format!("working sets of {} pages do not fit into {room}", wanted(self));
            if !self.suspend_last(platform, &why) {
                return;
            }
        }
        if self.load.suspended.first().is_some_and(|first| wanted(self) + first.pages <= room) {
            self.resume();
        }
    }

    /// Pages that `pid` has used since its window began; the next one begins.
    fn take_working_set(&mut self, platform: &mut dyn Platform, pid: u32) -> u64 {
        let mm = self.processes[&pid].mm;
        let Some(space) = self.spaces.get(&mm) else { return 0 };
        let touched = self.system.touched.get_or_insert_default();
        let after = touched.split_off(&(MmId(mm.0 + 1), Vpn(0)));
        let mut used = touched.split_off(&(mm, Vpn(0)));
        touched.extend(after);
        let layout = space.page_table().layout();
        let mut cursor = space.page_table().cursor(PageRange::new(Vpn(0), self.system.user_end()));
        let mut has_changed = false;
        while let Some(mapped) = cursor.next(platform) {
            if !mapped.pte.accessed || self.system.is_zero_page(mapped.pte.frame) {
                continue;
            }
            used.insert((mm, mapped.page));
            let young = Entry::of(Pte { accessed: false, ..mapped.pte });
            write_entry(platform, &mut self.system.memory, &layout, mapped.slot, young);
            self.system.memory.set(mapped.pte.frame, FolioFlags::YOUNG);
            has_changed = true;
        }
        if has_changed {
            self.system.flush_address_space(platform, mm);
        }
        used.len() as u64
    }
}

impl crate::system::System {
    /// `page` of `mm` was found used, by somebody who clears or takes its entry.
    pub(crate) fn note_touched(&mut self, mm: MmId, page: Vpn) {
        if let Some(touched) = &mut self.touched {
            touched.insert((mm, page));
        }
    }
}

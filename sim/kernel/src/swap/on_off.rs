//! swapon(2) and swapoff(2).

use super::{SwapError, SwapSlot};
use crate::commit::Asker;
use crate::kernel::Kernel;
use crate::oom::OomEnd;
use crate::reclaim::Gfp;
use crate::table::{EntryLayout, Found};
use crate::{Errno, FrameUse, MmId, OutOfMemory, PageRange, Pfn, Vpn};
use pagewalk_arch::{FRAME_BYTES, Platform};

/// Areas without a priority of their own begin here and count down: the first is filled first.
const PRIORITY_DEFAULT: i16 = -2;
/// The first process, which nobody may kill.
const FIRST_PID: u32 = 1;

/// Frames that a kernel on a PC takes for an area of `pages` pages: a byte for each, how often it is used; two for the memory
/// cgroup that it belongs to; a bit for what lies before the device.
fn map_frames(pages: u64) -> u64 {
    let frames = |bytes: u64| bytes.div_ceil(FRAME_BYTES);
    frames(pages) + frames(2 * pages) + frames(pages.div_ceil(8))
}

impl Kernel {
    /// Adds a swap area of `pages` pages, its header included. Without `priority` it comes after those that are there.
    ///
    /// # Errors
    /// A size that entries of the format cannot name, too many areas, or no memory.
    pub fn swap_on(&mut self, pages: u64, priority: Option<i16>) -> Result<u8, SwapError> {
        let swap = &mut self.system.swap;
        let lowest = swap.areas().map(|(_, area)| area.priority()).filter(|&it| it < 0).min();
        let priority = priority.unwrap_or(lowest.map_or(PRIORITY_DEFAULT, |lowest| lowest.saturating_sub(1)));
        let number = swap.add(pages, priority, EntryLayout::new(self.system.spec).swap_slots_max())?;
        if self.system.slab.is_some() {
            self.account_for(number, map_frames(pages))?;
        }
        Ok(number)
    }

    /// Takes `frames` frames to keep account of area `number`, which is new.
    fn account_for(&mut self, number: u8, frames: u64) -> Result<(), SwapError> {
        let system = &mut self.system;
        let taken: Vec<Pfn> =
            (0..frames).map_while(|_| system.memory.allocate(FrameUse::Kernel).ok()).collect();
        let are_all = taken.len() as u64 == frames;
        system.swap.set_map(number, taken);
        if !are_all {
            system.swap.free_map(number, &mut system.memory);
            system.swap.remove(number);
            return Err(SwapError::NoMemory);
        }
        Ok(())
    }

    /// Takes the swap area `number` out of use, for `by`: all that is in it comes back first. Where there is no room for it
    /// the killer makes some, and `by` is the first that it takes, unless it is the first process.
    ///
    /// # Errors
    /// EINVAL: there is no such area. ENOMEM: what has been promised could not be kept without it, or the killer finds nobody.
    /// EINTR: `by` was killed. The area stays in use then.
    pub fn swap_off(&mut self, platform: &mut dyn Platform, by: u32, number: u8) -> Result<(), Errno> {
        let Some((_, area)) = self.system.swap.areas().find(|&(other, _)| other == number) else {
            return Err(Errno::Inval);
        };
        let pages = area.slots_total();
        self.can_do_without(by, pages)?;
        self.system.swap.retire(number);
        self.oom_origin = Some(by).filter(|&by| by != FIRST_PID);
        let emptied = self.empty(platform, by, number);
        self.oom_origin = None;
        if emptied.is_err() {
            self.system.swap.reinstate(number);
            return emptied;
        }
        // What is left is held by the swap cache alone.
        let slots: Vec<u32> = match self.system.swap.areas().find(|&(other, _)| other == number) {
            Some((_, area)) => area.used().collect(),
            None => Vec::new(),
        };
        for offset in slots {
            let slot = SwapSlot::new(number, offset);
            if let Some(frame) = self.system.swap.cached(slot) {
                self.system.free_swap(frame);
            }
        }
        self.system.swap.free_map(number, &mut self.system.memory);
        self.system.swap.remove(number);
        Ok(())
    }

    /// Whether the machine could have promised what it has without `pages` of its swap: `security_vm_enough_memory_mm`.
    fn can_do_without(&mut self, by: u32, pages: u64) -> Result<(), Errno> {
        self.recount_promises();
        let asker = Asker {
            is_admin: self.credentials(by).is_none_or(|who| who.is_capable()),
            total_pages: self.address_space(by).map_or(0, |space| space.vmas().pages()),
        };
        let charged = self.system.charge(pages, &asker);
        self.recount_promises();
        charged
    }

    /// Brings all that is in area `number` back: `try_to_unuse`.
    fn empty(&mut self, platform: &mut dyn Platform, by: u32, number: u8) -> Result<(), Errno> {
        let lived = self.processes.contains_key(&by);
        while let Err(OutOfMemory) = self.try_to_empty(platform, number) {
            if self.out_of_memory(platform, by) == OomEnd::Panic {
                return Err(Errno::NoMem);
            }
            if lived && !self.processes.contains_key(&by) {
                return Err(Errno::Intr);
            }
        }
        Ok(())
    }

    /// As [`Self::empty`], as far as memory goes. Shared memory first, then who came to have pages in swap last.
    fn try_to_empty(&mut self, platform: &mut dyn Platform, number: u8) -> Result<(), OutOfMemory> {
        self.system.unuse_shared(platform, number)?;
        let spaces: Vec<MmId> = self.system.swap.spaces().collect();
        spaces.into_iter().try_for_each(|mm| self.bring_back(platform, mm, number))
    }

    /// Maps every page of `mm` again that is in area `number`: `unuse_mm`.
    fn bring_back(&mut self, platform: &mut dyn Platform, mm: MmId, number: u8) -> Result<(), OutOfMemory> {
        let system = &mut self.system;
        let mut rest = PageRange::new(Vpn(0), system.user_end());
        loop {
            // What makes room may send pages to other areas.
            system.make_room(platform, 2 + system.swap_cluster(), Gfp::User)?;
            let Some(space) = self.spaces.get_mut(&mm) else { return Ok(()) };
            let mut cursor = space.page_table().cursor(rest);
            let found = std::iter::from_fn(|| cursor.next_used(platform)).find_map(|found| match found {
                Found::Swapped { page, slot, swapped } if swapped.slot.area() == number => {
                    Some((page, slot, swapped))
                }
                _ => None,
            });
            let Some((page, slot, swapped)) = found else { return Ok(()) };
            space.unuse(system, platform, page, slot, swapped)?;
            rest = PageRange::new(page.up(1), rest.end());
        }
    }
}

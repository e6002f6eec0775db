//! swapon(2) and swapoff(2).

use super::{SwapError, SwapSlot};
use crate::kernel::Kernel;
use crate::reclaim::Gfp;
use crate::table::{EntryLayout, Found};
use crate::{Errno, MmId, PageRange, Vpn};
use pagewalk_arch::Platform;

/// Areas without a priority of their own begin here and count down: the first is filled first.
const PRIORITY_DEFAULT: i16 = -2;

impl Kernel {
    /// Adds a swap area of `pages` pages, its header included. Without `priority` it comes after those that are there.
    ///
    /// # Errors
    /// A size that entries of the format cannot name, or too many areas.
    pub fn swap_on(&mut self, pages: u64, priority: Option<i16>) -> Result<u8, SwapError> {
        let swap = &mut self.system.swap;
        let lowest = swap.areas().map(|(_, area)| area.priority()).filter(|&it| it < 0).min();
        let priority = priority.unwrap_or(lowest.map_or(PRIORITY_DEFAULT, |lowest| lowest.saturating_sub(1)));
        swap.add(pages, priority, EntryLayout::new(self.system.spec).swap_slots_max())
    }

    /// Takes the swap area `number` out of use: all that is in it comes back first.
    ///
    /// # Errors
    /// EINVAL: there is no such area. ENOMEM: what is in it does not fit into memory; the area stays in use.
    pub fn swap_off(&mut self, platform: &mut dyn Platform, number: u8) -> Result<(), Errno> {
        if !self.system.swap.retire(number) {
            return Err(Errno::Inval);
        }
        let spaces: Vec<MmId> = self.spaces.keys().copied().collect();
        for mm in spaces {
            if self.bring_back(platform, mm, number).is_err() {
                self.system.swap.reinstate(number);
                return Err(Errno::NoMem);
            }
        }
        if self.system.unuse_shared(platform, number).is_err() {
            self.system.swap.reinstate(number);
            return Err(Errno::NoMem);
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
        self.system.swap.remove(number);
        Ok(())
    }

    /// Maps every page of `mm` again that is in area `number`: `unuse_mm`.
    fn bring_back(
        &mut self,
        platform: &mut dyn Platform,
        mm: MmId,
        number: u8,
    ) -> Result<(), crate::OutOfMemory> {
        let system = &mut self.system;
        let mut rest = PageRange::new(Vpn(0), system.user_end());
        loop {
            // What makes room may send pages to other areas.
            let _ = system.make_room(platform, 2 + system.swap_cluster(), Gfp::User);
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

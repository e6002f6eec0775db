//! The end of a verb: the fences that its changes call for, then what was kept until they are carried out.

use super::AddressSpace;
use crate::system::System;
use crate::tlb::Gather;
use pagewalk_arch::Platform;

impl AddressSpace {
    /// Issues the fences that `gather` calls for, then returns what it holds.
    pub(crate) fn flush(&self, system: &mut System, platform: &mut dyn Platform, mut gather: Gather) {
        match gather.pages() {
            _ if gather.is_empty() => {}
            Some(pages) if pages.pages() <= system.config.flush_ceiling_pages => {
                pages.iter().for_each(|page| system.flush_page(platform, self.id(), page));
            }
            _ => system.flush_address_space(platform, self.id()),
        }
        for frame in gather.release() {
            // The slot of a page that nobody maps any more is free with it: `free_pages_and_swap_cache`.
            if system.memory.mappings(frame) == 0 {
                system.free_swap(frame);
            }
            system.memory.put(frame);
        }
    }
}

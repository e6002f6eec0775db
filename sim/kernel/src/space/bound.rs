//! Which setting a process died of. Asked once it is to be killed; decides nothing.

use super::AddressSpace;
use crate::system::System;
use crate::{Bound, SegvCode, Signal, VmFlags, Vpn};
use pagewalk_arch::{FRAME_SHIFT, VirtAddr};

/// Farther below a stack, an address is a stray one: RLIMIT_STACK as systems come with it, 8 MiB.
const STACK_REACH_PAGES: u64 = 8 << (20 - FRAME_SHIFT);

impl AddressSpace {
    /// The setting without which `signal` would not have been sent, where there is one.
    pub(crate) fn bound_behind(&self, system: &System, signal: Signal) -> Option<Bound> {
        match signal {
            Signal::OutOfMemory => Some(Bound::Memory),
            Signal::Segv { code: SegvCode::MapErr, address } => self.bound_of_address(system, address),
            Signal::Segv { .. } | Signal::Bus { .. } => None,
        }
    }

    fn bound_of_address(&self, system: &System, address: VirtAddr) -> Option<Bound> {
        let page = Vpn::of(address);
        let config = &system.config;
        if address < config.mmap_min_addr {
            let is_inferable = self.infers(system) && !self.unmapped.contains(page);
            return is_inferable.then_some(Bound::MmapMinAddr);
        }
        let stack = self.vmas.above(page).filter(|vma| vma.has(VmFlags::GROWSDOWN))?;
        let grown = stack.pages.end().pages_above(page);
        let is_near = stack.pages.start().pages_above(page) <= STACK_REACH_PAGES;
        (is_near && grown > config.stack_bytes_max >> FRAME_SHIFT).then_some(Bound::StackBytes)
    }
}

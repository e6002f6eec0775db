//! Fences: how a context is loaded and what is dropped, on every CPU that may have cached it.
//!
//! Owns the only places where a context is set and a fence is issued, so that every one of them is counted. A fence
//! on another CPU than the one that asks for it is a shootdown: there it is a local fence, which an interrupt asks
//! for. It is carried out before the call returns, as Linux waits for it.

use super::asid::{CpuList, Switch};
use crate::Vpn;
use crate::mm_id::MmId;
use crate::system::System;
use pagewalk_arch::{Context, CpuId, Isa, PhysAddr, Platform, TlbFlush};

impl System {
    /// Makes `cpu` translate through the tables at `root`, and issues the flush that goes with the switch.
    pub(crate) fn load(&mut self, platform: &mut dyn Platform, cpu: CpuId, root: PhysAddr, switch: Switch) {
        platform.set_context(cpu, &Context { root, asid: switch.asid, mode: self.mode() });
        self.stats.asid_rollovers += u64::from(switch.rollover);
        if let Some(flush) = switch.flush {
            platform.fence(cpu, &flush);
            self.stats.flushes_all += 1;
        }
    }

    /// Drops what any CPU may have cached of `page` of the address space `space`.
    pub(crate) fn flush_page(&mut self, platform: &mut dyn Platform, space: MmId, page: Vpn) {
        self.flush_pages(platform, space, std::iter::once(page));
    }

    /// As [`Self::flush_page`], of several pages.
    pub(crate) fn flush_pages(
        &mut self,
        platform: &mut dyn Platform,
        space: MmId,
        pages: impl ExactSizeIterator<Item = Vpn>,
    ) {
        if pages.len() == 0 {
            return;
        }
        let cpus = self.reach(platform, space, pages.len() as u64);
        for page in pages {
            for &cpu in &cpus {
                let (va, asid) = (page.addr(), self.asids.of(cpu, space));
                let flush = match self.spec.isa {
                    Isa::RiscV => TlbFlush::sfence_vma(Some(va), self.asids.has_asids().then_some(asid)),
                    Isa::X86 if self.cpus[cpu.0].loaded == Some(space) => TlbFlush::invlpg(va, asid),
                    Isa::X86 => TlbFlush::invpcid_address(va, asid),
                };
                platform.fence(cpu, &flush);
                self.stats.flushes_page += 1;
            }
        }
    }

    /// Drops what any CPU may have cached of the address space `space`, tables included.
    pub(crate) fn flush_address_space(&mut self, platform: &mut dyn Platform, space: MmId) {
        for cpu in self.reach(platform, space, 1) {
            let asid = self.asids.of(cpu, space);
            let flush = match (self.spec.isa, self.asids.has_asids()) {
                (Isa::RiscV, true) => TlbFlush::sfence_vma(None, Some(asid)),
                (Isa::RiscV, false) => TlbFlush::sfence_vma(None, None),
                (Isa::X86, true) => TlbFlush::address_space(asid),
                (Isa::X86, false) => TlbFlush::ALL_BUT_GLOBAL,
            };
            platform.fence(cpu, &flush);
            self.stats.flushes_address_space += 1;
        }
    }

    /// The CPUs that must fence for `space`, `times` (at least once); for each but the one that asks, every fence is a
    /// shootdown. One that is idle leaves the tables of `space` at the first, so that it is not asked again, and again.
    fn reach(&mut self, platform: &mut dyn Platform, space: MmId, times: u64) -> CpuList {
        let mut holders = self.asids.holders(space);
        let others = |cpus: &CpuList, this| cpus.iter().filter(|&&cpu| cpu != this).count() as u64;
        self.stats.shootdowns += others(&holders, self.this_cpu);
        let idle: CpuList = holders.iter().copied().filter(|&cpu| self.is_lazy(cpu, space)).collect();
        if !idle.is_empty() {
            idle.into_iter().for_each(|cpu| self.leave(platform, cpu));
            holders = self.asids.holders(space);
        }
        self.stats.shootdowns += (times - 1) * others(&holders, self.this_cpu);
        holders
    }
}

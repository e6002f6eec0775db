//! What all address spaces share: the frames, the shared mappings, the identifiers, the MMU's context, the counters.
//!
//! Owns the only places where a context is set and a fence is issued, so that every one of them is counted.

use crate::linux::VersionRules;
use crate::objects::Objects;
use crate::space::MmId;
use crate::tlb::asid::{AsidAllocator, AsidTag, Switch};
use crate::{AdMode, AnonVma, KernelConfig, KernelStats, Pfn, PhysicalMemory, Vpn};
use pagewalk_arch::{
    AccessKind, Context, CpuId, FormatSpec, Isa, Mode, PhysAddr, Platform, TlbFlush, VirtAddr,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub(crate) struct System {
    pub(crate) spec: &'static FormatSpec,
    pub(crate) config: KernelConfig,
    pub(crate) memory: PhysicalMemory,
    pub(crate) rules: VersionRules,
    pub(crate) objects: Objects,
    /// Numbers of [`AnonVma`]s handed out.
    pub(crate) anon_vmas_created: u64,
    /// Set by whoever wants a long call to end.
    pub(crate) interrupt: Option<Arc<AtomicBool>>,
    pub(crate) asids: AsidAllocator,
    /// The address space that the MMU's context names; `None` while no process runs.
    pub(crate) current: Option<MmId>,
    /// What anonymous memory reads from before its first write; `None` once the kernel is shut down.
    pub(crate) zero_frame: Option<Pfn>,
    pub(crate) stats: KernelStats,
    /// The last fault, where it found nothing to do: twice in a row means that retrying is of no use.
    pub(crate) last_spurious: Option<(MmId, VirtAddr, AccessKind)>,
}

impl System {
    /// The mode that user programs run in: every protection that the architecture has is on.
    pub(crate) fn mode(&self) -> Mode {
        match self.spec.isa {
            Isa::RiscV => Mode { adue: self.config.ad_mode == AdMode::Hardware, ..Mode::default() },
            Isa::X86 => Mode {
                wp: true,
                nxe: self.spec.execute_disable_bit.is_some(),
                pse: true,
                pge: true,
                smep: true,
                smap: true,
                ..Mode::default()
            },
        }
    }

    /// Makes the MMU translate through the tables at `root`, and issues the flush that goes with the switch.
    pub(crate) fn load(&mut self, platform: &mut dyn Platform, root: PhysAddr, switch: Switch) {
        platform.set_context(CpuId::BOOT, &Context { root, asid: switch.asid, mode: self.mode() });
        self.stats.asid_rollovers += u64::from(switch.rollover);
        if let Some(flush) = switch.flush {
            platform.fence(CpuId::BOOT, &flush);
            self.stats.flushes_all += 1;
        }
    }

    /// A number for the anonymous memory that a child inherits.
    pub(crate) fn inherited_anon(&mut self) -> AnonVma {
        self.anon_vmas_created += 1;
        AnonVma { id: self.anon_vmas_created, inherited: true }
    }
    /// Whether a long call is to end now.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.as_ref().is_some_and(|interrupt| interrupt.load(Ordering::Relaxed))
    }

    /// Whether user programs of this format can hold `va` at all.
    pub(crate) fn is_user(&self, va: VirtAddr) -> bool {
        va.0 < self.spec.user_end()
    }
    /// The first page that no user program can have.
    pub(crate) fn user_end(&self) -> Vpn {
        Vpn::of(VirtAddr(self.spec.user_end()))
    }
    /// Whether `frame` is the page of zeroes.
    pub(crate) fn is_zero_page(&self, frame: Pfn) -> bool {
        self.zero_frame == Some(frame)
    }

    /// Drops what the MMU may have cached of `page` of the address space `space`.
    pub(crate) fn flush_page(&mut self, platform: &mut dyn Platform, space: MmId, tag: &AsidTag, page: Vpn) {
        let is_current = self.current == Some(space);
        let Some(asid) = self.asids.cached_under(tag, is_current) else { return };
        let va = page.addr();
        let flush = match self.spec.isa {
            Isa::RiscV => TlbFlush::sfence_vma(Some(va), self.asids.has_identifiers().then_some(asid)),
            Isa::X86 if is_current => TlbFlush::invlpg(va, asid),
            Isa::X86 => TlbFlush::invpcid_address(va, asid),
        };
        platform.fence(CpuId::BOOT, &flush);
        self.stats.flushes_page += 1;
    }

    /// Drops what the MMU may have cached of the address space `space`, tables included.
    pub(crate) fn flush_address_space(&mut self, platform: &mut dyn Platform, space: MmId, tag: &AsidTag) {
        let Some(asid) = self.asids.cached_under(tag, self.current == Some(space)) else { return };
        let flush = match (self.spec.isa, self.asids.has_identifiers()) {
            (Isa::RiscV, true) => TlbFlush::sfence_vma(None, Some(asid)),
            (Isa::RiscV, false) => TlbFlush::sfence_vma(None, None),
            (Isa::X86, true) => TlbFlush::address_space(asid),
            (Isa::X86, false) => TlbFlush::ALL_BUT_GLOBAL,
        };
        platform.fence(CpuId::BOOT, &flush);
        self.stats.flushes_address_space += 1;
    }
}

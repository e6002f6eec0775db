//! What all address spaces share: the CPUs, the frames, the shared mappings, the ASIDs, the counters.

use crate::cache::Cache;
use crate::commit::{Asker, Commit, Machine as CommitMachine};
use crate::cpu::Cpu;
use crate::device::{Clock, Disk};
use crate::linux::VersionRules;
use crate::load::Touched;
use crate::process::stacks::Stacks;
use crate::reclaim::{Reclaim, Thrash};
use crate::slab::KernelObjects;
use crate::space::counters::AllCounters;
use crate::swap::Swap;
use crate::tlb::asid::AsidAllocator;
use crate::{
    AdMode, AnonVma, Backing, Errno, Faults, KernelConfig, KernelStats, Pfn, PhysicalMemory, VmEvents,
    VmSysctl, Vma, Vpn, WatermarkSettings,
};
use pagewalk_arch::{CpuId, FormatSpec, Isa, Mode, PhysAddr, VirtAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone, Debug)]
pub(crate) struct System {
    pub(crate) spec: &'static FormatSpec,
    pub(crate) config: KernelConfig,
    pub(crate) memory: PhysicalMemory,
    /// The kernel's own objects; `None`: they cost nothing.
    pub(crate) slab: Option<KernelObjects>,
    /// Stacks of threads; `None`: they cost nothing.
    pub(crate) stacks: Option<Stacks>,
    pub(crate) rules: VersionRules,
    pub(crate) cache: Cache,
    /// The one that files lie on.
    pub(crate) disk: Disk,
    pub(crate) clock: Clock,
    pub(crate) mms: AllCounters,
    pub(crate) swap: Swap,
    pub(crate) reclaim: Reclaim,
    pub(crate) thrash: Thrash,
    /// For load control.
    pub(crate) touched: Touched,
    /// The one that swap lies on.
    pub(crate) swap_disk: Disk,
    /// Reclaim met dirty pages of files: the flusher is to run.
    pub(crate) wants_flusher: bool,
    /// Numbers of [`AnonVma`]s handed out.
    pub(crate) anon_vmas_created: u64,
    /// Set by the caller that wants a long call to end.
    pub(crate) interrupt: Option<Arc<AtomicBool>>,
    pub(crate) asids: AsidAllocator,
    /// By number.
    pub(crate) cpus: Vec<Cpu>,
    /// The CPU that carries out what is going on: an event or a fault.
    pub(crate) this_cpu: CpuId,
    /// Empty tables, for CPUs that run nothing; 0 once the kernel is shut down.
    pub(crate) idle_root: PhysAddr,
    /// What anonymous memory reads from before its first write; `None` once the kernel is shut down.
    pub(crate) zero_frame: Option<Pfn>,
    pub(crate) stats: KernelStats,
    pub(crate) sysctl: VmSysctl,
    pub(crate) commit: Commit,
    pub(crate) events: VmEvents,
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

    /// `cpu` carries out what goes on from now on.
    pub(crate) fn set_cpu(&mut self, cpu: CpuId) {
        self.this_cpu = cpu;
        self.memory.set_cpu(cpu.0);
    }

    /// Knobs that watermarks follow from were written.
    pub(crate) fn watermarks_changed(&mut self) {
        if self.config.pc.is_none() {
            return;
        }
        let VmSysctl { min_free_kbytes, watermark_scale_factor, watermark_boost_factor, .. } = self.sysctl;
        self.memory.set_watermarks(WatermarkSettings {
            min_free_kbytes,
            scale_factor: watermark_scale_factor,
            boost_factor: watermark_boost_factor,
            per_cpu_fraction: self.sysctl.percpu_pagelist_high_fraction,
            ..*self.memory.watermark_settings()
        });
    }

    /// What promises are measured by.
    pub(crate) fn commit_machine(&self) -> CommitMachine {
        CommitMachine {
            ram_pages: self.memory.frames_total(),
            swap_pages: self.swap.slots_total(),
            hugetlb_pages: 0,
        }
    }
    /// Promises `pages` more.
    pub(crate) fn charge(&mut self, pages: u64, asker: &Asker) -> Result<(), Errno> {
        let machine = self.commit_machine();
        self.commit.charge(pages, asker, &self.sysctl, &machine)
    }

    /// A number for the anonymous memory that a child inherits.
    pub(crate) fn inherited_anon(&mut self) -> AnonVma {
        self.anon_vmas_created += 1;
        AnonVma { id: self.anon_vmas_created, inherited: true }
    }
    /// Faults resolved so far, of all processes.
    pub(crate) fn faults(&self) -> Faults {
        Faults { minor: self.stats.page_faults_minor, major: self.stats.page_faults_major }
    }
    /// Whether the first write to a clean page of `vma` must fault: it shows a file of a disk to all who map it.
    pub(crate) fn wants_write_faults(&self, vma: &Vma) -> bool {
        matches!(vma.attributes.backing, Backing::Shared(file) if self.cache.wants_write_faults(file))
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
}

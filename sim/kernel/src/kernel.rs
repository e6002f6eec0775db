//! The kernel as the world sees it: built, booted, told of events and faults, asked for its state.

use crate::cache::Cache;
use crate::commit::Commit;
use crate::cpu::{Cpu, Task};
use crate::device::{Clock, Disk};
use crate::load::LoadState;
use crate::mm_id::MmId;
use crate::oom::{LeakWatch, OomEnd};
use crate::process::stacks::Stacks;
use crate::process::state::Ended;
use crate::reclaim::{Reclaim, Thrash};
use crate::slab::KernelObjects;
use crate::space::counters::AllCounters;
use crate::space::{AddressSpace, FaultStop, Layout};
use crate::swap::Swap;
use crate::system::System;
use crate::tlb::asid::AsidAllocator;
use crate::{
    AfterFailure, BuddyInfo, ConfigError, Death, Errno, FaultResolution, Faults, FrameUse, KernelConfig,
    KernelStats, LoadControl, Maps, MmCounters, PageTable, PhysicalMemory, Process, SegvCode, Signal,
    VmEvents, VmSysctl, Vma,
};
use pagewalk_arch::{
    Access, CpuId, FRAME_SHIFT, FaultKind, FormatSpec, MmuConfig, Outcome, PhysAddr, Platform, TlbFlush,
    VirtAddr,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The pid of the first process until an event names it.
const FIRST_PID: u32 = 1;

/// The memory management of one machine.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub(crate) system: System,
    pub(crate) spaces: BTreeMap<MmId, AddressSpace>,
    pub(crate) processes: BTreeMap<u32, Process>,
    /// The process of each thread but the first of every process.
    pub(crate) thread_of: BTreeMap<u32, u32>,
    /// Exited or killed, and not made anew since.
    pub(crate) ended: BTreeMap<u32, Ended>,
    /// Processes killed since [`Kernel::take_deaths`] was last called.
    pub(crate) deaths: Vec<Death>,
    /// What processes are called, where anyone has said so.
    pub(crate) names: BTreeMap<u32, String>,
    pub(crate) leaks: LeakWatch,
    pub(crate) load: LoadState,
    pub(crate) log: Vec<String>,
    pub(crate) panicked: Option<String>,
    /// Whom the killer takes first, for it asks for much: Linux's `oom_flag_origin`.
    pub(crate) oom_origin: Option<u32>,
    /// What the model makes of the last system call.
    pub(crate) verdict: Result<(), Errno>,
    /// No event has named the first process yet.
    pub(crate) is_unnamed: bool,
    pub(crate) has_faulted: bool,
    spaces_created: u32,
    asid_bits: u32,
    /// Empty tables, for while no process runs; gone once the kernel is shut down.
    pub(crate) idle: Option<PageTable>,
}

impl Kernel {
    /// A kernel for machines whose MMU is `mmu`, with one process that has nothing mapped.
    pub fn new(config: KernelConfig, mmu: &MmuConfig) -> Result<Self, ConfigError> {
        let frames = config.frames(mmu)?;
        let spec = mmu.spec();
        // The least that passes the check above holds these few tables, unless PAE wants them lower than that.
        let start = PhysAddr::of_frame(frames.start);
        let no_low_memory = |_| ConfigError::NoLowMemory { start };
        let (layout, boot) = config.layout(mmu, frames)?;
        let mut memory = PhysicalMemory::of(layout);
        let sysctl = match boot {
            None => VmSysctl::of_machine((config.memory_bytes.min(1 << 50)) >> 10),
            Some(boot) => VmSysctl {
                min_free_kbytes: memory.watermark_settings().min_free_kbytes,
                ..VmSysctl::of_machine(boot.free_early(memory.frames_total()) << (FRAME_SHIFT - 10))
            },
        };
        let slab = match boot {
            None => None,
            Some(boot) => {
                memory.boot(&boot);
                let cpus = config.pc.map_or(1, |pc| usize::from(pc.cpus));
                Some(KernelObjects::boot(cpus, &mut memory).map_err(no_low_memory)?)
            }
        };
        let stacks = config
            .pc
            .zip(boot)
            .map(|(machine, boot)| Stacks::boot(&machine, &boot, memory.kernels_own_mut()));
        let idle = PageTable::new(spec, &mut memory, MmId::IDLE).map_err(no_low_memory)?;
        let zero_frame = memory.allocate(FrameUse::ZeroPage).map_err(no_low_memory)?;
        let mut kernel = Self {
            system: System {
                spec,
                config,
                memory,
                slab,
                stacks,
                rules: config.linux.rules(),
                cache: Cache::new(config.files_are_warm),
                disk: Disk::new(config.disk),
                clock: Clock::default(),
                mms: AllCounters::new(config.linux.rules().rss_lags),
                swap: Swap::default(),
                reclaim: Reclaim::default(),
                thrash: Thrash::default(),
                touched: (config.load_control == LoadControl::WorkingSet).then(BTreeSet::new),
                swap_disk: Disk::new(config.disk),
                wants_flusher: false,
                anon_vmas_created: 0,
                interrupt: None,
                asids: AsidAllocator::new(spec.isa, mmu.asid_bits, 1),
                cpus: vec![Cpu::default()],
                this_cpu: CpuId::BOOT,
                idle_root: idle.root(),
                zero_frame: Some(zero_frame),
                stats: KernelStats::default(),
                sysctl,
                commit: Commit::default(),
                events: VmEvents::default(),
            },
            spaces: BTreeMap::new(),
            processes: BTreeMap::new(),
            thread_of: BTreeMap::new(),
            ended: BTreeMap::new(),
            deaths: Vec::new(),
            names: BTreeMap::new(),
            leaks: LeakWatch::default(),
            load: LoadState::default(),
            log: Vec::new(),
            panicked: None,
            oom_origin: None,
            verdict: Ok(()),
            is_unnamed: true,
            has_faulted: false,
            spaces_created: 0,
            asid_bits: mmu.asid_bits,
            idle: Some(idle),
        };
        match kernel.process_or_new(FIRST_PID) {
            Some(_) => Ok(kernel),
            None => Err(ConfigError::NoLowMemory { start }),
        }
    }

    /// Takes over a machine: flushes whatever its MMUs hold and lets the first process run on CPU 0, all others idle.
    pub fn boot(&mut self, platform: &mut dyn Platform) {
        let system = &mut self.system;
        system.cpus = vec![Cpu::default(); platform.cpus()];
        system.asids = AsidAllocator::new(system.spec.isa, self.asid_bits, platform.cpus());
        for cpu in system.cpu_ids() {
            platform.fence(cpu, &TlbFlush::ALL);
            system.stats.flushes_all += 1;
            if cpu != CpuId::BOOT {
                let switch = system.asids.switch_to_idle(cpu);
                system.load(platform, cpu, system.idle_root, switch);
            }
        }
        let Some((&pid, &process)) = self.processes.first_key_value() else { return };
        let root = self.spaces[&process.mm].page_table().root();
        self.system.cpus[CpuId::BOOT.0].task = Some(Task { pid, thread: pid });
        self.system.enter(platform, CpuId::BOOT, process.mm, root);
    }

    /// Handles the fault `outcome` of `access`, made by the process that runs on `cpu`.
    ///
    /// # Panics
    /// For a CPU that the machine does not have.
    pub fn on_fault(
        &mut self,
        platform: &mut dyn Platform,
        cpu: CpuId,
        access: &Access,
        outcome: &Outcome,
    ) -> FaultResolution {
        let Some(pid) = self.running(cpu) else { return FaultResolution::NoProcess };
        let resolution =
            self.accounted(pid, |kernel| kernel.resolve_fault(platform, cpu, pid, access, outcome));
        self.control_load(platform, pid);
        resolution
    }

    /// Carries `work` out for `pid` and counts the faults that it takes as the process's own.
    pub(crate) fn accounted<T>(&mut self, pid: u32, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.system.faults();
        let done = work(self);
        let taken = self.system.faults().since(before);
        self.processes.entry(pid).and_modify(|process| process.faults.add(taken));
        self.watch_thrashing();
        self.watch_leaks();
        done
    }

    fn resolve_fault(
        &mut self,
        platform: &mut dyn Platform,
        cpu: CpuId,
        pid: u32,
        access: &Access,
        outcome: &Outcome,
    ) -> FaultResolution {
        self.system.set_cpu(cpu);
        self.run_flusher(platform);
        let mm = self.processes[&pid].mm;
        self.has_faulted = true;
        let address = access.va;
        let stop = match outcome.fault {
            FaultKind::None => return FaultResolution::Retry,
            FaultKind::Access => FaultStop::Signal(Signal::Bus { address }),
            FaultKind::GeneralProtection => {
                FaultStop::Signal(Signal::Segv { code: SegvCode::Kernel, address })
            }
            FaultKind::Page => match self.fault_or_kill(platform, pid, mm, access) {
                Ok(()) => {
                    self.balance_dirty(platform);
                    return FaultResolution::Retry;
                }
                Err(stop) => stop,
            },
        };
        match stop {
            FaultStop::Signal(signal) if self.is_handled(pid, signal) => {
                self.count_signal(signal);
                FaultResolution::Delivered(signal)
            }
            FaultStop::Signal(signal) => FaultResolution::Killed(self.kill(platform, pid, signal)),
            FaultStop::Refused => FaultResolution::Refused,
            FaultStop::Killed(death) => FaultResolution::Killed(death),
            FaultStop::Panic => FaultResolution::Panic,
        }
    }

    /// A page fault of `pid`. Where memory runs out the killer makes room, if it is not the faulting process itself that has
    /// to go.
    fn fault_or_kill(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        mm: MmId,
        access: &Access,
    ) -> Result<(), FaultStop> {
        loop {
            let space = self.spaces.get_mut(&mm).expect("a process has an address space");
            match space.fault(&mut self.system, platform, access) {
                Err(FaultStop::Signal(Signal::OutOfMemory)) => {}
                resolved => return resolved,
            }
            match self.out_of_memory(platform, pid) {
                OomEnd::Panic => return Err(FaultStop::Panic),
                OomEnd::Killed(death) if !self.processes.contains_key(&pid) => {
                    return Err(FaultStop::Killed(Death { pid, ..death }));
                }
                OomEnd::Killed(_) => {}
            }
        }
    }

    /// Ends every process and returns every frame, the kernel's own included. Nothing can run afterwards. What
    /// [`PhysicalMemory::frames_in_use`] still counts then has leaked.
    pub fn shutdown(&mut self, platform: &mut dyn Platform) {
        for cpu in self.system.cpu_ids() {
            self.run_nobody(platform, cpu);
        }
        self.system.stats.exits += self.processes.len() as u64;
        self.processes.clear();
        self.thread_of.clear();
        while let Some((&mm, _)) = self.spaces.first_key_value() {
            self.free_address_space(platform, mm);
        }
        self.system.cache.free_all(&mut self.system.memory);
        self.system.swap.free_maps(&mut self.system.memory);
        self.system.release_shared_slots();
        if let Some(frame) = self.system.zero_frame.take() {
            self.system.memory.put(frame);
        }
        if let Some(idle) = self.idle.take() {
            idle.destroy(platform, &mut self.system.memory);
            self.system.idle_root = PhysAddr(0);
        }
        if let Some(stacks) = &mut self.system.stacks {
            stacks.shut_down(&mut self.system.memory);
        }
        if let Some(slab) = &mut self.system.slab {
            slab.shut_down(&mut self.system.memory);
        }
        self.system.memory.shut_down();
    }

    pub(crate) fn next_mm(&mut self) -> MmId {
        self.spaces_created += 1;
        MmId(self.spaces_created)
    }

    /// Lets the time pass in which `accesses` accesses were carried out, on whichever CPU. The kernel's clock ticks by
    /// accesses alone, never by batches, events or faults: how a trace is cut changes nothing. The caller ticks before
    /// it tells of what came after them.
    pub fn tick(&mut self, accesses: u64) {
        self.system.stats.ticks += accesses;
        self.count_load(accesses);
        self.system.clock.advance(accesses.saturating_mul(self.system.config.ns_per_access));
    }

    /// Lets `interrupt` end a long call, such as the populating of a terabyte.
    pub fn interrupt_on(&mut self, interrupt: Arc<AtomicBool>) {
        self.system.interrupt = Some(interrupt);
    }
    /// Lets memory run out after `succeed` more frames, however much is free, to see what becomes of the call or access
    /// that needs the next: Linux's `fail_page_alloc`.
    pub fn fail_page_alloc(&mut self, succeed: u64, then: AfterFailure) {
        self.system.memory.fail_after(succeed, then);
    }
    fn is_handled(&self, pid: u32, signal: Signal) -> bool {
        self.processes.get(&pid).is_some_and(|process| signal.number().is_some_and(|n| process.handles(n)))
    }
    /// The processes that the model has killed since this was last asked, at faults and in calls.
    pub fn take_deaths(&mut self) -> Vec<Death> {
        std::mem::take(&mut self.deaths)
    }
    /// How `pid` ended; `None` where it lives or was never heard of.
    pub fn ended(&self, pid: u32) -> Option<Ended> {
        self.ended.get(&self.group_of(pid)).copied()
    }

    /// The settings.
    pub fn config(&self) -> &KernelConfig {
        &self.system.config
    }
    /// Physical memory.
    pub fn memory(&self) -> &PhysicalMemory {
        &self.system.memory
    }
    /// The process that runs on `cpu`, by the number of its thread group; `None` while it is idle.
    ///
    /// # Panics
    /// For a CPU that the machine does not have.
    pub fn running(&self, cpu: CpuId) -> Option<u32> {
        self.system.cpus[cpu.0].task.map(|task| task.pid)
    }
    /// The thread that runs on `cpu`, by the number that it was switched to under; `None` as [`Kernel::running`].
    ///
    /// # Panics
    /// For a CPU that the machine does not have.
    pub fn running_thread(&self, cpu: CpuId) -> Option<u32> {
        self.system.cpus[cpu.0].task.map(|task| task.thread)
    }
    /// Every process that has an address space, by pid.
    pub fn processes(&self) -> impl Iterator<Item = (u32, &Process)> {
        self.processes.iter().map(|(&pid, process)| (pid, process))
    }
    /// The address space of `pid`; `None` where there is no such process.
    pub fn address_space(&self, pid: u32) -> Option<&AddressSpace> {
        self.processes.get(&pid).and_then(|process| self.spaces.get(&process.mm))
    }
    /// What the address space of `pid` has; `None` where there is no such process.
    pub fn counters(&self, pid: u32) -> Option<MmCounters> {
        self.processes.get(&pid).map(|process| self.system.mms.get(process.mm))
    }
    /// As [`Self::counters`], as far as Linux knows it: what `/proc/PID/status` and the OOM killer go by.
    pub fn counters_shown(&self, pid: u32) -> Option<MmCounters> {
        self.processes.get(&pid).map(|process| self.system.mms.shown(process.mm))
    }
    /// Faults that `pid` has taken so far; `None` where there is no such process.
    pub fn faults(&self, pid: u32) -> Option<Faults> {
        self.processes.get(&pid).map(|process| process.faults)
    }
    /// Slots of all swap areas: SwapTotal.
    pub fn swap_total(&self) -> u64 {
        self.system.swap.slots_total()
    }
    /// Slots of all swap areas that nothing holds: SwapFree.
    pub fn swap_free(&self) -> u64 {
        self.system.swap.slots_free()
    }
    /// Linux's event counters.
    pub fn events(&self) -> &VmEvents {
        &self.system.events
    }
    /// From now on it is known what pages hold: [`Kernel::store`], [`Kernel::load`].
    pub fn keep_contents(&mut self) {
        self.system.memory.keep_contents();
    }
    /// A program stored `value` at `at`. To be told before the next fault or event; of no effect where contents are not
    /// kept.
    pub fn store(&mut self, at: PhysAddr, value: u8) {
        if let Some(contents) = self.system.memory.contents_mut() {
            contents.store(at, value);
        }
    }
    /// The byte at `at`; 0 where contents are not kept.
    pub fn load(&self, at: PhysAddr) -> u8 {
        self.system.memory.contents().map_or(0, |contents| contents.load(at))
    }
    /// `/proc/PID/maps`; `None` where there is no such process.
    pub fn maps(&self, pid: u32) -> Option<Maps<'_>> {
        self.address_space(pid).map(|space| Maps::new(space, &self.system.cache, self.system.spec))
    }
    /// The name of `vma` of `space`, as `/proc/PID/maps` shows it; empty where it has none.
    pub fn area_name(&self, space: &AddressSpace, vma: &Vma) -> String {
        Maps::new(space, &self.system.cache, self.system.spec).name(vma)
    }
    /// Where the stack of a program ends, and below which address its areas are placed, under the default limits:
    /// `STACK_TOP` and `mmap_base`.
    pub fn program_bounds(&self) -> (VirtAddr, VirtAddr) {
        let layout = Layout::new(self.system.spec, self.system.config.stack_bytes_max, false);
        (layout.end().addr(), layout.top().addr())
    }
    /// The page-table format.
    pub fn spec(&self) -> &'static FormatSpec {
        self.system.spec
    }
    /// `/proc/buddyinfo`.
    pub fn buddy_info(&self) -> BuddyInfo<'_> {
        BuddyInfo::new(&self.system.memory)
    }

    /// The counters, and the gauges as of now.
    pub fn stats(&self) -> KernelStats {
        let sum = |of: fn(&AddressSpace) -> u64| self.spaces.values().map(of).sum::<u64>();
        let counted = |of: fn(&MmCounters) -> u64| {
            self.spaces.keys().map(|&mm| of(&self.system.mms.get(mm))).sum::<u64>()
        };
        let idle_tables = self.idle.as_ref().map_or(0, PageTable::tables);
        let memory = &self.system.memory;
        KernelStats {
            processes: self.processes.len() as u64,
            threads: self.processes.values().map(|process| u64::from(process.threads)).sum(),
            vsz_bytes: sum(AddressSpace::vsz_bytes),
            rss_bytes: counted(MmCounters::resident) << FRAME_SHIFT,
            page_table_bytes: (sum(|space| space.page_table().tables()) + idle_tables) << FRAME_SHIFT,
            leaf_entries: counted(|mm| mm.resident() + mm.zero),
            frames_in_use: memory.frames_in_use(),
            frames_in_use_max: memory.frames_in_use_max(),
            frames_total: memory.frames_total(),
            ..self.system.stats
        }
    }
}

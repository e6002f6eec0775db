//! The kernel as the world sees it: built, booted, told of events and faults, asked for its state.

use crate::objects::Objects;
use crate::process::Ended;
use crate::space::{AddressSpace, FaultStop, MmId};
use crate::system::System;
use crate::tlb::asid::AsidAllocator;
use crate::{
    BuddyInfo, ConfigError, Death, Errno, FaultResolution, FrameUse, KernelConfig, KernelStats, Maps,
    PageTable, PhysicalMemory, Process, SegvCode, Signal,
};
use pagewalk_arch::{
    Access, CpuId, FRAME_SHIFT, FaultKind, MmuConfig, Outcome, PhysAddr, Platform, TlbFlush,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The pid of the first process until an event names it.
const FIRST_PID: u32 = 1;

/// The memory management of one machine.
#[derive(Debug)]
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
    /// What the model makes of the last system call.
    pub(crate) verdict: Result<(), Errno>,
    pub(crate) running: Option<u32>,
    /// No event has named the first process yet.
    pub(crate) is_unnamed: bool,
    pub(crate) has_faulted: bool,
    spaces_created: u64,
    /// Empty tables, for while no process runs; gone once the kernel is shut down.
    idle: Option<PageTable>,
}

impl Kernel {
    /// A kernel for machines whose MMU is `mmu`, with one process that has nothing mapped.
    pub fn new(config: KernelConfig, mmu: &MmuConfig) -> Result<Self, ConfigError> {
        let frames = config.frames(mmu)?;
        let spec = mmu.spec();
        // The least that passes the check above holds these few tables, unless PAE wants them lower than that.
        let start = PhysAddr::of_frame(frames.start);
        let no_low_memory = |_| ConfigError::NoLowMemory { start };
        let mut memory = PhysicalMemory::new(frames, KernelConfig::has_dma32(spec));
        let idle = PageTable::new(spec, &mut memory).map_err(no_low_memory)?;
        let zero_frame = memory.allocate(FrameUse::ZeroPage).map_err(no_low_memory)?;
        let mut kernel = Self {
            system: System {
                spec,
                config,
                memory,
                rules: config.linux.rules(),
                objects: Objects::default(),
                anon_vmas_created: 0,
                interrupt: None,
                asids: AsidAllocator::new(spec.isa, mmu.asid_bits),
                current: None,
                zero_frame: Some(zero_frame),
                stats: KernelStats::default(),
                last_spurious: None,
            },
            spaces: BTreeMap::new(),
            processes: BTreeMap::new(),
            thread_of: BTreeMap::new(),
            ended: BTreeMap::new(),
            deaths: Vec::new(),
            verdict: Ok(()),
            running: None,
            is_unnamed: true,
            has_faulted: false,
            spaces_created: 0,
            idle: Some(idle),
        };
        match kernel.process_or_new(FIRST_PID) {
            Some(_) => Ok(kernel),
            None => Err(ConfigError::NoLowMemory { start }),
        }
    }

    /// Takes over an MMU: flushes whatever it holds and lets the first process run.
    pub fn boot(&mut self, platform: &mut dyn Platform) {
        platform.fence(CpuId::BOOT, &TlbFlush::ALL);
        self.system.stats.flushes_all += 1;
        let Some((&pid, &process)) = self.processes.first_key_value() else { return };
        let space = self.spaces.get_mut(&process.mm).expect("a process has an address space");
        let switch = self.system.asids.switch_to(&mut space.asid);
        self.running = Some(pid);
        self.system.current = Some(process.mm);
        self.system.load(platform, space.page_table().root(), switch);
    }

    /// Handles the fault `outcome` of `access`, made by the running process.
    pub fn on_fault(
        &mut self,
        platform: &mut dyn Platform,
        access: &Access,
        outcome: &Outcome,
    ) -> FaultResolution {
        let Some(pid) = self.running else { return FaultResolution::NoProcess };
        let mm = self.processes[&pid].mm;
        self.has_faulted = true;
        let address = access.va;
        let stop = match outcome.fault {
            FaultKind::None => return FaultResolution::Retry,
            FaultKind::Access => FaultStop::Signal(Signal::Bus { address }),
            FaultKind::GeneralProtection => {
                FaultStop::Signal(Signal::Segv { code: SegvCode::Kernel, address })
            }
            FaultKind::Page => {
                let space = self.spaces.get_mut(&mm).expect("a process has an address space");
                match space.fault(&mut self.system, platform, access) {
                    Ok(()) => return FaultResolution::Retry,
                    Err(stop) => stop,
                }
            }
        };
        match stop {
            FaultStop::Signal(signal) if self.is_handled(pid, signal) => {
                self.count_signal(signal);
                FaultResolution::Delivered(signal)
            }
            FaultStop::Signal(signal) => FaultResolution::Killed(self.kill(platform, pid, signal)),
            FaultStop::Refused => FaultResolution::Refused,
        }
    }

    /// Ends every process and returns every frame, the kernel's own included. Nothing can run afterwards. What
    /// [`PhysicalMemory::frames_in_use`] still counts then has leaked.
    pub fn shutdown(&mut self, platform: &mut dyn Platform) {
        self.run_nobody(platform);
        self.system.stats.exits += self.processes.len() as u64;
        self.processes.clear();
        while let Some((&mm, _)) = self.spaces.first_key_value() {
            self.free_address_space(platform, mm);
        }
        self.system.objects.free_all(&mut self.system.memory);
        if let Some(frame) = self.system.zero_frame.take() {
            self.system.memory.put(frame);
        }
        if let Some(idle) = self.idle.take() {
            idle.destroy(platform, &mut self.system.memory);
        }
    }

    pub(crate) fn next_mm(&mut self) -> MmId {
        self.spaces_created += 1;
        MmId(self.spaces_created)
    }
    pub(crate) fn idle_root(&self) -> PhysAddr {
        self.idle.as_ref().map_or(PhysAddr(0), PageTable::root)
    }

    /// Lets `interrupt` end a long call, such as the populating of a terabyte.
    pub fn interrupt_on(&mut self, interrupt: Arc<AtomicBool>) {
        self.system.interrupt = Some(interrupt);
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
    /// The pid that runs; `None` where nothing does.
    pub fn running(&self) -> Option<u32> {
        self.running
    }
    /// Every process that has an address space, by pid.
    pub fn processes(&self) -> impl Iterator<Item = (u32, &Process)> {
        self.processes.iter().map(|(&pid, process)| (pid, process))
    }
    /// The address space of `pid`; `None` where there is no such process.
    pub fn address_space(&self, pid: u32) -> Option<&AddressSpace> {
        self.processes.get(&pid).and_then(|process| self.spaces.get(&process.mm))
    }
    /// `/proc/PID/maps`; `None` where there is no such process.
    pub fn maps(&self, pid: u32) -> Option<Maps<'_>> {
        self.address_space(pid).map(|space| Maps::new(space, &self.system.objects, self.system.spec))
    }
    /// `/proc/buddyinfo`.
    pub fn buddy_info(&self) -> BuddyInfo<'_> {
        BuddyInfo::new(&self.system.memory)
    }

    /// The counters, and the gauges as of now.
    pub fn stats(&self) -> KernelStats {
        let sum = |of: fn(&AddressSpace) -> u64| self.spaces.values().map(of).sum::<u64>();
        let idle_tables = self.idle.as_ref().map_or(0, PageTable::tables);
        let memory = &self.system.memory;
        KernelStats {
            processes: self.processes.len() as u64,
            threads: self.processes.values().map(|process| u64::from(process.threads)).sum(),
            vsz_bytes: sum(AddressSpace::vsz_bytes),
            rss_bytes: sum(AddressSpace::rss_bytes),
            page_table_bytes: (sum(|space| space.page_table().tables()) + idle_tables) << FRAME_SHIFT,
            leaf_entries: sum(AddressSpace::leaf_entries),
            frames_in_use: memory.frames_in_use(),
            frames_in_use_max: memory.frames_in_use_max(),
            frames_total: memory.frames_total(),
            ..self.system.stats
        }
    }
}

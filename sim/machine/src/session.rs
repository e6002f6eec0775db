//! One run as a library call: a kernel on an engine, or on two in lockstep, fed by a trace to its end.
//!
//! Owns the way from settings to what came out ([`RunOutcome`]), the same for every engine. Does not own how an engine
//! is built, how a trace is opened, nor how anything is shown.

use crate::hold_last_exit::HoldLastExit;
use crate::narrow::{NarrowCore, RefusedCalls};
use crate::workload::{Workload, WorkloadProgress, WorkloadReport};
use crate::{Difference, Lockstep, Machine, MachineError, Observer, RunCounts, RunEnd, Tap, Tapped, View};
use pagewalk_arch::{
    ConfigError, CpuId, FRAME_SHIFT, IssueOrder, Mmu, MmuConfig, MmuStats, Multiprocessor, Platform,
    Uniprocessor,
};
use pagewalk_driver::RustHdl;
use pagewalk_golden::Golden;
use pagewalk_kernel::{Kernel, KernelConfig, KernelStats};
use pagewalk_trace::TraceSource;
use pagewalk_verilator::Verilated;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// What a run is made of, besides its engine and its trace. `..Session::default()` is a machine of the default format.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// The MMU.
    pub mmu: MmuConfig,
    /// The kernel.
    pub kernel: KernelConfig,
    /// Accesses at most.
    pub limit: Option<u64>,
    /// The trace's addresses are as they were recorded: those that the format cannot hold are refused as its core and
    /// its kernel refuse them.
    pub no_rebase: bool,
    /// Ends long calls of the kernel when it is set.
    pub interrupt: Option<Arc<AtomicBool>>,
}

/// What runs under the kernel.
pub enum Engine<'a> {
    /// The golden model alone, exact.
    Golden,
    /// The golden model alone, without TLB and clock.
    Bare,
    /// Golden model and rust-hdl's simulation in lockstep.
    RustHdl,
    /// Golden model and compiled Verilog in lockstep: one for each CPU, all freshly started.
    Verilator(&'a mut [Verilated]),
}

/// Who is handed the answers of each engine as it gives them: those of the first CPU.
#[derive(Default)]
pub struct Taps<'a> {
    /// Takes the golden model's.
    pub golden: Option<&'a mut (dyn Tap + Send)>,
    /// Takes the hardware's. Where there is none, nothing comes.
    pub hardware: Option<&'a mut (dyn Tap + Send)>,
}

/// What came out of a run.
#[derive(Debug)]
pub struct RunOutcome {
    /// What was carried out.
    pub counts: RunCounts,
    /// How it ended.
    pub end: RunEnd,
    /// Why it ended before its trace, where something is wrong.
    pub error: Option<MachineError>,
    /// The kernel's counters. Its gauges are as they were before the exit that ends the trace.
    pub kernel: KernelStats,
    /// The hardware's counters; the golden model's where there is no hardware.
    pub mmu: MmuStats,
    /// The golden model's cycles.
    pub golden_cycles: u64,
    /// The first difference.
    pub difference: Option<Difference>,
    /// Time in which the trace was carried out.
    pub elapsed: Duration,
}

/// What came out of a scenario.
#[derive(Debug)]
pub struct WorkloadOutcome {
    /// As of every run.
    pub run: RunOutcome,
    /// What its steps and snapshots came to.
    pub report: WorkloadReport,
}

/// An MMU for each CPU.
type Mmus<'m> = Vec<&'m mut dyn Mmu>;
/// Runs a kernel on MMUs; what only the engines know is left at its default.
type Drive<'d> = &'d mut dyn FnMut(Mmus<'_>) -> Result<RunOutcome, SessionError>;

/// Why a run cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No such MMU can be built.
    #[error(transparent)]
    Mmu(#[from] ConfigError),
    /// No such kernel can be built.
    #[error(transparent)]
    Kernel(#[from] pagewalk_kernel::ConfigError),
}

impl Session {
    /// First address at which no memory answers.
    ///
    /// # Errors
    /// A memory that the format's entries cannot name.
    pub fn memory_limit(&self) -> Result<u64, SessionError> {
        Ok(self.kernel.frames(&self.mmu)?.end << FRAME_SHIFT)
    }

    /// Runs `trace` to its end, to the limit, to the first difference, or until `observer` ends it.
    ///
    /// # Errors
    /// What prevents a run altogether. What ends one early is part of the [`RunOutcome`].
    ///
    /// # Panics
    /// Without a Verilated engine where it is to be one.
    pub fn run(
        &self,
        engine: Engine<'_>,
        taps: Taps<'_>,
        trace: &mut dyn TraceSource,
        observer: &mut dyn Observer,
    ) -> Result<RunOutcome, SessionError> {
        self.on_engine(engine, 1, taps, &mut |mut mmus| {
            let mmu = mmus.pop().expect("a machine has a CPU");
            self.drive(mmu, trace, observer)
        })
    }

    /// Carries `workload` out, to its end, to the limit, to the first difference, or until `progress` ends it. What its
    /// machine lines say goes before the session's own settings.
    ///
    /// # Errors
    /// What prevents a run altogether. What ends one early is part of the [`RunOutcome`].
    ///
    /// # Panics
    /// With fewer Verilated engines than the scenario's machine has CPUs.
    pub fn run_workload(
        &self,
        engine: Engine<'_>,
        taps: Taps<'_>,
        workload: &Workload,
        progress: &mut dyn WorkloadProgress,
    ) -> Result<WorkloadOutcome, SessionError> {
        let session = Self { kernel: workload.kernel_config(self.kernel), ..self.clone() };
        let mut report = WorkloadReport::default();
        let cpus = workload.scenario.machine.cpus as usize;
        let run = session.on_engine(engine, cpus, taps, &mut |mmus| {
            let (told, outcome) = session.drive_workload(mmus, workload, progress)?;
            report = told;
            Ok(outcome)
        })?;
        Ok(WorkloadOutcome { run, report })
    }

    /// Lets `drive` run a kernel on `engine`, one for each of `cpus`.
    fn on_engine(
        &self,
        engine: Engine<'_>,
        cpus: usize,
        taps: Taps<'_>,
        drive: Drive<'_>,
    ) -> Result<RunOutcome, SessionError> {
        let config = &self.mmu;
        if !matches!(engine, Engine::Bare) {
            self.check_issue_order()?;
        }
        match engine {
            Engine::Golden => self.run_alone(&|| Golden::new(config), cpus, taps, drive),
            Engine::Bare => self.run_alone(&|| Golden::bare(config), cpus, taps, drive),
            Engine::RustHdl => {
                let hardware: Result<Vec<_>, _> = (0..cpus).map(|_| RustHdl::simulation(config)).collect();
                self.run_lockstep((hardware?, "rust-hdl"), taps, drive)
            }
            Engine::Verilator(hardware) => {
                let engines = hardware.len();
                assert!(engines >= cpus, "{cpus} CPUs need as many engines: there are {engines}");
                let hardware = hardware.iter_mut().take(cpus).collect();
                self.run_lockstep((hardware, "verilator"), taps, drive)
            }
        }
    }

    /// D-13: a kernel stops at faults, so its core issues in order. A bare model has no issue order.
    fn check_issue_order(&self) -> Result<(), ConfigError> {
        match self.mmu.timing.issue {
            IssueOrder::Blocking => Ok(()),
            IssueOrder::Overlapped => Err(ConfigError {
                field: "timing.issue".into(),
                value: IssueOrder::Overlapped as u64,
                problem: "\"overlapped\" does not stop at faults, and a kernel must: use \"blocking\"".into(),
            }),
        }
    }

    fn run_alone(
        &self,
        golden: &dyn Fn() -> Result<Golden, ConfigError>,
        cpus: usize,
        taps: Taps<'_>,
        drive: Drive<'_>,
    ) -> Result<RunOutcome, SessionError> {
        let mut tap = taps.golden;
        let engines: Result<Vec<_>, _> =
            (0..cpus).map(|_| golden().map(|golden| Tapped::new(golden, tap.take()))).collect();
        let mut engines = engines?;
        let mut outcome = drive(engines.iter_mut().map(|engine| engine as &mut dyn Mmu).collect())?;
        for engine in engines {
            outcome.mmu += engine.into_parts().0.stats();
        }
        outcome.golden_cycles = outcome.mmu.cycles;
        Ok(outcome)
    }

    fn run_lockstep<B: Mmu + Send>(
        &self,
        (hardware, name): (Vec<B>, &'static str),
        taps: Taps<'_>,
        drive: Drive<'_>,
    ) -> Result<RunOutcome, SessionError> {
        let Taps { golden: mut golden_tap, hardware: mut hardware_tap } = taps;
        let mut engines = Vec::new();
        for hardware in hardware {
            let golden = Tapped::new(Golden::new(&self.mmu)?, golden_tap.take());
            let hardware = Tapped::new(hardware, hardware_tap.take());
            engines.push(Lockstep::new(golden, hardware, ["golden", name]));
        }
        let mut outcome = drive(engines.iter_mut().map(|engine| engine as &mut dyn Mmu).collect())?;
        for lockstep in engines {
            outcome.difference = outcome.difference.or(lockstep.report().cloned());
            // The taps get what an engine still holds back.
            let (golden, hardware) = lockstep.into_engines();
            outcome.golden_cycles += golden.into_parts().0.stats().cycles;
            outcome.mmu += hardware.into_parts().0.stats();
        }
        Ok(outcome)
    }

    /// Carries `workload` out on `mmus`.
    fn drive_workload(
        &self,
        mmus: Mmus<'_>,
        workload: &Workload,
        progress: &mut dyn WorkloadProgress,
    ) -> Result<(WorkloadReport, RunOutcome), SessionError> {
        let mut kernel = Kernel::new(self.kernel, &self.mmu)?;
        if let Some(interrupt) = &self.interrupt {
            kernel.interrupt_on(Arc::clone(interrupt));
        }
        // A scenario may name addresses that the format's registers cannot hold.
        let limit = self.memory_limit()?;
        let mut cores: Vec<_> = mmus.into_iter().map(NarrowCore).collect();
        let (mut one, mut several);
        let platform: &mut dyn Platform = match cores.len() {
            1 => {
                one = Uniprocessor::new(cores.remove(0), limit);
                &mut one
            }
            _ => {
                several = Multiprocessor::new(cores, limit);
                &mut several
            }
        };
        let started = Instant::now();
        let limit = self.limit.unwrap_or(u64::MAX);
        let (report, counts, result) = workload.run(&mut kernel, &mut *platform, limit, progress);
        let elapsed = started.elapsed();
        progress.look_at_end(&View { kernel: &kernel, platform: &*platform, accesses: counts.accesses });
        let (end, error) = match result {
            Ok(_) if platform.difference().is_some() => (RunEnd::Difference, None),
            Ok(end) => (end, None),
            Err(error) => (RunEnd::Complete, Some(error)),
        };
        let kernel = kernel.stats();
        let (mmu, golden_cycles, difference) = (MmuStats::default(), 0, None);
        Ok((report, RunOutcome { counts, end, error, kernel, mmu, golden_cycles, difference, elapsed }))
    }

    /// Runs a kernel on `mmu`, fed by `trace`.
    fn drive(
        &self,
        mmu: &mut dyn Mmu,
        trace: &mut dyn TraceSource,
        observer: &mut dyn Observer,
    ) -> Result<RunOutcome, SessionError> {
        let mut kernel = Kernel::new(self.kernel, &self.mmu)?;
        if let Some(interrupt) = &self.interrupt {
            kernel.interrupt_on(Arc::clone(interrupt));
        }
        let refused_from = self.no_rebase.then(|| self.mmu.spec().user_end());
        let mut source = HoldLastExit::new(RefusedCalls::new(trace, refused_from));
        let limit = self.memory_limit()?;
        let (mut narrow, mut whole);
        let platform: &mut dyn Platform = if self.no_rebase {
            narrow = Uniprocessor::new(NarrowCore(mmu), limit);
            &mut narrow
        } else {
            whole = Uniprocessor::new(mmu, limit);
            &mut whole
        };

        let started = Instant::now();
        let mut machine = Machine::new(&mut kernel, platform);
        let result = machine.run(&mut source, self.limit.unwrap_or(u64::MAX), observer);
        let mut counts = machine.counts().clone();
        let elapsed = started.elapsed();
        observer.look_at_end(&View { kernel: &kernel, platform: &*platform, accesses: counts.accesses });

        let (mut end, error) = match result {
            Ok(end) => (end, None),
            Err(error) => (RunEnd::Complete, Some(error)),
        };
        let alive = kernel.stats();
        if let Some(exit) = source.held()
            && end == RunEnd::Complete
            && error.is_none()
        {
            counts.losses.on_event(exit);
            // Only processes end here: no address can be wrong.
            let _ = kernel.on_event(platform, CpuId::BOOT, exit);
        }
        if platform.difference().is_some() {
            end = RunEnd::Difference;
        }
        let ended = kernel.stats();
        Ok(RunOutcome {
            counts,
            end,
            error,
            kernel: KernelStats {
                processes: alive.processes,
                vsz_bytes: alive.vsz_bytes,
                rss_bytes: alive.rss_bytes,
                page_table_bytes: alive.page_table_bytes,
                leaf_entries: alive.leaf_entries,
                frames_in_use: alive.frames_in_use,
                ..ended
            },
            mmu: MmuStats::default(),
            golden_cycles: 0,
            difference: None,
            elapsed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::Access;
    use pagewalk_trace::{Boundary, TraceError};

    struct Nothing;

    impl TraceSource for Nothing {
        fn next_block(&mut self, block: &mut Vec<Access>) -> Result<Boundary, TraceError> {
            block.clear();
            Ok(Boundary::End)
        }
    }

    /// Contract: D-13.
    #[test]
    fn a_kernel_on_a_core_that_runs_ahead_of_faults_is_refused() {
        let mut session = Session::default();
        let run = |session: &Session, engine| {
            session.run(engine, Taps::default(), &mut Nothing, &mut ()).map(|outcome| outcome.end)
        };
        assert_eq!(run(&session, Engine::Golden).unwrap(), RunEnd::Complete);
        session.mmu.timing.issue = IssueOrder::Overlapped;
        for engine in [Engine::Golden, Engine::RustHdl] {
            let error = run(&session, engine).unwrap_err().to_string();
            assert!(error.contains("timing.issue") && error.contains("use \"blocking\""), "{error}");
        }
        assert_eq!(run(&session, Engine::Bare).unwrap(), RunEnd::Complete, "it has no issue order");
    }
}

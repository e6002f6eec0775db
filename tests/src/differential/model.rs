//! The kernel model, told of the same steps: system calls with the outcome that Linux gave, touches as accesses of
//! user privilege through an MMU without TLBs, so that nothing but the kernel's own work is compared.

use super::step::{self, Action, Sequence, Step};
use super::{ARENA, ARENA_PAGES, Answer, Area, AreaKind, FILE_PAGES, Frame, Signalled, SpaceState};
use pagewalk_arch::{
    Access, AccessKind, Batch, CpuId, FRAME_BYTES, FRAME_SHIFT, MmuConfig, OnFault, PagingFormat,
    Uniprocessor,
};
use pagewalk_golden::Golden;
use pagewalk_kernel::{
    AddressSpace, EventError, FaultResolution, Kernel, KernelConfig, Mapped, PageRange, SegvCode, Signal,
    Vma, VmaPolicy, Vpn,
};
use pagewalk_trace::{Event, Syscall, SyscallOutcome};

const SIGBUS: i32 = 7;
const SIGSEGV: i32 = 11;
/// Faults of one access after which the model is taken to be stuck.
const FAULTS_MAX: u32 = 8;

/// A kernel and its MMU, with one process.
pub struct Model {
    kernel: Kernel,
    mmu: Uniprocessor<Golden>,
    /// Numbers of the processes that the model knows to live.
    alive: Vec<usize>,
}

/// The model's step was not to be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// An event is refused.
    #[error("the model refuses it: {0}")]
    Refused(#[from] EventError),
    /// An access is neither translated nor ended.
    #[error("the model does not end it: {0}")]
    Stuck(String),
}

impl Model {
    /// A machine as `config` has it, as a sequence finds it.
    pub fn new(config: KernelConfig) -> Self {
        let mmu = MmuConfig::of(PagingFormat::La48);
        let config = KernelConfig { vma_policy: VmaPolicy::Strict, ..config };
        let kernel = Kernel::new(config, &mmu).expect("the configuration works");
        let mmu = Uniprocessor::new(Golden::bare(&mmu).expect("the format works"), 1 << 40);
        let mut model = Self { kernel, mmu, alive: vec![0] };
        model.kernel.boot(&mut model.mmu);
        for (file, &pages) in FILE_PAGES.iter().enumerate() {
            let fact = Event::File(step::file_fact(file, pages));
            model.kernel.on_event(&mut model.mmu, CpuId::BOOT, &fact).expect("a fact is taken");
        }
        model.catch_signals(0).expect("handlers are taken");
        model
    }

    /// Carries out `steps` up to the first that it cannot, given how Linux answered each.
    pub fn run(&mut self, sequence: &Sequence, linux: &[Answer]) -> Vec<Result<Answer, ModelError>> {
        let mut answers = Vec::new();
        for (step, answer) in sequence.steps.iter().zip(linux) {
            let answer = self.step(step, answer.result);
            let ended = answer.is_err();
            answers.push(answer);
            if ended {
                break;
            }
        }
        answers
    }

    fn step(&mut self, step: &Step, result: i64) -> Result<Answer, ModelError> {
        let before = self.faults();
        let mut answer = Answer { result, ..Answer::default() };
        match step.action {
            Action::Nothing => {}
            Action::Read(span) => answer.signal = self.touch(step.process, span, AccessKind::Load)?,
            Action::Write(span) => answer.signal = self.touch(step.process, span, AccessKind::Store)?,
            Action::Truncate { file, pages } if result == 0 => {
                let fact = Event::File(step::file_fact(file, pages));
                self.kernel.on_event(&mut self.mmu, CpuId::BOOT, &fact)?;
            }
            ref other => {
                let outcome = match i32::try_from(-result) {
                    Ok(errno) if errno > 0 => SyscallOutcome::Failure(errno),
                    _ => SyscallOutcome::Success,
                };
                if let Some(call) = other.syscall(outcome) {
                    self.call(step.process, call, outcome)?;
                }
                match *other {
                    Action::Fork(child) if outcome == SyscallOutcome::Success => self.alive.push(child),
                    Action::Exit => self.alive.retain(|&other| other != step.process),
                    Action::Exec => self.catch_signals(step.process)?,
                    _ => {}
                }
            }
        }
        self.kernel.check(&self.mmu).map_err(|broken| ModelError::Stuck(broken.to_string()))?;
        answer.faults = self.faults() - before;
        answer.spaces = self.spaces();
        Ok(answer)
    }

    fn faults(&self) -> u64 {
        let stats = self.kernel.stats();
        stats.page_faults_minor + stats.page_faults_major
    }

    fn call(&mut self, process: usize, call: Syscall, outcome: SyscallOutcome) -> Result<(), EventError> {
        let event = Event::Syscall { pid: step::pid(process), call, outcome, line: 1 };
        self.kernel.on_event(&mut self.mmu, CpuId::BOOT, &event)
    }

    fn catch_signals(&mut self, process: usize) -> Result<(), EventError> {
        for signal in [SIGSEGV, SIGBUS] {
            self.call(process, Syscall::HandleSignal { signal }, SyscallOutcome::Success)?;
        }
        Ok(())
    }

    fn touch(
        &mut self,
        process: usize,
        span: step::Span,
        kind: AccessKind,
    ) -> Result<Option<Signalled>, ModelError> {
        let switch = Event::Switch { pid: step::pid(process), line: 1 };
        self.kernel.on_event(&mut self.mmu, CpuId::BOOT, &switch)?;
        for page in 0..span.bytes.div_ceil(FRAME_BYTES) {
            let access = Access::user(span.address() + page * FRAME_BYTES, kind);
            if let Some((signal, code)) = self.access(&access)? {
                return Ok(Some(Signalled { signal, code, page }));
            }
        }
        Ok(None)
    }

    /// The signal and `si_code` that the access ends in.
    fn access(&mut self, access: &Access) -> Result<Option<(i32, i32)>, ModelError> {
        for _ in 0..FAULTS_MAX {
            let accesses = std::slice::from_ref(access);
            let batch = Batch { accesses, end: true, on_fault: OnFault::Stop };
            let Some(outcome) = self.mmu.run(&batch, None).fault else { return Ok(None) };
            match self.kernel.on_fault(&mut self.mmu, CpuId::BOOT, access, &outcome) {
                FaultResolution::Retry => {}
                FaultResolution::Delivered(signal) => return Ok(Some(numbers(signal))),
                FaultResolution::Killed(death) => {
                    return Err(ModelError::Stuck(format!("{death}, which has a handler for that")));
                }
                other => return Err(ModelError::Stuck(format!("{other:?}"))),
            }
        }
        Err(ModelError::Stuck(format!("{FAULTS_MAX} faults of one access")))
    }

    fn spaces(&self) -> Vec<(usize, SpaceState)> {
        let mut alive = self.alive.clone();
        alive.sort_unstable();
        let of = |&process: &usize| {
            let space = self.kernel.address_space(step::pid(process));
            (process, space.map(|space| self.state(space)).unwrap_or_default())
        };
        alive.iter().map(of).collect()
    }

    fn state(&self, space: &AddressSpace) -> SpaceState {
        let start = Vpn(ARENA >> FRAME_SHIFT);
        let arena = PageRange::new(start, start.up(ARENA_PAGES));
        let areas = space.vmas().overlapping(arena).map(|vma| area(vma, start)).collect();
        let mapped = space.page_table().mapped(&self.mmu, arena);
        let entry = |mapped: &Mapped| (mapped.page.pages_above(start), Frame(mapped.pte.frame.0));
        let present = mapped.iter().map(entry).collect();
        SpaceState { areas, present }
    }
}

fn area(vma: &Vma, arena: Vpn) -> Area {
    let backing = vma.attributes.backing;
    let kind = match backing.file() {
        None => AreaKind::Anonymous,
        Some(file) => (0..FILE_PAGES.len())
            .find(|&number| step::file_id(number) == file)
            .map_or(AreaKind::SharedAnonymous, AreaKind::File),
    };
    let shared = !backing.is_private();
    Area {
        start: vma.pages.start().pages_above(arena),
        end: vma.pages.end().pages_above(arena),
        protection: vma.attributes.protection,
        shared,
        kind,
        page_offset: if kind == AreaKind::Anonymous { 0 } else { vma.page_offset },
    }
}

/// Number and `si_code` of a signal.
fn numbers(signal: Signal) -> (i32, i32) {
    const BUS_ADRERR: i32 = 2;
    const SI_KERNEL: i32 = 0x80;
    match signal {
        Signal::Segv { code: SegvCode::MapErr, .. } => (SIGSEGV, 1),
        Signal::Segv { code: SegvCode::AccErr, .. } => (SIGSEGV, 2),
        Signal::Segv { code: SegvCode::Kernel, .. } => (SIGSEGV, SI_KERNEL),
        Signal::Bus { .. } => (SIGBUS, BUS_ADRERR),
        Signal::OutOfMemory => (9, SI_KERNEL),
    }
}

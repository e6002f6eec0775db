//! How a process ends at a fault: the signals of signal(7) and sigaction(2) that memory management sends.

use pagewalk_arch::VirtAddr;
use std::fmt;

/// `si_code` of a SIGSEGV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegvCode {
    /// SEGV_MAPERR: no area holds the address.
    MapErr,
    /// SEGV_ACCERR: the area does not permit the access.
    AccErr,
    /// SI_KERNEL: a general-protection fault; x86 does not say where.
    Kernel,
}

impl SegvCode {
    /// The name in sigaction(2).
    pub const fn name(self) -> &'static str {
        match self {
            SegvCode::MapErr => "SEGV_MAPERR",
            SegvCode::AccErr => "SEGV_ACCERR",
            SegvCode::Kernel => "SI_KERNEL",
        }
    }
}

/// A signal that ends a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGSEGV.
    Segv {
        /// Why.
        code: SegvCode,
        /// Where.
        address: VirtAddr,
    },
    /// SIGBUS, BUS_ADRERR: memory answered the walk with an error.
    Bus {
        /// The address that was to be translated.
        address: VirtAddr,
    },
    /// SIGKILL, because no frame was left.
    OutOfMemory,
}

impl Signal {
    /// The number of a signal that a program can handle.
    pub const fn number(self) -> Option<i32> {
        match self {
            Signal::Segv { .. } => Some(11),
            Signal::Bus { .. } => Some(7),
            Signal::OutOfMemory => None,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Signal::Segv { code, address } => write!(f, "SIGSEGV ({}) at {address}", code.name()),
            Signal::Bus { address } => write!(f, "SIGBUS (BUS_ADRERR) at {address}"),
            Signal::OutOfMemory => write!(f, "SIGKILL (out of memory)"),
        }
    }
}

/// A setting of the kernel without which a fault would not have ended its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `kernel.memory_bytes`: no frame was left.
    Memory,
    /// `kernel.stack_bytes_max`: the stack would have grown beyond it.
    StackBytes,
    /// `kernel.mmap_min_addr`: no area is inferred below it.
    MmapMinAddr,
}

impl Bound {
    /// The setting.
    pub const fn setting(self) -> &'static str {
        match self {
            Bound::Memory => "kernel.memory_bytes",
            Bound::StackBytes => "kernel.stack_bytes_max",
            Bound::MmapMinAddr => "kernel.mmap_min_addr",
        }
    }
    /// Whether it makes the machine smaller than the one that a trace was recorded on: then the kill is a result.
    pub const fn is_limit(self) -> bool {
        matches!(self, Bound::Memory | Bound::StackBytes)
    }
}

/// A process that was killed. Its memory has been returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// Who.
    pub pid: u32,
    /// By what.
    pub signal: Signal,
    /// The setting that it died of, where there is one.
    pub bound: Option<Bound>,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} killed by {}", self.pid, self.signal)
    }
}

/// What to do after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultResolution {
    /// The access ends in a signal for which the program has a handler: it is over, and the process lives.
    Delivered(Signal),
    /// Present the access again: it will be translated, or fault on for another reason.
    Retry,
    /// The process is gone, and nothing runs: no further access is its own.
    Killed(Death),
    /// Nothing runs: the process exited or was killed before, and the trace goes on without switching to another.
    NoProcess,
    /// The page tables grant the access and the MMU refuses it again after a retry: the MMU is at fault. Nothing
    /// was changed.
    Refused,
    /// The machine is dead: [`crate::Kernel::panicked`].
    Panic,
}

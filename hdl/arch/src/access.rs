//! One memory access as a program makes it and as the MMU's ports take it.

use crate::VirtAddr;
use serde::{Deserialize, Serialize};

/// What an access does. An atomic read-modify-write is a [`AccessKind::Store`] to the MMU in both architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum AccessKind {
    /// Instruction fetch.
    Fetch = 0,
    /// Data read.
    Load = 1,
    /// Data write or atomic.
    Store = 2,
}

/// The privilege that an access is made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum Privilege {
    /// RISC-V S-mode, x86 CPL 0-2.
    Supervisor = 0,
    /// RISC-V U-mode, x86 CPL 3.
    #[default]
    User = 1,
}

/// One side of the MMU: instruction or data, each with request port, response port and TLB of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Side {
    /// Loads and stores.
    Data = 0,
    /// Instruction fetches.
    Instruction = 1,
}

impl AccessKind {
    /// The side that takes accesses of this kind.
    pub const fn side(self) -> Side {
        match self {
            AccessKind::Fetch => Side::Instruction,
            AccessKind::Load | AccessKind::Store => Side::Data,
        }
    }
}

/// One access that does not cross a 4 KiB page (the trace readers split those that do). 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Access {
    /// First byte.
    pub va: VirtAddr,
    /// Line or record number in the trace, counted from 1; 0 where there is none. Saturates at `u32::MAX`.
    pub line: u32,
    /// Fetch, load or store.
    pub kind: AccessKind,
    /// User or supervisor.
    pub privilege: Privilege,
    /// Bytes touched, 1..=255, from the trace. The MMU does not look at it.
    pub bytes: u8,
}

impl Access {
    /// A user-mode access without a place in a trace.
    pub const fn user(va: u64, kind: AccessKind) -> Self {
        Self { va: VirtAddr(va), line: 0, kind, privilege: Privilege::User, bytes: 1 }
    }
    /// A supervisor-mode access without a place in a trace.
    pub const fn supervisor(va: u64, kind: AccessKind) -> Self {
        Self { privilege: Privilege::Supervisor, ..Self::user(va, kind) }
    }
}

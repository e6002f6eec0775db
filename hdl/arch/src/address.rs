//! Addresses and ASIDs as types of their own. Owns no translation.

use serde::{Deserialize, Serialize};
use std::fmt;

/// log2 of [`FRAME_BYTES`].
pub const FRAME_SHIFT: u32 = 12;
/// Bytes in a page frame: 4 KiB in every format.
pub const FRAME_BYTES: u64 = 1 << FRAME_SHIFT;

/// A virtual (x86: linear) address, 64 bits wide whatever the format; canonical or not.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(transparent)]
pub struct VirtAddr(pub u64);

/// A physical address in bytes, up to 56 bits wide.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(transparent)]
pub struct PhysAddr(pub u64);

/// An ASID, the number of an address space (x86: PCID), up to 16 bits wide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(transparent)]
pub struct Asid(pub u16);

impl VirtAddr {
    /// Number of the 4 KiB page that holds this address, all 52 bits of it.
    pub const fn page_number(self) -> u64 {
        self.0 >> FRAME_SHIFT
    }
    /// Byte offset within the 4 KiB page.
    pub const fn page_offset(self) -> u64 {
        self.0 & (FRAME_BYTES - 1)
    }
}

impl PhysAddr {
    /// Number of the 4 KiB frame that holds this address.
    pub const fn frame(self) -> u64 {
        self.0 >> FRAME_SHIFT
    }
    /// The first byte of frame number `frame`.
    pub const fn of_frame(frame: u64) -> Self {
        Self(frame << FRAME_SHIFT)
    }
    /// Byte offset within the 4 KiB frame.
    pub const fn frame_offset(self) -> u64 {
        self.0 & (FRAME_BYTES - 1)
    }
}

impl fmt::Debug for VirtAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtAddr({:#x})", self.0)
    }
}

impl fmt::Display for VirtAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for PhysAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhysAddr({:#x})", self.0)
    }
}

impl fmt::Display for PhysAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

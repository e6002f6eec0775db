//! Zones: memory of one kind, in Linux's names.

use super::Buddy;
use pagewalk_arch::FRAME_SHIFT;

/// First frame that a 32-bit physical address cannot name.
pub(super) const DMA32_END: u64 = 1 << (32 - FRAME_SHIFT);

/// Which memory a zone is, in Linux's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ZoneKind {
    /// Below 4 GiB, where wider addresses exist: for what a 32-bit register must reach.
    Dma32,
    /// Everything else.
    Normal,
}

impl ZoneKind {
    /// The name in `/proc/buddyinfo`.
    pub const fn name(self) -> &'static str {
        match self {
            ZoneKind::Dma32 => "DMA32",
            ZoneKind::Normal => "Normal",
        }
    }
}

/// Frames of one kind, managed together.
#[derive(Clone, Debug)]
pub struct Zone {
    pub(super) kind: ZoneKind,
    pub(super) buddy: Buddy,
}

impl Zone {
    /// Which memory it is.
    pub fn kind(&self) -> ZoneKind {
        self.kind
    }
    /// Its free lists.
    pub fn buddy(&self) -> &Buddy {
        &self.buddy
    }
}

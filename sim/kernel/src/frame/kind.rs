//! The kinds of memory, in Linux's names, and the addresses that part them.
//!
//! Does not own zones: memory of one kind on one node ([`super::zone`]).

use pagewalk_arch::FRAME_SHIFT;

/// First frame that a 24-bit physical address cannot name.
pub(super) const DMA_END: u64 = 1 << (24 - FRAME_SHIFT);
/// First frame that a 32-bit physical address cannot name.
pub(super) const DMA32_END: u64 = 1 << (32 - FRAME_SHIFT);
/// First frame that a 32-bit x86 kernel does not map all the time: 896 MiB.
pub(super) const LOWMEM_END: u64 = 896 << (20 - FRAME_SHIFT);

/// Number of [`ZoneKind`]s.
pub const ZONE_KINDS: usize = 4;

/// Which memory a zone is, in Linux's names, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ZoneKind {
    /// Below 16 MiB: for devices of another age.
    Dma,
    /// Below 4 GiB, where wider addresses exist: for what a 32-bit register must reach.
    Dma32,
    /// Everything else.
    Normal,
    /// Beyond what a 32-bit kernel maps: for programs' pages alone.
    HighMem,
}

impl ZoneKind {
    /// All, lowest first.
    pub const ALL: [Self; ZONE_KINDS] = [Self::Dma, Self::Dma32, Self::Normal, Self::HighMem];

    /// The name in `/proc/buddyinfo`.
    pub const fn name(self) -> &'static str {
        match self {
            ZoneKind::Dma => "DMA",
            ZoneKind::Dma32 => "DMA32",
            ZoneKind::Normal => "Normal",
            ZoneKind::HighMem => "HighMem",
        }
    }
}

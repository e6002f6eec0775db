//! Where a program's parts lie in an address space of this format: Linux's `STACK_TOP` and `mmap_base`, without random
//! offsets.

use super::image::Spot;
use pagewalk_arch::{FRAME_BYTES, FormatSpec};

/// The least distance between the top of the stack and the first mapping: `MIN_GAP`.
const GAP: u64 = 128 << 20;

/// The places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The stack ends here.
    pub(super) top: u64,
    /// Mappings go downwards from here.
    pub(super) base: u64,
    /// Where they begin when nothing is free below: `TASK_UNMAPPED_BASE`.
    pub(super) bottom: u64,
}

impl Layout {
    pub(super) fn of(spec: &FormatSpec) -> Self {
        let top = spec.user_end() - FRAME_BYTES;
        Self { top, base: top - GAP, bottom: (top / 3).next_multiple_of(FRAME_BYTES) }
    }

    /// The address that `spot` means here.
    pub(super) fn address(&self, spot: Spot) -> u64 {
        match spot {
            Spot::At(address) => address,
            Spot::BelowTop(distance) => self.top.saturating_sub(distance),
            Spot::BelowBase(distance) => self.base.saturating_sub(distance),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::PagingFormat;

    #[test]
    fn la48_is_laid_out_as_linux_lays_it_out() {
        let layout = Layout::of(PagingFormat::La48.spec());
        assert_eq!(layout.top, 0x7fff_ffff_f000);
        assert_eq!(layout.address(Spot::BelowBase(2 << 12)), 0x7fff_f7ff_d000, "where the vDSO lies");
    }

    #[test]
    fn every_format_has_room_for_a_worker() {
        for format in PagingFormat::ALL {
            let layout = Layout::of(format.spec());
            assert!(layout.bottom > 0x50_f000 && layout.bottom < layout.base, "{format}");
        }
    }
}

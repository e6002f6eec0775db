//! Where the parts of an image lie in an address space of this format.

use super::image::Spot;
use pagewalk_kernel::Kernel;

/// The places that an image counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The stack ends here.
    pub(super) top: u64,
    /// Mappings go downwards from here.
    pub(super) base: u64,
}

impl Layout {
    pub(super) fn of(kernel: &Kernel) -> Self {
        let (top, base) = kernel.program_bounds();
        Self { top: top.0, base: base.0 }
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
    use pagewalk_arch::{MmuConfig, PagingFormat};
    use pagewalk_kernel::KernelConfig;

    fn layout(format: PagingFormat) -> Layout {
        Layout::of(&Kernel::new(KernelConfig::default(), &MmuConfig::of(format)).unwrap())
    }

    #[test]
    fn la48_is_laid_out_as_linux_lays_it_out() {
        let layout = layout(PagingFormat::La48);
        assert_eq!(layout.top, 0x7fff_ffff_f000);
        assert_eq!(layout.address(Spot::BelowBase(2 << 12)), 0x7fff_f7ff_d000, "where the vDSO lies");
    }

    #[test]
    fn every_format_has_room_for_a_worker() {
        for format in PagingFormat::ALL {
            let layout = layout(format);
            assert!(layout.base > 0x50_f000 && layout.base < layout.top, "{format}");
        }
    }
}

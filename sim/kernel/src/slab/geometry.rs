//! How objects of a size are packed into slabs: SLUB's `calculate_order`, of Linux 6.1.

use crate::{COSTLY_ORDER, ORDER_MAX};
use pagewalk_arch::FRAME_BYTES;

/// How a slab of one cache is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes from one object to the next.
    pub object_bytes: u64,
    /// Objects of a slab.
    pub objects: u16,
    /// A slab is 2^order frames.
    pub order: usize,
}

/// Objects that are worth a larger slab, on a machine of `cpus` CPUs: the more, the rarer CPUs meet.
const fn objects_wanted(cpus: usize) -> u64 {
    4 * (usize::BITS - cpus.leading_zeros() + 1) as u64
}

impl Geometry {
    /// For objects of `bytes` on a machine of `cpus` CPUs: the smallest slab that holds enough of them and wastes at most
    /// a sixteenth, then an eighth, then a quarter; fewer objects before more waste.
    pub fn of(bytes: u64, cpus: usize) -> Self {
        let bytes = bytes.max(8).next_multiple_of(8);
        let most = (FRAME_BYTES << COSTLY_ORDER) / bytes;
        let wanted = objects_wanted(cpus.max(1)).min(most);
        let wasteful = |order: usize, fraction: u64| {
            let slab = FRAME_BYTES << order;
            slab % bytes > slab / fraction
        };
        let order_for = |objects: u64, fraction: u64, highest: usize| {
            let least = (objects * bytes).div_ceil(FRAME_BYTES).next_power_of_two().ilog2() as usize;
            (least..=highest).find(|&order| !wasteful(order, fraction))
        };
        let packed = (2..=wanted).rev().find_map(|objects| {
            [16, 8, 4].into_iter().find_map(|fraction| order_for(objects, fraction, COSTLY_ORDER))
        });
        let order = packed.or_else(|| order_for(1, 1, ORDER_MAX)).unwrap_or(ORDER_MAX);
        let objects = ((FRAME_BYTES << order) / bytes).clamp(1, u64::from(u16::MAX)) as u16;
        Self { object_bytes: bytes, objects, order }
    }

    /// Slabs that a CPU keeps besides the one that it uses.
    pub(super) const fn cpu_partial_slabs(self) -> usize {
        let objects = match self.object_bytes {
            4096.. => 6,
            1024.. => 24,
            256.. => 52,
            _ => 120,
        };
        (2 * objects as usize).div_ceil(self.objects as usize)
    }

    /// Slabs that a node keeps though they are empty.
    pub(super) const fn min_partial(self) -> usize {
        let half = self.object_bytes.ilog2() as usize / 2;
        if half < 5 {
            5
        } else if half > 10 {
            10
        } else {
            half
        }
    }
}

/// The size of the class that serves `bytes`; `None` above 8 KiB.
pub(super) fn kmalloc_size(bytes: u64) -> Option<u64> {
    match bytes {
        65..=96 => Some(96),
        129..=192 => Some(192),
        ..=8192 => Some(bytes.max(8).next_power_of_two()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabs_are_as_large_as_linuxs() {
        // Size, objects and pages of a slab in /proc/slabinfo of 6.1 on one CPU.
        let measured: [(u64, u16, u64); 21] = [
            (8, 512, 1),
            (64, 64, 1),
            (96, 42, 1),
            (104, 39, 1),
            (152, 26, 1),
            (192, 21, 1),
            (512, 8, 1),
            (584, 14, 2),
            (640, 12, 2),
            (712, 11, 2),
            (784, 10, 2),
            (832, 19, 4),
            (960, 8, 2),
            (1152, 14, 4),
            (1192, 13, 4),
            (1600, 10, 4),
            (2112, 15, 8),
            (2304, 14, 8),
            (4288, 7, 8),
            (8192, 4, 8),
            (8384, 3, 8),
        ];
        for (bytes, objects, pages) in measured {
            let geometry = Geometry::of(bytes, 1);
            assert_eq!((geometry.objects, 1 << geometry.order), (objects, pages), "objects of {bytes} bytes");
        }
    }

    #[test]
    fn every_size_has_a_slab() {
        for bytes in (0..70_000).step_by(40).chain([1 << 22, 1 << 30]) {
            for cpus in [0, 1, 2, 64] {
                let Geometry { objects, order, .. } = Geometry::of(bytes, cpus);
                assert!(objects >= 1 && order <= ORDER_MAX, "{bytes} bytes, {cpus} CPUs");
            }
        }
    }

    #[test]
    fn classes_of_no_type() {
        let classes = [0, 8, 9, 64, 65, 96, 97, 130, 192, 193, 8192, 8193].map(kmalloc_size);
        let some = [8, 8, 16, 64, 96, 96, 128, 192, 192, 256, 8192].map(Some);
        assert!(classes.iter().eq(some.iter().chain(&[None])));
    }
}

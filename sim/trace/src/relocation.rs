//! A map of 64-bit addresses into a smaller user half, made up while the addresses arrive. Owns the placing
//! of regions and its guarantees; the stream is [`super::Rebase`]'s.
//!
//! Addresses move in blocks of 4 MiB, the largest superpage of the 32-bit formats, so offsets within pages
//! and superpages stay. Let `f` be the map from block numbers to the target's block numbers ("slots"). For
//! the blocks seen so far, however they arrived, two things hold:
//!
//! * **order**: `a < b` implies `f(a) < f(b)`;
//! * **contraction**: `f(b) - f(a) <= b - a`; distances shrink or stay, they never grow.
//!
//! Both together give **adjacency**: `b - a = 1` leaves `f(b) - f(a)` no value but 1. They also tell where a
//! new block `b` between its nearest neighbours `p < b < q` may go: to a slot in `max(f(p) + 1, f(q) - (q -
//! b)) ..= min(f(q) - 1, f(p) + (b - p))`, which is empty only when `f(q) = f(p) + 1`. Zero maps to zero, and
//! the block after the last address to the slot after the last. A map that is decided once per block never
//! changes, so one pass suffices.
//!
//! Which slot of the interval: the block's own number where allowed (nothing moves that need not move); else
//! at its true distance from a neighbour that is near, so that a region stays in one piece; else near the edge of the
//! interval away from which it grows: an image with its heap grows up, mappings and stack grow down, so the room
//! belongs between them. A mapping is given its place as a whole ([`Relocation::reserve`]).
//!
//! A trace that can be read twice needs no guess: [`Relocation::planned`] knows every region beforehand. Those that
//! can, keep their place, the others are packed below the end, in order, so that whatever fits in total fits.
//!
//! Limits of one pass. A program whose regions grow towards each other until no slot is left between two of them cannot
//! be mapped: [`Exhausted`]. Programs that keep to image and heap, mappings and stack can fill three quarters of
//! the target, however that is divided between heap and mappings; what is unmapped keeps its place. Distances
//! between far regions are not kept: a mapping larger than the target is shortened to the images of its ends.

use std::collections::VecDeque;

/// log2 of the block in which addresses move, bytes.
pub const BLOCK_SHIFT: u32 = 22;
/// A neighbour is near within this share of the target's slots.
const NEAR_SHARE: u64 = 16;
/// A region that is near nothing lies within this share of the gap's edge.
const EDGE_SHARE: u64 = 16;
/// Segments that lookups remember.
const RECENT_SEGMENTS: usize = 4;

/// There is no room between two regions, or at the end of the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "address {address:#x} finds no room: the regions on both sides have grown together in the {user_end:#x} bytes of \
     user addresses"
)]
pub struct Exhausted {
    /// The address.
    pub address: u64,
    /// First address behind the target's user half.
    pub user_end: u64,
}

/// Blocks that move together: `first..=last` go to `slot..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    first: u64,
    last: u64,
    slot: u64,
}

impl Segment {
    fn last_slot(&self) -> u64 {
        self.slot + (self.last - self.first)
    }
}

/// The map.
#[derive(Clone, Debug)]
pub struct Relocation {
    /// Sorted by block and by slot at once. The first begins at 0, the last stands for the end of everything.
    segments: Vec<Segment>,
    /// Copies of segments that were looked up last, latest first.
    recent: VecDeque<Segment>,
    user_end: u64,
}

impl Relocation {
    /// A map into the addresses below `user_end`, in which all addresses up to `fixed_last` keep their place.
    ///
    /// # Panics
    /// When `user_end` is no multiple of 4 MiB, is less than 16 MiB, or not above `fixed_last`.
    pub fn new(user_end: u64, fixed_last: u64) -> Self {
        let slots = user_end >> BLOCK_SHIFT;
        assert!(slots >= 4 && slots << BLOCK_SHIFT == user_end, "user half of {user_end:#x} bytes");
        assert!(fixed_last < user_end, "{fixed_last:#x} cannot stay below {user_end:#x}");
        let low = Segment { first: 0, last: fixed_last >> BLOCK_SHIFT, slot: 0 };
        let end_block = 1 << (u64::BITS - BLOCK_SHIFT);
        let end = Segment { first: end_block, last: end_block, slot: slots };
        Self { segments: vec![low, end], recent: VecDeque::with_capacity(RECENT_SEGMENTS), user_end }
    }

    /// A map of `regions`, each the first and the last address of what is used, in any order, into the addresses
    /// below `user_end`. `None` where all of them together are larger than that.
    pub fn planned(user_end: u64, regions: impl IntoIterator<Item = (u64, u64)>) -> Option<Self> {
        let mut blocks: Vec<(u64, u64)> = regions
            .into_iter()
            .map(|(first, last)| (first >> BLOCK_SHIFT, last >> BLOCK_SHIFT))
            .chain([(0, 0)])
            .collect();
        blocks.sort_unstable();
        blocks.dedup_by(|next, run| {
            let touches = next.0 <= run.1 + 1;
            run.1 = if touches { run.1.max(next.1) } else { run.1 };
            touches
        });
        let slots = user_end >> BLOCK_SHIFT;
        // One slot is left free between regions that were apart.
        let mut needed: u64 = blocks.iter().map(|(first, last)| last - first + 2).sum();
        if needed - 1 > slots {
            return None;
        }
        let mut map = Self::new(user_end, 0);
        let end = map.segments.pop()?;
        map.segments.clear();
        for (first, last) in blocks {
            let slot = first.min(slots + 1 - needed);
            needed -= last - first + 2;
            map.segments.push(Segment { first, last, slot });
        }
        map.segments.push(end);
        Some(map)
    }

    /// Where `address` lies, deciding it if it was not decided yet.
    ///
    /// # Errors
    /// When there is no room.
    #[inline]
    pub fn map(&mut self, address: u64) -> Result<u64, Exhausted> {
        let block = address >> BLOCK_SHIFT;
        for segment in &self.recent {
            if block.wrapping_sub(segment.first) <= segment.last - segment.first {
                return Ok(moved(address, segment));
            }
        }
        self.map_slow(address)
    }

    /// Regions that were given a place, the one that kept its own included.
    pub fn region_count(&self) -> usize {
        self.segments.len() - 1
    }

    #[cold]
    fn map_slow(&mut self, address: u64) -> Result<u64, Exhausted> {
        let block = address >> BLOCK_SHIFT;
        // The first segment begins at 0, so there is always one at or below.
        let below = self.segments.partition_point(|segment| segment.first <= block) - 1;
        let index = if block <= self.segments[below].last {
            below
        } else {
            self.place(block, below, 0).ok_or(Exhausted { address, user_end: self.user_end })?
        };
        let segment = self.segments[index];
        // Copies of what has grown or merged stay true, they only cover less.
        self.recent.truncate(RECENT_SEGMENTS - 1);
        self.recent.push_front(segment);
        Ok(moved(address, &segment))
    }

    /// Gives all blocks from that of `first` to that of `last` one piece of the target, where there is room for it in
    /// one piece: a mapping whose ends were placed alone could find no room for its middle.
    pub fn reserve(&mut self, first: u64, last: u64) {
        let (first, last) = (first >> BLOCK_SHIFT, last >> BLOCK_SHIFT);
        let below = self.segments.partition_point(|segment| segment.first <= first) - 1;
        let index = if first <= self.segments[below].last {
            below
        } else {
            // The next segment may begin within the range.
            let end = last.min(self.segments[below + 1].first - 1);
            let Some(index) = self.place(first, below, end - first) else { return };
            index
        };
        let (segment, next) = (self.segments[index], self.segments[index + 1]);
        let end = last.min(next.first - 1);
        let room = next.slot - segment.last_slot() - 1;
        if end <= segment.last || end - segment.last > room {
            return;
        }
        // Distances may not grow beyond the next segment's.
        let slot = segment.last_slot() + (end - segment.last);
        if next.slot - slot > next.first - end {
            return;
        }
        if next.first - end == next.slot - slot && end + 1 == next.first && index + 2 < self.segments.len() {
            self.segments[index].last = next.last;
            self.segments.remove(index + 1);
        } else {
            self.segments[index].last = end;
        }
    }

    /// Gives `block`, which lies above segment `below` and under the next, a slot with `follow` more behind it; the
    /// index of its segment, which holds only `block` of them.
    fn place(&mut self, block: u64, below: usize, follow: u64) -> Option<usize> {
        let (p, q) = (self.segments[below], self.segments[below + 1]);
        let up = block - p.last;
        let down = q.first - block;
        // Both ends of the interval in the module's text.
        let lowest = (p.last_slot() + 1).max(q.slot.saturating_sub(down));
        let highest = q.slot.checked_sub(1 + follow)?.min(p.last_slot().saturating_add(up));
        if lowest > highest {
            return None;
        }
        let near = (self.user_end >> BLOCK_SHIFT) / NEAR_SHARE;
        let beside_p = p.last_slot().saturating_add(up);
        let beside_q = q.slot.saturating_sub(down);
        let is_end = below + 2 == self.segments.len();
        let slot = if (lowest..=highest).contains(&block) {
            block
        } else if up <= near && beside_p <= highest && (up <= down || is_end || beside_q < lowest) {
            beside_p
        } else if !is_end && down - follow <= near && (lowest..=highest).contains(&beside_q) {
            beside_q
        } else {
            // Heaps grow up and mappings down into the room between.
            let share = (highest - lowest) / EDGE_SHARE;
            if grows_down(block) { highest - share } else { lowest + share }
        };
        // What lies between two segments at true distance moves with them.
        let joins_p = slot == beside_p && up <= near;
        let joins_q = slot == beside_q && !is_end && down <= near;
        match (joins_p, joins_q) {
            (true, true) => {
                self.segments[below].last = q.last;
                self.segments.remove(below + 1);
                Some(below)
            }
            (true, false) => {
                self.segments[below].last = block;
                Some(below)
            }
            (false, true) => {
                self.segments[below + 1].first = block;
                self.segments[below + 1].slot = slot;
                Some(below + 1)
            }
            (false, false) => {
                self.segments.insert(below + 1, Segment { first: block, last: block, slot });
                Some(below + 1)
            }
        }
    }
}

/// Whether what lies at `block` is known to grow down, or little: the mappings and the stack of a process of x86-64
/// Linux, and the stack that Valgrind gives to its program. All else that is far away, such as an image with its heap
/// at 0x55… or a heap at 0xc0_0000_0000, grows up.
fn grows_down(block: u64) -> bool {
    let address = block << BLOCK_SHIFT;
    address >= 0x7e00_0000_0000 || (0x1f_0000_0000..0x20_0000_0000).contains(&address)
}

#[inline(always)]
fn moved(address: u64, segment: &Segment) -> u64 {
    // Modulo 2⁶⁴: the sum is below `user_end`.
    address.wrapping_sub(segment.first << BLOCK_SHIFT).wrapping_add(segment.slot << BLOCK_SHIFT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIB: u64 = 1 << 30;

    proptest! {
        #[test]
        fn a_plan_places_whatever_fits_in_order(
            regions in prop::collection::vec((0u64..1 << 25, 0u64..90), 1..12),
        ) {
            let bytes = |block: u64| block << BLOCK_SHIFT;
            let regions: Vec<_> = regions.iter().map(|&(at, more)| (bytes(at), bytes(at + more))).collect();
            // Eleven regions of up to 90 blocks and the gaps between them always fit 1,024 slots.
            let mut map = Relocation::planned(4 * GIB, regions.iter().copied()).expect("it fits");
            let mut addresses: Vec<u64> = regions.iter().flat_map(|&(first, last)| [first, last]).collect();
            addresses.sort_unstable();
            addresses.dedup();
            let images: Vec<u64> = addresses.iter().map(|&a| map.map(a).expect("planned")).collect();
            prop_assert!(images.iter().all(|&image| image < 4 * GIB));
            for (pair, image) in addresses.windows(2).zip(images.windows(2)) {
                prop_assert!(image[0] < image[1] && image[1] - image[0] <= pair[1] - pair[0]);
            }
            for (first, last) in regions {
                let (a, b) = (map.map(first).expect("planned"), map.map(last).expect("planned"));
                prop_assert_eq!(b - a, last - first, "a region stays whole");
            }
        }
    }

    #[test]
    fn a_plan_that_is_too_large_is_none() {
        assert!(Relocation::planned(4 * GIB, [(0x7f00_0000_0000, 0x7f00_0000_0000 + 4 * GIB)]).is_none());
        assert!(
            Relocation::planned(4 * GIB, [(0x7f00_0000_0000, 0x7f00_0000_0000 + 4 * GIB - (16 << 20))])
                .is_some()
        );
    }

    #[test]
    fn what_fits_stays() {
        let mut map = Relocation::new(4 * GIB, 0x5000_0000);
        for address in [0, 0x10_8000, 0x4f00_0000] {
            assert_eq!(map.map(address), Ok(address));
        }
        assert_eq!(map.map(0x7000_0000), Ok(0x7000_0000), "nothing above is placed yet");
    }

    #[test]
    fn a_native_process_of_linux_fits_32_bits() {
        let mut map = Relocation::new(4 * GIB, 0);
        let program =
            [0x7f12_3456_7000u64, 0x7ffc_8000_0ff0, 0x55d0_1234_5678, 0x55d0_2000_0000, 0x7f12_3400_0000];
        let placed: Vec<_> = program.iter().map(|&a| map.map(a).expect("room")).collect();
        assert!(placed.iter().all(|&a| a < 4 * GIB));
        assert!(
            placed[2] < placed[3] && placed[3] < placed[4] && placed[4] < placed[0] && placed[0] < placed[1]
        );
        assert_eq!(placed[3] - placed[2], program[3] - program[2], "image and heap stay together");
        assert_eq!(placed[0] - placed[4], program[0] - program[4], "mappings stay together");
    }

    /// Reserves and then touches every block of a mapping.
    fn fill(map: &mut Relocation, first: u64, bytes: u64) {
        map.reserve(first, first + bytes - 1);
        let start = map.map(first).expect("room");
        for at in (0..bytes).step_by(1 << BLOCK_SHIFT) {
            assert_eq!(map.map(first + at).map(|image| image - start), Ok(at), "{first:#x} + {at:#x}");
        }
    }

    #[test]
    fn what_fits_in_total_fits() {
        const MIB: u64 = 1 << 20;
        for (heap, mappings) in [(GIB / 4, 11 * GIB / 4), (11 * GIB / 4, GIB / 4), (3 * GIB / 2, 3 * GIB / 2)]
        {
            for first in [
                [0x7f12_3456_7000, 0x7ffc_8000_0ff0, 0x55d0_1234_5678u64],
                [0x55d0_1234_5678, 0x7ffc_8000_0ff0, 0x7f12_3456_7000],
            ] {
                // A native process: the linker, the stack, the image, or traced from main on; then mappings going down
                // and the heap going up.
                let mut map = Relocation::new(4 * GIB, 0);
                for first in first {
                    map.map(first).expect("room");
                }
                let (mut low, mut high) = (0x7f12_3000_0000, 0x55d0_1300_0000);
                let mut chunk = 16 * MIB;
                let (mut heap, mut mappings) = (heap, mappings);
                while heap + mappings > 0 {
                    let bytes = chunk.min(mappings);
                    low -= bytes;
                    mappings -= bytes;
                    if bytes > 0 {
                        fill(&mut map, low, bytes);
                    }
                    let bytes = chunk.min(heap);
                    if bytes > 0 {
                        fill(&mut map, high, bytes);
                    }
                    (high, heap) = (high + bytes, heap - bytes);
                    chunk = (chunk * 2).min(512 * MIB);
                }
            }
        }
        // Under Valgrind: the image and mappings that grow up stay, the stack moves.
        let mut map = Relocation::new(4 * GIB, 0x483_5000);
        map.map(0x1f_feff_e7e0).expect("room");
        fill(&mut map, 0x600_0000, 2 * GIB);
        fill(&mut map, 0x600_0000 + 2 * GIB, 3 * GIB / 2);
    }

    #[test]
    fn a_large_mapping_is_one_piece() {
        let mut map = Relocation::new(4 * GIB, 0x483_5000);
        fill(&mut map, 0x7f00_0000_0000, 3 * GIB);
        let mut map = Relocation::new(4 * GIB, 0x483_5000);
        map.reserve(0x7f00_0000_0000, 0x7f00_0000_0000 + 64 * GIB);
        assert!(map.map(0x7f00_0000_0000 + 64 * GIB).is_ok(), "what is too large has its ends");
    }

    #[test]
    fn the_last_address_of_all_fits() {
        let mut map = Relocation::new(4 * GIB, 0);
        let top = map.map(u64::MAX).expect("room");
        assert_eq!(top & 0xfff, 0xfff);
        assert!(top < 4 * GIB);
    }

    #[test]
    fn exhaustion_is_said() {
        let mut map = Relocation::new(4 * GIB, 0);
        let base = 0x7f00_0000_0000u64;
        let failed = (0..1100).map(|n| map.map(base + (n << BLOCK_SHIFT))).find_map(Result::err);
        let error = failed.expect("1,100 blocks of 4 MiB do not fit");
        assert_eq!(error.user_end, 4 * GIB);
        assert!(error.to_string().starts_with("address 0x7f"), "{error}");
    }

    /// Addresses as programs have them: a few regions, mostly near what came before.
    fn addresses() -> impl Strategy<Value = Vec<u64>> {
        let region = prop_oneof![
            Just(0u64),
            Just(0x400_0000),
            Just(0x1f_ff00_0000),
            Just(0x5555_5555_4000),
            Just(0x7fff_f000_0000),
            Just(u64::MAX - (1 << 26)),
            any::<u64>(),
        ];
        // Mostly within a region, sometimes further than what counts as near.
        let distance = prop_oneof![3 => 0u64..1 << 26, 1 => 0u64..1 << 32, 1 => 0u64..1 << 36];
        prop::collection::vec((region, distance).prop_map(|(base, d)| base.saturating_add(d)), 1..200)
    }

    proptest! {
        #[test]
        fn order_adjacency_offsets_and_decisions_are_kept(addresses in addresses(), lengths in prop::collection::vec(0u64..1 << 31, 1..8), bits in prop_oneof![Just(32u32), Just(38)]) {
            let mut map = Relocation::new(1 << bits, 0);
            let mut placed: Vec<(u64, u64)> = Vec::new();
            for (index, &address) in addresses.iter().enumerate() {
                if index % 3 == 0 {
                    map.reserve(address, address.saturating_add(lengths[index % lengths.len()]));
                }
                // A random sequence may really exhaust 4 GiB; what was decided before must still hold.
                let Ok(image) = map.map(address) else { break };
                prop_assert!(image < 1 << bits);
                prop_assert_eq!(image % (1 << BLOCK_SHIFT), address % (1 << BLOCK_SHIFT));
                placed.push((address, image));
            }
            for &(address, image) in &placed {
                prop_assert_eq!(map.map(address), Ok(image));
            }
            placed.sort_unstable();
            for pair in placed.windows(2) {
                let ((a, fa), (b, fb)) = (pair[0], pair[1]);
                let (blocks, slots) = ((b >> BLOCK_SHIFT) - (a >> BLOCK_SHIFT), (fb >> BLOCK_SHIFT) - (fa >> BLOCK_SHIFT));
                prop_assert!(fa <= fb && (fa < fb || a == b), "order of {a:#x} and {b:#x}");
                prop_assert!(slots <= blocks && (slots > 0) == (blocks > 0), "distance of {a:#x} and {b:#x}");
            }
        }
    }
}

//! Page-table memory as the walker sees it. Owns the sparse store; no meaning of what is stored.
//!
//! [`TableMemory`] is the one thing that both engines of a lockstep have in common besides names and geometry: an
//! error in it would show on neither. It is held against a plain map of bytes in this crate's tests.

use crate::{FRAME_BYTES, FormatSpec, PhysAddr};
use std::collections::HashMap;

/// A memory access that the bus answers with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no memory answers at physical address {0}")]
pub struct BusError(pub PhysAddr);

/// Memory with the two operations that the walker's port has. `bytes` is 4 or 8; addresses are aligned to it.
pub trait PteMemory {
    /// The little-endian value at `addr`, zero-extended.
    fn read(&self, addr: PhysAddr, bytes: u32) -> Result<u64, BusError>;

    /// If the value at `addr` is `expected`, replaces it by `new`, in one indivisible step. Returns the value that
    /// memory holds **afterwards**: `new` after a swap, the deviating one otherwise.
    fn compare_exchange(
        &mut self,
        addr: PhysAddr,
        bytes: u32,
        expected: u64,
        new: u64,
    ) -> Result<u64, BusError>;

    /// Stores the low `bytes` of `value`.
    fn write(&mut self, addr: PhysAddr, bytes: u32, value: u64) -> Result<(), BusError>;
}

/// Frames that share one hash-map entry: 2 MiB.
const CHUNK_FRAMES: u64 = 512;
type Frame = [u64; FRAME_BYTES as usize / 8];
type Chunk = [Option<Box<Frame>>; CHUNK_FRAMES as usize];

/// Sparse memory that costs what is touched: reads of what was never written give 0 and allocate nothing.
/// Addresses at or above `limit` and poisoned frames answer with a [`BusError`].
///
/// One belongs to each engine of a machine: that engine's MMUs of all CPUs share it and keep none. It is handed to them
/// ([`crate::Mmu::run`]).
#[derive(Clone)]
pub struct TableMemory {
    entry_bytes: u32,
    limit: u64,
    poisoned: Vec<u64>,
    /// A store of another agent, due right before the next compare-and-swap at its address.
    race: Option<(PhysAddr, u64)>,
    chunk_of: HashMap<u64, usize>,
    chunks: Vec<Box<Chunk>>,
    /// Last chunk used: walks stay in few chunks.
    recent: std::cell::Cell<(u64, usize)>,
    frames: usize,
}

impl TableMemory {
    /// Empty memory for tables of the format of `spec`, that answers below `limit` bytes.
    pub fn new(spec: &FormatSpec, limit: u64) -> Self {
        Self {
            entry_bytes: spec.pte_bytes,
            limit,
            poisoned: Vec::new(),
            race: None,
            chunk_of: HashMap::new(),
            chunks: Vec::new(),
            recent: std::cell::Cell::new((u64::MAX, 0)),
            frames: 0,
        }
    }
    /// First address that answers with an error.
    pub fn limit(&self) -> u64 {
        self.limit
    }
    /// Frames that were written to.
    pub fn frame_count(&self) -> usize {
        self.frames
    }
    /// The entry at `addr` as software loads it, A and D bits included; 0 where nothing answers. The address is cut
    /// to that of an entry.
    pub fn read_pte(&self, addr: PhysAddr) -> u64 {
        self.read(self.entry_address(addr), self.entry_bytes).unwrap_or(0)
    }
    /// A store of software into page tables. Lost where nothing answers, as on a bus.
    pub fn write_pte(&mut self, addr: PhysAddr, value: u64) {
        let _ = self.write(self.entry_address(addr), self.entry_bytes, value);
    }
    fn entry_address(&self, addr: PhysAddr) -> PhysAddr {
        PhysAddr(addr.0 & !(u64::from(self.entry_bytes) - 1))
    }
    /// Makes frame number `frame` answer with a bus error, or heals it.
    pub fn set_poisoned(&mut self, frame: u64, poisoned: bool) {
        self.poisoned.retain(|&f| f != frame);
        if poisoned {
            self.poisoned.push(frame);
        }
    }

    /// Lets another agent store `value` at `addr` right before the next compare-and-swap there.
    pub fn set_race(&mut self, addr: PhysAddr, value: u64) {
        self.race = Some((addr, value));
    }

    fn check(&self, addr: PhysAddr, bytes: u32) -> Result<(), BusError> {
        debug_assert!(matches!(bytes, 4 | 8) && addr.0.is_multiple_of(u64::from(bytes)), "{addr} × {bytes}");
        let beyond = addr.0 >= self.limit || self.limit - addr.0 < u64::from(bytes);
        if beyond || (!self.poisoned.is_empty() && self.poisoned.contains(&addr.frame())) {
            return Err(BusError(addr));
        }
        Ok(())
    }

    fn chunk(&self, frame: u64) -> Option<usize> {
        let number = frame / CHUNK_FRAMES;
        let (recent, index) = self.recent.get();
        if recent == number {
            return Some(index);
        }
        let index = *self.chunk_of.get(&number)?;
        self.recent.set((number, index));
        Some(index)
    }

    fn word(&self, addr: PhysAddr) -> u64 {
        let frame = addr.frame();
        let Some(chunk) = self.chunk(frame) else { return 0 };
        match &self.chunks[chunk][(frame % CHUNK_FRAMES) as usize] {
            Some(words) => words[(addr.frame_offset() / 8) as usize],
            None => 0,
        }
    }

    fn word_mut(&mut self, addr: PhysAddr) -> &mut u64 {
        let frame = addr.frame();
        let chunk = match self.chunk(frame) {
            Some(chunk) => chunk,
            None => {
                self.chunks.push(Box::new([const { None }; CHUNK_FRAMES as usize]));
                let index = self.chunks.len() - 1;
                self.chunk_of.insert(frame / CHUNK_FRAMES, index);
                index
            }
        };
        let slot = &mut self.chunks[chunk][(frame % CHUNK_FRAMES) as usize];
        let words = slot.get_or_insert_with(|| {
            self.frames += 1;
            Box::new([0; FRAME_BYTES as usize / 8])
        });
        &mut words[(addr.frame_offset() / 8) as usize]
    }
}

impl std::fmt::Debug for TableMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TableMemory({} frames written, below {:#x})", self.frames, self.limit)
    }
}

impl PteMemory for TableMemory {
    #[inline]
    fn read(&self, addr: PhysAddr, bytes: u32) -> Result<u64, BusError> {
        self.check(addr, bytes)?;
        let word = self.word(addr);
        Ok(if bytes == 8 { word } else { (word >> (8 * (addr.0 & 4))) & 0xffff_ffff })
    }

    fn compare_exchange(
        &mut self,
        addr: PhysAddr,
        bytes: u32,
        expected: u64,
        new: u64,
    ) -> Result<u64, BusError> {
        if let Some((_, value)) = self.race.take_if(|(at, _)| *at == addr) {
            self.write(addr, bytes, value)?;
        }
        let current = self.read(addr, bytes)?;
        if current != expected {
            return Ok(current);
        }
        self.write(addr, bytes, new)?;
        Ok(new)
    }

    fn write(&mut self, addr: PhysAddr, bytes: u32, value: u64) -> Result<(), BusError> {
        self.check(addr, bytes)?;
        if bytes == 8 {
            *self.word_mut(addr) = value;
        } else {
            let shift = 8 * (addr.0 & 4);
            let word = self.word_mut(PhysAddr(addr.0 & !4));
            *word = (*word & !(0xffff_ffff << shift)) | ((value & 0xffff_ffff) << shift);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PagingFormat;

    fn memory(limit: u64) -> TableMemory {
        TableMemory::new(PagingFormat::Sv39.spec(), limit)
    }

    #[test]
    fn reads_back_what_was_written_and_costs_what_is_touched() {
        let mut m = memory(1 << 40);
        assert_eq!(m.read(PhysAddr(0xff_f000), 8), Ok(0));
        assert_eq!(m.frame_count(), 0);
        m.write(PhysAddr(0x1004), 4, 0xdead_beef).unwrap();
        m.write(PhysAddr(0x1000), 4, 0x1234_5678).unwrap();
        assert_eq!(m.read(PhysAddr(0x1000), 8), Ok(0xdead_beef_1234_5678));
        assert_eq!(m.read(PhysAddr(0x1004), 4), Ok(0xdead_beef));
        m.write(PhysAddr(1 << 39), 8, 7).unwrap();
        assert_eq!(m.frame_count(), 2);
    }

    #[test]
    fn exchange_returns_what_memory_holds_afterwards() {
        let mut m = memory(1 << 30);
        assert_eq!(m.compare_exchange(PhysAddr(8), 8, 0, 5), Ok(5));
        assert_eq!(
            m.compare_exchange(PhysAddr(8), 8, 0, 9),
            Ok(5),
            "a failed swap shows the deviating value"
        );
        assert_eq!(m.read(PhysAddr(8), 8), Ok(5));
    }

    #[test]
    fn a_race_is_lost_once() {
        let mut m = memory(1 << 30);
        m.set_race(PhysAddr(8), 7);
        assert_eq!(m.compare_exchange(PhysAddr(16), 8, 0, 1), Ok(1), "another address");
        assert_eq!(m.compare_exchange(PhysAddr(8), 8, 0, 5), Ok(7));
        assert_eq!(m.compare_exchange(PhysAddr(8), 8, 7, 5), Ok(5));
    }

    /// Both engines of a lockstep use this type, so nothing else would notice an error in it.
    #[test]
    fn it_holds_what_a_plain_map_of_bytes_holds() {
        for format in PagingFormat::ALL {
            let spec = format.spec();
            let mut random = crate::SplitMix64(u64::from(spec.pte_bytes) + spec.levels() as u64);
            // Neighbouring chunks of frames, a far one, and beyond the end.
            let bases = [0, (CHUNK_FRAMES - 1) << 12, CHUNK_FRAMES << 12, 1 << 33, (1 << 34) - 4096, 1 << 34];
            let mut memory = TableMemory::new(spec, 1 << 34);
            let mut plain: HashMap<u64, u8> = HashMap::new();
            let mut poisoned: Vec<u64> = Vec::new();
            for step in 0..20_000 {
                let bytes = if spec.pte_bytes == 4 || random.below(4) == 0 { 4 } else { 8 };
                let base = bases[random.below(6) as usize];
                let at = base + u64::from(random.below(2) * 0x1000 + random.below(8) * bytes);
                let answers = |poisoned: &[u64]| at < 1 << 34 && !poisoned.contains(&(at >> 12));
                let held = |plain: &HashMap<u64, u8>| {
                    let byte = |n: u64| u64::from(plain.get(&(at + n)).copied().unwrap_or(0)) << (8 * n);
                    (0..u64::from(bytes)).map(byte).sum::<u64>()
                };
                let store = |plain: &mut HashMap<u64, u8>, value: u64| {
                    (0..u64::from(bytes)).for_each(|n| {
                        plain.insert(at + n, (value >> (8 * n)) as u8);
                    });
                };
                let cut = |value: u64| if bytes == 4 { value & 0xffff_ffff } else { value };
                // Few values, so that half of the swaps succeed.
                let value = cut([0, 1, 0x0123_4567_89ab_cdef, u64::MAX][random.below(4) as usize]);
                let (addr, held) = (PhysAddr(at), held(&plain));
                let there = answers(&poisoned);
                match random.below(8) {
                    0 | 1 => {
                        assert_eq!(memory.write(addr, bytes, value).is_ok(), there, "step {step}");
                        if there {
                            store(&mut plain, value);
                        }
                    }
                    2 | 3 => {
                        let expected = if random.below(2) == 0 { held } else { value };
                        let raced = random.below(4) == 0;
                        let before = if raced && there { value ^ 1 } else { held };
                        if raced {
                            memory.set_race(addr, value ^ 1);
                        }
                        let new = cut(value.rotate_left(8));
                        let after = if before == expected { new } else { before };
                        let answer = memory.compare_exchange(addr, bytes, expected, new);
                        assert_eq!(
                            answer,
                            if there { Ok(after) } else { Err(BusError(addr)) },
                            "step {step}"
                        );
                        if there {
                            store(&mut plain, after);
                        }
                    }
                    4 if random.below(8) == 0 => {
                        let heals = poisoned.contains(&(at >> 12));
                        memory.set_poisoned(at >> 12, !heals);
                        poisoned.retain(|&frame| frame != at >> 12);
                        if !heals {
                            poisoned.push(at >> 12);
                        }
                    }
                    5 if bytes == spec.pte_bytes => {
                        memory.write_pte(PhysAddr(at + 1), value);
                        if there {
                            store(&mut plain, value);
                        }
                    }
                    6 if bytes == spec.pte_bytes => {
                        assert_eq!(
                            memory.read_pte(PhysAddr(at + 3)),
                            if there { held } else { 0 },
                            "step {step}"
                        );
                    }
                    _ => {
                        let expected = if there { Ok(held) } else { Err(BusError(addr)) };
                        assert_eq!(memory.read(addr, bytes), expected, "step {step}");
                    }
                }
            }
        }
    }

    #[test]
    fn errors_beyond_the_limit_and_in_poisoned_frames() {
        let mut m = memory(0x2000);
        assert_eq!(m.read(PhysAddr(0x2000), 8), Err(BusError(PhysAddr(0x2000))));
        m.set_poisoned(1, true);
        assert!(m.read(PhysAddr(0x1008), 8).is_err());
        m.set_poisoned(1, false);
        assert!(m.read(PhysAddr(0x1008), 8).is_ok());
    }
}

//! What is known of each frame in use: Linux's `struct page`, later its folio.
//!
//! Owns the metadata and where it lies: densely, a chunk for each block of the highest order, made when its first frame
//! is used. So the cost follows the frames in use, not the installed memory, and finding a frame costs two loads.
//! Does not own which frames are free ([`super::Buddy`]).

use super::buddy::ORDER_MAX;
use crate::Pfn;
use std::ops::Range;

/// What a frame in use is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameUse {
    /// A page table with this many entries that are not zero.
    PageTable {
        /// Entries that are not zero.
        entries: u32,
    },
    /// A page private to the processes that map it.
    Anonymous,
    /// A page of a file, a segment or shared anonymous memory, held by the object itself and by every entry.
    File,
    /// The page of zeroes that untouched anonymous memory reads from.
    ZeroPage,
}

/// What is known of an anonymous page besides who holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnonState {
    /// Linux's `PageAnonExclusive`: the one process that maps it may write it without asking who else does. Fork takes
    /// this away; a write that finds no other holder gives it back.
    pub exclusive: bool,
    /// MADV_FREE: its contents may be dropped as long as it is not written again.
    pub lazily_freed: bool,
}

/// The metadata of a frame in use: 20 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folio {
    /// Holders of any kind: entries, objects, page tables' own. 0: the frame is free.
    pub(crate) references: u32,
    /// Leaf entries among them.
    pub(crate) mappings: u32,
    pub(crate) usage: FrameUse,
    pub(crate) anon: AnonState,
    /// Linux's `PG_mlocked`, kept only of a page that stays locked though its area is not any more.
    pub(crate) mlocked: bool,
}

impl Folio {
    const FREE: Self = Self {
        references: 0,
        mappings: 0,
        usage: FrameUse::Anonymous,
        anon: AnonState { exclusive: false, lazily_freed: false },
        mlocked: false,
    };

    /// One holder, nothing else.
    pub(crate) const fn new(usage: FrameUse) -> Self {
        Self { references: 1, usage, ..Self::FREE }
    }
}

const CHUNK_FRAMES: usize = 1 << ORDER_MAX;

/// The metadata of all frames in use.
#[derive(Clone, Debug)]
pub(super) struct FolioTable {
    /// The frame that the first chunk begins with.
    first: u64,
    chunks: Vec<Option<Box<[Folio; CHUNK_FRAMES]>>>,
    in_use: u64,
}

impl FolioTable {
    /// None of `frames` is in use.
    pub(super) fn new(frames: &Range<u64>) -> Self {
        Self { first: frames.start, chunks: Vec::new(), in_use: 0 }
    }

    fn place(&self, pfn: Pfn) -> Option<(usize, usize)> {
        let index = usize::try_from(pfn.0.checked_sub(self.first)?).ok()?;
        Some((index / CHUNK_FRAMES, index % CHUNK_FRAMES))
    }

    /// The metadata of `pfn`; `None` where it is free or does not exist.
    pub(super) fn get(&self, pfn: Pfn) -> Option<&Folio> {
        let (chunk, index) = self.place(pfn)?;
        let folio = &self.chunks.get(chunk)?.as_ref()?[index];
        (folio.references > 0).then_some(folio)
    }

    /// As [`Self::get`], to be changed. The last reference goes by [`Self::remove`].
    pub(super) fn get_mut(&mut self, pfn: Pfn) -> Option<&mut Folio> {
        let (chunk, index) = self.place(pfn)?;
        let folio = &mut self.chunks.get_mut(chunk)?.as_mut()?[index];
        (folio.references > 0).then_some(folio)
    }

    /// `pfn`, which was free, is in use from now on.
    ///
    /// # Panics
    /// Where it was not free.
    pub(super) fn insert(&mut self, pfn: Pfn, folio: Folio) {
        let (chunk, index) = self.place(pfn).expect("a frame of the machine");
        if self.chunks.len() <= chunk {
            self.chunks.resize(chunk + 1, None);
        }
        let place =
            &mut self.chunks[chunk].get_or_insert_with(|| Box::new([Folio::FREE; CHUNK_FRAMES]))[index];
        assert!(place.references == 0, "{pfn:?} was free and in use at once");
        *place = folio;
        self.in_use += 1;
    }

    /// `pfn`, which was in use, is free from now on.
    pub(super) fn remove(&mut self, pfn: Pfn) {
        if let Some(folio) = self.get_mut(pfn) {
            *folio = Folio::FREE;
            self.in_use -= 1;
        }
    }

    /// Frames in use.
    pub(super) fn len(&self) -> u64 {
        self.in_use
    }

    /// Every frame in use, upwards.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Pfn, &Folio)> {
        let chunks = (self.first..).step_by(CHUNK_FRAMES).zip(&self.chunks);
        let folios =
            chunks.flat_map(|(first, chunk)| (first..).map(Pfn).zip(chunk.iter().flat_map(|c| c.iter())));
        folios.filter(|(_, folio)| folio.references > 0)
    }
}

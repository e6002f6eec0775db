//! Shared mappings: the frames that several processes see through one mmap(MAP_SHARED).
//!
//! Owns the frame of every page touched so far, from the first touch until the last area that maps the object is
//! gone. An object is what one mmap call made and fork inherited; two mappings of one file are two objects, because
//! a trace does not say that two descriptors name one file.

use crate::{FrameUse, OutOfMemory, Pfn, PhysicalMemory, Vma};
use std::collections::BTreeMap;

/// Number of a shared mapping, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedId(pub u64);

#[derive(Debug, Default)]
struct SharedObject {
    /// Pages of areas that map it, in all address spaces together.
    mapped_pages: u64,
    /// By page offset.
    frames: BTreeMap<u64, Pfn>,
}

/// All shared mappings that some area still maps.
#[derive(Debug, Default)]
pub(crate) struct SharedObjects {
    objects: BTreeMap<SharedId, SharedObject>,
    created: u64,
}

impl SharedObjects {
    /// An identifier for a new mapping. It exists once [`Self::retain`] gives it pages.
    pub(crate) fn create(&mut self) -> SharedId {
        self.created += 1;
        SharedId(self.created)
    }

    /// Counts an area that came to be. Areas that are not shared do not matter here.
    pub(crate) fn retain(&mut self, vma: &Vma) {
        if let crate::Backing::Shared { object, .. } = vma.attributes.backing {
            self.objects.entry(object).or_default().mapped_pages += vma.pages.pages();
        }
    }

    /// Counts an area that is gone, and returns the frames of the object with its last one.
    pub(crate) fn release(&mut self, memory: &mut PhysicalMemory, vma: &Vma) {
        let crate::Backing::Shared { object, .. } = vma.attributes.backing else { return };
        let shared = self.objects.get_mut(&object).expect("an area maps an object that exists");
        shared.mapped_pages -= vma.pages.pages();
        if shared.mapped_pages == 0 {
            let gone = self.objects.remove(&object).unwrap_or_default();
            gone.frames.into_values().for_each(|frame| {
                memory.put(frame);
            });
        }
    }

    /// The frame of page `offset` of `object`, taken from memory at the first touch. The caller adds its own
    /// reference.
    pub(crate) fn frame(
        &mut self,
        memory: &mut PhysicalMemory,
        object: SharedId,
        offset: u64,
    ) -> Result<Pfn, OutOfMemory> {
        let shared = self.objects.get_mut(&object).expect("an area maps an object that exists");
        if let Some(&frame) = shared.frames.get(&offset) {
            return Ok(frame);
        }
        let frame = memory.allocate(FrameUse::Shared)?;
        shared.frames.insert(offset, frame);
        Ok(frame)
    }
}

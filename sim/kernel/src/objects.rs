//! What mappings show: files, tmpfs files, System V segments, shared anonymous memory. Linux's `address_space`.
//!
//! Owns the frame of every page touched so far, from the first touch until the last area that maps the object is gone
//! (of a segment, until it is removed as well), and the object's size. Owns no contents, and no cache that outlives
//! the mappings.

use crate::{FrameUse, OutOfMemory, Pfn, PhysicalMemory, Vma};
use pagewalk_arch::FRAME_BYTES;
use pagewalk_trace::{FileFact, FileId, FileKind};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Objects from this number on are shared anonymous memory; a trace's own numbers lie below.
const ANONYMOUS_FIRST: u64 = 1 << 63;

#[derive(Clone, Debug, Default)]
struct Object {
    /// Pages of areas that map it, in all address spaces together.
    mapped_pages: u64,
    /// By page offset.
    frames: BTreeMap<u64, Pfn>,
    /// A page at or beyond this offset is SIGBUS; `None` where the size is not known.
    pages: Option<u64>,
    kind: FileKind,
    /// `/proc/PID/maps` shows it so.
    name: Option<Arc<str>>,
    /// It keeps its frames without any mapping.
    persists: bool,
}

/// All objects that some area maps, that persist, or of which something is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    objects: HashMap<FileId, Object>,
    anonymous_created: u64,
}

impl Objects {
    /// New shared anonymous memory of `pages` pages.
    pub(crate) fn create_anonymous(&mut self, pages: u64) -> FileId {
        let file = FileId(ANONYMOUS_FIRST + self.anonymous_created);
        self.anonymous_created += 1;
        let object = Object { pages: Some(pages), kind: FileKind::Memory, ..Object::default() };
        self.objects.insert(file, object);
        file
    }

    /// Takes note of `fact`. Gives the page offsets that lie beyond the object's end now and did not before.
    pub(crate) fn learn(&mut self, fact: &FileFact) -> Option<Range<u64>> {
        let object = self.objects.entry(fact.file).or_default();
        let before =
            std::mem::replace(&mut object.pages, fact.bytes.map(|bytes| bytes.div_ceil(FRAME_BYTES)));
        object.kind = fact.kind;
        object.persists |= fact.kind == FileKind::Segment;
        object.name = Some(Arc::clone(&fact.name));
        let (now, before) = (object.pages?, before.unwrap_or(u64::MAX));
        (now < before).then_some(now..before)
    }

    /// A segment goes with its last mapping from now on.
    pub(crate) fn remove_segment(&mut self, memory: &mut PhysicalMemory, file: FileId) {
        if let Some(object) = self.objects.get_mut(&file) {
            object.persists = false;
            if object.mapped_pages == 0 {
                self.free(memory, file);
            }
        }
    }

    /// Counts an area that came to be.
    pub(crate) fn retain(&mut self, vma: &Vma) {
        if let Some(file) = vma.attributes.backing.file() {
            self.objects.entry(file).or_default().mapped_pages += vma.pages.pages();
        }
    }

    /// Counts an area that is gone, and returns the frames of the object with its last one.
    pub(crate) fn release(&mut self, memory: &mut PhysicalMemory, vma: &Vma) {
        let Some(file) = vma.attributes.backing.file() else { return };
        let object = self.objects.get_mut(&file).expect("an area maps an object that exists");
        object.mapped_pages -= vma.pages.pages();
        if object.mapped_pages == 0 && !object.persists {
            self.free(memory, file);
        }
    }

    /// Returns an object's frames. What is known of a file stays: it may be mapped again.
    fn free(&mut self, memory: &mut PhysicalMemory, file: FileId) {
        let Some(object) = self.objects.get_mut(&file) else { return };
        for frame in std::mem::take(&mut object.frames).into_values() {
            memory.put(frame);
        }
        if file.0 >= ANONYMOUS_FIRST || object.name.is_none() {
            self.objects.remove(&file);
        }
    }

    /// Returns the frames of every object that persists; nothing may be mapped any more.
    pub(crate) fn free_all(&mut self, memory: &mut PhysicalMemory) {
        for (_, object) in self.objects.drain() {
            for frame in object.frames.into_values() {
                memory.put(frame);
            }
        }
    }

    /// Returns the frames of the page offsets `offsets`. The caller has unmapped them.
    pub(crate) fn punch(&mut self, memory: &mut PhysicalMemory, file: FileId, offsets: Range<u64>) {
        let Some(object) = self.objects.get_mut(&file) else { return };
        let gone: Vec<u64> = object.frames.range(offsets).map(|(&offset, _)| offset).collect();
        for offset in gone {
            if let Some(frame) = object.frames.remove(&offset) {
                memory.put(frame);
            }
        }
    }

    /// Whether a page at `offset` is beyond the object's end.
    pub(crate) fn is_beyond_end(&self, file: FileId, offset: u64) -> bool {
        self.objects.get(&file).and_then(|object| object.pages).is_some_and(|pages| offset >= pages)
    }

    /// Whether it is there: mapped, or known.
    pub(crate) fn exists(&self, file: FileId) -> bool {
        self.objects.contains_key(&file)
    }

    /// What kind of object it is.
    pub(crate) fn kind(&self, file: FileId) -> FileKind {
        self.objects.get(&file).map_or(FileKind::Regular, |object| object.kind)
    }

    /// Its name, as `/proc/PID/maps` shows it.
    pub(crate) fn name(&self, file: FileId) -> String {
        match self.objects.get(&file).and_then(|object| object.name.as_ref()) {
            Some(name) => name.to_string(),
            None if file.0 >= ANONYMOUS_FIRST => "/dev/zero (deleted)".into(),
            None => format!("file:{}", file.0),
        }
    }

    /// The frame of page `offset`, taken from memory at the first touch. The caller adds its own reference.
    pub(crate) fn frame(
        &mut self,
        memory: &mut PhysicalMemory,
        file: FileId,
        offset: u64,
    ) -> Result<Pfn, OutOfMemory> {
        let object = self.objects.get_mut(&file).expect("an area maps an object that exists");
        if let Some(&frame) = object.frames.get(&offset) {
            return Ok(frame);
        }
        let frame = memory.allocate(FrameUse::File)?;
        object.frames.insert(offset, frame);
        Ok(frame)
    }

    /// Pages of areas that map each object, as counted.
    pub(crate) fn mapped_pages(&self) -> impl Iterator<Item = (FileId, u64)> {
        self.objects.iter().map(|(&file, object)| (file, object.mapped_pages))
    }
    /// The frames of all objects.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Pfn> {
        self.objects.values().flat_map(|object| object.frames.values().copied())
    }
}

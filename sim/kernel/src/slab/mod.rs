//! The slab allocator: objects of one size from blocks of frames, as Linux 6.1's SLUB does it.
//!
//! Owns every cache, every slab and every object that is handed out, by handle. Does not own what an object is: the model
//! keeps its areas, address spaces and dentries elsewhere, and here what they cost. The first cache is the one that caches
//! are objects of, and its first object is itself.

mod baseline;
mod cache;
mod geometry;
mod held;
mod objects;
#[cfg(test)]
mod tests;

pub use baseline::{BaselineError, CacheSpec, parse_baseline};
pub use cache::CacheInfo;
pub use geometry::Geometry;
pub use held::{HeldObjects, ObjectKind};
pub(crate) use objects::KernelObjects;

use crate::{FrameRequest, FrameUse, MigrateType, OutOfMemory, Pfn, PhysicalMemory};
use cache::KmemCache;
use std::collections::BTreeMap;

/// A cache, by its number in the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheId(u16);

impl CacheId {
    /// `kmem_cache`, whose objects caches are.
    pub const CACHES: Self = Self(0);
    /// `kmem_cache_node`, of which each cache has one for each node.
    pub const NODES: Self = Self(1);
}

/// An object that is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlabObject {
    cache: CacheId,
    slab: u32,
    index: u16,
}

impl SlabObject {
    /// The cache that it is from.
    pub const fn cache(self) -> CacheId {
        self.cache
    }
}

/// Where slabs come from and go to.
pub trait SlabFrames {
    /// Takes 2^`order` frames; their first.
    ///
    /// # Errors
    /// There is no such block.
    fn take(&mut self, order: usize, is_reclaimable: bool) -> Result<Pfn, OutOfMemory>;
    /// Returns them.
    fn give(&mut self, first: Pfn, order: usize);
    /// Number of nodes.
    fn node_count(&self) -> usize {
        1
    }
}

impl SlabFrames for PhysicalMemory {
    fn take(&mut self, order: usize, is_reclaimable: bool) -> Result<Pfn, OutOfMemory> {
        let kind = if is_reclaimable { MigrateType::Reclaimable } else { MigrateType::Unmovable };
        let request = FrameRequest { order, kind, ..FrameRequest::of(FrameUse::Slab) };
        self.allocate_block(&request, FrameUse::Slab)
    }
    fn give(&mut self, first: Pfn, order: usize) {
        self.free_block(first, order);
    }
    fn node_count(&self) -> usize {
        self.nodes()
    }
}

/// All caches of a machine.
#[derive(Clone, Debug)]
pub struct Slab {
    caches: Vec<KmemCache>,
    by_name: BTreeMap<String, CacheId>,
    cpus: usize,
    /// The objects that the caches themselves are.
    own: Vec<SlabObject>,
    /// What was held before the first program ran.
    baseline: Vec<SlabObject>,
    /// Frames of what is larger than any class: no slab, but counted with slabs.
    large: Vec<Pfn>,
}

/// Stands for them in a table of caches.
const LARGE: &str = "kmalloc-large";

impl Slab {
    /// An allocator for `cpus` CPUs with the two caches that all others are made of.
    ///
    /// # Errors
    /// There are no frames for them.
    pub fn new(cpus: usize, frames: &mut dyn SlabFrames) -> Result<Self, OutOfMemory> {
        let mut slab = Self {
            caches: Vec::new(),
            by_name: BTreeMap::new(),
            cpus: cpus.max(1),
            own: Vec::new(),
            baseline: Vec::new(),
            large: Vec::new(),
        };
        // Neither can be an object of the other before both are there.
        slab.enter(&CacheSpec::new("kmem_cache", 256));
        slab.enter(&CacheSpec::new("kmem_cache_node", 64));
        for _ in 0..2 {
            slab.house(frames)?;
        }
        Ok(slab)
    }

    fn enter(&mut self, spec: &CacheSpec) -> CacheId {
        let id = CacheId(self.caches.len() as u16);
        self.caches.push(KmemCache::new(spec, self.cpus));
        self.by_name.insert(spec.name.clone(), id);
        id
    }

    /// Takes the objects that a cache itself is.
    fn house(&mut self, frames: &mut dyn SlabFrames) -> Result<(), OutOfMemory> {
        let cache = self.alloc(0, CacheId::CACHES, frames)?;
        self.own.push(cache);
        for _ in 0..frames.node_count() {
            let node = self.alloc(0, CacheId::NODES, frames)?;
            self.own.push(node);
        }
        Ok(())
    }

    /// Makes a cache, or finds the one of that name.
    ///
    /// # Errors
    /// There are no frames for what it is itself.
    pub fn create(&mut self, spec: &CacheSpec, frames: &mut dyn SlabFrames) -> Result<CacheId, OutOfMemory> {
        if let Some(id) = self.cache(&spec.name) {
            return Ok(id);
        }
        self.house(frames)?;
        Ok(self.enter(spec))
    }

    /// Makes every cache of `specs` and takes the objects that a kernel holds before programs run.
    ///
    /// # Errors
    /// There are no frames for them.
    pub fn boot(&mut self, specs: &[CacheSpec], frames: &mut dyn SlabFrames) -> Result<(), OutOfMemory> {
        for spec in specs {
            if spec.name == LARGE {
                for _ in 0..spec.held {
                    self.large.push(frames.take(0, false)?);
                }
                continue;
            }
            let id = self.create(spec, frames)?;
            for _ in 0..spec.held {
                let object = self.alloc(0, id, frames)?;
                self.baseline.push(object);
            }
        }
        Ok(())
    }

    /// The cache of that name.
    pub fn cache(&self, name: &str) -> Option<CacheId> {
        self.by_name.get(name).copied()
    }

    /// The cache for `bytes` that are of no type, `kmalloc-…`; `None`: more than two pages, which come from the frames
    /// directly.
    pub fn kmalloc(&self, bytes: u64) -> Option<CacheId> {
        let size = geometry::kmalloc_size(bytes)?;
        let name = if size < 1024 { format!("kmalloc-{size}") } else { format!("kmalloc-{}k", size / 1024) };
        self.cache(&name)
    }

    /// Takes an object on `cpu`.
    ///
    /// # Errors
    /// A new slab is needed, and there are no frames for it.
    pub fn alloc(
        &mut self,
        cpu: usize,
        cache: CacheId,
        frames: &mut dyn SlabFrames,
    ) -> Result<SlabObject, OutOfMemory> {
        let (slab, index) = self.caches[usize::from(cache.0)].alloc(cpu, frames)?;
        Ok(SlabObject { cache, slab, index })
    }

    /// Returns an object on `cpu`.
    ///
    /// # Panics
    /// Where it is free already.
    pub fn free(&mut self, cpu: usize, object: SlabObject, frames: &mut dyn SlabFrames) {
        self.caches[usize::from(object.cache.0)].free(cpu, object.slab, object.index, frames);
    }

    /// Returns the empty slabs of a cache, those of CPUs' own lists included: Linux's `kmem_cache_shrink`.
    pub fn shrink(&mut self, cache: CacheId, frames: &mut dyn SlabFrames) {
        self.caches[usize::from(cache.0)].shrink(frames);
    }

    /// Returns everything, whoever holds it: the machine is switched off.
    pub fn free_all(&mut self, frames: &mut dyn SlabFrames) {
        self.caches.drain(..).for_each(|cache| cache.destroy(frames));
        self.large.drain(..).for_each(|frame| frames.give(frame, 0));
        self.by_name.clear();
        self.own.clear();
        self.baseline.clear();
    }

    /// The rows of `/proc/slabinfo`, the newest cache first.
    pub fn info(&self) -> impl Iterator<Item = CacheInfo<'_>> {
        self.caches.iter().rev().map(KmemCache::info)
    }
    /// The row of one cache.
    pub fn info_of(&self, cache: CacheId) -> CacheInfo<'_> {
        self.caches[usize::from(cache.0)].info()
    }
    /// Frames of slabs whose objects can be had back by asking (`nr_slab_reclaimable`), and of all others.
    pub fn frames(&self) -> (u64, u64) {
        let of = |reclaimable: bool| {
            self.caches
                .iter()
                .filter(|cache| cache.is_reclaimable() == reclaimable)
                .map(KmemCache::frames)
                .sum()
        };
        (of(true), of(false) + self.large.len() as u64)
    }

    /// Whether every slab is where it must be and counted as it is.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        self.caches.iter().try_for_each(KmemCache::check)
    }
}

//! One cache: its slabs, the one that each CPU takes objects from, and the lists of those that are partly in use.
//!
//! Owns which objects are handed out, and when slabs come and go. As in SLUB, a CPU has one slab that it allocates from
//! and a few partly used ones beside it, none of which anybody else touches; a node has a list of partly used ones; full
//! slabs are on no list. `/proc/slabinfo` takes all objects of CPUs' slabs for used.

use super::SlabFrames;
use super::baseline::CacheSpec;
use super::geometry::Geometry;
use crate::{OutOfMemory, Pfn};
use std::collections::VecDeque;

/// Where a slab is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    /// A CPU allocates from it.
    Cpu(usize),
    /// A CPU will when its own is used up.
    CpuPartial(usize),
    /// On the node's list.
    Node,
    /// On no list: nothing of it is free.
    Full,
    /// Given back.
    Gone,
}

#[derive(Clone, Debug)]
struct SlabPage {
    first: Pfn,
    /// The free objects; the next to go is last.
    free: Vec<u16>,
    home: Home,
}

/// The slabs of a CPU.
#[derive(Clone, Debug, Default)]
struct CpuSlabs {
    current: Option<u32>,
    /// The next to be used is last.
    partial: Vec<u32>,
}

/// A row of `/proc/slabinfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheInfo<'a> {
    /// Name of the cache.
    pub name: &'a str,
    /// Objects in use, as Linux counts them: all but the free ones of slabs on nodes' lists.
    pub active_objects: u64,
    /// Objects that there is room for.
    pub objects: u64,
    /// Objects that are handed out.
    pub held: u64,
    /// How slabs are made.
    pub geometry: Geometry,
    /// Slabs.
    pub slabs: u64,
}

#[derive(Clone, Debug)]
pub(super) struct KmemCache {
    name: String,
    geometry: Geometry,
    is_reclaimable: bool,
    slabs: Vec<SlabPage>,
    /// Places in `slabs` that are gone.
    gone: Vec<u32>,
    cpus: Vec<CpuSlabs>,
    /// The node's list, the next to be used in front.
    partial: VecDeque<u32>,
    held: u64,
}

impl KmemCache {
    pub(super) fn new(spec: &CacheSpec, cpus: usize) -> Self {
        Self {
            name: spec.name.clone(),
            geometry: Geometry::of(spec.object_bytes, cpus),
            is_reclaimable: spec.is_reclaimable,
            slabs: Vec::new(),
            gone: Vec::new(),
            cpus: vec![CpuSlabs::default(); cpus],
            partial: VecDeque::new(),
            held: 0,
        }
    }

    pub(super) fn is_reclaimable(&self) -> bool {
        self.is_reclaimable
    }

    fn page(&mut self, slab: u32) -> &mut SlabPage {
        &mut self.slabs[slab as usize]
    }

    /// Takes an object: from the CPU's slab, else from one beside it, else from the node's list, else from a new one.
    pub(super) fn alloc(
        &mut self,
        cpu: usize,
        frames: &mut dyn SlabFrames,
    ) -> Result<(u32, u16), OutOfMemory> {
        let cpu = cpu % self.cpus.len();
        loop {
            if let Some(slab) = self.cpus[cpu].current {
                if let Some(index) = self.page(slab).free.pop() {
                    self.held += 1;
                    return Ok((slab, index));
                }
                self.page(slab).home = Home::Full;
                self.cpus[cpu].current = None;
            }
            let next = match self.cpus[cpu].partial.pop() {
                Some(slab) => slab,
                None => match self.take_partial(cpu) {
                    Some(slab) => slab,
                    None => self.grow(frames)?,
                },
            };
            self.page(next).home = Home::Cpu(cpu);
            self.cpus[cpu].current = Some(next);
        }
    }

    /// Takes slabs off the node's list: one to be used, and as many beside it as half of what a CPU keeps.
    fn take_partial(&mut self, cpu: usize) -> Option<u32> {
        let first = self.partial.pop_front()?;
        for _ in 0..=self.geometry.cpu_partial_slabs() / 2 {
            let Some(slab) = self.partial.pop_front() else { break };
            self.page(slab).home = Home::CpuPartial(cpu);
            self.cpus[cpu].partial.push(slab);
        }
        Some(first)
    }

    fn grow(&mut self, frames: &mut dyn SlabFrames) -> Result<u32, OutOfMemory> {
        let first = frames.take(self.geometry.order, self.is_reclaimable)?;
        let free = (0..self.geometry.objects).rev().collect();
        let page = SlabPage { first, free, home: Home::Node };
        match self.gone.pop() {
            Some(slab) => {
                *self.page(slab) = page;
                Ok(slab)
            }
            None => {
                self.slabs.push(page);
                Ok(self.slabs.len() as u32 - 1)
            }
        }
    }

    /// Returns an object. A slab that was full goes beside the CPU's; one of the node's list that becomes empty is given
    /// back where the node has enough.
    pub(super) fn free(&mut self, cpu: usize, slab: u32, index: u16, frames: &mut dyn SlabFrames) {
        let cpu = cpu % self.cpus.len();
        let objects = usize::from(self.geometry.objects);
        let page = self.page(slab);
        assert!(page.home != Home::Gone && !page.free.contains(&index), "an object is freed twice");
        page.free.push(index);
        let is_empty = page.free.len() == objects;
        let home = page.home;
        self.held -= 1;
        match home {
            Home::Full => self.put_beside(cpu, slab, frames),
            Home::Node if is_empty && self.partial.len() >= self.geometry.min_partial() => {
                self.partial.retain(|&other| other != slab);
                self.discard(slab, frames);
            }
            _ => {}
        }
    }

    /// Puts a slab beside the CPU's own; when that has enough beside it, all those go to the node first.
    fn put_beside(&mut self, cpu: usize, slab: u32, frames: &mut dyn SlabFrames) {
        if self.cpus[cpu].partial.len() >= self.geometry.cpu_partial_slabs() {
            self.release_partial(cpu, frames);
        }
        self.page(slab).home = Home::CpuPartial(cpu);
        self.cpus[cpu].partial.push(slab);
    }

    /// Gives the slabs beside a CPU's own to the node, which keeps only so many empty ones.
    fn release_partial(&mut self, cpu: usize, frames: &mut dyn SlabFrames) {
        let objects = usize::from(self.geometry.objects);
        for slab in std::mem::take(&mut self.cpus[cpu].partial).into_iter().rev() {
            if self.page(slab).free.len() == objects && self.partial.len() >= self.geometry.min_partial() {
                self.discard(slab, frames);
            } else {
                self.page(slab).home = Home::Node;
                self.partial.push_back(slab);
            }
        }
    }

    fn discard(&mut self, slab: u32, frames: &mut dyn SlabFrames) {
        let order = self.geometry.order;
        let page = self.page(slab);
        page.home = Home::Gone;
        page.free = Vec::new();
        frames.give(page.first, order);
        self.gone.push(slab);
    }

    /// Gives every empty slab back.
    pub(super) fn shrink(&mut self, frames: &mut dyn SlabFrames) {
        for cpu in 0..self.cpus.len() {
            self.release_partial(cpu, frames);
            if let Some(slab) = self.cpus[cpu].current.take() {
                let has_free = !self.page(slab).free.is_empty();
                self.page(slab).home = if has_free { Home::Node } else { Home::Full };
                self.partial.extend(has_free.then_some(slab));
            }
        }
        let objects = usize::from(self.geometry.objects);
        let (empty, mut used): (Vec<u32>, Vec<u32>) = std::mem::take(&mut self.partial)
            .into_iter()
            .partition(|&s| self.slabs[s as usize].free.len() == objects);
        empty.into_iter().for_each(|slab| self.discard(slab, frames));
        // The fullest first, so that the others may become empty.
        used.sort_by_key(|&slab| self.slabs[slab as usize].free.len());
        self.partial = used.into();
    }

    /// Gives every slab back, whatever of it is handed out.
    pub(super) fn destroy(self, frames: &mut dyn SlabFrames) {
        for page in self.slabs.iter().filter(|page| page.home != Home::Gone) {
            frames.give(page.first, self.geometry.order);
        }
    }

    fn slab_count(&self) -> u64 {
        (self.slabs.len() - self.gone.len()) as u64
    }

    /// Frames of its slabs.
    pub(super) fn frames(&self) -> u64 {
        self.slab_count() << self.geometry.order
    }

    pub(super) fn info(&self) -> CacheInfo<'_> {
        let objects = self.slab_count() * u64::from(self.geometry.objects);
        let free: usize = self.partial.iter().map(|&slab| self.slabs[slab as usize].free.len()).sum();
        CacheInfo {
            name: &self.name,
            active_objects: objects - free as u64,
            objects,
            held: self.held,
            geometry: self.geometry,
            slabs: self.slab_count(),
        }
    }

    /// Whether every slab is on the one list that it must be on, and the count of objects is right.
    pub(super) fn check(&self) -> Result<(), String> {
        let objects = usize::from(self.geometry.objects);
        let mut held = 0;
        for (number, page) in (0..).zip(&self.slabs) {
            let free = page.free.len();
            let cpu_lists = self.cpus.iter().map(|cpu| {
                usize::from(cpu.current == Some(number))
                    + cpu.partial.iter().filter(|&&s| s == number).count()
            });
            let lists = cpu_lists.sum::<usize>()
                + self.partial.iter().filter(|&&s| s == number).count()
                + self.gone.iter().filter(|&&s| s == number).count();
            let is_right = match page.home {
                Home::Cpu(cpu) => lists == 1 && self.cpus[cpu].current == Some(number),
                Home::CpuPartial(cpu) => lists == 1 && free > 0 && self.cpus[cpu].partial.contains(&number),
                Home::Node => lists == 1 && free > 0 && self.partial.contains(&number),
                Home::Full => lists == 0 && free == 0,
                Home::Gone => lists == 1 && self.gone.contains(&number),
            };
            if !is_right {
                return Err(format!(
                    "{}: slab {number} with {free} free objects is at {:?}",
                    self.name, page.home
                ));
            }
            held += if page.home == Home::Gone { 0 } else { objects - free };
        }
        if held as u64 != self.held {
            return Err(format!("{}: {} objects are counted, {held} are held", self.name, self.held));
        }
        Ok(())
    }
}

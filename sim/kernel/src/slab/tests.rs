//! Slabs against sets of objects, and Linux's own sizes and counts.

use super::*;
use crate::PhysicalMemory;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Frames without end, or with one.
#[derive(Default)]
struct Frames {
    next: u64,
    taken: BTreeSet<(u64, usize)>,
    most: usize,
}

impl Frames {
    fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }
}

impl SlabFrames for Frames {
    fn take(&mut self, order: usize, _: bool) -> Result<Pfn, OutOfMemory> {
        if self.taken.len() == self.most {
            return Err(OutOfMemory);
        }
        let first = self.next.next_multiple_of(1 << order);
        self.next = first + (1 << order);
        self.taken.insert((first, order));
        Ok(Pfn(first))
    }
    fn give(&mut self, first: Pfn, order: usize) {
        assert!(self.taken.remove(&(first.0, order)), "{first:?} was not taken");
    }
}

fn row(slab: &Slab, name: &str) -> [u64; 5] {
    let info = slab.info_of(slab.cache(name).unwrap());
    let Geometry { object_bytes, objects, order } = info.geometry;
    [info.active_objects, info.objects, object_bytes, u64::from(objects), 1 << order]
}

#[test]
fn the_first_cache_is_its_own_first_object() {
    let mut frames = Frames::new(100);
    let mut slab = Slab::new(1, &mut frames).unwrap();
    assert_eq!((slab.own[0].cache(), slab.info_of(CacheId::CACHES).held), (CacheId::CACHES, 2));
    let id = slab.create(&CacheSpec::new("dentry", 192), &mut frames).unwrap();
    assert_eq!(slab.create(&CacheSpec::new("dentry", 192), &mut frames), Ok(id), "there is one of a name");
    assert_eq!(slab.info().map(|row| row.held).collect::<Vec<_>>(), [0, 3, 3]);
    assert_eq!(row(&slab, "kmem_cache"), [16, 16, 256, 16, 1]);
    slab.free_all(&mut frames);
    assert!(frames.taken.is_empty());
}

#[test]
fn a_booted_machine_holds_what_linux_holds() {
    let mut memory = PhysicalMemory::new(1..60_000, false);
    let mut slab = Slab::new(1, &mut memory).unwrap();
    slab.boot(&CacheSpec::linux_6_1(), &mut memory).unwrap();
    assert_eq!(slab.check(), Ok(()));
    // /proc/slabinfo of 6.1 with 256 MiB.
    let measured = [
        ("vm_area_struct", [26, 26, 152, 26, 1]),
        ("task_struct", [51, 51, 8384, 3, 8]),
        ("mm_struct", [14, 14, 1152, 14, 4]),
        ("anon_vma", [39, 39, 104, 39, 1]),
        ("dentry", [10_416, 10_416, 192, 21, 1]),
        ("inode_cache", [10_332, 10_332, 640, 12, 2]),
        ("ext4_inode_cache", [13, 13, 1192, 13, 4]),
        ("radix_tree_node", [238, 238, 584, 14, 2]),
        ("kmalloc-64", [1664, 1664, 64, 64, 1]),
        ("kmem_cache", [160, 160, 256, 16, 1]),
        ("kmem_cache_node", [192, 192, 64, 64, 1]),
    ];
    for (name, expected) in measured {
        assert_eq!(row(&slab, name), expected, "{name}");
    }
    let (reclaimable, other) = slab.frames();
    assert!(reclaimable.abs_diff(2266) < 20 && other.abs_diff(1510) < 20, "{reclaimable} and {other} frames");
    assert_eq!(memory.frames_in_use(), reclaimable + other);
}

#[test]
fn areas_that_go_leave_as_many_slabs_as_on_linux() {
    let mut frames = Frames::new(usize::MAX);
    let mut slab = Slab::new(1, &mut frames).unwrap();
    slab.boot(&CacheSpec::linux_6_1(), &mut frames).unwrap();
    let mut space = HeldObjects::default();
    let mut hold = |slab: &mut Slab, count: u64| {
        for kind in [ObjectKind::VmArea, ObjectKind::AnonVma] {
            space.reconcile(slab, &mut frames, 0, kind, count).unwrap();
        }
        row(slab, "vm_area_struct")
    };
    assert_eq!(hold(&mut slab, 10)[..2], [26, 26]);
    assert_eq!(hold(&mut slab, 2010)[..2], [2028, 2028], "measured: 2028 of 2028");
    assert_eq!(hold(&mut slab, 4009)[..2], [4030, 4030], "measured: 4030 of 4030");
    let [active, objects, ..] = hold(&mut slab, 10);
    assert!(
        objects.abs_diff(286) <= 3 * 26 && active.abs_diff(149) <= 2 * 26,
        "{active} of {objects}, measured: 149 of 286"
    );
    assert_eq!(slab.check(), Ok(()));
    let vm_area = slab.cache("vm_area_struct").unwrap();
    slab.shrink(vm_area, &mut frames);
    assert!(slab.info_of(vm_area).slabs <= 3);
}

#[test]
fn without_frames_there_are_no_objects() {
    let mut frames = Frames::new(3);
    let mut slab = Slab::new(1, &mut frames).unwrap();
    let id = slab.create(&CacheSpec::new("task_struct", 8384), &mut frames).unwrap();
    let objects: Vec<_> = (0..3).map(|_| slab.alloc(0, id, &mut frames).unwrap()).collect();
    assert_eq!(slab.alloc(0, id, &mut frames), Err(OutOfMemory));
    slab.free(0, objects[1], &mut frames);
    assert_eq!(slab.alloc(0, id, &mut frames), Ok(objects[1]));
    assert_eq!(slab.check(), Ok(()));
}

#[test]
#[should_panic(expected = "freed twice")]
fn an_object_is_freed_once() {
    let mut frames = Frames::new(10);
    let mut slab = Slab::new(1, &mut frames).unwrap();
    let object = slab.alloc(0, CacheId::NODES, &mut frames).unwrap();
    slab.free(0, object, &mut frames);
    slab.free(0, object, &mut frames);
}

proptest! {
    #[test]
    fn no_object_is_handed_out_twice_and_nothing_leaks(
        bytes in 8u64..9000,
        cpus in 1usize..4,
        steps in prop::collection::vec((0u8..20, 0usize..4, any::<prop::sample::Index>()), 1..600),
    ) {
        let mut frames = Frames::new(60);
        let mut slab = Slab::new(cpus, &mut frames).unwrap();
        let id = slab.create(&CacheSpec::new("objects", bytes), &mut frames).unwrap();
        let mut held: Vec<SlabObject> = Vec::new();
        for (what, cpu, which) in steps {
            match what {
                0..11 => if let Ok(object) = slab.alloc(cpu, id, &mut frames) {
                    prop_assert!(!held.contains(&object));
                    held.push(object);
                },
                11..19 if !held.is_empty() => slab.free(cpu, held.swap_remove(which.index(held.len())), &mut frames),
                19 => slab.shrink(id, &mut frames),
                _ => {}
            }
            let info = slab.info_of(id);
            prop_assert_eq!(info.held, held.len() as u64);
            prop_assert!(info.held <= info.active_objects && info.active_objects <= info.objects);
            prop_assert_eq!(slab.check(), Ok(()));
        }
        for object in held {
            slab.free(0, object, &mut frames);
        }
        slab.shrink(id, &mut frames);
        prop_assert_eq!(slab.info_of(id).slabs, 0);
    }
}

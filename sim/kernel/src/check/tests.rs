//! Every invariant, broken on purpose: each must be found out.

use super::*;
use crate::{FrameRequest, KernelConfig, Process, Vma, VmaPolicy};
use pagewalk_arch::{MmuConfig, PagingFormat, Uniprocessor};
use pagewalk_golden::Golden;
use pagewalk_trace::{CloneKind, Event, MapRequest, Protection, Syscall, SyscallOutcome};

const RW: Protection = Protection { read: true, write: true, execute: false };
const AT: Vpn = Vpn(0x1_0000);
const SHARED: Vpn = Vpn(0x2_0000);
const READ_ONLY: Vpn = Vpn(0x3_0000);

struct Damaged {
    kernel: Kernel,
    machine: Uniprocessor<Golden>,
}

impl Damaged {
    fn call(&mut self, call: Syscall) {
        let event = Event::Syscall { pid: 1, call, outcome: SyscallOutcome::Success, line: 1 };
        self.kernel.on_event(&mut self.machine, CpuId::BOOT, &event).expect("a legal call");
    }
    fn space(&mut self) -> &mut AddressSpace {
        self.kernel.spaces.values_mut().next().expect("a process")
    }
    fn mapped(&mut self, page: Vpn) -> crate::Mapped {
        let Self { kernel, machine } = self;
        let space = kernel.spaces.values().next().expect("a process");
        space.page_table().lookup(machine, page).expect("it is mapped")
    }
    /// Stores behind the kernel's back what the entry of `page` becomes by `change`.
    fn store(&mut self, page: Vpn, change: impl FnOnce(Pte) -> Pte) {
        let before = self.mapped(page);
        let layout = self.space().page_table().layout();
        self.machine.write_pte(before.slot, layout.encode(Entry::of(change(before.pte)), 0));
    }
    /// Stores what the entry of `page` holds into that of another page of the same table.
    fn copy(&mut self, page: Vpn, to: Vpn) {
        let before = self.mapped(page);
        let value = self.machine.read_pte(before.slot);
        let slot = before.slot.0.wrapping_add(to.0.wrapping_sub(page.0).wrapping_mul(8));
        self.machine.write_pte(pagewalk_arch::PhysAddr(slot), value);
    }
}

/// What is found of `damage` done to a machine in order: two processes that share what the first has written, a
/// shared mapping, one that may only be read.
fn found(damage: impl FnOnce(&mut Damaged)) -> Violation {
    let config = MmuConfig::of(PagingFormat::La48);
    let settings = KernelConfig { vma_policy: VmaPolicy::Strict, ..KernelConfig::default() };
    let kernel = Kernel::new(settings, &config).expect("the configuration works");
    let golden = Golden::bare(&config).expect("the format works");
    let mut it = Damaged { kernel, machine: Uniprocessor::new(golden, 1 << 40) };
    it.kernel.boot(&mut it.machine);
    for (at, shared, protection) in
        [(AT, false, RW), (SHARED, true, RW), (READ_ONLY, false, Protection { write: false, ..RW })]
    {
        let (at, populate) = (at.addr(), true);
        it.call(Syscall::Map(MapRequest {
            at,
            bytes: 0x4000,
            protection,
            shared,
            populate,
            ..MapRequest::default()
        }));
    }
    it.call(Syscall::Clone { child: 2, kind: CloneKind::Process });
    it.call(Syscall::Clone { child: 3, kind: CloneKind::Thread });
    it.call(Syscall::Advise { at: AT.up(3).addr(), bytes: 0x1000, advice: 4 });
    assert_eq!(it.kernel.check(&it.machine), Ok(()));
    damage(&mut it);
    it.kernel.check(&it.machine).expect_err("the damage is found")
}

#[test]
fn counts_of_frames() {
    let more = found(|it| {
        let frame = it.mapped(AT).pte.frame;
        let place = Place::of(it.mapped(AT).slot);
        it.kernel.system.memory.map(frame, place);
    });
    assert!(matches!(more, Violation::Mappings { counted: 3, found: 2, .. }), "{more}");
    let more = found(|it| {
        let frame = it.mapped(SHARED).pte.frame;
        it.kernel.system.memory.get(frame);
    });
    assert!(
        matches!(more, Violation::References { usage: FrameUse::File, counted: 3, found: 2, .. }),
        "{more}"
    );
    let leaked = found(|it| {
        let _ = it.kernel.system.memory.allocate(FrameUse::Anonymous);
    });
    assert!(matches!(leaked, Violation::References { counted: 1, found: 0, .. }), "{leaked}");
    let exclusive = found(|it| {
        let frame = it.mapped(AT).pte.frame;
        it.kernel.system.memory.set(frame, FolioFlags::EXCLUSIVE);
    });
    assert!(matches!(exclusive, Violation::NotExclusive { holders: 2, .. }), "{exclusive}");
    let lost = found(|it| {
        let frame = it.kernel.system.memory.allocate(FrameUse::Anonymous).unwrap();
        it.kernel.system.memory.lose(frame);
    });
    assert!(matches!(lost, Violation::FreeAndInUse { both: None, .. }), "{lost}");
}

#[test]
fn a_frame_that_outlives_everything() {
    let leaked = found(|it| {
        it.kernel.system.memory.allocate(FrameUse::Anonymous).unwrap();
        it.kernel.shutdown(&mut it.machine);
    });
    assert!(matches!(leaked, Violation::References { counted: 1, found: 0, .. }), "{leaked}");
}

#[test]
fn entries() {
    let elsewhere = found(|it| it.store(AT, |pte| Pte { frame: Pfn(0x10_0000 + 5000), ..pte }));
    assert!(matches!(elsewhere, Violation::Misused { usage: None, .. }), "{elsewhere}");
    let a_table = found(|it| {
        let root = Pfn::of(it.space().page_table().root());
        it.store(AT, |pte| Pte { frame: root, ..pte });
    });
    assert!(
        matches!(a_table, Violation::Misused { usage: Some(FrameUse::PageTable { .. }), .. }),
        "{a_table}"
    );
    let swapped = found(|it| {
        let other = it.mapped(AT.up(1)).pte.frame;
        it.store(AT, |pte| Pte { frame: other, ..pte });
    });
    assert!(matches!(swapped, Violation::Mappings { .. }), "{swapped}");
    let no_entry = found(|it| {
        let slot = it.mapped(AT).slot;
        it.machine.write_pte(slot, 4);
    });
    assert!(matches!(no_entry, Violation::NoEntry { level: 0, value: 4, .. }), "{no_entry}");
    let uncounted = found(|it| it.copy(AT, AT.up(3)));
    assert!(matches!(uncounted, Violation::TableEntries { .. }), "{uncounted}");
    let stray = found(|it| it.copy(AT, AT.up(4)));
    assert!(matches!(stray, Violation::OutsideAreas { .. }), "{stray}");
}

#[test]
fn what_calls_have_taken_away_or_guarded() {
    let guarded = found(|it| {
        it.call(Syscall::Advise { at: AT.up(2).addr(), bytes: 0x1000, advice: 102 });
        it.copy(AT, AT.up(2));
    });
    assert!(matches!(guarded, Violation::OutsideAreas { .. }), "{guarded}");
    let unmapped = found(|it| {
        let vma = *it.space().vmas().find(AT).unwrap();
        it.call(Syscall::Unmap { at: AT.addr(), bytes: 0x4000 });
        it.space().vmas.insert_copy(vma);
    });
    assert!(matches!(unmapped, Violation::MappedAndUnmapped { .. }), "{unmapped}");
}

#[test]
fn rights() {
    let rights = |page, change: fn(Protection) -> Protection| {
        found(|it| it.store(page, |pte| Pte { rights: change(pte.rights), ..pte }))
    };
    let writes = |rights| Protection { write: true, ..rights };
    let shared = rights(AT, writes);
    assert!(matches!(shared, Violation::GrantsTooMuch { .. }), "the child has it too: {shared}");
    let read_only = rights(READ_ONLY, writes);
    assert!(matches!(read_only, Violation::GrantsTooMuch { .. }), "{read_only}");
    let executes = rights(SHARED, |rights| Protection { execute: true, ..rights });
    assert!(matches!(executes, Violation::GrantsTooMuch { .. }), "{executes}");
}

#[test]
fn counters_of_spaces_and_objects() {
    let counter = |damage: fn(&mut Damaged)| match found(damage) {
        Violation::Counter { what, .. } => what,
        other => panic!("{other}"),
    };
    let anonymous = counter(|it| {
        let mm = it.space().id();
        it.kernel.system.mms.get_mut(mm).anon += 1;
    });
    assert_eq!(anonymous, "anonymous pages");
    let zero = counter(|it| {
        let mm = it.space().id();
        it.kernel.system.mms.get_mut(mm).zero += 1;
    });
    assert_eq!(zero, "pages of zeroes");
    let reserves = |it: &mut Damaged| {
        let _ = it.kernel.system.memory.reserve(1);
    };
    assert_eq!(counter(reserves), "frames reserved");
    let mapped = |it: &mut Damaged| {
        let vma = *it.space().vmas().find(SHARED).unwrap();
        it.kernel.system.cache.retain(&vma);
    };
    assert_eq!(counter(mapped), "mapped pages");
    let overlap = found(|it| {
        let vma = Vma { pages: PageRange::new(AT.up(1), AT.up(2)), ..*it.space().vmas().find(AT).unwrap() };
        it.space().vmas.insert_copy(vma);
    });
    assert!(matches!(overlap, Violation::Areas { .. }), "{overlap}");
}

#[test]
fn who_is_who() {
    let dangling = |damage: fn(&mut Damaged)| match found(damage) {
        Violation::Dangling(text) => text,
        other => panic!("{other}"),
    };
    let half_dead = |it: &mut Damaged| {
        it.kernel.processes.entry(2).and_modify(|process: &mut Process| process.threads = 0);
    };
    assert!(dangling(half_dead).contains("half dead"));
    assert!(
        dangling(|it| {
            let _ = it.kernel.processes.remove(&2);
        })
        .contains("no process")
    );
    assert!(
        dangling(|it| {
            let _ = it.kernel.thread_of.insert(9, 10);
        })
        .contains("does not live")
    );
    assert!(dangling(|it| it.kernel.system.cpus[0].loaded = None).contains("has not loaded"));
    let unreachable = found(|it| {
        let id = it.space().id();
        it.kernel.system.asids.release(id);
    });
    assert!(matches!(unreachable, Violation::Asids(_)), "{unreachable}");
    let ended = found(|it| {
        let _ = it.kernel.system.asids.switch_to(CpuId::BOOT, MmId(99), &[]);
    });
    assert!(matches!(ended, Violation::Asids(_)), "{ended}");
}

/// A page that is known to be mapped from one entry and is from another.
#[test]
fn reverse_mappings() {
    let astray = found(|it| {
        let (frame, slot) = (it.mapped(SHARED).pte.frame, it.mapped(SHARED).slot);
        let memory = &mut it.kernel.system.memory;
        memory.unmap(frame, Place::of(slot));
        memory.map(frame, Place::of(pagewalk_arch::PhysAddr(slot.0 + 0x100)));
    });
    assert!(
        matches!(&astray, Violation::ReverseMappings { known, found, .. } if known.len() == found.len()),
        "{astray}"
    );
}

/// What `found` is to name where a counter does not fit.
fn counted(damage: fn(&mut Damaged)) -> &'static str {
    match found(damage) {
        Violation::Counter { what, .. } => what,
        other => panic!("{other}"),
    }
}

#[test]
fn lists_of_the_lru() {
    let unlisted = |it: &mut Damaged| {
        let frame = it.mapped(SHARED).pte.frame;
        it.kernel.system.memory.relabel(frame, FolioFlags::LRU);
    };
    assert_eq!(counted(unlisted), "pages by their flags");
    let on_another = |it: &mut Damaged| {
        let frame = it.mapped(SHARED).pte.frame;
        it.kernel.system.memory.relabel(frame, FolioFlags::ACTIVE);
    };
    assert_eq!(counted(on_another), "pages by their flags");
}

#[test]
fn the_lowest_table_that_is_remembered() {
    let cut_off = found(|it| {
        let table = it.space().page_table();
        let slot = table.layout().slot(Pfn::of(table.root()), AT, 3);
        it.machine.write_pte(slot, 0);
    });
    assert!(matches!(&cut_off, Violation::Dangling(text) if text.contains("no walk comes to")), "{cut_off}");
}

#[test]
fn slots_of_swap() {
    let nobodys = found(|it| {
        it.kernel.swap_on(64, None).unwrap();
        it.kernel.system.swap.allocate().unwrap();
    });
    assert!(matches!(&nobodys, Violation::Dangling(text) if text.contains("in use by nobody")), "{nobodys}");
    let named_too_often = |it: &mut Damaged| {
        it.kernel.swap_on(64, None).unwrap();
        let slot = it.kernel.system.swap.allocate().unwrap();
        it.kernel.system.swap.duplicate(slot);
    };
    assert_eq!(counted(named_too_often), "entries in swap");
    let another_s = found(|it| {
        it.kernel.swap_on(64, None).unwrap();
        let frame = it.mapped(AT).pte.frame;
        let slot = it.kernel.system.swap.allocate().unwrap();
        it.kernel.system.swap.cache(slot, frame);
    });
    assert!(matches!(&another_s, Violation::Dangling(text) if text.contains("is cached for")), "{another_s}");
}

#[test]
fn the_page_cache() {
    assert_eq!(counted(|it| it.kernel.system.cache.counts.pages += 1), "pages");
    assert_eq!(counted(|it| it.kernel.system.cache.counts.shmem += 1), "pages of shared memory");
    assert_eq!(counted(|it| it.kernel.system.cache.counts.dirty += 1), "dirty pages");
    assert_eq!(counted(|it| it.kernel.system.cache.counts.writeback += 1), "pages in writeback");
    let lost = found(|it| {
        let frame = it.mapped(SHARED).pte.frame;
        it.kernel.system.cache.evict(&mut it.kernel.system.memory, frame, None);
    });
    assert!(matches!(&lost, Violation::Dangling(text) if text.contains("does not have it")), "{lost}");
}

#[test]
fn free_lists() {
    let text = |damage: fn(&mut Damaged)| match found(damage) {
        Violation::Buddy(text) => text,
        other => panic!("{other}"),
    };
    // What a process has is listed as free a second time, and counted as such or not.
    let uncounted = text(|it| {
        let frame = it.mapped(SHARED).pte.frame;
        it.kernel.system.memory.buddy_of(frame).list_damaged(frame.0, 0, 0);
    });
    assert!(uncounted.contains("are counted as free"), "{uncounted}");
    let both = found(|it| {
        let frame = it.mapped(SHARED).pte.frame;
        it.kernel.system.memory.buddy_of(frame).list_damaged(frame.0, 0, 1);
    });
    assert!(matches!(both, Violation::FreeAndInUse { both: Some(_), .. }), "{both}");
    let apart = text(|it| {
        let memory = &mut it.kernel.system.memory;
        let pair = FrameRequest { order: 1, ..FrameRequest::of(FrameUse::Kernel) };
        let first = memory.allocate_block(&pair, FrameUse::Kernel).unwrap();
        for frame in [first, Pfn(first.0 + 1)] {
            memory.lose(frame);
            memory.buddy_of(frame).list_damaged(frame.0, 0, 1);
        }
    });
    assert!(apart.contains("should be one"), "{apart}");
    let twice = text(|it| {
        let memory = &mut it.kernel.system.memory;
        let block = FrameRequest { order: 3, ..FrameRequest::of(FrameUse::Kernel) };
        let first = memory.allocate_block(&block, FrameUse::Kernel).unwrap();
        memory.free_block(first, 3);
        let (block, order, _) = memory.buddy_of(first).block_at(first.0).unwrap();
        assert!(order > 2);
        memory.buddy_of(first).list_damaged(block, 2, 0);
    });
    assert!(twice.contains("overlap"), "{twice}");
}

#[test]
fn a_page_that_was_isolated_and_forgotten() {
    for page in [AT, SHARED, READ_ONLY] {
        let forgotten = found(|it| {
            let frame = it.mapped(page).pte.frame;
            if it.kernel.memory().usage(frame) == Some(FrameUse::ZeroPage) {
                // Nobody lists that one.
                it.kernel.system.memory.get(frame);
            } else {
                it.kernel.system.memory.lru_remove(frame);
            }
        });
        let is_listed = matches!(forgotten, Violation::References { usage: FrameUse::ZeroPage, .. });
        assert!(is_listed || matches!(forgotten, Violation::OnNoList { .. }), "{forgotten}");
    }
    let held = found(|it| {
        let frame = it.mapped(AT).pte.frame;
        it.kernel.system.memory.lru_remove(frame);
        it.kernel.system.memory.get(frame);
    });
    assert!(matches!(held, Violation::References { .. }), "reclaim has its reference still: {held}");
}

#[test]
fn counters_of_reverse_mappings_and_swap() {
    assert_eq!(counted(|it| it.kernel.system.memory.mapped_damaged(true)), "anonymous pages mapped");
    assert_eq!(counted(|it| it.kernel.system.memory.mapped_damaged(false)), "pages of files mapped");
    let of_space = |change: fn(&mut MmCounters)| match found(|it| {
        let mm = it.space().id();
        change(it.kernel.system.mms.get_mut(mm));
    }) {
        Violation::Counter { what, .. } => what,
        other => panic!("{other}"),
    };
    assert_eq!(of_space(|counters| counters.file += 1), "pages of files");
    assert_eq!(of_space(|counters| counters.shmem += 1), "pages of shared memory");
    assert_eq!(of_space(|counters| counters.swap += 1), "pages in swap");
    let free_slot = found(|it| {
        it.kernel.swap_on(64, None).unwrap();
        let slot = it.mapped(AT).slot;
        let layout = it.space().page_table().layout();
        let swapped = Entry::Swapped(crate::Swapped { slot: SwapSlot::new(0, 9), exclusive: false });
        let frame = it.mapped(AT).pte.frame;
        it.kernel.system.memory.unmap(frame, Place::of(slot));
        it.kernel.system.memory.put(frame);
        let mm = it.space().id();
        let counters = it.kernel.system.mms.get_mut(mm);
        (counters.anon, counters.swap) = (counters.anon - 1, counters.swap + 1);
        it.machine.write_pte(slot, layout.encode(swapped, 0));
    });
    assert!(matches!(&free_slot, Violation::Dangling(text) if text.contains("which is free")), "{free_slot}");
}

#[test]
fn pages_of_the_cache_and_stacks() {
    let not_a_file = found(|it| {
        let (file, other) = (it.mapped(SHARED).pte.frame, it.mapped(AT).pte.frame);
        let Damaged { kernel, .. } = it;
        kernel.system.cache.replace(&kernel.system.memory, file, other);
    });
    assert!(matches!(not_a_file, Violation::Misused { wanted: "a page of a file", .. }), "{not_a_file}");
    let lost_stack = found(|it| {
        let memory = &mut it.kernel.system.memory;
        let mut taken: Vec<_> = (0..12).map(|_| (memory.allocate(FrameUse::Kernel).unwrap(), 0)).collect();
        let boot = crate::PcBoot { stacks: 0, ..crate::PcBoot::default() };
        let stacks = crate::process::stacks::Stacks::boot(&crate::PcMachine::default(), &boot, &mut taken);
        it.kernel.system.stacks = Some(stacks);
        assert_eq!(it.kernel.check(&it.machine), Ok(()));
        let stacks = it.kernel.system.stacks.as_ref().unwrap();
        let frame = stacks.cached_frames().next().unwrap();
        it.kernel.system.memory.put(frame);
    });
    assert!(matches!(lost_stack, Violation::Misused { wanted: "a stack of the kernel", .. }), "{lost_stack}");
    let too_many = counted(|it| {
        it.kernel.system.stacks = Some(crate::process::stacks::Stacks::default());
        it.kernel.sync_stacks_of(1);
        it.kernel.processes.entry(1).and_modify(|process| process.threads -= 1);
    });
    assert_eq!(too_many, "stacks");
}

//! One worker: `status`, `smaps_rollup`, `smaps`, and the number of its areas.

use super::nonzero;
use crate::workload::World;
use crate::workload::result::{LivingReport, Values};
use crate::workload::worker::Worker;
use pagewalk_arch::{FRAME_BYTES, FRAME_SHIFT};
use pagewalk_kernel::{AddressSpace, FolioFlags, Found, FrameUse, Mapped, VmFlags, Vma};
use serde_json::Value;
use std::collections::BTreeMap;

/// Areas beyond which `smaps` is not shown.
const AREAS_MAX: usize = 48;
/// Bits behind the point of a proportional share: `PSS_SHIFT`.
const PSS_SHIFT: u32 = 12;

/// What `smaps` sums up of an area.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    rss: u64,
    pss: u64,
    shared_clean: u64,
    shared_dirty: u64,
    private_clean: u64,
    private_dirty: u64,
    referenced: u64,
    anonymous: u64,
    lazy_free: u64,
    locked: u64,
    swap: u64,
}

impl Share {
    fn add(&mut self, world: &World<'_>, vma: &Vma, mapped: &Mapped) {
        let memory = world.kernel.memory();
        let frame = mapped.pte.frame;
        if memory.usage(frame) == Some(FrameUse::ZeroPage) {
            return;
        }
        let mappings = u64::from(memory.mappings(frame)).max(1);
        let is_dirty = mapped.pte.dirty || memory.has(frame, FolioFlags::DIRTY);
        self.rss += FRAME_BYTES;
        let share = (FRAME_BYTES << PSS_SHIFT) / mappings;
        self.pss += share;
        *match (mappings > 1, is_dirty) {
            (true, false) => &mut self.shared_clean,
            (true, true) => &mut self.shared_dirty,
            (false, false) => &mut self.private_clean,
            (false, true) => &mut self.private_dirty,
        } += FRAME_BYTES;
        if mapped.pte.accessed || memory.has(frame, FolioFlags::REFERENCED) {
            self.referenced += FRAME_BYTES;
        }
        if memory.is_anonymous(frame) {
            self.anonymous += FRAME_BYTES;
            if !is_dirty && !memory.has(frame, FolioFlags::SWAPBACKED) {
                self.lazy_free += FRAME_BYTES;
            }
        }
        if vma.has(VmFlags::LOCKED) {
            self.locked += share;
        }
    }

    fn sum(&mut self, other: &Share) {
        self.rss += other.rss;
        self.pss += other.pss;
        self.shared_clean += other.shared_clean;
        self.shared_dirty += other.shared_dirty;
        self.private_clean += other.private_clean;
        self.private_dirty += other.private_dirty;
        self.referenced += other.referenced;
        self.anonymous += other.anonymous;
        self.lazy_free += other.lazy_free;
        self.locked += other.locked;
        self.swap += other.swap;
    }

    /// The lines, in KiB.
    fn lines(&self) -> [(&'static str, u64); 11] {
        [
            ("Rss", self.rss >> 10),
            ("Pss", self.pss >> (10 + PSS_SHIFT)),
            ("Shared_Clean", self.shared_clean >> 10),
            ("Shared_Dirty", self.shared_dirty >> 10),
            ("Private_Clean", self.private_clean >> 10),
            ("Private_Dirty", self.private_dirty >> 10),
            ("Referenced", self.referenced >> 10),
            ("Anonymous", self.anonymous >> 10),
            ("LazyFree", self.lazy_free >> 10),
            ("Locked", self.locked >> (10 + PSS_SHIFT)),
            ("Swap", self.swap >> 10),
        ]
    }
}

/// Flags as `smaps` writes them, of those that a snapshot keeps.
const FLAGS: [(VmFlags, &str); 8] = [
    (VmFlags::GROWSDOWN, "gd"),
    (VmFlags::LOCKED, "lo"),
    (VmFlags::SEQ_READ, "sr"),
    (VmFlags::RAND_READ, "rr"),
    (VmFlags::DONTCOPY, "dc"),
    (VmFlags::ACCOUNT, "ac"),
    (VmFlags::NORESERVE, "nr"),
    (VmFlags::WIPEONFORK, "wf"),
];

impl World<'_> {
    pub(super) fn living(&self, worker: &Worker, pid: u32) -> LivingReport {
        let space = self.kernel.address_space(pid).expect("who lives has an address space");
        let areas: Vec<&Vma> = space.vmas().iter().collect();
        let mut total = Share::default();
        let mut shares = Vec::with_capacity(areas.len());
        for vma in &areas {
            let mut share = Share::default();
            let mut entries = space.page_table().cursor(vma.pages);
            while let Some(found) = entries.next_used(self.platform) {
                match found {
                    Found::Mapped(mapped) => share.add(self, vma, &mapped),
                    Found::Swapped { .. } => share.swap += FRAME_BYTES,
                }
            }
            total.sum(&share);
            shares.push(share);
        }
        let shown = areas.iter().zip(&shares).filter(|(vma, _)| !self.is_of_program(space, vma));
        let report = shown.map(|(vma, share)| self.area(space, vma, share)).collect();
        let regions = worker.regions.iter();
        LivingReport {
            min_flt: worker.faults.minor,
            maj_flt: worker.faults.major,
            status_kb: self.status_kb(worker, pid, space),
            oom_score: self.kernel.oom_score(pid).into(),
            oom_score_adj: self.kernel.credentials(pid).map_or(0, |who| who.oom_score_adj.into()),
            smaps_kb: nonzero(total.lines()),
            vmas: areas.len() as u64,
            areas: (areas.len() <= AREAS_MAX).then_some(report),
            regions: regions.map(|region| (region.name.clone(), self.region(space, region))).collect(),
        }
    }

    fn status_kb(&self, worker: &Worker, pid: u32, space: &AddressSpace) -> Values {
        let counters = self.kernel.counters(pid).unwrap_or_default();
        let kb = |pages: u64| pages << (FRAME_SHIFT - 10);
        let counts = space.vmas().counts();
        let executable = kb(counts.executable);
        let code = (self.workload.image.worker.code.1.0 >> 10).min(executable);
        let tables = space.page_table().tables() - 1;
        nonzero([
            ("VmPeak", worker.mapped_max_kb),
            ("VmSize", kb(counts.total)),
            ("VmLck", kb(counts.locked)),
            ("VmHWM", worker.resident_max_kb),
            ("VmRSS", kb(counters.resident())),
            ("RssAnon", kb(counters.anon)),
            ("RssFile", kb(counters.file)),
            ("RssShmem", kb(counters.shmem)),
            ("VmData", kb(counts.data)),
            ("VmStk", kb(counts.stack)),
            ("VmExe", code),
            ("VmLib", executable - code),
            ("VmPTE", kb(tables)),
            ("VmSwap", kb(counters.swap)),
        ])
    }

    /// Whether an area is the program's own, which snapshots leave out.
    fn is_of_program(&self, space: &AddressSpace, vma: &Vma) -> bool {
        let name = self.kernel.area_name(space, vma);
        name.starts_with(&self.workload.image.worker.name) || name.starts_with("[v")
    }

    fn area(&self, space: &AddressSpace, vma: &Vma, share: &Share) -> BTreeMap<&'static str, Value> {
        let rights = vma.attributes.protection;
        let flag = |set: bool, letter: char| if set { letter } else { '-' };
        let perms: String = [
            flag(rights.read, 'r'),
            flag(rights.write, 'w'),
            flag(rights.execute, 'x'),
            if vma.is_private() { 'p' } else { 's' },
        ]
        .into_iter()
        .collect();
        let (start, end) = (vma.pages.start().addr().0, vma.pages.end().addr().0);
        let mut name = self.kernel.area_name(space, vma);
        if vma.attributes.backing.file().is_some() && !name.starts_with('[') {
            name = format!("{name}@{:#x}", vma.page_offset << FRAME_SHIFT);
        }
        let mut area: BTreeMap<&'static str, Value> = BTreeMap::new();
        area.insert("range", format!("{start:08x}-{end:08x}").into());
        area.insert("perms", perms.into());
        area.insert("name", name.into());
        for (line, value) in share.lines() {
            if value != 0 {
                area.insert(line, value.into());
            }
        }
        let flags: Vec<&str> =
            FLAGS.iter().filter(|(flag, _)| vma.has(*flag)).map(|&(_, word)| word).collect();
        if !flags.is_empty() {
            area.insert("flags", flags.join(" ").into());
        }
        area
    }
}

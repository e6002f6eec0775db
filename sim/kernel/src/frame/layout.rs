//! How the memory of a machine becomes nodes and zones, and what of it the kernel itself has taken when it is up.
//!
//! Owns two kinds of layout: a plain one, where all is handed out, and that of a PC under Linux 6.1, whose numbers were
//! measured ([`PcBoot`]). Does not own the zones.

pub use super::zone::ZoneLayout as ZonePlan;

use super::kind::{DMA_END, DMA32_END, LOWMEM_END, ZoneKind};
use super::watermark::{WatermarkSettings, ZoneSize};
use pagewalk_arch::FRAME_SHIFT;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which memory a machine has.
#[derive(Clone, Debug)]
pub struct MemoryLayout {
    /// Its zones.
    pub zones: Vec<ZonePlan>,
    /// The CPUs of each node.
    pub nodes: Vec<Vec<usize>>,
    /// From each node to each, as firmware states it: 10 is local.
    pub distances: Vec<Vec<u32>>,
    /// How watermarks come about; `None`: there are none.
    pub settings: Option<BootMarks>,
    /// Page blocks are told apart by how their frames can be had back.
    pub groups_by_mobility: bool,
    /// Each CPU has lists of its own.
    pub has_per_cpu: bool,
}

impl MemoryLayout {
    /// One node of `frames`, all of them handed out, without watermarks. Frame 0 is kept back where it is among them, so
    /// that a page number of 0 always means "none". With `split_at_4g`, what lies below 4 GiB is a zone of its own.
    pub fn plain(frames: Range<u64>, split_at_4g: bool) -> Self {
        let first = frames.start.max(1);
        let end = frames.end.max(first);
        let boundary = if split_at_4g { DMA32_END.clamp(first, end) } else { first };
        let zones = [(ZoneKind::Dma32, first..boundary), (ZoneKind::Normal, boundary..end)];
        let zones = zones.into_iter().filter(|(_, span)| !span.is_empty());
        Self {
            zones: zones.map(|(kind, span)| ZonePlan::plain(kind, span)).collect(),
            nodes: vec![vec![0]],
            distances: Vec::new(),
            settings: None,
            groups_by_mobility: false,
            has_per_cpu: false,
        }
    }

    /// A PC under Linux 6.1.
    pub fn pc(machine: &PcMachine, boot: &PcBoot) -> Self {
        let nodes = usize::from(machine.nodes.max(1));
        let cpus = usize::from(machine.cpus.max(1));
        Self {
            zones: machine.zones(boot),
            nodes: (0..nodes)
                .map(|node| (0..cpus).filter(|&cpu| cpu.min(nodes - 1) == node).collect())
                .collect(),
            distances: (0..nodes)
                .map(|a| (0..nodes).map(|b| if a == b { 10 } else { 20 }).collect())
                .collect(),
            settings: Some(BootMarks { has_huge_pages: machine.has_huge_pages }),
            groups_by_mobility: true,
            has_per_cpu: true,
        }
    }
}

/// What a PC is equipped with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PcMachine {
    /// Installed memory in bytes, shared out evenly among the nodes.
    #[serde(skip)]
    pub memory_bytes: u64,
    /// Nodes.
    pub nodes: u8,
    /// CPUs: the first of each node in turn, the rest on the last.
    pub cpus: u16,
    /// Disks beyond the first: firmware describes each in memory of its own.
    pub more_disks: u16,
    /// Transparent huge pages are on, always or where a program asks for them.
    pub has_huge_pages: bool,
    /// Addresses have 32 bits: there is high memory rather than DMA32.
    #[serde(skip)]
    pub is_32_bit: bool,
}

impl Default for PcMachine {
    fn default() -> Self {
        let memory_bytes = 256 << 20;
        Self { memory_bytes, nodes: 1, cpus: 1, more_disks: 0, has_huge_pages: false, is_32_bit: false }
    }
}

/// What Linux 6.1 (Debian's cloud kernel) takes of a PC (QEMU's `pc`) before programs run, in frames. Together with its
/// table of frames (64 bytes each) and its hash tables of dentries and inodes, this is exact for one node from 128 MiB to
/// 2 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PcBoot {
    /// The kernel's text and data, and what it allocates before it has an allocator.
    pub kernel: u64,
    /// For each CPU after the first.
    pub per_cpu: u64,
    /// Start-up code and data, given back after the watermarks were set.
    pub late: u64,
    /// What it has allocated when it sets the reserves of memory for users.
    pub early: u64,
    /// Firmware's tables at the top of memory below 4 GiB.
    pub firmware: u64,
    /// More of these for each further disk.
    pub per_disk: u64,
    /// What the driver of each further disk holds: queues, requests.
    pub running_per_disk: u64,
    /// Frames below 1 MiB that exist; none is handed out.
    pub below_1m: u64,
    /// Bounce buffers, where memory lies beyond 4 GiB.
    pub bounce: u64,
    /// What the running kernel holds for itself besides slabs: modules, what CPUs have of their own, stacks.
    pub running: u64,
    /// Stacks of its own threads, with 16 KiB each among what it holds: of one CPU and one node, and for each more.
    pub stacks: u64,
    /// For each CPU after the first, about.
    pub stacks_per_cpu: u64,
    /// For each node after the first.
    pub stacks_per_node: u64,
    /// Order of the block that it keeps in the lowest zone, for devices.
    pub dma_order: usize,
}

impl Default for PcBoot {
    fn default() -> Self {
        Self {
            kernel: 8220,
            per_cpu: 61,
            late: 2260,
            early: 1503,
            firmware: 35,
            per_disk: 3,
            running_per_disk: 94,
            below_1m: 158,
            bounce: 16_579,
            running: 2380,
            stacks: 45,
            stacks_per_cpu: 8,
            stacks_per_node: 2,
            dma_order: 5,
        }
    }
}

impl PcBoot {
    /// That of `machine`.
    pub fn of(machine: &PcMachine) -> Self {
        let boot = Self::default();
        Self { running: boot.running + boot.running_per_disk * u64::from(machine.more_disks), ..boot }
    }

    /// Frames that are free when the kernel sets the reserves of memory for users, of `managed`.
    pub fn free_early(&self, managed: u64) -> u64 {
        managed.saturating_sub(self.late + self.early)
    }

    /// Managed frames below which nothing is left for programs: what the running kernel holds, as much in slabs, and 2 MiB for
    /// the first of them.
    pub fn least(&self) -> u64 {
        self.running + 4 * 1024 + 512
    }
}

/// Frames from 1 MiB.
const FIRST_USABLE: u64 = 0x100;
/// Memory above lies beyond 4 GiB: a PC keeps the fourth for devices.
const HOLE: u64 = 3 << (30 - FRAME_SHIFT);
/// Bytes of what Linux knows of each frame.
const PAGE_STRUCT_BYTES: u64 = 64;

impl PcMachine {
    /// Whether its kernel leaves memory for programs.
    pub(crate) fn is_large_enough(&self) -> bool {
        let boot = PcBoot::of(self);
        let managed = |zone: &ZonePlan| zone.managed.end - zone.managed.start;
        self.zones(&boot).iter().map(managed).sum::<u64>() >= boot.least()
    }

    /// The least memory with which such a machine is large enough, to the MiB.
    pub fn least_bytes(&self) -> u64 {
        let sizes = (1..).map(|mib: u64| Self { memory_bytes: mib << 20, ..*self });
        sizes.into_iter().find(Self::is_large_enough).map_or(u64::MAX, |machine| machine.memory_bytes)
    }

    /// Installed frames.
    fn frames(&self) -> u64 {
        self.memory_bytes >> FRAME_SHIFT
    }

    /// Where memory lies, firmware's tables not counted.
    fn ranges(&self) -> Vec<Range<u64>> {
        let frames = self.frames();
        if frames <= HOLE || self.is_32_bit {
            return std::iter::once(0..frames.min(1 << (32 - FRAME_SHIFT))).collect();
        }
        vec![0..HOLE, DMA32_END..DMA32_END + frames - HOLE]
    }

    fn kinds(&self) -> Vec<(ZoneKind, Range<u64>)> {
        if self.is_32_bit {
            return vec![
                (ZoneKind::Dma, 1..DMA_END),
                (ZoneKind::Normal, DMA_END..LOWMEM_END),
                (ZoneKind::HighMem, LOWMEM_END..u64::MAX),
            ];
        }
        vec![
            (ZoneKind::Dma, 1..DMA_END),
            (ZoneKind::Dma32, DMA_END..DMA32_END),
            (ZoneKind::Normal, DMA32_END..u64::MAX),
        ]
    }

    /// Frames of Linux's hash tables of dentries and inodes: an entry of 8 bytes for each 8 and 16 KiB of memory. With
    /// several nodes they are no longer taken from any one.
    fn hash_tables(&self) -> u64 {
        if self.nodes > 1 {
            return 0;
        }
        let entries = |shift: u32| (self.frames() >> shift).next_power_of_two();
        ((entries(1) + entries(2)) * 8) >> FRAME_SHIFT
    }

    /// The zones, each with what the kernel has taken at its lower end.
    fn zones(&self, boot: &PcBoot) -> Vec<ZonePlan> {
        let firmware = boot.firmware + boot.per_disk * u64::from(self.more_disks);
        let mut ranges = self.ranges();
        let top_low = if self.frames() > HOLE && !self.is_32_bit { 0 } else { ranges.len() - 1 };
        ranges[top_low].end = ranges[top_low].end.saturating_sub(firmware);
        let mut plans = Vec::new();
        for (kind, bounds) in self.kinds() {
            for range in &ranges {
                let within = range.start.max(bounds.start)..range.end.min(bounds.end);
                plans.extend(self.by_node(kind, within));
            }
        }
        let table =
            |plan: &ZonePlan| ((plan.spanned.end - plan.spanned.start) * PAGE_STRUCT_BYTES) >> FRAME_SHIFT;
        let has_high = plans.iter().any(|plan| plan.kind == ZoneKind::Normal) && !self.is_32_bit;
        let kernels_own = boot.kernel
            + boot.per_cpu * (u64::from(self.cpus.max(1)) - 1)
            + if has_high { boot.bounce } else { 0 };
        // The table of a node's frames lies on it; the kernel and its hash tables where there is room first.
        let home = plans.iter().position(|plan| plan.kind != ZoneKind::Dma).unwrap_or(0);
        let tables = (self.frames() * PAGE_STRUCT_BYTES) >> FRAME_SHIFT;
        let elsewhere: u64 = plans.iter().skip(home + 1).map(table).sum();
        for (place, plan) in plans.iter_mut().enumerate() {
            let taken = match place {
                _ if place == home => kernels_own + self.hash_tables() + tables - elsewhere,
                _ if plan.kind == ZoneKind::Dma => 0,
                _ => table(plan),
            };
            plan.managed.start = (plan.managed.start + taken).min(plan.managed.end);
            plan.late = if place == home { boot.late } else { 0 };
            plan.late = plan.late.min(plan.managed.end - plan.managed.start);
            if plan.kind == ZoneKind::Dma {
                let usable = plan.spanned.end.saturating_sub(plan.spanned.start.max(FIRST_USABLE));
                plan.present = usable + if plan.spanned.start < FIRST_USABLE { boot.below_1m } else { 0 };
                plan.managed.start = plan.managed.start.max(FIRST_USABLE).min(plan.managed.end);
            }
        }
        plans.retain(|plan| !plan.managed.is_empty());
        plans
    }

    /// The parts of `frames`, which the hole for devices does not cut, that lie on one node each.
    fn by_node(&self, kind: ZoneKind, frames: Range<u64>) -> Vec<ZonePlan> {
        let nodes = u64::from(self.nodes.max(1));
        let each = self.frames() / nodes;
        let skipped = if frames.start >= DMA32_END && !self.is_32_bit { DMA32_END - HOLE } else { 0 };
        let parts = (0..nodes).filter_map(|node| {
            let end = if node + 1 == nodes { u64::MAX } else { (node + 1) * each + skipped };
            let part = frames.start.max(node * each + skipped)..frames.end.min(end);
            (!part.is_empty()).then(|| ZonePlan::plain(kind, part).on(node as usize))
        });
        parts.collect()
    }
}

/// How watermarks come about while the kernel starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootMarks {
    /// Transparent huge pages are on: khugepaged wants more kept free.
    pub has_huge_pages: bool,
}

/// With less memory, transparent huge pages stay off.
const HUGE_PAGES_LEAST: u64 = 512 << (20 - FRAME_SHIFT);

impl BootMarks {
    /// The settings that the kernel begins with.
    pub(super) fn settings(self, zones: &[ZoneSize]) -> WatermarkSettings {
        let min_free_kbytes = WatermarkSettings::default_min_free_kbytes(zones);
        WatermarkSettings { min_free_kbytes, ..WatermarkSettings::default() }
    }

    /// `min_free_kbytes` as khugepaged then sets it, where there is memory enough for huge pages: to what it wants, or,
    /// if they are off, to the default once more, which now leaves out what the watermarks already keep.
    pub(super) fn settings_again(self, zones: &[ZoneSize], managed: u64) -> Option<u64> {
        if managed < HUGE_PAGES_LEAST {
            return None;
        }
        let default = WatermarkSettings::default_min_free_kbytes(zones);
        let wanted = WatermarkSettings::khugepaged_min_free_kbytes(zones);
        Some(if self.has_huge_pages { wanted.max(default) } else { default })
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::Zones;
    use super::*;

    /// Of each zone: present, managed, min, low, high, what it keeps from requests for anything.
    fn zones(machine: PcMachine) -> (u64, Vec<[u64; 6]>) {
        let zones = Zones::new(MemoryLayout::pc(&machine, &PcBoot::default()));
        let rows = zones.all().iter().map(|zone| {
            let marks = zone.marks();
            let reserve = zone.reserve(ZoneKind::HighMem);
            [zone.layout().present, zone.managed(), marks.min, marks.low, marks.high, reserve]
        });
        (zones.settings.min_free_kbytes, rows.collect())
    }

    const fn machine(mib: u64) -> PcMachine {
        PcMachine {
            memory_bytes: mib << 20,
            nodes: 1,
            cpus: 1,
            more_disks: 0,
            has_huge_pages: false,
            is_32_bit: false,
        }
    }

    #[test]
    fn machines_of_one_node_are_to_the_frame_what_linux_makes_of_them() {
        let dma = |min, low, high, reserve| [3998, 3840, min, low, high, reserve];
        let measured = [
            (machine(128), 1171, dma(52, 65, 78, 68), [28_637, 19_857, 239, 298, 357, 0]),
            (machine(256), 1852, dma(33, 41, 49, 194), [61_405, 52_065, 429, 536, 643, 0]),
            (
                PcMachine { more_disks: 1, ..machine(256) },
                1852,
                dma(33, 41, 49, 194),
                [61_402, 52_062, 429, 536, 643, 0],
            ),
            (
                PcMachine { cpus: 2, ..machine(256) },
                1851,
                dma(33, 41, 49, 194),
                [61_405, 52_004, 428, 535, 642, 0],
            ),
            (machine(384), 2343, dma(26, 32, 38, 320), [94_173, 84_225, 558, 697, 836, 0]),
            (machine(512), 2748, dma(22, 27, 32, 446), [126_941, 116_481, 664, 830, 996, 0]),
            (
                PcMachine { has_huge_pages: true, ..machine(1024) },
                45_056,
                dma(175, 218, 261, 949),
                [258_013, 245_313, 11_088, 13_860, 16_632, 0],
            ),
            (machine(2048), 5668, dma(10, 13, 16, 1955), [520_157, 502_977, 1406, 1906, 2406, 0]),
        ];
        for (machine, min_free_kbytes, low, high) in measured {
            assert_eq!(zones(machine), (min_free_kbytes, vec![low, high]), "{machine:?}");
        }
    }

    #[test]
    fn settings_written_later_count_all_that_is_managed() {
        let mut all = Zones::new(MemoryLayout::pc(&machine(256), &PcBoot::default()));
        all.set(WatermarkSettings { min_free_kbytes: 16_384, ..all.settings });
        let marks = |all: &Zones| {
            let marks = all.all()[1].marks();
            [marks.min, marks.low, marks.high]
        };
        assert_eq!(marks(&all), [3814, 4767, 5720]);
        all.set(WatermarkSettings { min_free_kbytes: 1852, scale_factor: 1000, ..all.settings });
        assert_eq!(marks(&all), [431, 5637, 10_843]);
        assert_eq!(all.all()[0].protection(), [0, 194, 194, 194, 194]);
    }

    #[test]
    fn two_nodes_and_memory_beyond_4_gib_are_close() {
        let close = |found: u64, measured: u64| found.abs_diff(measured) * 500 <= measured;
        let (min_free_kbytes, rows) = zones(PcMachine { nodes: 2, cpus: 2, ..machine(512) });
        assert!(close(min_free_kbytes, 2749), "{min_free_kbytes}");
        for (row, measured) in rows.iter().zip([[3998, 3840], [61_440, 52_205], [65_501, 64_363]]) {
            assert!(row[0] == measured[0] && close(row[1], measured[1]), "{row:?}, measured {measured:?}");
        }
        let (min_free_kbytes, rows) = zones(machine(5 << 10));
        assert!(close(min_free_kbytes, 8962), "{min_free_kbytes}");
        assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), [3998, 782_301, 524_288]);
        let managed: u64 = rows.iter().map(|row| row[1]).sum();
        assert!(close(managed, 1_262_078), "{managed}");
    }

    #[test]
    fn thirty_two_bits_have_high_memory() {
        let all =
            Zones::new(MemoryLayout::pc(&PcMachine { is_32_bit: true, ..machine(2048) }, &PcBoot::default()));
        let kinds: Vec<_> = all.all().iter().map(|zone| (zone.kind(), zone.layout().spanned.end)).collect();
        assert_eq!(
            kinds,
            [(ZoneKind::Dma, 0x1000), (ZoneKind::Normal, 0x3_8000), (ZoneKind::HighMem, 0x8_0000 - 35)]
        );
        assert_eq!(all.all()[2].marks().min, 128);
    }

    #[test]
    fn impossible_machines_are_small_ones() {
        for bytes in [0, 4096, 1 << 20, 20 << 20, 64 << 20] {
            for nodes in [0, 1, 7] {
                let machine = PcMachine { memory_bytes: bytes, nodes, cpus: 0, ..machine(0) };
                let all = Zones::new(MemoryLayout::pc(&machine, &PcBoot::default()));
                assert!(all.frames_managed() <= bytes >> FRAME_SHIFT);
            }
        }
    }
}

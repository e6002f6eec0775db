//! Nodes: memory of one distance, and in which order a request asks the zones of all of them.
//!
//! Owns every zone of the machine and the zonelists: nearest node first, on each the highest zone first, so that what few
//! can use is kept for them. Does not own what the frames are used for.

use super::FrameUse;
use super::buddy::StealPolicy;
use super::kind::ZoneKind;
use super::layout::MemoryLayout;
use super::migrate::MigrateType;
use super::watermark::{Mark, MarkRequest, Urgency, WatermarkSettings, ZoneSize};
use super::zone::{Zone, ZoneRequest};

/// A request for a block of frames.
#[derive(Clone, Copy)]
pub struct FrameRequest<'a> {
    /// Order of the block.
    pub order: usize,
    /// How its frames can be had back.
    pub kind: MigrateType,
    /// The highest zone that serves.
    pub highest: ZoneKind,
    /// Only zones that lie below this frame serve.
    pub below: u64,
    /// What has to stay free.
    pub mark: Mark,
    /// Who asks.
    pub urgency: Urgency,
    /// The node that it is to come from first; that of the CPU by default.
    pub node: Option<usize>,
    /// The nodes that it may come from, as bits.
    pub nodes: u64,
    /// How many frames in use among these could be moved elsewhere.
    pub movable: Option<&'a dyn Fn(std::ops::Range<u64>) -> u64>,
}

impl FrameRequest<'_> {
    /// A frame for a program: from any zone, movable, whatever is left.
    pub const ANY: FrameRequest<'static> = FrameRequest {
        order: 0,
        kind: MigrateType::Movable,
        highest: ZoneKind::HighMem,
        below: u64::MAX,
        mark: Mark::None,
        urgency: Urgency::Normal,
        node: None,
        nodes: u64::MAX,
        movable: None,
    };

    /// One for `usage`.
    pub fn of(usage: FrameUse) -> FrameRequest<'static> {
        if usage.is_movable() {
            return Self::ANY;
        }
        FrameRequest { kind: MigrateType::Unmovable, highest: ZoneKind::Normal, ..Self::ANY }
    }

    fn mark_request(&self) -> MarkRequest {
        MarkRequest { order: self.order, highest: self.highest, urgency: self.urgency }
    }
}

/// A node.
#[derive(Clone, Debug)]
struct Node {
    /// Its CPUs.
    cpus: Vec<usize>,
    /// Places of zones in [`Zones::zones`], in the order in which requests from here ask them.
    zonelist: Vec<usize>,
}

/// Every zone of the machine.
#[derive(Clone, Debug)]
pub(super) struct Zones {
    /// Lowest first.
    zones: Vec<Zone>,
    nodes: Vec<Node>,
    pub(super) settings: WatermarkSettings,
    /// The CPU that asks.
    pub(super) cpu: usize,
    /// `vm.zone_reclaim`-free default of Linux where memory lies beyond 4 GiB: a zone below is asked before page blocks
    /// of mixed types are made.
    avoids_fragments: bool,
}

impl Zones {
    pub(super) fn new(layout: MemoryLayout) -> Self {
        let MemoryLayout { zones, nodes, distances, settings, groups_by_mobility, has_per_cpu } = layout;
        let mut zones: Vec<_> = zones.into_iter().map(Zone::new).collect();
        zones.sort_by_key(|zone| zone.layout().managed.start);
        let has = |kind| zones.iter().any(|zone: &Zone| zone.kind() == kind && zone.managed() > 0);
        let avoids_fragments = groups_by_mobility && has(ZoneKind::Normal) && has(ZoneKind::Dma32);
        let nodes = (0..nodes.len()).map(|node| Node {
            zonelist: zonelist(&zones, node, &nodes, &distances),
            cpus: nodes[node].clone(),
        });
        let mut all = Self {
            nodes: nodes.collect(),
            zones,
            settings: WatermarkSettings::default(),
            cpu: 0,
            avoids_fragments,
        };
        if groups_by_mobility {
            all.zones.iter_mut().for_each(Zone::group_by_mobility);
        }
        if let Some(boot) = settings {
            all.settings = boot.settings(&all.sizes(true));
            all.set_marks(true);
            if let Some(again) = boot.settings_again(&all.sizes(true), all.frames_managed()) {
                all.settings = WatermarkSettings { min_free_kbytes: again, ..all.settings };
                all.set_marks(true);
            }
            all.set_reserves(true);
        }
        if has_per_cpu {
            all.set_per_cpu();
        }
        all
    }

    fn sizes(&self, at_boot: bool) -> Vec<ZoneSize> {
        self.zones.iter().map(|zone| zone.size(at_boot)).collect()
    }

    fn set_marks(&mut self, at_boot: bool) {
        let sizes = self.sizes(at_boot);
        for (zone, &size) in self.zones.iter_mut().zip(&sizes) {
            zone.set_marks(&self.settings, size, &sizes);
        }
    }

    fn set_reserves(&mut self, at_boot: bool) {
        let sizes = self.sizes(at_boot);
        for (zone, &size) in self.zones.iter_mut().zip(&sizes) {
            zone.set_reserve(&self.settings, size, &sizes);
        }
    }

    fn set_per_cpu(&mut self) {
        let cpus = self.nodes.iter().flat_map(|node| &node.cpus).count().max(1);
        for zone in &mut self.zones {
            zone.set_per_cpu(cpus, self.nodes[zone.node()].cpus.len(), &self.settings);
        }
    }

    /// Settings were written to: watermarks follow, and the reserves where their ratio was meant.
    pub(super) fn set(&mut self, settings: WatermarkSettings) {
        let ratio_changed = settings.lowmem_reserve_ratio != self.settings.lowmem_reserve_ratio;
        self.settings = settings;
        self.set_marks(false);
        if ratio_changed {
            self.set_reserves(false);
        }
        if self.zones.iter().any(|zone| !zone.per_cpu().is_empty()) {
            self.set_per_cpu();
        }
    }

    /// The node of the CPU that asks.
    fn home(&self) -> usize {
        self.nodes.iter().position(|node| node.cpus.contains(&self.cpu)).unwrap_or(0)
    }

    /// The zones that serve `request`, in order.
    fn candidates(&self, request: &FrameRequest) -> impl Iterator<Item = usize> + use<'_> {
        let home = request.node.filter(|&node| node < self.nodes.len()).unwrap_or_else(|| self.home());
        let FrameRequest { highest, below, nodes, .. } = *request;
        self.nodes[home].zonelist.iter().copied().filter(move |&place| {
            let zone = &self.zones[place];
            zone.kind() <= highest && zone.buddy().span().end <= below && nodes >> zone.node() & 1 == 1
        })
    }

    /// Whether a zone that serves `request` leaves its mark intact.
    pub(super) fn is_above(&self, request: &FrameRequest) -> bool {
        self.candidates(request).any(|place| self.zones[place].is_above(request.mark, request.mark_request()))
    }

    /// Frames that requests for programs can take one by one before they find every zone at `mark`.
    pub(super) fn frames_above(&self, mark: Mark) -> u64 {
        self.zones.iter().map(|zone| zone.frames_above(mark)).sum()
    }

    /// Takes a block where the highest mark stays intact under which there is one.
    #[inline]
    pub(super) fn allocate_gently(&mut self, request: &FrameRequest) -> Option<u64> {
        if self.zones.len() == 1 || request.mark != Mark::None {
            return self.allocate(request);
        }
        let marks = [Mark::Low, Mark::Min, Mark::None];
        marks.into_iter().find_map(|mark| self.allocate(&FrameRequest { mark, ..*request }))
    }

    /// Takes a block from the first zone that leaves its mark intact: Linux's `get_page_from_freelist`.
    #[inline]
    pub(super) fn allocate(&mut self, request: &FrameRequest) -> Option<u64> {
        if self.zones.len() == 1 && request.mark == Mark::None {
            return self.allocate_in(0, request, false);
        }
        if self.avoids_fragments
            && let Some(block) = self.allocate_from_any(request, true)
        {
            return Some(block);
        }
        self.allocate_from_any(request, false)
    }

    fn allocate_from_any(&mut self, request: &FrameRequest, no_fragment: bool) -> Option<u64> {
        let mut tried = 0u64;
        loop {
            let place = self.candidates(request).find(|&place| {
                tried >> place & 1 == 0 && self.zones[place].is_above(request.mark, request.mark_request())
            })?;
            tried |= 1 << place;
            let no_fragment = no_fragment && self.zones[place].kind() == ZoneKind::Normal;
            if let Some(block) = self.allocate_in(place, request, no_fragment) {
                return Some(block);
            }
        }
    }

    fn allocate_in(&mut self, place: usize, request: &FrameRequest, no_fragment: bool) -> Option<u64> {
        let zone = &mut self.zones[place];
        if zone.kind() > request.highest || zone.buddy().span().end > request.below {
            return None;
        }
        let policy = StealPolicy { no_fragment, movable: request.movable };
        zone.allocate(
            &ZoneRequest { cpu: self.cpu, order: request.order, kind: request.kind, policy },
            &self.settings,
        )
    }

    /// Returns a block to its zone.
    ///
    /// # Panics
    /// Where no zone has it, or it is free already.
    #[inline]
    pub(super) fn free(&mut self, block: u64, order: usize) {
        let cpu = self.cpu;
        self.of_mut(block).free(cpu, block, order);
    }

    fn of_mut(&mut self, frame: u64) -> &mut Zone {
        let zone = self.zones.iter_mut().find(|zone| zone.buddy().span().contains(&frame));
        zone.expect("a frame in use belongs to a zone")
    }

    pub(super) fn all(&self) -> &[Zone] {
        &self.zones
    }
    pub(super) fn all_mut(&mut self) -> &mut [Zone] {
        &mut self.zones
    }
    /// Number of nodes.
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }
    pub(super) fn frames_managed(&self) -> u64 {
        self.zones.iter().map(Zone::managed).sum()
    }
    /// Free frames, those on CPUs' lists included.
    pub(super) fn frames_free(&self) -> u64 {
        self.zones.iter().map(|zone| zone.frames_free() + zone.frames_per_cpu()).sum()
    }
}

/// The zones in the order in which requests from `home` ask them: nodes by distance, and among equals those after `home`
/// first, so that not all fall back to the same.
fn zonelist(zones: &[Zone], home: usize, nodes: &[Vec<usize>], distances: &[Vec<u32>]) -> Vec<usize> {
    let distance = |node: usize| match distances.get(home).and_then(|row| row.get(node)) {
        Some(&distance) => distance,
        None if node == home => 10,
        None => 20,
    };
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|&node| {
        let penalty = u32::from(node < home) + u32::from(!nodes[node].is_empty());
        (node != home, distance(node) + penalty, node)
    });
    let on = |node: usize| {
        let mut places: Vec<_> = (0..zones.len())
            .filter(|&place| zones[place].node() == node && zones[place].managed() > 0)
            .collect();
        places.sort_by_key(|&place| std::cmp::Reverse(zones[place].kind()));
        places
    };
    order.into_iter().flat_map(on).collect()
}

#[cfg(test)]
mod tests {
    use super::super::layout::ZonePlan;
    use super::*;

    fn two_nodes() -> Zones {
        let zone = |kind, node, frames: std::ops::Range<u64>| ZonePlan::plain(kind, frames).on(node);
        let mut layout = MemoryLayout::plain(1..2, false);
        layout.zones = vec![
            zone(ZoneKind::Dma, 0, 16..4096),
            zone(ZoneKind::Dma32, 0, 4096..8192),
            zone(ZoneKind::Dma32, 1, 8192..12_288),
        ];
        layout.nodes = vec![vec![0], vec![1]];
        layout.distances = vec![vec![10, 21], vec![21, 10]];
        Zones::new(layout)
    }

    #[test]
    fn the_own_node_serves_first_then_the_near_one_and_low_memory_last() {
        let mut zones = two_nodes();
        let order = |zones: &Zones| {
            zones
                .candidates(&FrameRequest::ANY)
                .map(|p| zones.zones[p].buddy().span().start)
                .collect::<Vec<_>>()
        };
        assert_eq!(order(&zones), [4096, 16, 8192]);
        zones.cpu = 1;
        assert_eq!(order(&zones), [8192, 4096, 16]);
        assert_eq!(zones.allocate(&FrameRequest::ANY), Some(8192));
        assert_eq!(zones.allocate(&FrameRequest { node: Some(0), ..FrameRequest::ANY }), Some(4096));
        assert_eq!(zones.allocate(&FrameRequest { nodes: 0b01, ..FrameRequest::ANY }), Some(4097));
        assert_eq!(zones.allocate(&FrameRequest { highest: ZoneKind::Dma, ..FrameRequest::ANY }), Some(16));
        assert_eq!(zones.allocate(&FrameRequest { below: 16, ..FrameRequest::ANY }), None);
    }

    #[test]
    fn a_zone_at_its_mark_is_passed_over_and_low_memory_keeps_its_reserve() {
        let mut zones = two_nodes();
        zones.set(WatermarkSettings { min_free_kbytes: 4096, ..WatermarkSettings::default() });
        zones.set_reserves(false);
        let request = FrameRequest { mark: Mark::Low, nodes: 0b01, ..FrameRequest::ANY };
        while zones.allocate(&request).is_some() {}
        let left: Vec<_> = zones.all().iter().map(|zone| (zone.frames_free(), zone.marks().low)).collect();
        assert_eq!(zones.all()[0].reserve(ZoneKind::Dma32), 4096 / 256);
        assert_eq!(left[0].0, left[0].1 + 16, "of the DMA zone, its mark and its reserve");
        assert_eq!(left[1].0, left[1].1);
        assert!(!zones.is_above(&request));
        assert!(zones.is_above(&FrameRequest { mark: Mark::Min, ..request }));
        assert_eq!(
            zones.allocate(&FrameRequest { mark: Mark::Min, ..request }),
            Some(4096 + 4096 - left[1].0)
        );
    }
}

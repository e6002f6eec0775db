//! A TLB written down as plainly as the contract words it, to compare the model's with: entries are records, a look-up
//! compares them one by one, the replacement tree is walked node by node.

use pagewalk_arch::{
    FRAME_SHIFT, FormatSpec, L1Config, Mode, PageSize, Replacement, Structure, TlbFlush, VirtAddr,
};
use pagewalk_golden::walk::Leaf;

#[derive(Clone)]
pub struct Entry {
    /// Address of the piece's first byte and log2 of its bytes.
    base: u64,
    shift: u32,
    asid: u16,
    pub leaf: Leaf,
}

impl Entry {
    /// E-5. Only the page number is compared, of `va_bits`; whether the address is canonical is another question.
    fn holds(&self, va: VirtAddr, va_bits: u32) -> bool {
        let page_number = u64::MAX >> (64 - va_bits) >> self.shift << self.shift;
        (va.0 ^ self.base) & page_number == 0
    }
    fn matches(&self, va: VirtAddr, va_bits: u32, asid: u16) -> bool {
        self.holds(va, va_bits) && (self.leaf.global || self.asid == asid)
    }
    pub fn translate(&self, va: VirtAddr) -> u64 {
        let low = (1 << self.shift) - 1;
        (self.leaf.frame << FRAME_SHIFT) & !low | va.0 & low
    }
}

/// Where an entry stands: set and way, or row of the superpage array.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Way(usize),
    Superpage,
}

pub struct PlainTlb {
    spec: &'static FormatSpec,
    config: L1Config,
    sets: Vec<Vec<Option<Entry>>>,
    trees: Vec<Vec<bool>>,
    counters: Vec<usize>,
    superpages: Vec<Option<Entry>>,
}

impl PlainTlb {
    pub fn new(spec: &'static FormatSpec, config: &L1Config) -> Self {
        let (sets, ways, rows) = match config.structure {
            Structure::SetAssociative { sets, ways, superpage_sets } => (sets, ways, superpage_sets),
            Structure::FullyAssociative { entries } => (1, entries, 0),
        };
        let (sets, ways) = (sets as usize, ways as usize);
        Self {
            spec,
            config: *config,
            sets: vec![vec![None; ways]; sets],
            trees: vec![vec![false; ways]; sets],
            counters: vec![0; sets],
            superpages: vec![None; rows as usize],
        }
    }

    pub fn fully_associative(&self) -> bool {
        matches!(self.config.structure, Structure::FullyAssociative { .. })
    }
    /// E-1.
    fn set(&self, va: VirtAddr) -> usize {
        (va.page_number() % self.sets.len() as u64) as usize
    }
    /// E-2.
    fn row(&self, va: VirtAddr) -> usize {
        ((va.page_number() >> self.spec.index_bits[0]) % self.superpages.len() as u64) as usize
    }
    fn slot(&mut self, va: VirtAddr, place: Place) -> &mut Option<Entry> {
        let (set, row) = (self.set(va), if self.superpages.is_empty() { 0 } else { self.row(va) });
        match place {
            Place::Way(way) => &mut self.sets[set][way],
            Place::Superpage => &mut self.superpages[row],
        }
    }

    /// L-2: every entry that matches; rights do not matter.
    pub fn matches(&self, va: VirtAddr, asid: u16) -> Vec<(Place, Entry)> {
        let ways = self.sets[self.set(va)].iter().enumerate();
        let ways = ways.map(|(way, entry)| (Place::Way(way), entry));
        let row = (!self.superpages.is_empty()).then(|| (Place::Superpage, &self.superpages[self.row(va)]));
        ways.chain(row)
            .filter_map(|(place, entry)| Some((place, entry.clone()?)))
            .filter(|(_, entry)| entry.matches(va, self.spec.va_bits, asid))
            .collect()
    }

    /// E-14, E-16.
    pub fn touch(&mut self, va: VirtAddr, place: Place) {
        let Place::Way(way) = place else { return };
        if self.config.replacement != Replacement::TreePlru {
            return;
        }
        let set = self.set(va);
        let (mut node, mut from, mut to) = (0, 0, self.sets[set].len());
        while to - from > 1 {
            let middle = (from + to) / 2;
            let in_upper = way >= middle;
            self.trees[set][node] = !in_upper;
            node = 2 * node + if in_upper { 2 } else { 1 };
            if in_upper { from = middle } else { to = middle }
        }
    }

    /// E-13, E-15, E-18, E-19.
    fn victim(&mut self, va: VirtAddr) -> usize {
        let set = self.set(va);
        let ways = self.sets[set].len();
        if self.config.replacement == Replacement::RoundRobin {
            let victim = self.counters[set];
            self.counters[set] = (victim + 1) % ways;
            return victim;
        }
        let (mut node, mut from, mut to) = (0, 0, ways);
        while to - from > 1 {
            let middle = (from + to) / 2;
            let upper = self.trees[set][node];
            node = 2 * node + if upper { 2 } else { 1 };
            if upper { from = middle } else { to = middle }
        }
        from
    }

    /// F-11. Svnapot always; set-associative the third level and up, without a superpage array the second.
    pub fn keeps_in_pieces(&self, page: PageSize) -> bool {
        let whole_levels = if self.superpages.is_empty() { 1 } else { 2 };
        page == PageSize::Napot64K || (!self.fully_associative() && page.level() >= whole_levels)
    }

    /// E-3, E-4, E-6; E-9, E-10, E-11, E-12: what matched here is rewritten, all else that matched is dropped.
    pub fn refill(&mut self, va: VirtAddr, asid: u16, leaf: Leaf, matched: &[(Place, Entry)]) {
        let level = leaf.page.level();
        let superpages = !self.superpages.is_empty();
        let (level, to_superpages) = match (self.fully_associative(), superpages, level) {
            (true, _, level) => (level, false),
            (false, true, 1..) => (1, true),
            _ => (0, false),
        };
        let shift = self.spec.level_shift(level);
        let entry = Entry { base: va.0 >> shift << shift, shift, asid, leaf };
        let in_array = |place: &Place| matches!(place, Place::Superpage) == to_superpages;
        let rewritten = matched.iter().map(|&(place, _)| place).filter(in_array).min();
        let place = match (rewritten, to_superpages) {
            (Some(place), _) => place,
            (None, true) => Place::Superpage,
            (None, false) => Place::Way(self.victim(va)),
        };
        for &(other, _) in matched {
            *self.slot(va, other) = None;
        }
        *self.slot(va, place) = Some(entry);
        self.touch(va, place);
    }

    /// F-5, F-6, F-8, F-9, F-10.
    pub fn flush(&mut self, flush: &TlbFlush) {
        if self.fully_associative() {
            for slot in &mut self.sets[0] {
                let dropped = slot.as_ref().is_some_and(|entry| {
                    flush.va.is_none_or(|va| entry.holds(va, self.spec.va_bits))
                        && flush.asid.is_none_or(|asid| entry.leaf.global || asid.0 == entry.asid)
                        && !(flush.keep_global && entry.leaf.global)
                });
                if dropped {
                    *slot = None;
                }
            }
            if *flush == TlbFlush::ALL {
                self.reset_set(0);
            }
            return;
        }
        match flush.va {
            Some(va) => {
                let set = self.set(va);
                self.sets[set].fill(None);
                self.reset_set(set);
                if !self.superpages.is_empty() {
                    *self.slot(va, Place::Superpage) = None;
                }
            }
            None => {
                for set in 0..self.sets.len() {
                    self.sets[set].fill(None);
                    self.reset_set(set);
                }
                self.superpages.fill(None);
            }
        }
    }

    fn reset_set(&mut self, set: usize) {
        self.trees[set].fill(false);
        self.counters[set] = 0;
    }
}

/// L-3. Whether an entry with `leaf` grants the access without a walk; the page's rights as the manuals put them.
pub fn grants(isa: pagewalk_arch::Isa, mode: &Mode, leaf: &Leaf, access: &pagewalk_arch::Access) -> bool {
    use pagewalk_arch::{AccessKind, Isa, Privilege};
    use pagewalk_golden::Rights;
    let has = |right| leaf.rights.contains(right);
    let (r, w, x, u) = (has(Rights::READ), has(Rights::WRITE), has(Rights::EXECUTE), has(Rights::USER));
    let user = access.privilege == Privilege::User;
    let privileged = match (isa, access.kind) {
        _ if user => u,
        (Isa::RiscV, AccessKind::Fetch) => !u,
        (Isa::RiscV, _) => !u || mode.sum,
        (Isa::X86, AccessKind::Fetch) => !(u && mode.smep),
        (Isa::X86, _) => !(u && mode.smap && !mode.ac),
    };
    privileged
        && match (isa, access.kind) {
            (_, AccessKind::Fetch) => x,
            (Isa::RiscV, AccessKind::Load) => r || (mode.mxr && x),
            (Isa::RiscV, AccessKind::Store) => w && leaf.dirty,
            (Isa::X86, AccessKind::Load) => true,
            (Isa::X86, AccessKind::Store) => (w || (!user && !mode.wp)) && leaf.dirty,
        }
}

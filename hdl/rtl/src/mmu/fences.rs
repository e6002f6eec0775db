//! The fence unit: one fence at a time, carried out when nothing is under way. hdl/CONTRACT.md, "Fences".
//!
//! Owns the fence that is pending, the sweep, the fence that follows a page fault on x86 (SDM vol. 3A, 4.10.4.1), and
//! the knowledge that a TLB may hold pieces of a leaf. Which entries fall under a fence is the TLBs' to say.

use crate::bundle::{Drop, FenceIn, WalkReportIn};
use crate::geometry::{Geometry, PAGE_BITS};
use crate::prelude::*;
use pagewalk_arch::{L1Config, MmuConfig, PageSize, Structure};

block! {
    /// See the module.
    pub struct FenceUnit(config: &MmuConfig) has clock, reset;
    let g = &Geometry::of(config);
    let rows = config.l1i.sweep_rows().max(config.l1d.sweep_rows());
    {
        /// Fences of software.
        pub fence: FenceIn = FenceIn::new(g),
        /// Current ASID.
        pub asid: Ports<Wire<In>> = Ports::of(g.has_asid, |_| Wire::new(g.asid)),
        /// A data access is under way.
        pub data_occupied: Signal<In, Bit>,
        /// An instruction access is under way.
        pub instruction_occupied: Signal<In, Bit>,
        /// What the walker does.
        pub walk: WalkReportIn = WalkReportIn::new(g),
        /// What the TLBs are to drop.
        pub drop: Drop = Drop::new(g),
        /// A fence is pending: no request may be taken.
        pub blocks: Signal<Out, Bit>,
        /// An access, a walk or a fence is under way.
        pub busy: Signal<Out, Bit>,

        pending: BitRegister,
        has_va: BitRegisterEn,
        vpn: RegisterEn = RegisterEn::new(g.vpn),
        has_asid: Ports<BitRegisterEn> = Ports::of(g.has_asid, |_| Default::default()),
        flush_asid: Ports<RegisterEn> = Ports::of(g.has_asid, |_| RegisterEn::new(g.asid)),
        keep_global: BitRegisterEn,
        split: BitRegister,
        row: Register = Register::new(g.row),

        fence_taken: Signal<Local, Bit>,
        faulted: Signal<Local, Bit>,
        widened: Signal<Local, Bit>,
        loads: Signal<Local, Bit>,
        idle: Signal<Local, Bit>,
        carried_out: Signal<Local, Bit>,
        finishes: Signal<Local, Bit>,
        by_address: Signal<Local, Bit>,
        unqualified: Signal<Local, Bit>,
        splits: Signal<Local, Bit>,

        last_row: Const = Const::new(g.row, u128::from(rows - 1)),
        data_whole: Const = largest_whole(&config.l1d),
        fetch_whole: Const = largest_whole(&config.l1i),

        _keeps_some: usize = usize::from([config.l1i, config.l1d].iter().any(is_fully_associative)),
        _g: Geometry = *g,
    }
}

/// Code of the largest page that a TLB keeps in one entry; larger ones, and Svnapot ranges, are kept in pieces.
fn largest_whole(l1: &L1Config) -> Const {
    let size = match l1.structure {
        Structure::SetAssociative { superpage_sets: 0, .. } => PageSize::Level0,
        Structure::SetAssociative { .. } => PageSize::Level1,
        Structure::FullyAssociative { .. } => PageSize::Level4,
    };
    Const::new(PAGE_BITS, size as u128)
}

fn is_fully_associative(l1: &L1Config) -> bool {
    matches!(l1.structure, Structure::FullyAssociative { .. })
}

impl Logic for FenceUnit {
    #[hdl_gen]
    fn update(&mut self) {
        // What is loaded: a fence of software, that after a page fault, or everything. A second page fault before the
        // first was carried out widens it to everything.
        self.fence.ready.next = !self.pending.q.val();
        self.fence_taken.next = self.fence.valid.val() && !self.pending.q.val();
        self.faulted.next = false;
        for _g in 0..self._g.x86 {
            self.faulted.next = self.walk.page_fault.val();
        }
        self.widened.next =
            self.reset.val() || (self.faulted.val() && (self.pending.q.val() || self.fence_taken.val()));
        self.loads.next = self.fence_taken.val() || self.faulted.val() || self.reset.val();
        self.has_va.en.next = self.loads.val();
        self.has_va.d.next = (self.faulted.val() || self.fence.has_va.val()) && !self.widened.val();
        self.vpn.en.next = self.loads.val();
        self.vpn.d.next = self.fence.va.val() >> 12;
        if self.faulted.val() {
            self.vpn.d.next = self.walk.vpn.val();
        }
        self.keep_global.en.next = self.loads.val();
        self.keep_global.d.next = self.fence.keep_global.val() && !self.faulted.val() && !self.widened.val();
        for a in 0..self._g.has_asid {
            self.has_asid[a].en.next = self.loads.val();
            self.has_asid[a].d.next =
                (self.faulted.val() || self.fence.has_asid[a].val()) && !self.widened.val();
            self.flush_asid[a].en.next = self.loads.val();
            self.flush_asid[a].d.next = self.fence.asid[a].val();
            if self.faulted.val() {
                self.flush_asid[a].d.next = self.asid[a].val();
            }
        }

        // It waits until nothing is under way, and keeps requests out meanwhile. While a TLB may hold pieces of a leaf,
        // an address does not lead to all of them: then everything is dropped instead.
        self.idle.next =
            !self.data_occupied.val() && !self.instruction_occupied.val() && self.walk.idle.val();
        self.carried_out.next = self.pending.q.val() && self.idle.val();
        self.by_address.next = self.has_va.q.val() && !self.split.q.val();
        self.finishes.next =
            self.carried_out.val() && (self.by_address.val() || (self.row.q.val() == self.last_row.val()));
        self.pending.d.next = self.loads.val() || (self.pending.q.val() && !self.finishes.val());
        self.row.d.next = self.row.q.val();
        if self.carried_out.val() {
            self.row.d.next = self.row.q.val() + 1;
        }
        if self.finishes.val() || self.reset.val() {
            self.row.d.next = 0.into();
        }

        // Pieces come with refills of leaves larger than a TLB keeps whole, and go with a fence that leaves nothing.
        self.splits.next = self.data_whole.val() < self.walk.page_size.val();
        if self.walk.fetch.val() {
            self.splits.next = self.fetch_whole.val() < self.walk.page_size.val();
        }
        self.unqualified.next = true;
        for _g in 0..self._keeps_some {
            self.unqualified.next = !self.keep_global.q.val();
            for a in 0..self._g.has_asid {
                self.unqualified.next = !self.keep_global.q.val() && !self.has_asid[a].q.val();
            }
        }
        self.split.d.next = (self.walk.refill.val() && self.splits.val())
            || (self.split.q.val()
                && !(self.finishes.val() && !self.by_address.val() && self.unqualified.val()));

        self.blocks.next = self.pending.q.val();
        self.busy.next = self.pending.q.val() || !self.idle.val();
        self.drop.valid.next = self.carried_out.val();
        self.drop.by_address.next = self.by_address.val();
        self.drop.row.next = self.row.q.val();
        self.drop.vpn.next = self.vpn.q.val();
        self.drop.keep_global.next = self.keep_global.q.val();
        self.drop.has_asid.next = false;
        for a in 0..self._g.has_asid {
            self.drop.has_asid.next = self.has_asid[a].q.val();
            self.drop.asid[a].next = self.flush_asid[a].q.val();
        }
    }
}

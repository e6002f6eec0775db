//! The verdict on one page-table entry: pointer to be updated, refill, or fault.
//!
//! Owns the rules of the manuals for a single entry, as one block of logic without state. Does not own the walk
//! ([`super::walker::Walker`]). RISC-V Privileged Architecture, "Virtual Address Translation Process", steps 3-8; Intel
//! SDM vol. 3A, 4.6 (rights), 4.7 (error codes), 4.8 (A and D). The order of the checks is in hdl/CONTRACT.md.

use super::masks::{PteMasks, RiscvBits, X86Bits, offset_masks};
use crate::bundle::{AccessIn, Fault, ModeIn, Page, Tag, UpperIn};
use crate::geometry::{CODE_BITS, Geometry, MEMORY_TYPE_BITS, PAGE_BITS, RIGHTS_BITS};
use crate::prelude::*;
use pagewalk_arch::pte_bit::{riscv, x86};
use pagewalk_arch::{FaultKind, MmuConfig, PageSize};

block! {
    /// See the module.
    pub struct PteCheck(config: &MmuConfig);
    let g = &Geometry::of(config);
    let masks = PteMasks::new(config);
    let frame_mask = (1u128 << g.frame) - 1;
    let offsets = offset_masks(config);
    // Address bits of a page larger than the implemented memory that lead out of it.
    let beyond_vpn = offsets[..g.levels].iter().map(|mask| mask & !frame_mask).collect::<Vec<u128>>();
    let first_uncacheable = beyond_vpn.iter().position(|&mask| mask != 0);
    let consts = |width: usize, bits: &[u128]| bits.iter().map(|&b| Const::new(width, b)).collect::<Vec<_>>();
    let (accessed, dirty) = if g.riscv == 1 { (riscv::A, riscv::D) } else { (x86::A, x86::D) };
    {
        /// The entry. Where a verdict needed no read: the PDPTE in PAE.
        pub entry: Wire<In> = Wire::new(g.pte),
        /// Its level.
        pub level: Wire<In> = Wire::new(g.level),
        /// Memory answered with an error instead.
        pub bus_error: Signal<In, Bit>,
        /// The verdict is that of the look state: address not canonical, PDPTE absent or reserved.
        pub without_reads: Signal<In, Bit>,
        /// The access.
        pub access: AccessIn = AccessIn::new(g),
        /// What the levels above say.
        pub upper: UpperIn = UpperIn::new(),
        /// What the mode allows.
        pub mode: ModeIn = ModeIn::of(g.spec),

        /// A or D must be set first: swap in `updated`.
        pub updates: Signal<Out, Bit>,
        /// The entry with A, or A and D, set.
        pub updated: Wire<Out> = Wire::new(g.pte),
        /// Translated.
        pub succeeds: Signal<Out, Bit>,
        /// The fault, if it is one.
        pub fault: Fault = Fault::new(),
        /// The 4 KiB piece; zeros on a fault.
        pub page: Page = Page::new(g),
        /// The leaf lies within the implemented memory as a whole, so that a TLB may keep it.
        pub cacheable: Signal<Out, Bit>,
        /// The leaf is above level 0.
        pub superpage: Signal<Out, Bit>,
        /// What it grants.
        pub tag: Tag = Tag::new(),
        /// Levels below the leaf's, lowest first.
        pub ignored: Wire<Out> = Wire::new(g.leaf_levels),

        pte: Wire<Local> = Wire::new(g.pte),
        at_bottom: Signal<Local, Bit>,
        present: Signal<Local, Bit>,
        leaf: Signal<Local, Bit>,
        invalid: Signal<Local, Bit>,
        reserved: Signal<Local, Bit>,
        misaligned: Signal<Local, Bit>,
        beyond: Signal<Local, Bit>,
        napot: Signal<Local, Bit>,
        pbmt: Wire<Local> = Wire::new(2),
        no_execute: Signal<Local, Bit>,
        can_read: Signal<Local, Bit>,
        can_write: Signal<Local, Bit>,
        can_execute: Signal<Local, Bit>,
        for_user: Signal<Local, Bit>,
        accessed: Signal<Local, Bit>,
        dirty: Signal<Local, Bit>,
        permitted: Signal<Local, Bit>,
        stale: Signal<Local, Bit>,
        page_fault: Signal<Local, Bit>,
        access_fault: Signal<Local, Bit>,
        general_protection: Signal<Local, Bit>,
        needs_update: Signal<Local, Bit>,
        ok: Signal<Local, Bit>,
        reserved_bits: Wire<Local> = Wire::new(g.pte),
        leaf_frame: Wire<Local> = Wire::new(g.frame),
        low_bits: Wire<Local> = Wire::new(g.frame),
        vpn_frame: Wire<Local> = Wire::new(g.frame),
        pse36_bits: Wire<Local> = Wire::new(g.frame),
        size_bits: Wire<Local> = Wire::new(PAGE_BITS),
        type_bits: Wire<Local> = Wire::new(MEMORY_TYPE_BITS),
        code_bits: Wire<Local> = Wire::new(CODE_BITS),
        rights_bits: Wire<Local> = Wire::new(RIGHTS_BITS),

        riscv: RiscvBits,
        x86: X86Bits,
        reserved_mask: Const = Const::new(g.pte, masks.riscv_reserved),
        beyond_mask: Const = Const::new(g.pte, masks.riscv_beyond),
        misaligned_mask: Vec<Const> = consts(g.pte, &masks.riscv_misaligned),
        beyond_vpn: Vec<Const> = consts(g.vpn, &beyond_vpn),
        first_uncacheable: Const = Const::new(g.level, first_uncacheable.unwrap_or(0) as u128),
        pointer_reserved: Vec<Const> = consts(g.pte, &masks.x86_pointer_reserved),
        leaf_reserved: Vec<Const> = consts(g.pte, &masks.x86_leaf_reserved),
        low_frame: Vec<Const> =
            offsets[..g.levels].iter().map(|mask| Const::new(g.frame, mask & frame_mask)).collect(),
        levels_below: Vec<Const> = (0..g.levels)
            .map(|level| Const::new(g.leaf_levels, ((1 << level) - 1) & ((1 << g.leaf_levels) - 1)))
            .collect(),
        ppn_shift: Const = Const::new(7, g.spec.ppn_shift.into()),
        pse36_mask: Const = Const::new(g.frame, frame_mask & (0xff << 20)),
        accessed_bit: Const = Const::new(g.pte, accessed.mask().into()),
        accessed_dirty_bits: Const = Const::new(g.pte, u128::from(accessed.mask() | dirty.mask())),

        _reaches_beyond: usize = g.riscv * usize::from(first_uncacheable.is_some()),
        _g: Geometry = *g,
        _not_legacy: usize = g.x86 - g.legacy,
    }
}

impl Logic for PteCheck {
    #[hdl_gen]
    fn update(&mut self) {
        self.pte.next = self.entry.val();
        self.at_bottom.next = self.level.val() == 0;
        self.present.next = false;
        self.leaf.next = self.at_bottom.val();
        self.invalid.next = false;
        self.reserved.next = false;
        self.reserved_bits.next = 0.into();
        self.misaligned.next = false;
        self.beyond.next = false;
        self.napot.next = false;
        self.pbmt.next = 0.into();
        self.no_execute.next = false;
        self.can_read.next = true;
        self.can_write.next = false;
        self.can_execute.next = false;
        self.for_user.next = false;
        self.accessed.next = false;
        self.dirty.next = false;
        self.permitted.next = false;
        self.tag.global.next = false;
        self.page_fault.next = false;
        self.access_fault.next = self.bus_error.val();
        self.general_protection.next = false;
        self.needs_update.next = false;
        self.code_bits.next = 0.into();
        self.type_bits.next = 0.into();
        self.leaf_frame.next = self.pte.val() >> self.ppn_shift.val();
        self.pse36_bits.next = 0.into();

        for m in 0..self._g.riscv {
            self.present.next = self.pte.val().get_bit(self.riscv.v.val().index());
            self.can_read.next = self.pte.val().get_bit(self.riscv.r.val().index());
            self.can_write.next = self.pte.val().get_bit(self.riscv.w.val().index());
            self.can_execute.next = self.pte.val().get_bit(self.riscv.x.val().index());
            self.for_user.next = self.pte.val().get_bit(self.riscv.u.val().index());
            self.tag.global.next =
                self.upper.global.val() || self.pte.val().get_bit(self.riscv.g.val().index());
            self.accessed.next = self.pte.val().get_bit(self.riscv.a.val().index());
            self.dirty.next = self.pte.val().get_bit(self.riscv.d.val().index());
            self.leaf.next = self.can_read.val() || self.can_execute.val();
            self.invalid.next = !self.present.val()
                || (!self.can_read.val() && self.can_write.val())
                || (self.pte.val() & self.reserved_mask.val()).any();
            for e in 0..self._g.extensions {
                self.napot.next = self.pte.val().get_bit(self.riscv.n.val().index());
                self.pbmt.next = self.pte.val() >> self.riscv.pbmt.val();
                if (self.napot.val() && !self.mode.svnapot[e].val())
                    || (self.pbmt.val().any() && !self.mode.pbmte[e].val())
                    || (self.pbmt.val() == 3)
                {
                    self.invalid.next = true;
                }
                self.type_bits.next = self.pbmt.val();
            }
            self.beyond.next = (self.pte.val() & self.beyond_mask.val()).any();
            for _g in 0..self._reaches_beyond {
                for k in 0..self._g.levels {
                    if (self.level.val() == k)
                        && self.leaf.val()
                        && (self.access.vpn.val() & self.beyond_vpn[k].val()).any()
                    {
                        self.beyond.next = true;
                    }
                }
            }
            for k in 0..self._g.levels {
                if (self.level.val() == k) && (self.pte.val() & self.misaligned_mask[k].val()).any() {
                    self.misaligned.next = true;
                }
            }
            if self.napot.val()
                && (!self.at_bottom.val() || (bits_w(self.pte.val() >> self.ppn_shift.val(), 4) != 8))
            {
                self.misaligned.next = true;
            }
            self.permitted.next = ((self.access.fetch.val() && self.can_execute.val())
                || (self.access.store.val() && self.can_write.val())
                || (!self.access.fetch.val()
                    && !self.access.store.val()
                    && (self.can_read.val() || (self.can_execute.val() && self.mode.mxr[m].val()))))
                && ((self.for_user.val()
                    && (self.access.user.val() || (!self.access.fetch.val() && self.mode.sum[m].val())))
                    || (!self.for_user.val() && !self.access.user.val()));
            self.stale.next = !self.accessed.val() || (self.access.store.val() && !self.dirty.val());
            if self.without_reads.val() {
                self.page_fault.next = true;
            } else {
                if !self.bus_error.val() {
                    if self.invalid.val() {
                        self.page_fault.next = true;
                    } else {
                        if self.leaf.val() {
                            if self.misaligned.val()
                                || !self.permitted.val()
                                || (self.stale.val() && !self.mode.adue[m].val())
                            {
                                self.page_fault.next = true;
                            } else {
                                self.access_fault.next = self.beyond.val();
                                self.needs_update.next = self.stale.val() && !self.beyond.val();
                            }
                        } else {
                            // A pointer that was not followed: malformed, or it leads beyond the implemented memory.
                            if self.at_bottom.val()
                                || self.accessed.val()
                                || self.dirty.val()
                                || self.for_user.val()
                                || self.napot.val()
                                || self.pbmt.val().any()
                            {
                                self.page_fault.next = true;
                            } else {
                                self.access_fault.next = true;
                            }
                        }
                    }
                }
            }
            // Causes: page faults 12, 13, 15; access faults 1, 5, 7.
            if self.page_fault.val() {
                self.code_bits.next = 13.into();
                if self.access.fetch.val() {
                    self.code_bits.next = 12.into();
                }
                if self.access.store.val() {
                    self.code_bits.next = 15.into();
                }
            }
            if self.access_fault.val() {
                self.code_bits.next = 5.into();
                if self.access.fetch.val() {
                    self.code_bits.next = 1.into();
                }
                if self.access.store.val() {
                    self.code_bits.next = 7.into();
                }
            }
        }

        for m in 0..self._g.x86 {
            self.present.next = self.pte.val().get_bit(self.x86.p.val().index());
            self.accessed.next = self.pte.val().get_bit(self.x86.a.val().index());
            self.dirty.next = self.pte.val().get_bit(self.x86.d.val().index());
            for _n in 0..self._not_legacy {
                self.leaf.next = self.at_bottom.val() || self.pte.val().get_bit(self.x86.ps.val().index());
            }
            for l in 0..self._g.legacy {
                self.leaf.next = self.at_bottom.val()
                    || (self.pte.val().get_bit(self.x86.ps.val().index()) && self.mode.pse[l].val());
                if !self.at_bottom.val() {
                    // PSE-36: address bits 39:32 of a 4 MiB page lie in bits 20:13.
                    self.pse36_bits.next = self.pte.val() >> self.x86.pse36.val();
                    self.pse36_bits.next = (self.pse36_bits.val() << 20) & self.pse36_mask.val();
                }
            }
            for k in 0..self._g.levels {
                if self.level.val() == k {
                    self.reserved_bits.next = self.pointer_reserved[k].val();
                    if self.leaf.val() {
                        self.reserved_bits.next =
                            self.pointer_reserved[k].val() | self.leaf_reserved[k].val();
                    }
                }
            }
            self.reserved.next = (self.pte.val() & self.reserved_bits.val()).any();
            for x in 0..self._g.has_xd {
                self.no_execute.next = self.pte.val().get_bit(self.x86.xd.val().index());
                if self.no_execute.val() && !self.mode.nxe[x].val() {
                    self.reserved.next = true;
                }
            }
            self.can_write.next =
                self.upper.writable.val() && self.pte.val().get_bit(self.x86.rw.val().index());
            self.for_user.next = self.upper.user.val() && self.pte.val().get_bit(self.x86.us.val().index());
            self.can_execute.next = self.upper.executable.val() && !self.no_execute.val();
            self.tag.global.next = self.pte.val().get_bit(self.x86.g.val().index()) && self.mode.pge[m].val();
            self.type_bits.next = bits_w(self.pte.val() >> self.x86.pwt.val(), 2);
            if (self.at_bottom.val() && self.pte.val().get_bit(self.x86.pat.val().index()))
                || (!self.at_bottom.val() && self.pte.val().get_bit(self.x86.pat_large.val().index()))
            {
                self.type_bits.next = self.type_bits.val() | 4;
            }
            self.permitted.next = (self.can_write.val()
                || !self.access.store.val()
                || (!self.access.user.val() && !self.mode.wp[m].val()))
                && (self.can_execute.val() || !self.access.fetch.val())
                && (self.for_user.val() || !self.access.user.val());
            if self.for_user.val()
                && !self.access.user.val()
                && ((self.access.fetch.val() && self.mode.smep[m].val())
                    || (!self.access.fetch.val() && self.mode.smap[m].val() && !self.mode.ac[m].val()))
            {
                self.permitted.next = false;
            }
            self.stale.next =
                !self.accessed.val() || (self.leaf.val() && self.access.store.val() && !self.dirty.val());
            if self.without_reads.val() {
                self.general_protection.next = self.access.noncanonical.val();
                self.page_fault.next = !self.access.noncanonical.val();
                self.reserved.next = self.present.val();
            } else {
                if !self.bus_error.val() {
                    if !self.present.val()
                        || self.reserved.val()
                        || (self.leaf.val() && !self.permitted.val())
                    {
                        self.page_fault.next = true;
                    } else {
                        self.needs_update.next = self.stale.val();
                    }
                }
            }
            if self.page_fault.val() {
                self.code_bits.next = self.code_bits.val().replace_bit(0, self.present.val());
                self.code_bits.next = self.code_bits.val().replace_bit(1, self.access.store.val());
                self.code_bits.next = self.code_bits.val().replace_bit(2, self.access.user.val());
                self.code_bits.next =
                    self.code_bits.val().replace_bit(3, self.present.val() && self.reserved.val());
                if self.access.fetch.val() && self.mode.smep[m].val() {
                    self.code_bits.next = self.code_bits.val().replace_bit(4, true);
                }
                for x in 0..self._g.has_xd {
                    if self.access.fetch.val() && self.mode.nxe[x].val() {
                        self.code_bits.next = self.code_bits.val().replace_bit(4, true);
                    }
                }
            }
        }

        // What a success yields: the 4 KiB piece around the address.
        self.low_bits.next = 0.into();
        self.size_bits.next = 0.into();
        self.ignored.next = 0.into();
        for k in 0..self._g.levels {
            if self.level.val() == k {
                self.low_bits.next = self.low_frame[k].val();
                self.ignored.next = self.levels_below[k].val();
            }
        }
        self.size_bits.next = self.level.val();
        if self.napot.val() {
            self.low_bits.next = 15.into();
            self.size_bits.next = 5.into();
        }
        self.vpn_frame.next = self.access.vpn.val();
        self.ok.next = !self.page_fault.val()
            && !self.access_fault.val()
            && !self.general_protection.val()
            && !self.needs_update.val();
        self.succeeds.next = self.ok.val();
        self.cacheable.next = true;
        for _g in 0..self._reaches_beyond {
            self.cacheable.next = self.level.val() < self.first_uncacheable.val();
        }
        self.superpage.next = !self.at_bottom.val();
        self.page.frame.next = 0.into();
        self.page.size.next = 0.into();
        self.page.memory_type.next = 0.into();
        if self.ok.val() {
            self.page.frame.next = ((self.leaf_frame.val() | self.pse36_bits.val()) & (!self.low_bits.val()))
                | (self.vpn_frame.val() & self.low_bits.val());
            self.page.size.next = self.size_bits.val();
            self.page.memory_type.next = self.type_bits.val();
        }
        self.rights_bits.next = 0.into();
        self.rights_bits.next = self.rights_bits.val().replace_bit(0, self.can_read.val());
        self.rights_bits.next = self.rights_bits.val().replace_bit(1, self.can_write.val());
        self.rights_bits.next = self.rights_bits.val().replace_bit(2, self.can_execute.val());
        self.rights_bits.next = self.rights_bits.val().replace_bit(3, self.for_user.val());
        self.rights_bits.next = self.rights_bits.val().replace_bit(4, self.dirty.val());
        self.tag.rights.next = self.rights_bits.val();

        self.fault.kind.next = 0.into();
        if self.page_fault.val() {
            self.fault.kind.next = 1.into();
        }
        if self.access_fault.val() {
            self.fault.kind.next = 2.into();
        }
        if self.general_protection.val() {
            self.fault.kind.next = 3.into();
        }
        self.fault.code.next = self.code_bits.val();
        self.updates.next = self.needs_update.val();
        self.updated.next = self.pte.val() | self.accessed_bit.val();
        if self.access.store.val() && self.leaf.val() {
            self.updated.next = self.pte.val() | self.accessed_dirty_bits.val();
        }
    }
}

// The codes of the fault port and of Svnapot pages are written as numbers above, because the blocks know none but
// literals; this holds them to the vocabulary.
const _: () = assert!(
    FaultKind::Page as u8 == 1
        && FaultKind::Access as u8 == 2
        && FaultKind::GeneralProtection as u8 == 3
        && PageSize::Napot64K as u8 == 5
);

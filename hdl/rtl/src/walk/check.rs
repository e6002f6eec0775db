//! The verdict on one page-table entry: pointer to be updated, refill, or fault.
//!
//! Owns the rules of the manuals for a single entry, as one block of logic without state. Does not own the walk
//! ([`crate::walk::walker::Ptw`]). RISC-V Privileged Architecture, "Virtual Address Translation Process", steps 3-8; Intel
//! SDM vol. 3A, 4.6 (rights), 4.7 (error codes), 4.8 (A and D). The order of the checks is in hdl/CONTRACT.md.

use crate::bundle::mode::{ModePorts, bits, level_bits};
use crate::prelude::*;
use crate::tlb::geometry::{self, MEMORY_TYPE_BITS, PAGE_BITS, RIGHTS_BITS};
use crate::walk::masks::PteMasks;
use pagewalk_arch::{FaultKind, MmuConfig, PageSize};

/// See the module.
#[derive(LogicBlock)]
pub struct PteCheck {
    /// The entry. Where a verdict needed no read: the PDPTE in PAE.
    pub entry: Wire<In>,
    /// Its level.
    pub level: Wire<In>,
    /// Memory answered with an error instead.
    pub bus_error: Signal<In, Bit>,
    /// The verdict is that of the look state: address not canonical, PDPTE absent or reserved.
    pub without_reads: Signal<In, Bit>,
    /// The address is not canonical.
    pub noncanonical: Signal<In, Bit>,
    /// Page number.
    pub vpn: Wire<In>,
    /// User mode.
    pub user: Signal<In, Bit>,
    /// Store.
    pub store: Signal<In, Bit>,
    /// Fetch.
    pub fetch: Signal<In, Bit>,
    /// x86: all upper levels have R/W set.
    pub all_writable: Signal<In, Bit>,
    /// x86: all upper levels have U/S set.
    pub all_user: Signal<In, Bit>,
    /// x86: all upper levels have XD clear.
    pub all_executable: Signal<In, Bit>,
    /// RISC-V: an upper level has G set.
    pub any_global: Signal<In, Bit>,
    /// RISC-V sstatus.SUM.
    pub mode_sum: Vec<Signal<In, Bit>>,
    /// RISC-V sstatus.MXR.
    pub mode_mxr: Vec<Signal<In, Bit>>,
    /// RISC-V menvcfg.ADUE.
    pub mode_adue: Vec<Signal<In, Bit>>,
    /// RISC-V Svnapot (64-bit formats).
    pub mode_svnapot: Vec<Signal<In, Bit>>,
    /// RISC-V menvcfg.PBMTE (64-bit formats).
    pub mode_pbmte: Vec<Signal<In, Bit>>,
    /// x86 CR0.WP.
    pub mode_wp: Vec<Signal<In, Bit>>,
    /// x86 EFER.NXE (formats with XD).
    pub mode_nxe: Vec<Signal<In, Bit>>,
    /// x86 CR4.PSE (x86-32).
    pub mode_pse: Vec<Signal<In, Bit>>,
    /// x86 CR4.PGE.
    pub mode_pge: Vec<Signal<In, Bit>>,
    /// x86 CR4.SMEP.
    pub mode_smep: Vec<Signal<In, Bit>>,
    /// x86 CR4.SMAP.
    pub mode_smap: Vec<Signal<In, Bit>>,
    /// x86 EFLAGS.AC.
    pub mode_ac: Vec<Signal<In, Bit>>,

    /// A or D must be set first: swap in `updated`.
    pub updates: Signal<Out, Bit>,
    /// The entry with A, or A and D, set.
    pub updated: Wire<Out>,
    /// Translated.
    pub succeeds: Signal<Out, Bit>,
    /// Kind of fault, 0 without one.
    pub fault: Wire<Out>,
    /// Cause or error code.
    pub code: Wire<Out>,
    /// Frame of the 4 KiB piece; 0 on a fault.
    pub frame: Wire<Out>,
    /// Size of the leaf; 0 on a fault.
    pub page: Wire<Out>,
    /// Memory type; 0 on a fault.
    pub memory_type: Wire<Out>,
    /// The leaf lies within the implemented memory as a whole, so that a TLB may keep it.
    pub cacheable: Signal<Out, Bit>,
    /// The leaf is above level 0.
    pub superpage: Signal<Out, Bit>,
    /// R W X U D.
    pub rights: Wire<Out>,
    /// G.
    pub is_global: Signal<Out, Bit>,
    /// Levels below the leaf's, lowest first.
    pub ignored: Wire<Out>,

    pte: Wire<Local>,
    at_bottom: Signal<Local, Bit>,
    present: Signal<Local, Bit>,
    leaf: Signal<Local, Bit>,
    invalid: Signal<Local, Bit>,
    reserved: Signal<Local, Bit>,
    misaligned: Signal<Local, Bit>,
    beyond: Signal<Local, Bit>,
    napot: Signal<Local, Bit>,
    pbmt: Wire<Local>,
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
    reserved_bits: Wire<Local>,
    leaf_frame: Wire<Local>,
    low_bits: Wire<Local>,
    vpn_frame: Wire<Local>,
    pse36_bits: Wire<Local>,
    page_bits: Wire<Local>,
    type_bits: Wire<Local>,
    code_bits: Wire<Local>,
    rights_bits: Wire<Local>,

    reserved_mask: Const,
    beyond_mask: Const,
    misaligned_mask: Vec<Const>,
    beyond_vpn: Vec<Const>,
    first_uncacheable: Const,
    pointer_reserved: Vec<Const>,
    leaf_reserved: Vec<Const>,
    low_frame: Vec<Const>,
    levels_below: Vec<Const>,
    ppn_shift: Const,
    pse36_mask: Const,
    accessed_bit: Const,
    accessed_dirty_bits: Const,

    _levels: usize,
    _reaches_beyond: usize,
    _riscv: usize,
    _extensions: usize,
    _x86: usize,
    _has_xd: usize,
    _legacy: usize,
    _not_legacy: usize,
}

impl PteCheck {
    /// The rules for the format of `config`.
    pub fn new(config: &MmuConfig) -> Self {
        let spec = config.spec();
        let ModePorts { riscv, extensions, x86, has_xd, legacy } = ModePorts::of(spec);
        let masks = PteMasks::new(config);
        let levels = spec.levels();
        let leaf_levels = spec.leaf_level_max;
        let frame_bits = config.frame_bits() as usize;
        let frame_mask = (1u128 << frame_bits) - 1;
        let pte_bits = 8 * spec.pte_bytes as usize;
        // Address bits of a page larger than the implemented memory that lead out of it.
        let vpn_bits = spec.vpn_bits() as usize;
        let beyond_vpn: Vec<u128> =
            geometry::offset_masks(config)[..levels].iter().map(|mask| mask & !frame_mask).collect();
        let pte_consts = |bits: &[u128]| bits.iter().map(|&b| Const::new(pte_bits, b)).collect::<Vec<_>>();
        let accessed = if riscv == 1 { 1 << 6 } else { 1 << 5 };
        Self {
            entry: Wire::new(pte_bits),
            level: Wire::new(level_bits(spec)),
            bus_error: Default::default(),
            without_reads: Default::default(),
            noncanonical: Default::default(),
            vpn: Wire::new(spec.vpn_bits() as usize),
            user: Default::default(),
            store: Default::default(),
            fetch: Default::default(),
            all_writable: Default::default(),
            all_user: Default::default(),
            all_executable: Default::default(),
            any_global: Default::default(),
            mode_sum: bits(riscv),
            mode_mxr: bits(riscv),
            mode_adue: bits(riscv),
            mode_svnapot: bits(extensions),
            mode_pbmte: bits(extensions),
            mode_wp: bits(x86),
            mode_nxe: bits(has_xd),
            mode_pse: bits(legacy),
            mode_pge: bits(x86),
            mode_smep: bits(x86),
            mode_smap: bits(x86),
            mode_ac: bits(x86),
            updates: Default::default(),
            updated: Wire::new(pte_bits),
            succeeds: Default::default(),
            fault: Wire::new(2),
            code: Wire::new(5),
            frame: Wire::new(frame_bits),
            page: Wire::new(PAGE_BITS),
            memory_type: Wire::new(MEMORY_TYPE_BITS),
            cacheable: Default::default(),
            superpage: Default::default(),
            rights: Wire::new(RIGHTS_BITS),
            is_global: Default::default(),
            ignored: Wire::new(leaf_levels),
            pte: Wire::new(pte_bits),
            at_bottom: Default::default(),
            present: Default::default(),
            leaf: Default::default(),
            invalid: Default::default(),
            reserved: Default::default(),
            misaligned: Default::default(),
            beyond: Default::default(),
            napot: Default::default(),
            pbmt: Wire::new(2),
            no_execute: Default::default(),
            can_read: Default::default(),
            can_write: Default::default(),
            can_execute: Default::default(),
            for_user: Default::default(),
            accessed: Default::default(),
            dirty: Default::default(),
            permitted: Default::default(),
            stale: Default::default(),
            page_fault: Default::default(),
            access_fault: Default::default(),
            general_protection: Default::default(),
            needs_update: Default::default(),
            ok: Default::default(),
            reserved_bits: Wire::new(pte_bits),
            leaf_frame: Wire::new(frame_bits),
            low_bits: Wire::new(frame_bits),
            vpn_frame: Wire::new(frame_bits),
            pse36_bits: Wire::new(frame_bits),
            page_bits: Wire::new(PAGE_BITS),
            type_bits: Wire::new(MEMORY_TYPE_BITS),
            code_bits: Wire::new(5),
            rights_bits: Wire::new(RIGHTS_BITS),
            reserved_mask: Const::new(pte_bits, masks.riscv_reserved),
            beyond_mask: Const::new(pte_bits, masks.riscv_beyond),
            misaligned_mask: pte_consts(&masks.riscv_misaligned),
            beyond_vpn: beyond_vpn.iter().map(|&bits| Const::new(vpn_bits, bits)).collect(),
            pointer_reserved: pte_consts(&masks.x86_pointer_reserved),
            leaf_reserved: pte_consts(&masks.x86_leaf_reserved),
            low_frame: geometry::offset_masks(config)[..levels]
                .iter()
                .map(|mask| Const::new(frame_bits, mask & frame_mask))
                .collect(),
            levels_below: (0..levels)
                .map(|level| Const::new(leaf_levels, ((1 << level) - 1) & ((1 << leaf_levels) - 1)))
                .collect(),
            ppn_shift: Const::new(7, spec.ppn_shift.into()),
            pse36_mask: Const::new(frame_bits, frame_mask & (0xff << 20)),
            accessed_bit: Const::new(pte_bits, accessed),
            accessed_dirty_bits: Const::new(pte_bits, 3 * accessed),
            _levels: levels,
            first_uncacheable: Const::new(
                level_bits(spec),
                beyond_vpn.iter().position(|&mask| mask != 0).unwrap_or(0) as u128,
            ),
            _reaches_beyond: riscv * usize::from(beyond_vpn.iter().any(|&mask| mask != 0)),
            _riscv: riscv,
            _extensions: extensions,
            _x86: x86,
            _has_xd: has_xd,
            _legacy: legacy,
            _not_legacy: x86 - legacy,
        }
    }
}

impl Logic for PteCheck {
    #[hdl_gen]
    fn update(&mut self) {
        self.pte.next = self.entry.val();
        self.at_bottom.next = self.level.val() == 0;
        self.present.next = self.pte.val().get_bit(0);
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
        self.is_global.next = false;
        self.page_fault.next = false;
        self.access_fault.next = self.bus_error.val();
        self.general_protection.next = false;
        self.needs_update.next = false;
        self.code_bits.next = 0.into();
        self.type_bits.next = 0.into();
        self.leaf_frame.next = self.pte.val() >> self.ppn_shift.val();
        self.pse36_bits.next = 0.into();

        for m in 0..self._riscv {
            self.can_read.next = self.pte.val().get_bit(1);
            self.can_write.next = self.pte.val().get_bit(2);
            self.can_execute.next = self.pte.val().get_bit(3);
            self.for_user.next = self.pte.val().get_bit(4);
            self.is_global.next = self.any_global.val() || self.pte.val().get_bit(5);
            self.accessed.next = self.pte.val().get_bit(6);
            self.dirty.next = self.pte.val().get_bit(7);
            self.leaf.next = self.can_read.val() || self.can_execute.val();
            self.invalid.next = !self.present.val()
                || (!self.can_read.val() && self.can_write.val())
                || (self.pte.val() & self.reserved_mask.val()).any();
            for e in 0..self._extensions {
                self.napot.next = self.pte.val().get_bit(63);
                self.pbmt.next = self.pte.val() >> 61;
                if (self.napot.val() && !self.mode_svnapot[e].val())
                    || (self.pbmt.val().any() && !self.mode_pbmte[e].val())
                    || (self.pbmt.val() == 3)
                {
                    self.invalid.next = true;
                }
                self.type_bits.next = self.pbmt.val();
            }
            self.beyond.next = (self.pte.val() & self.beyond_mask.val()).any();
            for _g in 0..self._reaches_beyond {
                for k in 0..self._levels {
                    if (self.level.val() == k)
                        && self.leaf.val()
                        && (self.vpn.val() & self.beyond_vpn[k].val()).any()
                    {
                        self.beyond.next = true;
                    }
                }
            }
            for k in 0..self._levels {
                if (self.level.val() == k) && (self.pte.val() & self.misaligned_mask[k].val()).any() {
                    self.misaligned.next = true;
                }
            }
            if self.napot.val() && (!self.at_bottom.val() || (self.pte.val().get_bits::<4>(10) != 8)) {
                self.misaligned.next = true;
            }
            self.permitted.next = ((self.fetch.val() && self.can_execute.val())
                || (self.store.val() && self.can_write.val())
                || (!self.fetch.val()
                    && !self.store.val()
                    && (self.can_read.val() || (self.can_execute.val() && self.mode_mxr[m].val()))))
                && ((self.for_user.val()
                    && (self.user.val() || (!self.fetch.val() && self.mode_sum[m].val())))
                    || (!self.for_user.val() && !self.user.val()));
            self.stale.next = !self.accessed.val() || (self.store.val() && !self.dirty.val());
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
                                || (self.stale.val() && !self.mode_adue[m].val())
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
                if self.fetch.val() {
                    self.code_bits.next = 12.into();
                }
                if self.store.val() {
                    self.code_bits.next = 15.into();
                }
            }
            if self.access_fault.val() {
                self.code_bits.next = 5.into();
                if self.fetch.val() {
                    self.code_bits.next = 1.into();
                }
                if self.store.val() {
                    self.code_bits.next = 7.into();
                }
            }
        }

        for m in 0..self._x86 {
            self.accessed.next = self.pte.val().get_bit(5);
            self.dirty.next = self.pte.val().get_bit(6);
            for _n in 0..self._not_legacy {
                self.leaf.next = self.at_bottom.val() || self.pte.val().get_bit(7);
            }
            for l in 0..self._legacy {
                self.leaf.next =
                    self.at_bottom.val() || (self.pte.val().get_bit(7) && self.mode_pse[l].val());
                if !self.at_bottom.val() {
                    // PSE-36: address bits 39:32 of a 4 MiB page lie in bits 20:13.
                    self.pse36_bits.next = self.pte.val() >> 13;
                    self.pse36_bits.next = (self.pse36_bits.val() << 20) & self.pse36_mask.val();
                }
            }
            for k in 0..self._levels {
                if self.level.val() == k {
                    self.reserved_bits.next = self.pointer_reserved[k].val();
                    if self.leaf.val() {
                        self.reserved_bits.next =
                            self.pointer_reserved[k].val() | self.leaf_reserved[k].val();
                    }
                }
            }
            self.reserved.next = (self.pte.val() & self.reserved_bits.val()).any();
            for x in 0..self._has_xd {
                self.no_execute.next = self.pte.val().get_bit(63);
                if self.no_execute.val() && !self.mode_nxe[x].val() {
                    self.reserved.next = true;
                }
            }
            self.can_write.next = self.all_writable.val() && self.pte.val().get_bit(1);
            self.for_user.next = self.all_user.val() && self.pte.val().get_bit(2);
            self.can_execute.next = self.all_executable.val() && !self.no_execute.val();
            self.is_global.next = self.pte.val().get_bit(8) && self.mode_pge[m].val();
            self.type_bits.next = bits_w(self.pte.val() >> 3, 2);
            if (self.at_bottom.val() && self.pte.val().get_bit(7))
                || (!self.at_bottom.val() && self.pte.val().get_bit(12))
            {
                self.type_bits.next = self.type_bits.val() | 4;
            }
            self.permitted.next =
                (self.can_write.val() || !self.store.val() || (!self.user.val() && !self.mode_wp[m].val()))
                    && (self.can_execute.val() || !self.fetch.val())
                    && (self.for_user.val() || !self.user.val());
            if self.for_user.val()
                && !self.user.val()
                && ((self.fetch.val() && self.mode_smep[m].val())
                    || (!self.fetch.val() && self.mode_smap[m].val() && !self.mode_ac[m].val()))
            {
                self.permitted.next = false;
            }
            self.stale.next =
                !self.accessed.val() || (self.leaf.val() && self.store.val() && !self.dirty.val());
            if self.without_reads.val() {
                self.general_protection.next = self.noncanonical.val();
                self.page_fault.next = !self.noncanonical.val();
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
                self.code_bits.next = self.code_bits.val().replace_bit(1, self.store.val());
                self.code_bits.next = self.code_bits.val().replace_bit(2, self.user.val());
                self.code_bits.next =
                    self.code_bits.val().replace_bit(3, self.present.val() && self.reserved.val());
                if self.fetch.val() && self.mode_smep[m].val() {
                    self.code_bits.next = self.code_bits.val().replace_bit(4, true);
                }
                for x in 0..self._has_xd {
                    if self.fetch.val() && self.mode_nxe[x].val() {
                        self.code_bits.next = self.code_bits.val().replace_bit(4, true);
                    }
                }
            }
        }

        // What a success yields: the 4 KiB piece around the address.
        self.low_bits.next = 0.into();
        self.page_bits.next = 0.into();
        self.ignored.next = 0.into();
        for k in 0..self._levels {
            if self.level.val() == k {
                self.low_bits.next = self.low_frame[k].val();
                self.ignored.next = self.levels_below[k].val();
            }
        }
        self.page_bits.next = self.level.val();
        if self.napot.val() {
            self.low_bits.next = 15.into();
            self.page_bits.next = 5.into();
        }
        self.vpn_frame.next = self.vpn.val();
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
        self.frame.next = 0.into();
        self.page.next = 0.into();
        self.memory_type.next = 0.into();
        if self.ok.val() {
            self.frame.next = ((self.leaf_frame.val() | self.pse36_bits.val()) & (!self.low_bits.val()))
                | (self.vpn_frame.val() & self.low_bits.val());
            self.page.next = self.page_bits.val();
            self.memory_type.next = self.type_bits.val();
        }
        self.rights_bits.next = 0.into();
        self.rights_bits.next = self.rights_bits.val().replace_bit(0, self.can_read.val());
        self.rights_bits.next = self.rights_bits.val().replace_bit(1, self.can_write.val());
        self.rights_bits.next = self.rights_bits.val().replace_bit(2, self.can_execute.val());
        self.rights_bits.next = self.rights_bits.val().replace_bit(3, self.for_user.val());
        self.rights_bits.next = self.rights_bits.val().replace_bit(4, self.dirty.val());
        self.rights.next = self.rights_bits.val();

        self.fault.next = 0.into();
        if self.page_fault.val() {
            self.fault.next = 1.into();
        }
        if self.access_fault.val() {
            self.fault.next = 2.into();
        }
        if self.general_protection.val() {
            self.fault.next = 3.into();
        }
        self.code.next = self.code_bits.val();
        self.updates.next = self.needs_update.val();
        self.updated.next = self.pte.val() | self.accessed_bit.val();
        if self.store.val() && self.leaf.val() {
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

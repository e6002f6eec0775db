//! One entry of a fully associative TLB: tag side in flip-flops, any page size of the format.
//!
//! Owns its comparison in the first stage (S0) and whether a fence drops it. Its frame lies in the LUT RAM of
//! [`crate::tlb::full::FullTlb`].

use crate::prelude::*;
use crate::tlb::geometry::RIGHTS_BITS;
use pagewalk_arch::MmuConfig;

/// See the module.
#[derive(LogicBlock)]
pub struct TlbEntry {
    /// Clock.
    pub clock: Signal<In, Clock>,

    /// S0: an access enters.
    pub load: Signal<In, Bit>,
    /// S0: its page number, or that of a fence.
    pub vpn: Wire<In>,
    /// S0: current identifier, or that of a fence; empty where there is none.
    pub asid: Vec<Wire<In>>,
    /// S0: R grants.
    pub read_grants: Signal<In, Bit>,
    /// S0: W grants.
    pub write_grants: Signal<In, Bit>,
    /// S0: X grants.
    pub execute_grants: Signal<In, Bit>,
    /// S0: D is needed.
    pub needs_dirty: Signal<In, Bit>,
    /// S0: user pages are allowed.
    pub user_pages: Signal<In, Bit>,
    /// S0: supervisor pages are allowed.
    pub supervisor_pages: Signal<In, Bit>,

    /// S1: the entry matches.
    pub matched: Signal<Out, Bit>,
    /// S1: its rights suffice.
    pub granted: Signal<Out, Bit>,
    /// Levels whose index the entry leaves to the address, lowest first.
    pub ignored: Wire<Out>,

    /// Write the entry.
    pub write: Signal<In, Bit>,
    /// The entry becomes valid.
    pub write_valid: Signal<In, Bit>,
    /// Its page number.
    pub write_vpn: Wire<In>,
    /// R W X U D.
    pub write_rights: Wire<In>,
    /// G.
    pub write_global: Signal<In, Bit>,
    /// Levels below the leaf's.
    pub write_ignored: Wire<In>,

    /// A fence: drop the entry if it falls under it. `vpn` and `asid` are the fence's then.
    pub fence: Signal<In, Bit>,
    /// The fence has an address.
    pub fence_has_va: Signal<In, Bit>,
    /// The fence has an identifier.
    pub fence_has_asid: Signal<In, Bit>,
    /// The fence spares global entries.
    pub fence_keep_global: Signal<In, Bit>,

    valid: BitRegister,
    tag: RegisterEn,
    space: Vec<RegisterEn>,
    is_global: BitRegisterEn,
    rights: RegisterEn,
    levels_ignored: RegisterEn,
    matched_held: BitRegisterEn,
    granted_held: BitRegisterEn,

    own: Wire<Local>,
    own_ignored: Wire<Local>,
    ignored_bits: Wire<Local>,
    page_equal: Signal<Local, Bit>,
    space_equal: Signal<Local, Bit>,

    level_mask: Vec<Const>,
    _levels: usize,
    _has_asid: usize,
}

impl TlbEntry {
    /// An entry for the format of `config`.
    pub fn new(config: &MmuConfig) -> Self {
        let spec = config.spec();
        let vpn_bits = spec.vpn_bits() as usize;
        let levels = spec.leaf_level_max;
        let has_asid = usize::from(config.asid_bits > 0);
        let level_mask = |level: usize| {
            let mask = ((1u128 << spec.index_bits[level]) - 1)
                << (spec.level_shift(level) - pagewalk_arch::FRAME_SHIFT);
            Const::new(vpn_bits, mask)
        };
        Self {
            clock: Default::default(),
            load: Default::default(),
            vpn: Wire::new(vpn_bits),
            asid: (0..has_asid).map(|_| Wire::new(config.asid_bits as usize)).collect(),
            read_grants: Default::default(),
            write_grants: Default::default(),
            execute_grants: Default::default(),
            needs_dirty: Default::default(),
            user_pages: Default::default(),
            supervisor_pages: Default::default(),
            matched: Default::default(),
            granted: Default::default(),
            ignored: Wire::new(levels),
            write: Default::default(),
            write_valid: Default::default(),
            write_vpn: Wire::new(vpn_bits),
            write_rights: Wire::new(RIGHTS_BITS),
            write_global: Default::default(),
            write_ignored: Wire::new(levels),
            fence: Default::default(),
            fence_has_va: Default::default(),
            fence_has_asid: Default::default(),
            fence_keep_global: Default::default(),
            valid: BitRegister::new(),
            tag: RegisterEn::new(vpn_bits),
            space: (0..has_asid).map(|_| RegisterEn::new(config.asid_bits as usize)).collect(),
            is_global: BitRegisterEn::new(),
            rights: RegisterEn::new(RIGHTS_BITS),
            levels_ignored: RegisterEn::new(levels),
            matched_held: BitRegisterEn::new(),
            granted_held: BitRegisterEn::new(),
            own: Wire::new(RIGHTS_BITS),
            own_ignored: Wire::new(levels),
            ignored_bits: Wire::new(vpn_bits),
            page_equal: Default::default(),
            space_equal: Default::default(),
            level_mask: (0..levels).map(level_mask).collect(),
            _levels: levels,
            _has_asid: has_asid,
        }
    }
}

impl Logic for TlbEntry {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, valid, tag, is_global, rights, levels_ignored, matched_held, granted_held);

        // S0
        self.own.next = self.rights.q.val();
        self.own_ignored.next = self.levels_ignored.q.val();
        self.ignored_bits.next = 0.into();
        for k in 0..self._levels {
            if self.own_ignored.val().get_bit(k) {
                self.ignored_bits.next = self.ignored_bits.val() | self.level_mask[k].val();
            }
        }
        self.page_equal.next = ((self.tag.q.val() ^ self.vpn.val()) & (!self.ignored_bits.val())) == 0;
        self.space_equal.next = true;
        for s in 0..self._has_asid {
            clock!(self, clock, space[s]);
            self.space[s].en.next = self.write.val();
            self.space[s].d.next = self.asid[s].val();
            self.space_equal.next = (self.space[s].q.val() == self.asid[s].val()) || self.is_global.q.val();
        }
        self.matched_held.en.next = self.load.val();
        self.matched_held.d.next = self.valid.q.val() && self.page_equal.val() && self.space_equal.val();
        self.granted_held.en.next = self.load.val();
        self.granted_held.d.next = ((self.read_grants.val() && self.own.val().get_bit(0))
            || (self.write_grants.val() && self.own.val().get_bit(1))
            || (self.execute_grants.val() && self.own.val().get_bit(2)))
            && ((self.own.val().get_bit(3) && self.user_pages.val())
                || (!self.own.val().get_bit(3) && self.supervisor_pages.val()))
            && (self.own.val().get_bit(4) || !self.needs_dirty.val());

        // S1
        self.matched.next = self.matched_held.q.val();
        self.granted.next = self.granted_held.q.val();
        self.ignored.next = self.levels_ignored.q.val();

        self.tag.en.next = self.write.val();
        self.tag.d.next = self.write_vpn.val();
        self.is_global.en.next = self.write.val();
        self.is_global.d.next = self.write_global.val();
        self.rights.en.next = self.write.val();
        self.rights.d.next = self.write_rights.val();
        self.levels_ignored.en.next = self.write.val();
        self.levels_ignored.d.next = self.write_ignored.val();
        self.valid.d.next = self.valid.q.val();
        if self.write.val() {
            self.valid.d.next = self.write_valid.val();
        }
        if self.fence.val()
            && (!self.fence_has_va.val() || self.page_equal.val())
            && (!self.fence_has_asid.val() || self.space_equal.val())
            && (!self.fence_keep_global.val() || !self.is_global.q.val())
        {
            self.valid.d.next = false;
        }
    }
}

//! One entry of a fully associative TLB: tag side in flip-flops, any page size of the format.
//!
//! Owns its comparison in the first stage (S0) and whether a fence drops it. Its page lies in the LUT RAM of
//! [`super::full::FullTlb`].

use super::rights::Rights;
use super::rows::level_masks;
use crate::bundle::{NeedsIn, TagIn};
use crate::geometry::{Geometry, RIGHTS_BITS};
use crate::prelude::*;

block! {
    /// See the module.
    pub struct TlbEntry(g: &Geometry) has clock;
    {
        /// S0: an access enters.
        pub load: Signal<In, Bit>,
        /// S0: its page number, or that of a fence.
        pub vpn: Wire<In> = Wire::new(g.vpn),
        /// S0: current ASID, or that of a fence.
        pub asid: Ports<Wire<In>> = Ports::of(g.has_asid, |_| Wire::new(g.asid)),
        /// S0: what the access needs.
        pub needs: NeedsIn = NeedsIn::new(),

        /// S1: the entry matches.
        pub matched: Signal<Out, Bit>,
        /// S1: its rights suffice.
        pub granted: Signal<Out, Bit>,
        /// Levels whose index the entry leaves to the address, lowest first.
        pub ignored: Wire<Out> = Wire::new(g.leaf_levels),

        /// Write the entry.
        pub write: Signal<In, Bit>,
        /// The entry becomes valid.
        pub write_valid: Signal<In, Bit>,
        /// Its page number.
        pub write_vpn: Wire<In> = Wire::new(g.vpn),
        /// What it grants.
        pub write_tag: TagIn = TagIn::new(),
        /// Levels below the leaf's.
        pub write_ignored: Wire<In> = Wire::new(g.leaf_levels),

        /// A fence: drop the entry if it falls under it. `vpn` and `asid` are the fence's then.
        pub fence: Signal<In, Bit>,
        /// The fence has an address.
        pub fence_by_address: Signal<In, Bit>,
        /// The fence has an ASID.
        pub fence_has_asid: Signal<In, Bit>,
        /// The fence spares global entries.
        pub fence_keep_global: Signal<In, Bit>,

        valid: BitRegister,
        tag: RegisterEn = RegisterEn::new(g.vpn),
        own_asid: Ports<RegisterEn> = Ports::of(g.has_asid, |_| RegisterEn::new(g.asid)),
        is_global: BitRegisterEn,
        rights: RegisterEn = RegisterEn::new(RIGHTS_BITS),
        levels_ignored: RegisterEn = RegisterEn::new(g.leaf_levels),
        matched_held: BitRegisterEn,
        granted_held: BitRegisterEn,
        judge: Rights = Rights::new(),

        own_ignored: Wire<Local> = Wire::new(g.leaf_levels),
        ignored_bits: Wire<Local> = Wire::new(g.vpn),
        page_equal: Signal<Local, Bit>,
        asid_equal: Signal<Local, Bit>,

        level_mask: Vec<Const> = level_masks(g.spec, g.vpn),
        _g: Geometry = *g,
    }
}

impl Logic for TlbEntry {
    #[hdl_gen]
    fn update(&mut self) {
        // S0
        self.own_ignored.next = self.levels_ignored.q.val();
        self.ignored_bits.next = 0.into();
        for k in 0..self._g.leaf_levels {
            if self.own_ignored.val().get_bit(k) {
                self.ignored_bits.next = self.ignored_bits.val() | self.level_mask[k].val();
            }
        }
        self.page_equal.next = ((self.tag.q.val() ^ self.vpn.val()) & (!self.ignored_bits.val())) == 0;
        self.asid_equal.next = true;
        for a in 0..self._g.has_asid {
            self.own_asid[a].en.next = self.write.val();
            self.own_asid[a].d.next = self.asid[a].val();
            self.asid_equal.next = (self.own_asid[a].q.val() == self.asid[a].val()) || self.is_global.q.val();
        }
        self.matched_held.en.next = self.load.val();
        self.matched_held.d.next = self.valid.q.val() && self.page_equal.val() && self.asid_equal.val();
        Bundle::join(&mut self.needs, &mut self.judge.needs);
        self.judge.rights.next = self.rights.q.val();
        self.granted_held.en.next = self.load.val();
        self.granted_held.d.next = self.judge.suffice.val();

        // S1
        self.matched.next = self.matched_held.q.val();
        self.granted.next = self.granted_held.q.val();
        self.ignored.next = self.levels_ignored.q.val();

        self.tag.en.next = self.write.val();
        self.tag.d.next = self.write_vpn.val();
        self.is_global.en.next = self.write.val();
        self.is_global.d.next = self.write_tag.global.val();
        self.rights.en.next = self.write.val();
        self.rights.d.next = self.write_tag.rights.val();
        self.levels_ignored.en.next = self.write.val();
        self.levels_ignored.d.next = self.write_ignored.val();
        self.valid.d.next = self.valid.q.val();
        if self.write.val() {
            self.valid.d.next = self.write_valid.val();
        }
        if self.fence.val()
            && (!self.fence_by_address.val() || self.page_equal.val())
            && (!self.fence_has_asid.val() || self.asid_equal.val())
            && (!self.fence_keep_global.val() || !self.is_global.q.val())
        {
            self.valid.d.next = false;
        }
    }
}

//! The arbiter of misses: which side asks next, and whose the answer is. Data goes first.
//!
//! Owns no state: an answer says itself which side it is for, so that what answers may be a walker, several of them, or a
//! second-level TLB.

use crate::bundle::{Miss, MissIn};
use crate::geometry::Geometry;
use crate::prelude::*;

block! {
    /// See the module.
    pub struct MissArbiter(g: &Geometry);
    {
        /// The sides: data, instruction.
        pub from: Vec<MissIn> = (0..2).map(|_| MissIn::new(g)).collect(),
        /// What answers.
        pub to: Miss = Miss::new(g),
    }
}

impl Logic for MissArbiter {
    #[hdl_gen]
    fn update(&mut self) {
        self.to.valid.next = self.from[0].valid.val() || self.from[1].valid.val();
        self.to.vpn.next = self.from[1].vpn.val();
        self.to.noncanonical.next = self.from[1].noncanonical.val();
        self.to.user.next = self.from[1].user.val();
        self.to.store.next = self.from[1].store.val();
        self.to.fetch.next = self.from[1].fetch.val();
        if self.from[0].valid.val() {
            self.to.vpn.next = self.from[0].vpn.val();
            self.to.noncanonical.next = self.from[0].noncanonical.val();
            self.to.user.next = self.from[0].user.val();
            self.to.store.next = self.from[0].store.val();
            self.to.fetch.next = self.from[0].fetch.val();
        }
        self.to.taken.next = self.from[0].taken.val();
        if self.to.for_fetch.val() {
            self.to.taken.next = self.from[1].taken.val();
        }

        self.from[0].done.next = self.to.done.val() && !self.to.for_fetch.val();
        self.from[1].done.next = self.to.done.val() && self.to.for_fetch.val();
        self.from[0].refill.valid.next = self.to.refill.valid.val() && !self.to.for_fetch.val();
        self.from[1].refill.valid.next = self.to.refill.valid.val() && self.to.for_fetch.val();
        for s in 0..2 {
            self.from[s].for_fetch.next = self.to.for_fetch.val();
            self.from[s].fault.next = self.to.fault.val();
            self.from[s].code.next = self.to.code.val();
            self.from[s].refill.superpage.next = self.to.refill.superpage.val();
            self.from[s].refill.ignored.next = self.to.refill.ignored.val();
            self.from[s].refill.tag.rights.next = self.to.refill.tag.rights.val();
            self.from[s].refill.tag.global.next = self.to.refill.tag.global.val();
            self.from[s].refill.page.frame.next = self.to.refill.page.frame.val();
            self.from[s].refill.page.size.next = self.to.refill.page.size.val();
            self.from[s].refill.page.memory_type.next = self.to.refill.page.memory_type.val();
        }
    }
}

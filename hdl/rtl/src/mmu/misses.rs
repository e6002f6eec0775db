//! The arbiter of misses: which side asks next, and whose the answer is. Data goes first.
//!
//! Owns no state: an answer says itself which side it is for, so that what answers may be a walker, several of them,
//! or a second-level TLB.

use crate::bundle::{Miss, MissIn};
use crate::geometry::Geometry;
use crate::prelude::*;

block! {
    /// See the module.
    pub struct MissArbiter(g: &Geometry);
    {
        /// Misses of the data side.
        pub data: MissIn = MissIn::new(g),
        /// Misses of the instruction side.
        pub instruction: MissIn = MissIn::new(g),
        /// What answers.
        pub to: Miss = Miss::new(g),
    }
}

impl Logic for MissArbiter {
    #[hdl_gen]
    fn update(&mut self) {
        Through::join(&mut self.instruction, &mut self.to);
        self.to.valid.next = self.data.valid.val() || self.instruction.valid.val();
        if self.data.valid.val() {
            Through::join(&mut self.data.access, &mut self.to.access);
        }
        self.to.taken.next = self.data.taken.val();
        if self.to.for_fetch.val() {
            self.to.taken.next = self.instruction.taken.val();
        }

        self.instruction.done.next = self.to.done.val() && self.to.for_fetch.val();
        self.instruction.refill.valid.next = self.to.refill.valid.val() && self.to.for_fetch.val();
        Through::join(&mut self.to.refill, &mut self.data.refill);
        Through::join(&mut self.to.for_fetch, &mut self.data.for_fetch);
        Through::join(&mut self.to.fault, &mut self.data.fault);
        self.data.done.next = self.to.done.val() && !self.to.for_fetch.val();
        self.data.refill.valid.next = self.to.refill.valid.val() && !self.to.for_fetch.val();
    }
}

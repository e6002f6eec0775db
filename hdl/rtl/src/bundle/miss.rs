//! A miss on its way to an answer. A side speaks it, arbiters pass it on, a walker answers; a second-level TLB would
//! stand between, answering on one side and asking on the other.

use super::translation::{Page, PageIn, Tag, TagIn};
use crate::geometry::{CODE_BITS, FAULT_BITS, Geometry, PAGE_BITS};
use crate::prelude::*;

bundle! {
    /// An access that its TLB does not grant, and the answer.
    pub struct Miss / MissIn (g: &Geometry) {
        /// An access waits.
        out valid: bit,
        /// That access.
        out access: Access / AccessIn(g),
        /// The answer is there, until it is taken: `fault`, `code`, and the page of `refill`.
        in done: bit,
        /// It answers a fetch.
        in for_fetch: bit,
        /// It is being taken.
        out taken: bit,
        /// Why it is refused, if it is.
        in fault: Fault / FaultIn(),
        /// What the TLB is to keep.
        in refill: Refill / RefillIn(g),
    }
}

bundle! {
    /// An access as a walk needs to know it.
    pub struct Access / AccessIn (g: &Geometry) {
        /// Its page number.
        out vpn: wire(g.vpn),
        /// Its address is not canonical.
        out noncanonical: bit,
        /// It is made in user mode.
        out user: bit,
        /// It is a store.
        out store: bit,
        /// It is a fetch.
        out fetch: bit,
    }
}

bundle! {
    /// A fault.
    pub struct Fault / FaultIn () {
        /// Its kind, 0 without one.
        out kind: wire(FAULT_BITS),
        /// Cause or error code.
        out code: wire(CODE_BITS),
    }
}

bundle! {
    /// What the levels above an entry say of it.
    pub struct Upper / UpperIn () {
        /// x86: all of them have R/W set.
        out writable: bit,
        /// x86: all of them have U/S set.
        out user: bit,
        /// x86: all of them have XD clear.
        out executable: bit,
        /// RISC-V: one of them has G set.
        out global: bit,
    }
}

bundle! {
    /// A translation for a TLB to keep: its tag side now, its page in the next cycle.
    pub struct Refill / RefillIn (g: &Geometry) {
        /// Keep it.
        out valid: bit,
        /// The leaf is above level 0.
        out superpage: bit,
        /// Levels below the leaf's, lowest first.
        out ignored: wire(g.leaf_levels),
        /// What it grants.
        out tag: Tag / TagIn(),
        /// One cycle later, and as long as the answer stands: what it yields, zeros on a fault.
        out page: Page / PageIn(g),
    }
}

bundle! {
    /// What a walker reports to the fence unit.
    pub struct WalkReport / WalkReportIn (g: &Geometry) {
        /// No walk is under way.
        out idle: bit,
        /// The walk is, or was last, for a fetch.
        out fetch: bit,
        /// Its page number.
        out vpn: wire(g.vpn),
        /// Its verdict is a page fault.
        out page_fault: bit,
        /// Its verdict is a refill.
        out refill: bit,
        /// Of this size.
        out page_size: wire(PAGE_BITS),
    }
}

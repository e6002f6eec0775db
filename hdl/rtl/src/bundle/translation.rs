//! A translation as a TLB keeps it, and the question that is put to a TLB.

use crate::geometry::{Geometry, MEMORY_TYPE_BITS, PAGE_BITS, RIGHTS_BITS};
use crate::prelude::*;

bundle! {
    /// What a translation grants.
    pub struct Tag / TagIn () {
        /// R W X U D.
        out rights: wire(RIGHTS_BITS),
        /// G.
        out global: bit,
    }
}

bundle! {
    /// What a translation yields.
    pub struct Page / PageIn (g: &Geometry) {
        /// Frame of the 4 KiB piece.
        out frame: wire(g.frame),
        /// Size of the leaf.
        out size: wire(PAGE_BITS),
        /// Memory type.
        out memory_type: wire(MEMORY_TYPE_BITS),
    }
}

bundle! {
    /// What an access needs, and the mode allows it, of a translation.
    pub struct Needs / NeedsIn () {
        /// R grants.
        out read: bit,
        /// W grants.
        out write: bit,
        /// X grants.
        out execute: bit,
        /// D is needed.
        out dirty: bit,
        /// User pages are allowed.
        out user_pages: bit,
        /// Supervisor pages are allowed.
        out supervisor_pages: bit,
    }
}

bundle! {
    /// A question to a TLB: compared in S0, the cycle in which an access enters, answered in S1, the next.
    pub struct LookUp / LookUpIn (g: &Geometry) {
        /// S0: an access enters.
        out load: bit,
        /// S0: its page number.
        out vpn: wire(g.vpn),
        /// S0: what it needs.
        out needs: Needs / NeedsIn(),
        /// S1: a canonical access is there.
        out held: bit,
        /// S1: its page number.
        out held_vpn: wire(g.vpn),
        /// S1: the walker answers it; give zeros.
        out walker_answers: bit,
        /// S1: exactly one entry matches, and it grants.
        in hit: bit,
        /// S1: what that entry yields.
        in page: Page / PageIn(g),
    }
}

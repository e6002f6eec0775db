//! The bus to page-table memory: one transaction at a time, a read or a compare-and-swap.

use crate::geometry::Geometry;
use crate::prelude::*;

bundle! {
    /// A request to memory, `valid` until it is taken.
    pub struct PteRequest / PteRequestIn (g: &Geometry) {
        /// A request is offered.
        out valid: bit,
        /// It is taken.
        in ready: bit,
        /// Its address.
        out address: wire(g.pa),
        /// It is a compare-and-swap.
        out swap: bit,
        /// Expected PTE.
        out expected: wire(g.pte),
        /// PTE to store.
        out new: wire(g.pte),
        /// The walk is for the instruction side.
        out port: bit,
    }
}

bundle! {
    /// Its response, always accepted.
    pub struct PteResponse / PteResponseIn (g: &Geometry) {
        /// A response is there.
        out valid: bit,
        /// The PTE in memory.
        out data: wire(g.pte),
        /// Bus error.
        out error: bit,
    }
}

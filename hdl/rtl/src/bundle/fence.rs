//! Fences: as software hands them over, and as TLBs carry them out.

use crate::geometry::Geometry;
use crate::prelude::*;

bundle! {
    /// A fence, `valid` until it is taken.
    pub struct Fence / FenceIn (g: &Geometry) {
        /// A fence is offered.
        out valid: bit,
        /// It is taken.
        in ready: bit,
        /// It has an address.
        out has_va: bit,
        /// Its address.
        out va: wire(g.va),
        /// It has an ASID.
        out has_asid: bits(g.has_asid),
        /// Its ASID.
        out asid: wires(g.has_asid, g.asid),
        /// It spares global entries.
        out keep_global: bit,
    }
}

bundle! {
    /// A fence being carried out: what a TLB is to drop in this cycle.
    pub struct Drop / DropIn (g: &Geometry) {
        /// Drop in this cycle.
        out valid: bit,
        /// Only what translates page `vpn`; otherwise a sweep, row by row.
        out by_address: bit,
        /// Row of the sweep.
        out row: wire(g.row),
        /// The page.
        out vpn: wire(g.vpn),
        /// Only what belongs to `asid`, and global entries.
        out has_asid: bit,
        /// The ASID.
        out asid: wires(g.has_asid, g.asid),
        /// Spare global entries.
        out keep_global: bit,
    }
}

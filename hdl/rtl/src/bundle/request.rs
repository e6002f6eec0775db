//! What the core says and hears: a request to translate, and its response.

use crate::geometry::{CODE_BITS, FAULT_BITS, Geometry, MEMORY_TYPE_BITS, PAGE_BITS, SERVED_BITS};
use crate::prelude::*;
use pagewalk_arch::Side;

bundle! {
    /// A request, `valid` until it is taken.
    pub struct Request / RequestIn (g: &Geometry, side: Side) {
        /// A request is offered.
        out valid: bit,
        /// It is taken.
        in ready: bit,
        /// Its address.
        out va: wire(g.va),
        /// It is made in user mode.
        out user: bit,
        /// It is a store; only data has it.
        out store: bits(usize::from(side == Side::Data)),
        /// Its tag.
        out tag: wires(g.has_tag, g.tag),
    }
}

bundle! {
    /// Its response, `valid` until it is taken.
    pub struct Response / ResponseIn (g: &Geometry) {
        /// A response is offered.
        out valid: bit,
        /// It is taken.
        in ready: bit,
        /// Address of the request.
        out va: wire(g.va),
        /// Physical address, 0 on a fault.
        out pa: wire(g.pa),
        /// Kind of fault, 0 without one.
        out fault: wire(FAULT_BITS),
        /// Cause or error code.
        out code: wire(CODE_BITS),
        /// Size of the leaf.
        out page: wire(PAGE_BITS),
        /// Memory type.
        out memory_type: wire(MEMORY_TYPE_BITS),
        /// What answered.
        out served: wire(SERVED_BITS),
        /// Tag of the request.
        out tag: wires(g.has_tag, g.tag),
    }
}

//! One side: instruction or data. A pipeline and its first-level TLB; structure only.

use super::pipeline::Pipeline;
use crate::bundle::{DropIn, Miss, ModeIn, RequestIn, Response};
use crate::geometry::Geometry;
use crate::prelude::*;
use crate::tlb::full::FullTlb;
use crate::tlb::set::SetTlb;
use pagewalk_arch::{self as arch, MmuConfig};

block! {
    /// See the module.
    pub struct Side(config: &MmuConfig, side: arch::Side) has clock, reset;
    let g = &Geometry::of(config);
    {
        /// A fence is pending: take no request.
        pub blocked: Signal<In, Bit>,
        /// Current ASID.
        pub asid: Ports<Wire<In>> = Ports::of(g.has_asid, |_| Wire::new(g.asid)),
        /// The mode bits that accesses of this side heed.
        pub mode: ModeIn = ModeIn::of_side(g.spec, side),
        /// Requests.
        pub req: RequestIn = RequestIn::new(g, side),
        /// Responses.
        pub resp: Response = Response::new(g),
        /// The access that the TLB does not grant.
        pub miss: Miss = Miss::new(g),
        /// A fence that is carried out.
        pub drop: DropIn = DropIn::new(g),
        /// An access is under way.
        pub occupied: Signal<Out, Bit>,

        pipeline: Pipeline = Pipeline::new(g, side),
        set_tlb: Ports<SetTlb> = SetTlb::of(config, config.l1(side)),
        full_tlb: Ports<FullTlb> = FullTlb::of(config, config.l1(side)),
    }
}

impl Logic for Side {
    #[hdl_gen]
    fn update(&mut self) {
        Bundle::join(&mut self.reset, &mut self.pipeline.reset);
        Bundle::join(&mut self.blocked, &mut self.pipeline.blocked);
        Bundle::join(&mut self.mode, &mut self.pipeline.mode);
        Bundle::join(&mut self.req, &mut self.pipeline.req);
        Bundle::join(&mut self.resp, &mut self.pipeline.resp);
        Bundle::join(&mut self.miss, &mut self.pipeline.miss);
        Bundle::join(&mut self.occupied, &mut self.pipeline.occupied);
        for t in 0..self.set_tlb.len() {
            Bundle::join(&mut self.pipeline.look_up, &mut self.set_tlb[t].look_up);
            Bundle::join(&mut self.miss.refill, &mut self.set_tlb[t].refill);
            Bundle::join(&mut self.drop, &mut self.set_tlb[t].drop);
            Bundle::join(&mut self.asid, &mut self.set_tlb[t].asid);
        }
        for t in 0..self.full_tlb.len() {
            Bundle::join(&mut self.pipeline.look_up, &mut self.full_tlb[t].look_up);
            Bundle::join(&mut self.miss.refill, &mut self.full_tlb[t].refill);
            Bundle::join(&mut self.drop, &mut self.full_tlb[t].drop);
            Bundle::join(&mut self.asid, &mut self.full_tlb[t].asid);
        }
    }
}

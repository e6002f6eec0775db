//! The MMU: two sides, one walker, the bus, the fences; structure only. What each part does, and when, is in its own
//! module and in hdl/CONTRACT.md.

pub mod fences;
pub mod misses;
pub mod pipeline;
pub mod side;

use crate::bundle::{FenceIn, ModeIn, PteRequest, PteResponseIn, RequestIn, Response};
use crate::bus::arbiter::PteArbiter;
use crate::geometry::Geometry;
use crate::layer::ports::{Pin, PinName, Pins};
use crate::prelude::*;
use crate::walk::walker::Walker;
use fences::FenceUnit;
use misses::MissArbiter;
use pagewalk_arch::{self as arch, MmuConfig};
use side::Side;

block! {
    /// The MMU of a valid configuration.
    pub struct Mmu(config: &MmuConfig) has clock, reset;
    let g = &Geometry::of(config);
    {
        /// Frame of the root table; none in PAE.
        pub root: Ports<Wire<In>> = Ports::of(1 - g.resident, |_| Wire::new(g.table)),
        /// PAE: the four PDPTEs.
        pub pdpte: Ports<Wire<In>> = Ports::of(g.resident_entries, |_| Wire::new(64)),
        /// Current ASID.
        pub asid: Ports<Wire<In>> = Ports::of(g.has_asid, |_| Wire::new(g.asid)),
        /// What the mode allows.
        pub mode: ModeIn = ModeIn::of(g.spec),
        /// Fences.
        pub fence: FenceIn = FenceIn::new(g),
        /// Anything is under way.
        pub busy: Signal<Out, Bit>,
        /// Instruction requests.
        pub ireq: RequestIn = RequestIn::new(g, arch::Side::Instruction),
        /// Instruction responses.
        pub iresp: Response = Response::new(g),
        /// Data requests.
        pub dreq: RequestIn = RequestIn::new(g, arch::Side::Data),
        /// Data responses.
        pub dresp: Response = Response::new(g),
        /// Requests to page-table memory.
        pub mem_req: PteRequest = PteRequest::new(g),
        /// Its responses.
        pub mem_resp: PteResponseIn = PteResponseIn::new(g),

        instruction: Side = Side::new(config, arch::Side::Instruction),
        data: Side = Side::new(config, arch::Side::Data),
        misses: MissArbiter = MissArbiter::new(g),
        walker: Walker = Walker::new(config),
        bus: PteArbiter = PteArbiter::new(g, 1),
        fences: FenceUnit = FenceUnit::new(config),
    }
}

impl Logic for Mmu {
    #[hdl_gen]
    fn update(&mut self) {
        Bundle::join(&mut self.reset, &mut self.instruction.reset);
        Bundle::join(&mut self.reset, &mut self.data.reset);
        Bundle::join(&mut self.reset, &mut self.walker.reset);
        Bundle::join(&mut self.reset, &mut self.bus.reset);
        Bundle::join(&mut self.reset, &mut self.fences.reset);

        Bundle::join(&mut self.ireq, &mut self.instruction.req);
        Bundle::join(&mut self.iresp, &mut self.instruction.resp);
        Bundle::join(&mut self.mode, &mut self.instruction.mode);
        Bundle::join(&mut self.asid, &mut self.instruction.asid);
        Bundle::join(&mut self.dreq, &mut self.data.req);
        Bundle::join(&mut self.dresp, &mut self.data.resp);
        Bundle::join(&mut self.mode, &mut self.data.mode);
        Bundle::join(&mut self.asid, &mut self.data.asid);

        Bundle::join(&mut self.data.miss, &mut self.misses.data);
        Bundle::join(&mut self.instruction.miss, &mut self.misses.instruction);
        Bundle::join(&mut self.misses.to, &mut self.walker.miss);
        Bundle::join(&mut self.root, &mut self.walker.root);
        Bundle::join(&mut self.pdpte, &mut self.walker.pdpte);
        Bundle::join(&mut self.mode, &mut self.walker.mode);
        Bundle::join(&mut self.walker.mem_req, &mut self.bus.from[0]);
        Bundle::join(&mut self.bus.back[0], &mut self.walker.mem_resp);
        Bundle::join(&mut self.mem_req, &mut self.bus.mem_req);
        Bundle::join(&mut self.mem_resp, &mut self.bus.mem_resp);

        Bundle::join(&mut self.fence, &mut self.fences.fence);
        Bundle::join(&mut self.asid, &mut self.fences.asid);
        Bundle::join(&mut self.busy, &mut self.fences.busy);
        Bundle::join(&mut self.walker.report, &mut self.fences.walk);
        Bundle::join(&mut self.data.occupied, &mut self.fences.data_occupied);
        Bundle::join(&mut self.instruction.occupied, &mut self.fences.instruction_occupied);
        Bundle::join(&mut self.fences.blocks, &mut self.data.blocked);
        Bundle::join(&mut self.fences.blocks, &mut self.instruction.blocked);
        Bundle::join(&mut self.fences.drop, &mut self.data.drop);
        Bundle::join(&mut self.fences.drop, &mut self.instruction.drop);
    }
}

impl Mmu {
    /// Shows every pin but the clock, in the order of the Verilog, under the name that it has there.
    pub fn visit_pins(&mut self, visit: &mut dyn FnMut(PinName<'_>, &mut dyn Pin)) {
        macro_rules! visit_each {
            ($($port:ident)*) => { $(self.$port.visit_pins(PinName::of(stringify!($port)), visit);)* };
        }
        visit_each!(reset root pdpte asid mode fence busy ireq iresp dreq dresp mem_req mem_resp);
    }
}

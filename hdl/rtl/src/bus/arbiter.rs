//! The arbiter of the PTE bus: several walkers, one memory, one transaction at a time. The lowest-numbered goes first.
//!
//! Owns whose the transaction under way is. With one walker it is wires: no state and no logic.

use crate::bundle::{PteRequest, PteRequestIn, PteResponse, PteResponseIn};
use crate::geometry::Geometry;
use crate::prelude::*;

block! {
    /// See the module.
    pub struct PteArbiter(g: &Geometry, walkers: usize) has clock, reset;
    let several = usize::from(walkers > 1);
    {
        /// Requests of the walkers.
        pub from: Ports<PteRequestIn> = Ports::of(walkers, |_| PteRequestIn::new(g)),
        /// Their responses.
        pub back: Ports<PteResponse> = Ports::of(walkers, |_| PteResponse::new(g)),
        /// Requests to memory.
        pub mem_req: PteRequest = PteRequest::new(g),
        /// Its responses.
        pub mem_resp: PteResponseIn = PteResponseIn::new(g),

        owner: Ports<RegisterEn> = Ports::of(several, |_| RegisterEn::new(walkers)),
        waiting: Ports<BitRegister> = Ports::of(several, |_| BitRegister::default()),
        chosen: Wire<Local> = Wire::new(walkers),
        owners: Wire<Local> = Wire::new(walkers),
        free: Signal<Local, Bit>,
        asked: Signal<Local, Bit>,

        all: Const = Const::new(walkers, (1 << walkers) - 1),
    }
}

impl Logic for PteArbiter {
    #[hdl_gen]
    fn update(&mut self) {
        self.asked.next = false;
        for w in 0..self.from.len() {
            self.asked.next = self.asked.val() || self.from[w].valid.val();
        }
        self.free.next = true;
        self.chosen.next = self.all.val();
        self.owners.next = self.all.val();
        for s in 0..self.owner.len() {
            self.free.next = !self.waiting[s].q.val();
            self.chosen.next = 0.into();
            for w in 0..self.from.len() {
                if self.from[w].valid.val() && !self.chosen.val().any() {
                    self.chosen.next = self.chosen.val().replace_bit(w, true);
                }
            }
            self.owner[s].en.next = self.free.val();
            self.owner[s].d.next = self.chosen.val();
            self.owners.next = self.owner[s].q.val();
            self.waiting[s].d.next = (self.free.val() && self.asked.val() && self.mem_req.ready.val())
                || (self.waiting[s].q.val() && !self.mem_resp.valid.val());
            if self.reset.val() {
                self.waiting[s].d.next = false;
            }
        }

        Through::join(&mut self.from[0], &mut self.mem_req);
        for w in 1..self.from.len() {
            if self.chosen.val().get_bit(w) {
                self.mem_req.address.next = self.from[w].address.val();
                self.mem_req.swap.next = self.from[w].swap.val();
                self.mem_req.expected.next = self.from[w].expected.val();
                self.mem_req.new.next = self.from[w].new.val();
                self.mem_req.port.next = self.from[w].port.val();
            }
        }
        self.mem_req.valid.next = self.asked.val() && self.free.val();
        for w in 0..self.from.len() {
            Through::join(&mut self.mem_resp, &mut self.back[w]);
            self.from[w].ready.next =
                self.mem_req.ready.val() && self.free.val() && self.chosen.val().get_bit(w);
            self.back[w].valid.next = self.mem_resp.valid.val() && self.owners.val().get_bit(w);
        }
    }
}

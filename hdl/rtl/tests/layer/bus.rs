//! The arbiter of the PTE bus with more walkers than the MMU has: simulation against Verilog, and who is served.

use crate::bench::{Pin, compare};
use crate::under_test;
use pagewalk_arch::MmuConfig;
use pagewalk_rtl::bundle::{PteRequest, PteRequestIn, PteResponse, PteResponseIn};
use pagewalk_rtl::bus::arbiter::PteArbiter;
use pagewalk_rtl::geometry::Geometry;
use pagewalk_rtl::prelude::*;

macro_rules! pin {
    ($bundle:ty: $($input:ident)* => $($output:ident)*) => {
        impl Pin for $bundle {
            fn drive(&mut self, source: &mut dyn FnMut(usize) -> u128) {
                let _ = &source;
                $(Pin::drive(&mut self.$input, source);)*
            }
            fn sample(&self, values: &mut Vec<u128>) {
                $(Pin::sample(&self.$output, values);)*
                let _ = values;
            }
        }
    };
}
pin!(PteRequestIn: valid address swap expected new port => ready);
pin!(PteRequest: ready => valid address swap expected new port);
pin!(PteResponse: => valid data error);
pin!(PteResponseIn: valid data error =>);

under_test!(PteArbiter: reset from mem_req mem_resp => from back mem_req);

fn arbiter(walkers: usize) -> PteArbiter {
    PteArbiter::new(&Geometry::of(&MmuConfig::default()), walkers)
}

#[test]
fn arbiters_agree() {
    for walkers in [1, 2, 3] {
        compare(&format!("arbiter{walkers}"), &mut arbiter(walkers), walkers as u64, 1000);
    }
}

fn step(bus: &mut PteArbiter) {
    for clk in [false, true] {
        bus.set_clock(clk);
        assert!(simulate(bus, 50));
    }
}

#[test]
fn one_transaction_at_a_time_and_each_answer_to_its_walker() {
    let mut bus = arbiter(2);
    bus.mem_req.ready.next = true;
    for (walker, address) in [(0, 0x1000), (1, 0x2000)] {
        bus.from[walker].valid.next = true;
        bus.from[walker].address.next = Bv::new(56, address);
    }
    assert!(simulate(&mut bus, 50));
    assert!(bus.mem_req.valid.val() && bus.from[0].ready.val() && !bus.from[1].ready.val());
    assert_eq!(bus.mem_req.address.val().value(), 0x1000);
    step(&mut bus);
    bus.from[0].valid.next = false;
    assert!(simulate(&mut bus, 50));
    assert!(!bus.mem_req.valid.val() && !bus.from[1].ready.val(), "the first is not answered yet");
    bus.mem_resp.valid.next = true;
    assert!(simulate(&mut bus, 50));
    assert!(bus.back[0].valid.val() && !bus.back[1].valid.val());
    step(&mut bus);
    bus.mem_resp.valid.next = false;
    step(&mut bus);
    bus.mem_resp.valid.next = true;
    assert!(simulate(&mut bus, 50));
    assert!(!bus.back[0].valid.val() && bus.back[1].valid.val());
    assert_eq!(bus.mem_req.address.val().value(), 0x2000);
}

//! rust-hdl's own signals, structs, constants and arrays beside the runtime-width layer; and a check of the bench itself.

use crate::bench::{compare, expect_text, is_installed};
use crate::under_test;
use pagewalk_rtl::prelude::*;

#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Rights {
    read: Bit,
    level: Bits<3>,
    mask: Bits<4>,
}

#[derive(LogicBlock)]
struct Native {
    clock: Signal<In, Clock>,
    a: Signal<In, Bits<8>>,
    b: Signal<In, Bits<8>>,
    lane: [Signal<In, Bits<8>>; 2],
    sum: Signal<Out, Bits<8>>,
    bundle: Signal<Out, Bits<8>>,
    low: Signal<Out, Bits<4>>,
    equal: [Signal<Out, Bit>; 2],
    wide: Wire<Out>,

    rights: Signal<Local, Rights>,
    held: StateRegister<Rights>,
    limit: Constant<Bits<8>>,
}

under_test!(Native: a b lane => sum bundle low equal wide);

impl Default for Native {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            a: Default::default(),
            b: Default::default(),
            lane: Default::default(),
            sum: Default::default(),
            bundle: Default::default(),
            low: Default::default(),
            equal: Default::default(),
            wide: Wire::new(12),
            rights: Default::default(),
            held: Default::default(),
            limit: Constant::new(100u64.into()),
        }
    }
}

impl Logic for Native {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, held);
        self.sum.next = self.a.val() + self.b.val();
        if self.sum.val() > self.limit.val() {
            self.sum.next = self.limit.val();
        }
        self.rights.next = self.held.q.val();
        self.rights.next.read = self.a.val().get_bit(0);
        self.rights.next.level = self.b.val().get_bits::<3>(2);
        if self.rights.val().mask == 3 {
            self.rights.next.mask = bit_cast::<4, 8>(self.a.val() ^ self.b.val());
        } else {
            self.rights.next.mask = 3.into();
        }
        self.held.d.next = self.rights.val();
        self.bundle.next =
            bit_cast::<8, 4>(self.held.q.val().mask) | (bit_cast::<8, 3>(self.rights.val().level) << 5);
        self.low.next = self.a.val().get_bits::<4>(self.b.val().get_bits::<2>(0).index());
        for i in 0..2 {
            self.equal[i].next = self.lane[i].val() == self.a.val() + self.b.val();
        }
        self.wide.next = bits_w(bits_b(self.held.q.val().read, 12), 12) << 11;
    }
}

#[test]
fn native_types_agree_and_read_well() {
    expect_text("native.v", &compare("native", &mut Native::default(), 11, 2000));
}

/// Simulates one thing and prints another.
#[derive(LogicBlock)]
struct Liar {
    clock: Signal<In, Clock>,
    a: Wire<In>,
    x: Wire<Out>,
}

under_test!(Liar: a => x);

impl Logic for Liar {
    fn update(&mut self) {
        self.x.next = if self.a.val() == 77 { Bv::new(8, 76) } else { self.a.val() };
    }
    fn connect(&mut self) {
        self.x.connect();
    }
    fn hdl(&self) -> Verilog {
        let signal = |name: &str| ast::VerilogExpression::Signal(name.into());
        Verilog::Combinatorial(vec![ast::VerilogStatement::Assignment(signal("x"), signal("a"))])
    }
}

#[test]
fn the_bench_notices_one_wrong_value() {
    if !is_installed("iverilog") {
        println!("iverilog is not installed: nothing to notice with");
        return;
    }
    let mut liar = Liar { clock: Default::default(), a: Wire::new(8), x: Wire::new(8) };
    let outcome =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| compare("liar", &mut liar, 1, 4000)));
    let message = outcome.expect_err("the value 77 differs");
    let message = message.downcast_ref::<String>().map_or("", String::as_str);
    assert!(message.contains("x: Verilog, Rust"), "{message}");
}

//! A check of the bench itself: it must notice one wrong value.

use crate::bench::{compare, is_installed};
use crate::under_test;
use pagewalk_rtl::prelude::*;

block! {
    /// Simulates one thing and prints another.
    struct Liar() has clock;
    {
        a: Wire<In> = Wire::new(8),
        x: Wire<Out> = Wire::new(8),
    }
}

under_test!(Liar: a => x);

impl Logic for Liar {
    fn update(&mut self) {
        self.x.next = if self.a.val() == 77 { Bv::new(8, 76) } else { self.a.val() };
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
    let mut liar = Liar::new();
    let outcome =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| compare("liar", &mut liar, 1, 4000)));
    let message = outcome.expect_err("the value 77 differs");
    let message = message.downcast_ref::<String>().map_or("", String::as_str);
    assert!(message.contains("x: Verilog, Rust"), "{message}");
}

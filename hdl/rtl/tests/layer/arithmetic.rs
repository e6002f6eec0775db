//! Widths and precedence: every operator between operands of unequal widths, in contexts that are wider and narrower.

use crate::bench::{Stimulus, compare, expect_text};
use crate::under_test;
use pagewalk_rtl::layer::bits::mask;
use pagewalk_rtl::prelude::*;

block! {
    struct Arithmetic(a: usize, b: usize, c: usize, by: usize, out: usize, cast: usize) has clock;
    let wire = || Wire::new(out);
    {
        a: Wire<In> = Wire::new(a),
        b: Wire<In> = Wire::new(b),
        c: Wire<In> = Wire::new(c),
        by: Wire<In> = Wire::new(by),
        flag: Signal<In, Bit>,

        sum: Wire<Out> = wire(),
        difference: Wire<Out> = wire(),
        inverted: Wire<Out> = wire(),
        inverted_sum: Wire<Out> = wire(),
        cut: Wire<Out> = wire(),
        cut_inside: Wire<Out> = wire(),
        left: Wire<Out> = wire(),
        right: Wire<Out> = wire(),
        right_cut: Wire<Out> = wire(),
        constant_shifts: Wire<Out> = wire(),
        replaced_first: Wire<Out> = wire(),
        mixed: Wire<Out> = wire(),
        masked: Wire<Out> = wire(),
        one_hot: Wire<Out> = wire(),
        from_bit: Wire<Out> = wire(),
        masked_equal: Signal<Out, Bit>,
        sum_equal: Signal<Out, Bit>,
        less: Signal<Out, Bit>,
        at_most: Signal<Out, Bit>,
        not_zero_sum: Signal<Out, Bit>,
        all_set: Signal<Out, Bit>,
        picked_at: Signal<Out, Bit>,
        chosen: Signal<Out, Bit>,
        tautology: Signal<Out, Bit>,

        shift: Const = Const::new(7, (a as u128 / 2).max(1)),
        pattern: Const = Const::new(b, 0x5a5a_5a5a_5a5a_5a5a & mask(b)),
        position: Const = Const::new(7, a as u128 / 3),
        _cast: usize = cast,
    }
}

under_test!(Arithmetic: a b c by flag =>
    sum difference inverted inverted_sum cut cut_inside left right right_cut constant_shifts
    replaced_first mixed masked one_hot from_bit masked_equal sum_equal less at_most not_zero_sum all_set
    picked_at chosen tautology);

impl Logic for Arithmetic {
    #[hdl_gen]
    fn update(&mut self) {
        // A carry never survives the width of the operands, whatever takes the result.
        self.sum.next = self.a.val() + self.b.val();
        self.difference.next = self.a.val() - (self.b.val() - self.c.val());
        self.inverted.next = !self.a.val();
        self.inverted_sum.next = !(self.a.val() + 1) ^ self.c.val();
        self.cut.next = bits_w(self.a.val() + self.b.val(), self._cast) + self.c.val();
        self.cut_inside.next =
            bits_w(!bits_w(self.a.val() - self.b.val(), self._cast), self._cast) | self.b.val();
        self.left.next = (self.a.val() + self.b.val()) << self.by.val();
        self.right.next = (self.a.val() << 1) >> self.by.val();
        self.right_cut.next = bits_w((self.a.val() ^ self.b.val()) >> self.by.val(), self._cast);
        self.constant_shifts.next = bits_w(self.a.val() >> self.shift.val(), self._cast)
            | ((self.b.val() << self.shift.val()) >> 1)
            | bits_w((self.c.val() << 3) >> 2, self._cast);
        self.replaced_first.next = (self.a.val() + self.b.val()).replace_bit(0, self.flag.val());
        self.mixed.next = (self.a.val() & self.b.val() | self.c.val()) ^ (self.pattern.val() + self.b.val());
        self.masked.next = (self.b.val() & self.pattern.val()) - 1;
        self.one_hot.next = bits_w(bits_b(self.flag.val(), self._cast) << self.by.val(), self._cast);
        self.from_bit.next = self.flag.val().into();

        // Rust binds `&` tighter than `==`, Verilog does not.
        self.masked_equal.next = self.b.val() & self.pattern.val() == self.c.val();
        self.sum_equal.next = self.a.val() + self.b.val() == self.c.val();
        self.less.next = self.a.val() - self.b.val() < self.c.val() + 1;
        self.at_most.next = (self.a.val() << 1) <= (self.b.val() | 1);
        self.not_zero_sum.next = (self.a.val() + self.b.val()).any();
        self.all_set.next = (self.a.val() | self.b.val()).all();
        self.picked_at.next = self.a.val().get_bit(self.position.val().index());
        self.chosen.next =
            self.flag.val() == (self.a.val() > self.b.val()) || !(self.flag.val() & self.b.val().any());
        self.tautology.next = (self.a.val() >= 0) && ((self.b.val() < 0) ^ true);
    }
}

#[test]
fn operands_of_any_widths_agree() {
    let mut widths = Stimulus(7);
    for seed in 0..40 {
        let mut width = |low: usize| match widths.below(4) {
            0 => low + widths.below(3),
            1 => 128 - widths.below(3),
            _ => low + widths.below(70),
        };
        let (a, b, c, out, cast) = (width(4), width(3), width(3), width(1), width(1));
        let by = 1 + widths.below(8);
        println!("seed {seed}: a {a}, b {b}, c {c}, by {by}, out {out}, cast {cast}");
        compare("arithmetic", &mut Arithmetic::new(a, b, c, by, out, cast), seed, 120);
    }
}

#[test]
fn arithmetic_reads_well() {
    let verilog = compare("arithmetic_text", &mut Arithmetic::new(16, 12, 9, 4, 20, 7), 1, 300);
    expect_text("arithmetic.v", &verilog);
}

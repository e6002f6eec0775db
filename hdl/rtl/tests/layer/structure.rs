//! Control: loops, arrays, branches, interleaved variables, single bits.

use crate::bench::{compare, expect_text};
use crate::under_test;
use pagewalk_rtl::prelude::*;

block! {
    /// Loops over arrays with computed indices, accumulations, a generate-if, and variables that must stay together.
    struct Loops(count: usize, width: usize) has clock;
    {
        key: Wire<In> = Wire::new(width),
        entry: Vec<Wire<In>> = (0..count).map(|_| Wire::new(width)).collect(),
        only: Vec<Wire<In>> = vec![Wire::new(width)],
        enable: Wire<In> = Wire::new(count),

        matched: Wire<Out> = Wire::new(count),
        first: Wire<Out> = Wire::new(4),
        found: Signal<Out, Bit>,
        several: Signal<Out, Bit>,
        sum: Wire<Out> = Wire::new(width + 4),
        pair_sum: Vec<Wire<Out>> = (0..count / 2).map(|_| Wire::new(width)).collect(),
        swapped: Wire<Out> = Wire::new(width),
        steps: Wire<Out> = Wire::new(6),
        absent: Wire<Out> = Wire::new(width),

        equal: Vec<Signal<Local, Bit>> = (0..count).map(|_| Default::default()).collect(),
        all: Signal<Local, Bit>,
        left: Wire<Local> = Wire::new(width),
        right: Wire<Local> = Wire::new(width),
        kept: Wire<Local> = Wire::new(width),
        number: Vec<Const> = (0..count).map(|i| Const::new(4, i as u128)).collect(),
        _count: usize = count,
        _pairs: usize = count / 2,
        _has: usize = 1,
        _has_not: usize = 0,
    }
}

under_test!(Loops: key entry only enable => matched first found several sum pair_sum swapped steps absent);

impl Logic for Loops {
    #[hdl_gen]
    fn update(&mut self) {
        self.matched.next = 0.into();
        self.first.next = 15.into();
        self.several.next = false;
        self.all.next = true;
        self.sum.next = 0.into();
        for i in 0..self._count {
            self.equal[i].next = (self.entry[i].val() == self.key.val()) && self.enable.val().get_bit(i);
            self.all.next = self.all.val() && self.equal[i].val();
            if self.equal[i].val() {
                self.several.next = self.several.val() || self.matched.val().any();
                if !self.matched.val().any() {
                    self.first.next = self.number[i].val();
                }
                self.matched.next = self.matched.val().replace_bit(i, true);
            }
            self.sum.next = self.sum.val() + self.entry[i].val();
        }
        self.found.next = self.matched.val().any() && !self.all.val();
        for i in 0..self._pairs {
            self.pair_sum[i].next = self.entry[i * 2].val() + self.entry[(2 * i) + 1].val();
            for j in 0..self._pairs {
                if i == j {
                    self.pair_sum[i].next = self.pair_sum[i].val() ^ 1;
                }
                if (i < j) && self.enable.val().get_bit(j) {
                    self.pair_sum[i].next = self.pair_sum[i].val() + self.entry[j].val();
                }
            }
        }
        // Each reads what the other held: the three must stay in one block, in this order.
        self.left.next = self.key.val();
        self.right.next = self.only[0].val();
        if self.enable.val().get_bit(0) {
            self.kept.next = self.left.val();
            self.left.next = self.right.val();
            self.right.next = self.kept.val();
        } else {
            self.kept.next = 0.into();
        }
        self.swapped.next = self.left.val() - self.right.val();
        self.steps.next = 0.into();
        if self.enable.val().all() {
            self.steps.next = 1.into();
        } else if self.key.val() > self.only[0].val() {
            self.steps.next = 2.into();
        } else if self.key.val() == 0 {
            self.steps.next = 3.into();
        } else {
            self.steps.next = bits_w(self.key.val(), 6) + 4;
        }
        for _g in 0..self._has {
            self.absent.next = self.key.val();
        }
        for _g in 0..self._has_not {
            self.absent.next = self.only[1].val();
        }
    }
}

block! {
    /// Branches in branches, bits by constant index, variable shifts inside branches, reads above assignments.
    struct Branches() has clock, reset;
    {
        go: Signal<In, Bit>,
        value: Wire<In> = Wire::new(11),
        by: Wire<In> = Wire::new(4),

        decoded: Wire<Out> = Wire::new(5),
        bits: Wire<Out> = Wire::new(16),
        shifted: Wire<Out> = Wire::new(4),
        passed: Signal<Out, Bit>,
        counted: Wire<Out> = Wire::new(5),

        count: RegisterEn = RegisterEn::new(5),
        late: Signal<Local, Bit>,
        early: Signal<Local, Bit>,
        last: Const = Const::new(5, 9),
        place: Const = Const::new(7, 5),
    }
}

under_test!(Branches: reset go value by => decoded bits shifted passed counted);

impl Logic for Branches {
    #[hdl_gen]
    fn update(&mut self) {
        self.count.en.next = false;
        self.count.d.next = self.count.q.val() + 1;
        self.decoded.next = 0.into();
        if self.go.val() {
            self.count.en.next = true;
            if self.count.q.val() == self.last.val() {
                self.count.d.next = 0.into();
            } else if self.value.val() == 0 {
                self.decoded.next = 3.into();
            } else {
                self.decoded.next = self.count.q.val();
            }
        }
        if self.reset.val() {
            self.count.en.next = true;
            self.count.d.next = 0.into();
        }
        self.counted.next = self.count.q.val();
        self.bits.next = self.value.val();
        self.bits.next = self.bits.val().replace_bit(2, self.go.val());
        self.bits.next = self
            .bits
            .val()
            .replace_bit(self.place.val().index(), self.value.val().get_bit(self.place.val().index()));
        self.shifted.next = 0.into();
        if self.go.val() {
            self.shifted.next = self.value.val() >> self.by.val();
        } else if (self.value.val() >> self.by.val()).get_bit(1) {
            self.shifted.next = 9.into();
        }
        // Read above its assignment, which is fine while each is computed apart.
        self.early.next = !self.late.val();
        self.late.next = self.go.val() ^ self.reset.val();
        self.passed.next = self.early.val() & !self.reset.val();
    }
}

#[test]
fn loops_agree() {
    for (seed, (count, width)) in [(2, 3), (4, 8), (7, 33), (8, 1), (5, 64)].into_iter().enumerate() {
        compare("loops", &mut Loops::new(count, width), seed as u64, 400);
    }
}

#[test]
fn loops_read_well() {
    expect_text("loops.v", &compare("loops_text", &mut Loops::new(3, 8), 9, 100));
}

#[test]
fn branches_agree_and_read_well() {
    expect_text("branches.v", &compare("branches", &mut Branches::new(), 3, 2000));
}

//! Control: loops, arrays, branches, interleaved variables, single bits.

use crate::bench::{compare, expect_text};
use crate::under_test;
use pagewalk_rtl::prelude::*;

/// Loops over arrays with computed indices, accumulations, a generate-if, and variables that must stay together.
#[derive(LogicBlock)]
struct Loops {
    clock: Signal<In, Clock>,
    key: Wire<In>,
    entry: Vec<Wire<In>>,
    only: Vec<Wire<In>>,
    enable: Wire<In>,

    matched: Wire<Out>,
    first: Wire<Out>,
    found: Signal<Out, Bit>,
    several: Signal<Out, Bit>,
    sum: Wire<Out>,
    pair_sum: Vec<Wire<Out>>,
    swapped: Wire<Out>,
    steps: Wire<Out>,
    absent: Wire<Out>,

    equal: Vec<Signal<Local, Bit>>,
    all: Signal<Local, Bit>,
    left: Wire<Local>,
    right: Wire<Local>,
    kept: Wire<Local>,
    number: Vec<Const>,
    _count: usize,
    _pairs: usize,
    _has: usize,
    _has_not: usize,
}

under_test!(Loops: key entry only enable => matched first found several sum pair_sum swapped steps absent);

impl Loops {
    fn new(count: usize, width: usize) -> Self {
        Self {
            clock: Default::default(),
            key: Wire::new(width),
            entry: (0..count).map(|_| Wire::new(width)).collect(),
            only: vec![Wire::new(width)],
            enable: Wire::new(count),
            matched: Wire::new(count),
            first: Wire::new(4),
            found: Default::default(),
            several: Default::default(),
            sum: Wire::new(width + 4),
            pair_sum: (0..count / 2).map(|_| Wire::new(width)).collect(),
            swapped: Wire::new(width),
            steps: Wire::new(6),
            absent: Wire::new(width),
            equal: (0..count).map(|_| Default::default()).collect(),
            all: Default::default(),
            left: Wire::new(width),
            right: Wire::new(width),
            kept: Wire::new(width),
            number: (0..count).map(|i| Const::new(4, i as u128)).collect(),
            _count: count,
            _pairs: count / 2,
            _has: 1,
            _has_not: 0,
        }
    }
}

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

/// Branches in branches, bits by constant index, variable shifts inside branches, reads above assignments.
#[derive(LogicBlock)]
struct Branches {
    clock: Signal<In, Clock>,
    reset: Signal<In, Bit>,
    go: Signal<In, Bit>,
    value: Wire<In>,
    by: Wire<In>,

    decoded: Wire<Out>,
    bits: Wire<Out>,
    shifted: Wire<Out>,
    passed: Signal<Out, Bit>,
    counted: Wire<Out>,

    count: RegisterEn,
    late: Signal<Local, Bit>,
    early: Signal<Local, Bit>,
    last: Const,
    place: Const,
}

under_test!(Branches: reset go value by => decoded bits shifted passed counted);

impl Branches {
    fn new() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            go: Default::default(),
            value: Wire::new(11),
            by: Wire::new(4),
            decoded: Wire::new(5),
            bits: Wire::new(16),
            shifted: Wire::new(4),
            passed: Default::default(),
            counted: Wire::new(5),
            count: RegisterEn::new(5),
            late: Default::default(),
            early: Default::default(),
            last: Const::new(5, 9),
            place: Const::new(7, 5),
        }
    }
}

impl Logic for Branches {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, count);
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

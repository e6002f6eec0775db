//! Storage elements, and modules in modules: arrays of blocks, equal modules, combinational paths through parts.

use crate::bench::{compare, expect_text};
use crate::under_test;
use pagewalk_rtl::prelude::*;

/// Rows with a valid bit: a memory, registers with and without enable.
#[derive(LogicBlock)]
struct Lane {
    clock: Signal<In, Clock>,
    address: Wire<In>,
    write: Signal<In, Bit>,
    data: Wire<In>,
    read: Wire<Out>,
    held: Wire<Out>,
    written: Signal<Out, Bit>,
    unobserved: Wire<Out>,

    rows: LutRam,
    last: RegisterEn,
    once: BitRegister,
    twice: BitRegisterEn,
    dead: Register,
    dead_too: Wire<Local>,
}

impl Lane {
    fn new(address_width: usize, width: usize) -> Self {
        Self {
            clock: Default::default(),
            address: Wire::new(address_width.max(1)),
            write: Default::default(),
            data: Wire::new(width),
            read: Wire::new(width),
            held: Wire::new(width),
            written: Default::default(),
            unobserved: Wire::new(width),
            rows: LutRam::new(address_width, width),
            last: RegisterEn::new(width),
            once: BitRegister::default(),
            twice: BitRegisterEn::default(),
            dead: Register::new(width),
            dead_too: Wire::new(width),
        }
    }
}

impl Logic for Lane {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, rows, last, once, twice, dead);
        self.rows.read_address.next = self.address.val();
        self.rows.write_address.next = self.address.val();
        self.rows.write_enable.next = self.write.val();
        self.rows.write_data.next = self.data.val();
        self.read.next = self.rows.read_data.val();
        self.last.en.next = self.write.val();
        self.last.d.next = self.rows.read_data.val() + 1;
        self.held.next = self.last.q.val();
        self.once.d.next = self.write.val();
        self.twice.en.next = self.once.q.val();
        self.twice.d.next = !self.twice.q.val();
        self.written.next = self.twice.q.val();
        self.dead.d.next = self.data.val();
        self.dead_too.next = self.dead.q.val();
        self.unobserved.next = !self.data.val();
    }
}

/// A part with a combinational path.
#[derive(LogicBlock)]
struct Mix {
    a: Wire<In>,
    b: Wire<In>,
    mixed: Wire<Out>,
    straight: Wire<Out>,
}

impl Mix {
    fn new(width: usize) -> Self {
        Self { a: Wire::new(width), b: Wire::new(width), mixed: Wire::new(width), straight: Wire::new(width) }
    }
}

impl Logic for Mix {
    #[hdl_gen]
    fn update(&mut self) {
        self.mixed.next = self.a.val() ^ (self.b.val() << 1);
        self.straight.next = self.b.val();
    }
}

#[derive(LogicBlock)]
struct Storage {
    clock: Signal<In, Clock>,
    address: Wire<In>,
    write: Signal<In, Bit>,
    select: Wire<In>,
    data: Wire<In>,
    read: Vec<Wire<Out>>,
    mixed: Wire<Out>,
    written: Signal<Out, Bit>,
    held: Wire<Out>,

    lane: Vec<Lane>,
    single: Lane,
    mix: Mix,
    mix_again: Mix,
    any_written: Signal<Local, Bit>,
    single_read: Wire<Local>,
    _lanes: usize,
}

under_test!(Storage: address write select data => read mixed written held);

impl Storage {
    fn new(address_width: usize, width: usize) -> Self {
        Self {
            clock: Default::default(),
            address: Wire::new(address_width),
            write: Default::default(),
            select: Wire::new(3),
            data: Wire::new(width),
            read: (0..3).map(|_| Wire::new(width)).collect(),
            mixed: Wire::new(width),
            written: Default::default(),
            held: Wire::new(width),
            lane: (0..3).map(|_| Lane::new(address_width, width)).collect(),
            single: Lane::new(0, width),
            mix: Mix::new(width),
            mix_again: Mix::new(width),
            any_written: Default::default(),
            single_read: Wire::new(width),
            _lanes: 3,
        }
    }
}

impl Logic for Storage {
    #[hdl_gen]
    fn update(&mut self) {
        self.any_written.next = false;
        for i in 0..self._lanes {
            clock!(self, clock, lane[i]);
            self.lane[i].address.next = self.address.val();
            self.lane[i].write.next = self.write.val() && self.select.val().get_bit(i);
            self.lane[i].data.next = self.data.val();
            self.read[i].next = self.lane[i].read.val();
            self.any_written.next = self.any_written.val() || self.lane[i].written.val();
        }
        clock!(self, clock, single);
        self.single.address.next = bits_w(self.address.val(), 1);
        self.single.write.next = self.select.val().all();
        self.single.data.next = self.lane[2].read.val() + 1;
        self.single_read.next = self.single.read.val();
        // The output of one part through another and back: no loop, since `straight` does not depend on `a`.
        self.mix.b.next = self.single_read.val();
        self.mix.a.next = self.mix.straight.val();
        self.mix_again.a.next = self.mix.mixed.val();
        self.mix_again.b.next = self.single.held.val();
        self.mixed.next = self.mix_again.mixed.val();
        self.written.next = self.any_written.val();
        self.held.next = self.lane[1].held.val();
    }
}

#[test]
fn storage_agrees() {
    for (seed, (address_width, width)) in [(1, 1), (2, 9), (5, 128), (6, 33)].into_iter().enumerate() {
        compare("storage", &mut Storage::new(address_width, width), seed as u64, 1500);
    }
}

#[test]
fn storage_reads_well() {
    expect_text("storage.v", &compare("storage_text", &mut Storage::new(4, 8), 5, 500));
}

//! Storage elements, and modules in modules: arrays of blocks, equal modules, combinational paths through parts.

use crate::bench::{compare, expect_text};
use crate::under_test;
use pagewalk_rtl::prelude::*;

block! {
    /// Rows with a valid bit: a memory, registers with and without enable.
    struct Lane(address_width: usize, width: usize) has clock;
    {
        address: Wire<In> = Wire::new(address_width.max(1)),
        write: Signal<In, Bit>,
        data: Wire<In> = Wire::new(width),
        read: Wire<Out> = Wire::new(width),
        held: Wire<Out> = Wire::new(width),
        written: Signal<Out, Bit>,
        unobserved: Wire<Out> = Wire::new(width),

        rows: LutRam = LutRam::new(address_width, width),
        last: RegisterEn = RegisterEn::new(width),
        once: BitRegister,
        twice: BitRegisterEn,
        dead: Register = Register::new(width),
        dead_too: Wire<Local> = Wire::new(width),
    }
}

impl Logic for Lane {
    #[hdl_gen]
    fn update(&mut self) {
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

block! {
    /// A part with a combinational path.
    struct Mix(width: usize);
    {
        a: Wire<In> = Wire::new(width),
        b: Wire<In> = Wire::new(width),
        mixed: Wire<Out> = Wire::new(width),
        straight: Wire<Out> = Wire::new(width),
    }
}

impl Logic for Mix {
    #[hdl_gen]
    fn update(&mut self) {
        self.mixed.next = self.a.val() ^ (self.b.val() << 1);
        self.straight.next = self.b.val();
    }
}

block! {
    struct Storage(address_width: usize, width: usize) has clock;
    {
        address: Wire<In> = Wire::new(address_width),
        write: Signal<In, Bit>,
        select: Wire<In> = Wire::new(3),
        data: Wire<In> = Wire::new(width),
        read: Vec<Wire<Out>> = (0..3).map(|_| Wire::new(width)).collect(),
        mixed: Wire<Out> = Wire::new(width),
        written: Signal<Out, Bit>,
        held: Wire<Out> = Wire::new(width),

        lane: Vec<Lane> = (0..3).map(|_| Lane::new(address_width, width)).collect(),
        single: Lane = Lane::new(0, width),
        mix: Mix = Mix::new(width),
        mix_again: Mix = Mix::new(width),
        any_written: Signal<Local, Bit>,
        single_read: Wire<Local> = Wire::new(width),
        _lanes: usize = 3,
    }
}

under_test!(Storage: address write select data => read mixed written held);

impl Logic for Storage {
    #[hdl_gen]
    fn update(&mut self) {
        self.any_written.next = false;
        for i in 0..self._lanes {
            self.lane[i].address.next = self.address.val();
            self.lane[i].write.next = self.write.val() && self.select.val().get_bit(i);
            self.lane[i].data.next = self.data.val();
            self.read[i].next = self.lane[i].read.val();
            self.any_written.next = self.any_written.val() || self.lane[i].written.val();
        }
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

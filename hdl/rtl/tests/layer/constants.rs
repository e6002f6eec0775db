//! Kernels of which a part never changes. A simulator runs a block only when something that it reads changes.

use crate::bench::{compare, expect_text};
use crate::under_test;
use pagewalk_rtl::prelude::*;

block! {
    /// A victim that no state decides, as in an array of one way, and what follows from it through branches,
    /// a shift and a second group; beside it the same on live signals.
    struct OneWay(ways: usize) has clock;
    let table = |of: usize| (0..ways).map(|way| Const::new(2, (way & of) as u128)).collect();
    {
        state: Wire<In> = Wire::new(2),
        index: Wire<In> = Wire::new(2),

        victims: Wire<Out> = Wire::new(4),
        chosen: Wire<Out> = Wire::new(4),
        picked: Signal<Out, Bit>,
        live_victims: Wire<Out> = Wire::new(4),
        stored: Wire<Out> = Wire::new(4),

        nothing: Wire<Local> = Wire::new(2),
        swapped: Wire<Local> = Wire::new(4),
        held: Register = Register::new(4),
        looks: Vec<Const> = table(1),
        points: Vec<Const> = table(3),
        _ways: usize = ways,
    }
}

under_test!(OneWay: state index => victims chosen picked live_victims stored);

impl Logic for OneWay {
    #[hdl_gen]
    fn update(&mut self) {
        self.nothing.next = 0.into();
        self.victims.next = 0.into();
        self.live_victims.next = 0.into();
        for w in 0..self._ways {
            if ((self.nothing.val() ^ self.points[w].val()) & self.looks[w].val()) == 0 {
                self.victims.next = self.victims.val().replace_bit(w, true);
            }
            if ((self.state.val() ^ self.points[w].val()) & self.looks[w].val()) == 0 {
                self.live_victims.next = self.live_victims.val().replace_bit(w, true);
            }
        }
        // Reads nothing but a constant, and itself between its assignments.
        self.swapped.next = self.victims.val();
        if self.swapped.val().get_bit(1) {
            self.swapped.next = 9.into();
        } else {
            self.swapped.next = self.swapped.val() + 4;
        }
        self.chosen.next = self.live_victims.val();
        if self.nothing.val() == 0 {
            self.chosen.next = self.swapped.val();
        }
        self.picked.next = (self.victims.val() >> self.index.val()).get_bit(0);
        self.held.d.next = self.victims.val() ^ self.swapped.val();
        self.stored.next = self.held.q.val();
    }
}

#[test]
fn what_never_changes_is_assigned_once_and_no_block_reads_nothing() {
    for ways in [1, 2, 4] {
        compare(&format!("one_way_{ways}"), &mut OneWay::new(ways), 1, 100);
    }
    let text = compare("one_way", &mut OneWay::new(1), 2, 100);
    assert!(!text.contains("always @*"), "{text}");
    expect_text("constants.v", &text);
}

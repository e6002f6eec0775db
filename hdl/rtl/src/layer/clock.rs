//! The clock network: one clock, which reaches everything that stores.
//!
//! Owns how simulation sets it. In the Verilog the emitter connects every part to the clock of the block around it. No
//! kernel mentions clocks, so none can be forgotten or gated.

use super::wire::{Const, Wire};
use rust_hdl::prelude::{Bit, Clock, Direction, In, Signal};

/// What may stand as a field in a block: the clock reaches what stores in it, at any depth, at once.
pub trait Clocked {
    /// Sets the level of every clock in it, for the next step of the simulation.
    #[inline]
    fn set_clock(&mut self, _level: bool) {}
}

impl Clocked for Signal<In, Clock> {
    #[inline]
    fn set_clock(&mut self, level: bool) {
        self.next = Clock { clk: level };
    }
}

impl<D: Direction> Clocked for Signal<D, Bit> {}
impl<D: Direction> Clocked for Wire<D> {}
impl Clocked for Const {}
impl Clocked for usize {}

impl<T: Clocked> Clocked for Vec<T> {
    #[inline]
    fn set_clock(&mut self, level: bool) {
        self.iter_mut().for_each(|part| part.set_clock(level));
    }
}

//! Ports that a configuration may have more or fewer of, and the way to all pins of a block by name.
//!
//! Owns [`Ports`], the name [`PinName`] that a pin has in the Verilog, and the visit of pins. What drives them is
//! the simulation's.

use super::bits::Bv;
use super::clock::Clocked;
use super::join::{Flip, Join, Pass};
use super::wire::Wire;
use crate::emit::PortDirection;
use rust_hdl::prelude::{Bit, Block, In, Logic, LogicJoin, Out, Probe, Signal};
use std::fmt;
use std::ops::{Deref, DerefMut};

/// As many ports of one name as the configuration has: none, one or several. A kernel indexes them within
/// `for i in 0..self._count`; the only one bears the plain name in the Verilog.
#[derive(Clone, Debug)]
pub struct Ports<T>(Vec<T>);

impl<T> Ports<T> {
    /// `count` of them.
    pub fn of(count: usize, make: impl FnMut(usize) -> T) -> Self {
        Self((0..count).map(make).collect())
    }
}

impl<T> Deref for Ports<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for Ports<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Block> Logic for Ports<T> {
    fn update(&mut self) {}
}

impl<T: Block> Block for Ports<T> {
    fn connect_all(&mut self) {
        self.0.connect_all();
    }
    fn update_all(&mut self) {
        self.0.update_all();
    }
    fn has_changed(&self) -> bool {
        self.0.has_changed()
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        self.0.accept(name, probe);
    }
}

impl<T: Clocked> Clocked for Ports<T> {
    #[inline]
    fn set_clock(&mut self, level: bool) {
        self.0.set_clock(level);
    }
}

impl<T> LogicJoin for Ports<T> {}

impl<A: Join<B>, B> Join<Ports<B>> for Ports<A> {
    #[inline]
    fn join(&mut self, other: &mut Ports<B>) {
        self.0.iter_mut().zip(&mut other.0).for_each(|(a, b)| a.join(b));
    }
}

impl<A: Pass<B>, B> Pass<Ports<B>> for Ports<A> {
    #[inline]
    fn pass(&mut self, other: &mut Ports<B>) {
        self.0.iter_mut().zip(&mut other.0).for_each(|(a, b)| a.pass(b));
    }
}

impl<T: Flip> Flip for Ports<T> {
    type Flipped = Ports<T::Flipped>;
    fn flipped(&self) -> Self::Flipped {
        Ports(self.0.iter().map(T::flipped).collect())
    }
}

/// The name of a pin, as the Verilog has it; costs nothing until it is printed.
#[derive(Clone, Copy, Debug)]
pub struct PinName<'a> {
    within: Option<&'a PinName<'a>>,
    part: NamePart,
}

#[derive(Clone, Copy, Debug)]
enum NamePart {
    Field(&'static str),
    Index(usize),
}

impl PinName<'_> {
    /// The name of a field of the block itself.
    pub fn of(field: &'static str) -> PinName<'static> {
        PinName { within: None, part: NamePart::Field(field) }
    }
    /// The name of a field of what bears this name.
    pub fn field<'a>(&'a self, field: &'static str) -> PinName<'a> {
        PinName { within: Some(self), part: NamePart::Field(field) }
    }
    fn element(&self, index: usize) -> PinName<'_> {
        PinName { within: Some(self), part: NamePart::Index(index) }
    }
}

impl fmt::Display for PinName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(within) = self.within {
            write!(f, "{within}_")?;
        }
        match self.part {
            NamePart::Field(name) => f.write_str(name),
            NamePart::Index(at) => write!(f, "{at}"),
        }
    }
}

/// A port of one bit or wire, from the outside.
pub trait Pin {
    /// Which way it goes.
    fn direction(&self) -> PortDirection;
    /// Drives an input; the value is cut to its width. Does nothing to an output.
    fn drive(&mut self, value: u128);
    /// The value.
    fn sample(&self) -> u128;
}

/// Something with pins.
pub trait Pins {
    /// Shows every pin, in the order of the Verilog, under the name that it has there.
    fn visit_pins(&mut self, name: PinName<'_>, visit: &mut dyn FnMut(PinName<'_>, &mut dyn Pin));
}

macro_rules! pins {
    ($($signal:ty, $direction:ident, $drive:expr, $sample:expr;)*) => { $(
        impl Pin for $signal {
            fn direction(&self) -> PortDirection {
                PortDirection::$direction
            }
            #[inline]
            fn drive(&mut self, value: u128) {
                let drive: fn(&mut Self, u128) = $drive;
                drive(self, value);
            }
            #[inline]
            fn sample(&self) -> u128 {
                let sample: fn(&Self) -> u128 = $sample;
                sample(self)
            }
        }
        impl Pins for $signal {
            #[inline]
            fn visit_pins(&mut self, name: PinName<'_>, visit: &mut dyn FnMut(PinName<'_>, &mut dyn Pin)) {
                visit(name, self);
            }
        }
    )* };
}
pins! {
    Signal<In, Bit>, Input, |pin, value| pin.next = value & 1 != 0, |pin| pin.val().into();
    Signal<Out, Bit>, Output, |_, _| (), |pin| pin.val().into();
    Wire<In>, Input, |pin, value| pin.next = Bv::new(pin.width(), value), |pin| pin.val().value();
    Wire<Out>, Output, |_, _| (), |pin| pin.val().value();
}

impl<T: Pins> Pins for Ports<T> {
    fn visit_pins(&mut self, name: PinName<'_>, visit: &mut dyn FnMut(PinName<'_>, &mut dyn Pin)) {
        match self.0.as_mut_slice() {
            [only] => only.visit_pins(name, visit),
            several => {
                several
                    .iter_mut()
                    .enumerate()
                    .for_each(|(at, pins)| pins.visit_pins(name.element(at), visit));
            }
        }
    }
}

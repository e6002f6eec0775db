//! The storage elements: registers and LUT RAM. All state of the hardware lives in one of these.
//!
//! Owns what each does at a clock edge, in simulation and as Verilog. None has a reset: a block resets its registers
//! synchronously, in its own logic. All power up as 0.
//!
//! The emitter does not instantiate primitives but writes them into the parent module; it recognises them by the text
//! that stands for their Verilog, see [`Primitive`].

use super::bits::Bv;
use super::clock::Clocked;
use super::join::{Flip, Pass};
use super::wire::Wire;
use rust_hdl::prelude::{Bit, Clock, In, Logic, LogicBlock, Out, Signal, Verilog, block, probe};

/// Which storage element a block is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Primitive {
    /// `q` takes `d` at every rising edge.
    Register,
    /// `q` takes `d` at a rising edge while `en` is high.
    RegisterEn,
    /// Rows with one asynchronous read port and one synchronous write port.
    LutRam {
        /// Number of rows: a power of two; 1 means that addresses are ignored.
        rows: usize,
    },
}

impl Primitive {
    /// The element that this Verilog stands for, if it is one.
    pub fn of(verilog: &Verilog) -> Option<Primitive> {
        let Verilog::Custom(text) = verilog else { return None };
        match text.split_once(' ') {
            None if text == "register" => Some(Primitive::Register),
            None if text == "register_en" => Some(Primitive::RegisterEn),
            Some(("lut_ram", rows)) => Some(Primitive::LutRam { rows: rows.parse().ok()? }),
            _ => None,
        }
    }

    fn verilog(self) -> Verilog {
        Verilog::Custom(match self {
            Primitive::Register => "register".to_string(),
            Primitive::RegisterEn => "register_en".to_string(),
            Primitive::LutRam { rows } => format!("lut_ram {rows}"),
        })
    }
}

/// A register without enable, of a wire, a bit or a bundle.
#[derive(LogicBlock, Clone, Debug)]
pub struct Register<T: Flip = Wire<Out>> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Next value.
    pub d: T::Flipped,
    /// Value.
    pub q: T,
}

/// A register that keeps its value while `en` is low, of a wire, a bit or a bundle.
#[derive(LogicBlock, Clone, Debug)]
pub struct RegisterEn<T: Flip = Wire<Out>> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Take `d` at the next edge.
    pub en: Signal<In, Bit>,
    /// Next value.
    pub d: T::Flipped,
    /// Value.
    pub q: T,
}

/// A register of a bit.
pub type BitRegister = Register<Signal<Out, Bit>>;
/// A register of a bit that keeps its value while `en` is low.
pub type BitRegisterEn = RegisterEn<Signal<Out, Bit>>;

impl<T: Flip> Logic for Register<T> {
    #[inline]
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self.d.pass(&mut self.q);
        }
    }
    fn hdl(&self) -> Verilog {
        Primitive::Register.verilog()
    }
}

impl<T: Flip> Logic for RegisterEn<T> {
    #[inline]
    fn update(&mut self) {
        if self.clock.pos_edge() && self.en.val() {
            self.d.pass(&mut self.q);
        }
    }
    fn hdl(&self) -> Verilog {
        Primitive::RegisterEn.verilog()
    }
}

macro_rules! constructors {
    ($register:ident: $($en:ident)?) => {
        impl<T: Flip> $register<T> {
            /// One that holds what `q` consists of: outputs only.
            pub fn of(q: T) -> Self {
                Self { clock: Default::default(), $($en: Default::default(),)? d: q.flipped(), q }
            }
        }
        impl $register {
            /// `width` in 1..=128 bits.
            pub fn new(width: usize) -> Self {
                Self::of(Wire::new(width))
            }
        }
        impl<T: Flip + Default> Default for $register<T> {
            fn default() -> Self {
                Self::of(T::default())
            }
        }
        impl<T: Flip> Clocked for $register<T> {
            #[inline]
            fn set_clock(&mut self, level: bool) {
                self.clock.set_clock(level);
            }
        }
    };
}
constructors!(Register:);
constructors!(RegisterEn: en);

/// A memory in LUT RAM: asynchronous read, synchronous write. A read in the cycle of a write to the same row gives the
/// old contents.
#[derive(LogicBlock, Clone, Debug)]
pub struct LutRam {
    /// Clock of the write port.
    pub clock: Signal<In, Clock>,
    /// Row to read; one bit whose value is ignored if there is a single row.
    pub read_address: Wire<In>,
    /// Its contents, in the same cycle.
    pub read_data: Wire<Out>,
    /// Write at the next edge.
    pub write_enable: Signal<In, Bit>,
    /// Row to write.
    pub write_address: Wire<In>,
    /// What to write.
    pub write_data: Wire<In>,
    _rows: Vec<Bv>,
}

impl LutRam {
    /// 2 to the power of `address_width` rows of `width` bits, all 0. `address_width` at most 24.
    pub fn new(address_width: usize, width: usize) -> Self {
        assert!(address_width <= 24, "a LUT RAM of 2^{address_width} rows cannot be built");
        Self {
            clock: Default::default(),
            read_address: Wire::new(address_width.max(1)),
            read_data: Wire::new(width),
            write_enable: Default::default(),
            write_address: Wire::new(address_width.max(1)),
            write_data: Wire::new(width),
            _rows: vec![Bv::new(width, 0); 1 << address_width],
        }
    }

    #[inline]
    fn row_of(&self, address: Bv) -> usize {
        address.index() & (self._rows.len() - 1)
    }
}

impl Logic for LutRam {
    #[inline]
    fn update(&mut self) {
        if self.clock.pos_edge() && self.write_enable.val() {
            let row = self.row_of(self.write_address.val());
            self._rows[row] = self.write_data.val();
        }
        self.read_data.next = self._rows[self.row_of(self.read_address.val())];
    }
    fn hdl(&self) -> Verilog {
        Primitive::LutRam { rows: self._rows.len() }.verilog()
    }
}

impl Clocked for LutRam {
    #[inline]
    fn set_clock(&mut self, level: bool) {
        self.clock.set_clock(level);
    }
}

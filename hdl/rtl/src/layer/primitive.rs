//! The storage elements: registers and LUT RAM. All state of the hardware lives in one of these.
//!
//! Owns what each does at a clock edge, in simulation and as Verilog. None has a reset: a block resets its registers
//! synchronously, in its own logic. All power up as 0.
//!
//! The emitter does not instantiate primitives but writes them into the parent module; it recognises them by the
//! first line of their Verilog, see [`Primitive`]. The rest of that text serves rust-hdl's own generator.

use super::bits::Bv;
use super::wire::Wire;
use rust_hdl::prelude::*;

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

const MARKER: &str = "// primitive ";

impl Primitive {
    /// The element that this Verilog stands for, if it is one.
    pub fn of(verilog: &Verilog) -> Option<Primitive> {
        let Verilog::Custom(text) = verilog else { return None };
        let mut words = text.lines().next()?.strip_prefix(MARKER)?.split(' ');
        match (words.next()?, words.next()) {
            ("register", None) => Some(Primitive::Register),
            ("register_en", None) => Some(Primitive::RegisterEn),
            ("lut_ram", Some(rows)) => Some(Primitive::LutRam { rows: rows.parse().ok()? }),
            _ => None,
        }
    }

    fn verilog(self) -> Verilog {
        Verilog::Custom(match self {
            Primitive::Register => {
                format!("{MARKER}register\ninitial q = 0;\nalways @(posedge clock) q <= d;\n")
            }
            Primitive::RegisterEn => {
                format!("{MARKER}register_en\ninitial q = 0;\nalways @(posedge clock) if (en) q <= d;\n")
            }
            Primitive::LutRam { rows } => {
                let (read, write) = if rows == 1 { ("0", "0") } else { ("read_address", "write_address") };
                format!(
                    "{MARKER}lut_ram {rows}\nreg [$bits(read_data)-1:0] rows [0:{last}];\ninteger i;\n\
                     initial for (i = 0; i < {rows}; i = i + 1) rows[i] = 0;\n\
                     always @(*) read_data = rows[{read}];\n\
                     always @(posedge clock) if (write_enable) rows[{write}] <= write_data;\n",
                    last = rows - 1
                )
            }
        })
    }
}

/// A register without enable.
#[derive(LogicBlock, Clone, Debug)]
pub struct Register {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Next value.
    pub d: Wire<In>,
    /// Value.
    pub q: Wire<Out>,
}

impl Register {
    /// `width` in 1..=128 bits.
    pub fn new(width: usize) -> Self {
        Self { clock: Default::default(), d: Wire::new(width), q: Wire::new(width) }
    }
}

impl Logic for Register {
    #[inline]
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self.q.next = self.d.val();
        }
    }
    fn hdl(&self) -> Verilog {
        Primitive::Register.verilog()
    }
}

/// A register that keeps its value while `en` is low.
#[derive(LogicBlock, Clone, Debug)]
pub struct RegisterEn {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Take `d` at the next edge.
    pub en: Signal<In, Bit>,
    /// Next value.
    pub d: Wire<In>,
    /// Value.
    pub q: Wire<Out>,
}

impl RegisterEn {
    /// `width` in 1..=128 bits.
    pub fn new(width: usize) -> Self {
        Self { clock: Default::default(), en: Default::default(), d: Wire::new(width), q: Wire::new(width) }
    }
}

impl Logic for RegisterEn {
    #[inline]
    fn update(&mut self) {
        if self.clock.pos_edge() && self.en.val() {
            self.q.next = self.d.val();
        }
    }
    fn hdl(&self) -> Verilog {
        Primitive::RegisterEn.verilog()
    }
}

/// A register of a rust-hdl type: a bit, or the state of a machine. Powers up as `T::default()`, the first variant.
#[derive(LogicBlock, Clone, Debug)]
pub struct StateRegister<T: Synth> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Next value.
    pub d: Signal<In, T>,
    /// Value.
    pub q: Signal<Out, T>,
}

impl<T: Synth> Default for StateRegister<T> {
    fn default() -> Self {
        Self { clock: Default::default(), d: Default::default(), q: Default::default() }
    }
}

impl<T: Synth> StateRegister<T> {
    /// A register that holds `T::default()`.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T: Synth> Logic for StateRegister<T> {
    #[inline]
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self.q.next = self.d.val();
        }
    }
    fn hdl(&self) -> Verilog {
        Primitive::Register.verilog()
    }
}

/// A register of a rust-hdl type that keeps its value while `en` is low.
#[derive(LogicBlock, Clone, Debug)]
pub struct StateRegisterEn<T: Synth> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Take `d` at the next edge.
    pub en: Signal<In, Bit>,
    /// Next value.
    pub d: Signal<In, T>,
    /// Value.
    pub q: Signal<Out, T>,
}

impl<T: Synth> Default for StateRegisterEn<T> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            en: Default::default(),
            d: Default::default(),
            q: Default::default(),
        }
    }
}

impl<T: Synth> StateRegisterEn<T> {
    /// A register that holds `T::default()`.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T: Synth> Logic for StateRegisterEn<T> {
    #[inline]
    fn update(&mut self) {
        if self.clock.pos_edge() && self.en.val() {
            self.q.next = self.d.val();
        }
    }
    fn hdl(&self) -> Verilog {
        Primitive::RegisterEn.verilog()
    }
}

/// One flip-flop.
pub type BitRegister = StateRegister<Bit>;

/// One flip-flop with enable.
pub type BitRegisterEn = StateRegisterEn<Bit>;

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

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self._rows.len()
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

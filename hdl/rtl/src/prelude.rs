//! What a block imports, and the rules its kernel keeps.
//!
//! A kernel is the body of `#[hdl_gen] fn update(&mut self)`. It runs as Rust in simulation and is printed as Verilog
//! by [`crate::emit`]. Both must mean the same:
//!
//! **Taken**: `x.next = e`; `if`/`else`; `for i in a..b` with `a`, `b` integers, `self._n`, a number of the geometry
//! (`self._g.levels`) or the length of an array (`self.lane.len()`); `Vec`s, arrays and [`Ports`] of wires, constants,
//! registers and blocks with one index of the form `[i]`, `[i * 2 + 1]`; `get_bit(i)`, `replace_bit(i, b)`, `any()`,
//! `all()` on any expression; `+ - & | ^ ! << >>`, comparisons, `&& ||`; `bits_w(e, self._w)`, `bits_b(b, self._w)`;
//! integer literals (`.into()` when assigned to a `Wire`); `x.val().into()` from a bit to a 1-bit `Wire`;
//! `get_bit(self.position.val().index())` with a [`Const`] as index. A generate-if is `for _g in 0..self._flag {}`.
//! Fields that begin with `_` are no hardware.
//!
//! **Widths**: operators work at the larger width of their operands (zero-extended), assignments cut or extend. See
//! [`crate::layer::bits`]. No carry is kept: extend an operand with `bits_w` first.
//!
//! **Refused by the compiler**: `let`, `+=`, `return`, `if`/`match` as values, or- and range-patterns, `as`, other
//! calls and methods, `set_bit`, `Option<Block>`, literals over 64 bits. `bits_w(…)` is evaluated when Verilog is
//! made, so it cannot mention a loop variable: assign to a `Wire` of the right width instead.
//!
//! **Refused by the emitter** because no block needs it: `match`, state enums, structs, `get_bits`, `set_bit`,
//! `xor()`, bits at variable places (a shift by a wire is fine), signed arithmetic, rust-hdl's own links, registers
//! and memories.
//!
//! **Refused by the emitter** with an error that names the signal: an operand that is no signal (a Rust `const`,
//! `self._n`: use a [`Const`]); reading the input of a sub-block (Rust sees the old value: go through a Local); a
//! variable that is not assigned on every path (give a default first); combinational loops; a literal that does not
//! fit; a wire read but never driven; Verilog keywords and names that collide; indices out of range.
//!
//! **Safe here, silently wrong with rust-hdl's own generator**: precedence (parentheses follow the Rust expression),
//! casts of arithmetic and of `!x`, the missed latch, the missed loop.
//!
//! **Still silently wrong, because `hdl_gen` drops it before anyone can see it**: `a..=b` counts like `a..b`; a
//! function whose name starts with `bits` or `Bits` counts as a cast of its first argument. Do not write these.
//!
//! **Interfaces** are declared once with [`bundle!`](crate::bundle!) and connected in one line:
//! `Bundle::join(&mut self.request, &mut self.part.request)`, the block's own ports first; `Through::join` of two of
//! the block's own ports passes an interface through. Blocks are declared with
//! [`block!`](crate::block!). Ports that a configuration may lack are [`Ports`].
//!
//! **Clock**: a block that `has clock` gives it to everything in it; kernels do not mention it. In simulation
//! [`Clocked::set_clock`] sets it, in all blocks at once.
//!
//! **State**: [`Register`], [`RegisterEn`], [`BitRegister`], [`BitRegisterEn`], [`LutRam`]. They power up as 0 and have
//! no reset: a kernel resets them with logic at `d`. A register holds a bundle as well: `access: RegisterEn<Access> =
//! RegisterEn::of(Access::new(g))`, loaded by `Bundle::join(&mut self.miss.access, &mut self.access.d)`. rust-hdl's own
//! `DFF` and RAMs are Verilog text, which the emitter refuses.
//!
//! **What becomes of names**: field `x` is `x`; element 3 of `x` is `x_3`, the only element of a `Vec` of one just `x`;
//! input `d` of register `x` is `x_next`, `en` is `x_en`, field `f` of a register of a bundle `x_f`; pin `p` of
//! sub-block `b` is the net `b_p` (`b_p_pin` if a field is called that). A scalar [`Const`] becomes a `localparam` in
//! capitals where its value is used whole. What no output depends on is left out. A block used in several places is one
//! module if its text is the same, named after the field names its uses end in. `always @*` blocks come one for each
//! group of signals that must be computed together.
//!
//! Fields may not be called like keywords of SystemVerilog, which Verilator reads `.v` files as: `bit`, `matches`,
//! `packed`, `first_match`, `priority`, `table`, `var` and so on.

pub use crate::layer::bits::{Bv, bits_b, bits_w};
pub use crate::layer::clock::Clocked;
pub use crate::layer::join::{Bundle, Through};
pub use crate::layer::ports::Ports;
pub use crate::layer::primitive::{BitRegister, BitRegisterEn, LutRam, Register, RegisterEn};
pub use crate::layer::wire::{Const, Wire};
pub use crate::{block, bundle};
pub use rust_hdl::prelude::{
    Bit, Block, Clock, Direction, In, Local, Logic, LogicBlock, LogicJoin, Out, Probe, Signal, Synth,
    Verilog, ast, block, hdl_gen, logic, probe, simulate,
};

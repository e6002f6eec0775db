//! Signals and constants whose width is a run-time value.
//!
//! Owns [`Wire`] and [`Const`], the atoms of the runtime-width layer. They implement
//! rust-hdl's public traits, so `#[derive(LogicBlock)]` and `#[hdl_gen]` take them like its own `Signal`. Does not
//! own registers and memories ([`crate::layer::primitive`]). Single bits stay rust-hdl's `Signal<_, Bit>`.

use crate::layer::bits::{Bv, mask};
use rust_hdl::prelude::{
    Atom, AtomKind, Block, Direction, In, Local, Logic, Out, PinConstraint, Probe, TypeDescriptor, TypeKind,
    VCDValue, VerilogLiteral,
};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Identities of atoms; starts far above those that rust-hdl hands out to its own signals.
static NEXT_ID: AtomicUsize = AtomicUsize::new(1 << 40);

pub(crate) fn fresh_id() -> usize {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}

/// A signal of 1 to 128 bits. `D` is `In`, `Out` or `Local`.
#[derive(Clone, Debug)]
pub struct Wire<D: Direction> {
    /// What the kernel drives the wire with; cut or zero-extended to its width.
    pub next: Bv,
    value: Bv,
    changed: bool,
    id: usize,
    direction: PhantomData<D>,
}

impl<D: Direction> Wire<D> {
    /// A wire that carries 0. Panics unless `width` is in 1..=128.
    pub fn new(width: usize) -> Self {
        let zero = Bv::new(width, 0);
        Self { next: zero, value: zero, changed: false, id: fresh_id(), direction: PhantomData }
    }

    /// Width in bits.
    #[inline]
    pub fn width(&self) -> usize {
        self.value.bits()
    }

    #[inline]
    fn settled(&self) -> Bv {
        self.next.resized(self.width())
    }
}

impl Wire<In> {
    /// The value as of the last settled step.
    #[inline]
    pub fn val(&self) -> Bv {
        self.value
    }
}

impl Wire<Out> {
    /// The value last driven.
    #[inline]
    pub fn val(&self) -> Bv {
        self.settled()
    }
}

impl Wire<Local> {
    /// The value last driven, within the same kernel too.
    #[inline]
    pub fn val(&self) -> Bv {
        self.settled()
    }
}

impl<D: Direction> Logic for Wire<D> {
    fn update(&mut self) {}
}

impl<D: Direction> Block for Wire<D> {
    fn connect_all(&mut self) {}
    #[inline]
    fn update_all(&mut self) {
        let next = self.settled();
        self.changed = next.value() != self.value.value();
        self.value = next;
    }
    #[inline]
    fn has_changed(&self) -> bool {
        self.changed
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_atom(name, self);
    }
}

fn descriptor(width: usize) -> TypeDescriptor {
    TypeDescriptor { name: format!("Bits::<{width}>"), kind: TypeKind::Bits(width) }
}

/// rust-hdl's waveform type is only reachable through its conversion from a truth value.
fn waveform(value: Bv) -> VCDValue {
    let bits = (0..value.bits()).rev().filter_map(|i| match VCDValue::from(value.get_bit(i)) {
        VCDValue::Single(bit) => Some(bit),
        _ => None,
    });
    VCDValue::Vector(bits.collect())
}

impl<D: Direction> Atom for Wire<D> {
    fn bits(&self) -> usize {
        self.width()
    }
    fn connected(&self) -> bool {
        true
    }
    fn changed(&self) -> bool {
        self.changed
    }
    fn kind(&self) -> AtomKind {
        D::KIND
    }
    fn descriptor(&self) -> TypeDescriptor {
        descriptor(self.width())
    }
    fn vcd(&self) -> VCDValue {
        waveform(self.value)
    }
    fn id(&self) -> usize {
        self.id
    }
    fn verilog(&self) -> VerilogLiteral {
        self.value.value().into()
    }
    fn constraints(&self) -> Vec<PinConstraint> {
        vec![]
    }
}

/// A constant of 1 to 128 bits: the only way to name a generator parameter as an operand in a kernel.
#[derive(Clone, Debug)]
pub struct Const {
    value: Bv,
    id: usize,
}

impl Const {
    /// Panics unless `width` is in 1..=128 and `value` fits into it.
    pub fn new(width: usize, value: u128) -> Self {
        assert!(value <= mask(width), "the constant {value:#x} does not fit into {width} bits");
        Self { value: Bv::new(width, value), id: fresh_id() }
    }

    /// The value.
    #[inline]
    pub fn val(&self) -> Bv {
        self.value
    }
}

impl Logic for Const {
    fn update(&mut self) {}
}

impl Block for Const {
    fn connect_all(&mut self) {}
    fn update_all(&mut self) {}
    fn has_changed(&self) -> bool {
        false
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_atom(name, self);
    }
}

impl Atom for Const {
    fn bits(&self) -> usize {
        self.value.bits()
    }
    fn connected(&self) -> bool {
        true
    }
    fn changed(&self) -> bool {
        false
    }
    fn kind(&self) -> AtomKind {
        AtomKind::Constant
    }
    fn descriptor(&self) -> TypeDescriptor {
        descriptor(self.value.bits())
    }
    fn vcd(&self) -> VCDValue {
        waveform(self.value)
    }
    fn id(&self) -> usize {
        self.id
    }
    fn verilog(&self) -> VerilogLiteral {
        self.value.value().into()
    }
    fn constraints(&self) -> Vec<PinConstraint> {
        vec![]
    }
}

//! The MMU in rust-hdl's own simulation: no tools needed, the same source that Verilog is made from.
//!
//! Owns the way from the words of [`Pins`] to the signals of the block, and the clocking.

use super::driver::Driver;
use super::pins::{Pins, PinsError};
use pagewalk_arch::{ConfigError, MmuConfig};
use pagewalk_rtl::emit::PortDirection;
use pagewalk_rtl::mmu::Mmu;
use pagewalk_rtl::prelude::*;
use std::collections::HashMap;

/// Evaluations in which the logic must settle.
const SETTLE_LIMIT: usize = 100;

/// The engine: rust-hdl's simulation with core and memory around it.
pub type RustHdl = Driver<RustHdlPins>;

impl RustHdl {
    /// The MMU of `config`, freshly reset.
    ///
    /// # Errors
    /// [`ConfigError`] where no such MMU can be built.
    pub fn simulation(config: &MmuConfig) -> Result<Self, ConfigError> {
        Driver::new(config, RustHdlPins::new(config)?)
    }
}

/// [`Pins`] of the block [`Mmu`]. A clone goes on from where the original stands.
#[derive(Clone)]
pub struct RustHdlPins {
    mmu: Box<Mmu>,
    input_names: HashMap<String, usize>,
    output_names: HashMap<String, usize>,
    inputs: Vec<u64>,
    outputs: Vec<u64>,
}

impl RustHdlPins {
    /// The block for `config`, all inputs zero.
    ///
    /// # Errors
    /// [`ConfigError`] where no such MMU can be built.
    pub fn new(config: &MmuConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut mmu = Box::new(Mmu::new(config));
        let (mut inputs, mut outputs) = (HashMap::new(), HashMap::new());
        mmu.visit_pins(&mut |name, pin| {
            let names = match pin.direction() {
                PortDirection::Input => &mut inputs,
                PortDirection::Output => &mut outputs,
            };
            names.insert(name.to_string(), names.len());
        });
        let (ins, outs) = (vec![0; inputs.len()], vec![0; outputs.len()]);
        Ok(Self { mmu, input_names: inputs, output_names: outputs, inputs: ins, outputs: outs })
    }

    fn settle(&mut self, clock: bool) -> Result<(), PinsError> {
        self.mmu.set_clock(clock);
        let mut words = self.inputs.iter();
        self.mmu.visit_pins(&mut |_, pin| {
            if pin.direction() == PortDirection::Input
                && let Some(word) = words.next()
            {
                pin.drive(u128::from(*word));
            }
        });
        if simulate(&mut *self.mmu, SETTLE_LIMIT) {
            Ok(())
        } else {
            Err(PinsError(format!("the logic does not settle in {SETTLE_LIMIT} evaluations")))
        }
    }
}

impl Pins for RustHdlPins {
    fn inputs(&mut self) -> &mut [u64] {
        &mut self.inputs
    }
    fn outputs(&self) -> &[u64] {
        &self.outputs
    }
    fn input(&self, name: &str) -> Option<usize> {
        self.input_names.get(name).copied()
    }
    fn output(&self, name: &str) -> Option<usize> {
        self.output_names.get(name).copied()
    }
    fn low(&mut self) -> Result<(), PinsError> {
        self.settle(false)?;
        let mut words = self.outputs.iter_mut();
        self.mmu.visit_pins(&mut |_, pin| {
            if pin.direction() == PortDirection::Output
                && let Some(word) = words.next()
            {
                *word = pin.sample() as u64;
            }
        });
        Ok(())
    }
    fn rise(&mut self) -> Result<(), PinsError> {
        // The inputs settle before the edge, as they do in front of a flip-flop.
        self.settle(false)?;
        self.settle(true)
    }
}

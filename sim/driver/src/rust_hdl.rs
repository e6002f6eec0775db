//! The MMU in rust-hdl's own simulation: no tools needed, the same source that Verilog is made from.
//!
//! Owns the way from the words of [`Pins`] to the signals of the block, and the clocking.

use super::driver::Driver;
use super::pins::{Pins, PinsError};
use pagewalk_arch::{ConfigError, MmuConfig};
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

/// [`Pins`] of the block [`Mmu`].
pub struct RustHdlPins {
    mmu: Box<Mmu>,
    input_names: HashMap<String, usize>,
    output_names: HashMap<String, usize>,
    inputs: Vec<u64>,
    outputs: Vec<u64>,
}

/// One port of the block, as words see it.
trait Word {
    fn drive(&mut self, _word: u64) {}
    fn sample(&self) -> u64 {
        0
    }
}

impl Word for Signal<In, Bit> {
    fn drive(&mut self, word: u64) {
        self.next = word & 1 != 0;
    }
}
impl Word for Signal<Out, Bit> {
    fn sample(&self) -> u64 {
        u64::from(self.val())
    }
}
impl Word for Wire<In> {
    fn drive(&mut self, word: u64) {
        self.next = Bv::new(self.width(), u128::from(word));
    }
}
impl Word for Wire<Out> {
    fn sample(&self) -> u64 {
        self.val().value() as u64
    }
}

/// A field of the block: one port, or as many as the configuration has.
trait Field {
    fn words(&mut self) -> Vec<&mut dyn Word>;
}

impl<T> Field for Signal<In, T>
where
    T: Synth,
    Self: Word,
{
    fn words(&mut self) -> Vec<&mut dyn Word> {
        vec![self]
    }
}
impl Field for Signal<Out, Bit> {
    fn words(&mut self) -> Vec<&mut dyn Word> {
        vec![self]
    }
}
impl<D: Direction> Field for Wire<D>
where
    Self: Word,
{
    fn words(&mut self) -> Vec<&mut dyn Word> {
        vec![self]
    }
}
impl<T: Word> Field for Vec<T> {
    fn words(&mut self) -> Vec<&mut dyn Word> {
        self.iter_mut().map(|port| port as &mut dyn Word).collect()
    }
}

macro_rules! fields {
    ($mmu:expr; $($name:ident)*) => { [$((stringify!($name), &mut $mmu.$name as &mut dyn Field)),*] };
}

/// The input ports, in a fixed order.
fn inputs(mmu: &mut Mmu) -> impl Iterator<Item = (&'static str, &mut dyn Field)> {
    fields!(mmu; reset root pdpte asid mode_sum mode_mxr mode_adue mode_svnapot mode_pbmte mode_wp mode_nxe mode_pse
        mode_pge mode_smep mode_smap mode_ac fence_valid fence_has_va fence_va fence_has_asid fence_asid fence_keep_global
        ireq_valid ireq_va ireq_user ireq_tag iresp_ready dreq_valid dreq_va dreq_user dreq_store dreq_tag dresp_ready
        mem_req_ready mem_resp_valid mem_resp_data mem_resp_error)
    .into_iter()
}

/// The output ports, in a fixed order.
fn outputs(mmu: &mut Mmu) -> impl Iterator<Item = (&'static str, &mut dyn Field)> {
    fields!(mmu; fence_ready busy
        ireq_ready iresp_valid iresp_va iresp_pa iresp_fault iresp_code iresp_page iresp_memory_type iresp_served iresp_tag
        dreq_ready dresp_valid dresp_va dresp_pa dresp_fault dresp_code dresp_page dresp_memory_type dresp_served dresp_tag
        mem_req_valid mem_req_address mem_req_swap mem_req_expected mem_req_new mem_req_port)
    .into_iter()
}

/// Names and count of the words of some fields; a vector of one port has the plain name, like its Verilog.
fn names<'a>(fields: impl Iterator<Item = (&'static str, &'a mut dyn Field)>) -> HashMap<String, usize> {
    let mut names = HashMap::new();
    for (name, field) in fields {
        let count = field.words().len();
        for at in 0..count {
            let name = if count == 1 { name.to_owned() } else { format!("{name}_{at}") };
            names.insert(name, names.len());
        }
    }
    names
}

impl RustHdlPins {
    /// The block for `config`, all inputs zero.
    ///
    /// # Errors
    /// [`ConfigError`] where no such MMU can be built.
    pub fn new(config: &MmuConfig) -> Result<Self, ConfigError> {
        let mut mmu = Box::new(Mmu::new(config)?);
        mmu.connect_all();
        let input_names = names(inputs(&mut mmu));
        let output_names = names(outputs(&mut mmu));
        let (ins, outs) = (vec![0; input_names.len()], vec![0; output_names.len()]);
        Ok(Self { mmu, input_names, output_names, inputs: ins, outputs: outs })
    }

    fn settle(&mut self, clock: bool) -> Result<(), PinsError> {
        self.mmu.clock.next = Clock { clk: clock };
        let mut words = self.inputs.iter();
        for (_, field) in inputs(&mut self.mmu) {
            for (port, word) in field.words().into_iter().zip(&mut words) {
                port.drive(*word);
            }
        }
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
        for (_, field) in outputs(&mut self.mmu) {
            for (port, word) in field.words().into_iter().zip(&mut words) {
                *word = port.sample();
            }
        }
        Ok(())
    }
    fn rise(&mut self) -> Result<(), PinsError> {
        // The inputs settle before the edge, as they do in front of a flip-flop.
        self.settle(false)?;
        self.settle(true)
    }
}

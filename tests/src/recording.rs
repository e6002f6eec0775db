//! What goes over the pins of a simulation, written down half cycle by half cycle, so that another simulator can be
//! asked the same.
//!
//! Owns the record. Does not own the pins' meaning, nor what is done with the record.

use pagewalk_driver::{Pins, PinsError};

/// One settled low half of the clock, and the rising edge before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Inputs at the rising edge; none where only inputs changed.
    pub rise: Option<Vec<u64>>,
    /// Inputs in the low half.
    pub inputs: Vec<u64>,
    /// What the outputs were.
    pub outputs: Vec<u64>,
}

/// All steps from the beginning, in the order of the ports.
pub type Recording = Vec<Step>;

/// Pins that write down what goes over them.
#[derive(Debug)]
pub struct Recorder<P> {
    pins: P,
    rise: Option<Vec<u64>>,
    recording: Recording,
}

impl<P: Pins> Recorder<P> {
    /// A recorder with nothing written yet.
    pub fn new(pins: P) -> Self {
        Self { pins, rise: None, recording: Recording::new() }
    }

    /// Everything so far; the recorder begins anew.
    pub fn take(&mut self) -> Recording {
        std::mem::take(&mut self.recording)
    }
}

impl<P: Pins> Pins for Recorder<P> {
    fn inputs(&mut self) -> &mut [u64] {
        self.pins.inputs()
    }
    fn outputs(&self) -> &[u64] {
        self.pins.outputs()
    }
    fn input(&self, name: &str) -> Option<usize> {
        self.pins.input(name)
    }
    fn output(&self, name: &str) -> Option<usize> {
        self.pins.output(name)
    }
    fn low(&mut self) -> Result<(), PinsError> {
        self.pins.low()?;
        let (rise, inputs) = (self.rise.take(), self.pins.inputs().to_vec());
        self.recording.push(Step { rise, inputs, outputs: self.pins.outputs().to_vec() });
        Ok(())
    }
    fn rise(&mut self) -> Result<(), PinsError> {
        self.rise = Some(self.pins.inputs().to_vec());
        self.pins.rise()
    }
}

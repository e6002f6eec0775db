//! The pins of the simulated MMU as two arrays of words, by name. Owns no protocol.

/// A simulation of the top module, one word per port. Inputs are written, then the clock is moved.
pub trait Pins {
    /// The input words, to be driven with the next call.
    fn inputs(&mut self) -> &mut [u64];
    /// The output words of the last [`Pins::low`] or [`Pins::cycle`].
    fn outputs(&self) -> &[u64];
    /// The word of input port `name`, if the configuration has it.
    fn input(&self, name: &str) -> Option<usize>;
    /// The word of output port `name`, if the configuration has it.
    fn output(&self, name: &str) -> Option<usize>;
    /// Clock low: lets the inputs settle and samples the outputs.
    fn low(&mut self) -> Result<(), PinsError>;
    /// Rising edge with the inputs as they are.
    fn rise(&mut self) -> Result<(), PinsError>;
    /// [`Pins::rise`], then [`Pins::low`] with the same inputs.
    fn cycle(&mut self) -> Result<(), PinsError> {
        self.rise()?;
        self.low()
    }
}

/// A simulation that cannot go on: it does not settle, or its engine gave up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the simulation stopped: {0}")]
pub struct PinsError(pub String);

//! The generated Verilog, compiled and loaded, as an engine.
//!
//! Owns the way from a configuration to a running model. Does not own the build ([`crate::build`]), the calls into
//! the library ([`crate::ffi`]) nor the driver around it (`pagewalk_driver`).

use crate::build::{Build, Direction, Port, Purpose};
use crate::cache::Cache;
use crate::ffi::{Library, Model};
use crate::toolchain::Toolchain;
use crate::{HardwareError, build::TraceFormat};
use pagewalk_arch::MmuConfig;
use pagewalk_driver::{Driver, Pins, PinsError};
use pagewalk_rtl::Design;
use std::path::Path;

/// The hardware under Verilator, with core and memory around it.
pub type Verilated = Driver<VerilatedPins>;

/// A compiled design, from which any number of engines can be started.
#[derive(Clone, Debug)]
pub struct Hardware {
    config: MmuConfig,
    library: Library,
    trace_format: Option<TraceFormat>,
}

impl Hardware {
    /// Generates, compiles (or finds in the cache) and loads the MMU of `config`; with `trace`, able to write
    /// waveforms and slower.
    ///
    /// # Errors
    /// Any [`HardwareError`] of generation, build or loading.
    pub fn build(
        config: &MmuConfig,
        trace: bool,
        toolchain: &Toolchain,
        cache: &Cache,
        notice: &dyn Fn(&str),
    ) -> Result<Self, HardwareError> {
        let design = pagewalk_rtl::generate(config)?;
        Self::of_verilog(config, &design, &design.verilog, trace, toolchain, cache, notice)
    }

    /// Like [`Hardware::build`] for a Verilog text that need not be the generator's: the way to prove that a fault
    /// put into it is found.
    ///
    /// # Errors
    /// Any [`HardwareError`] of build or loading.
    pub fn of_verilog(
        config: &MmuConfig,
        design: &Design,
        verilog: &str,
        trace: bool,
        toolchain: &Toolchain,
        cache: &Cache,
        notice: &dyn Fn(&str),
    ) -> Result<Self, HardwareError> {
        let ports = ports(design);
        let build = Build { verilog, top: &design.top, ports: &ports, trace };
        let built = build.run(toolchain, cache, notice)?;
        let trace_format = built.trace_format();
        Ok(Self { config: *config, library: Library::load(&built)?, trace_format })
    }

    /// Like [`Hardware::of_verilog`] without waveforms, for a short run: [`Purpose::Trial`].
    ///
    /// # Errors
    /// Any [`HardwareError`] of build or loading.
    pub fn trial(
        config: &MmuConfig,
        design: &Design,
        verilog: &str,
        toolchain: &Toolchain,
        cache: &Cache,
    ) -> Result<Self, HardwareError> {
        let ports = ports(design);
        let build = Build { verilog, top: &design.top, ports: &ports, trace: false };
        let built = build.run_for(Purpose::Trial, toolchain, cache, &|_| {})?;
        Ok(Self { config: *config, library: Library::load(&built)?, trace_format: None })
    }

    /// A freshly reset engine.
    ///
    /// # Errors
    /// [`HardwareError::Model`] when the model cannot be started.
    pub fn start(&self) -> Result<Verilated, HardwareError> {
        Ok(Driver::new(&self.config, self.pins(0)?)?)
    }

    /// The pins of a fresh model, to be driven by anything. What the Verilog does not initialise is zero, or drawn
    /// from a `seed` other than 0 in a [`Hardware::trial`].
    ///
    /// # Errors
    /// [`HardwareError::Model`] when the model cannot be started.
    pub fn pins(&self, seed: u32) -> Result<VerilatedPins, HardwareError> {
        Ok(VerilatedPins { model: self.library.model_of_seed(seed)?, waves: None, half: 0 })
    }

    /// The format of the waveforms it writes; `None` if it was built without.
    pub fn trace_format(&self) -> Option<TraceFormat> {
        self.trace_format
    }
}

/// The ports of the design as a build takes them.
fn ports(design: &Design) -> Vec<Port> {
    let port = |port: &pagewalk_rtl::emit::Port| {
        let direction = match port.direction {
            pagewalk_rtl::emit::PortDirection::Input => Direction::Input,
            pagewalk_rtl::emit::PortDirection::Output => Direction::Output,
        };
        Port { name: port.name.clone(), width_bits: port.width as u32, direction }
    };
    design.ports.iter().map(port).collect()
}

/// [`Pins`] of a compiled model.
#[derive(Debug)]
pub struct VerilatedPins {
    model: Model,
    waves: Option<Waves>,
    /// Half cycles so far: the time in waveforms.
    half: u64,
}

#[derive(Clone, Copy, Debug)]
struct Waves {
    /// First half cycle that is written.
    from: u64,
}

impl VerilatedPins {
    /// Writes waveforms to `path` from now on, beginning `skipped_cycles` later. One cycle is two units of time.
    ///
    /// # Errors
    /// [`HardwareError::Model`] for a model that was built without, or a file that cannot be written.
    pub fn write_waves(&mut self, path: &Path, skipped_cycles: u64) -> Result<(), HardwareError> {
        self.model.trace_open(path)?;
        self.waves = Some(Waves { from: self.half + 2 * skipped_cycles });
        Ok(())
    }

    /// Completes the file of waveforms.
    ///
    /// # Errors
    /// [`HardwareError::Model`] when it cannot be written to its end.
    pub fn finish_waves(&mut self) -> Result<(), HardwareError> {
        if self.waves.take().is_some() {
            self.model.trace_close()?;
        }
        Ok(())
    }

    fn dump(&mut self) -> Result<(), PinsError> {
        self.half += 1;
        match self.waves {
            Some(waves) if self.half > waves.from => self.model.trace_dump(self.half).map_err(stopped),
            _ => Ok(()),
        }
    }
}

fn stopped(error: crate::ffi::ModelError) -> PinsError {
    PinsError(error.to_string())
}

impl Pins for VerilatedPins {
    #[inline]
    fn inputs(&mut self) -> &mut [u64] {
        self.model.inputs_mut()
    }
    #[inline]
    fn outputs(&self) -> &[u64] {
        self.model.outputs()
    }
    fn input(&self, name: &str) -> Option<usize> {
        self.model.input_index(name)
    }
    fn output(&self, name: &str) -> Option<usize> {
        self.model.output_index(name)
    }
    #[inline]
    fn low(&mut self) -> Result<(), PinsError> {
        self.model.half_low().map_err(stopped)?;
        self.dump()
    }
    #[inline]
    fn rise(&mut self) -> Result<(), PinsError> {
        self.model.rise().map_err(stopped)?;
        self.dump()
    }
    #[inline]
    fn cycle(&mut self) -> Result<(), PinsError> {
        if self.waves.is_some() {
            self.rise()?;
            return self.low();
        }
        self.half += 2;
        self.model.cycle().map_err(stopped)
    }
}

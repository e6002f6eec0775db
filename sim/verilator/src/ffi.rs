//! A running model: the only file with `unsafe` code.
//!
//! Owns the loading of a library that [`crate::build`] made and the calls into it. What makes the calls sound:
//! * Libraries come only from a [`BuiltModel`], whose contents were compared with their checksum.
//! * The library states the version of its interface and the lengths of its arrays, which are compared with the
//!   table before any other call; the arrays are allocated with these lengths and never change theirs.
//! * A [`Model`] is an instance that nothing else refers to, and every call takes it mutably.
//! * The code of a library outlives its instances: each holds a reference to it.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;

use thiserror::Error;

use crate::build::{ABI_VERSION, BuiltModel, PortTable, Slot, TraceFormat};

/// Why a library cannot be used or a model cannot go on.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The system's loader refuses the library.
    #[error("cannot load the compiled model {}: {reason}; delete that file to have it built again", path.display())]
    Load {
        /// The library.
        path: PathBuf,
        /// The loader's answer.
        reason: libloading::Error,
    },

    /// The library has another interface than this program expects.
    #[error("the compiled model {} does not fit this program ({reason}); delete that file to have it built again", path.display())]
    Mismatch {
        /// The library.
        path: PathBuf,
        /// What differs.
        reason: String,
    },

    /// There is no memory for another model.
    #[error("no memory for another instance of the compiled model {}", path.display())]
    Memory {
        /// The library.
        path: PathBuf,
    },

    /// The simulation ended with a fatal error, and with it the model.
    #[error("the simulation of the hardware failed: {message}")]
    Fatal {
        /// Verilator's message.
        message: String,
    },

    /// Waveforms were asked of a model that was built without.
    #[error("this model was built without waveforms; build it with tracing")]
    NoTrace,

    /// Time does not go on in the waveforms.
    #[error(
        "waveform time {time} does not come after {last}: times must increase, from one file to the next as well"
    )]
    TraceTime {
        /// The time that was given.
        time: u64,
        /// The time before it.
        last: u64,
    },

    /// The name of a waveform file contains a zero byte.
    #[error("{path:?} cannot be the name of a file")]
    TracePath {
        /// The name.
        path: PathBuf,
    },
}

type New = unsafe extern "C" fn(u32) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type Error = unsafe extern "C" fn(*mut c_void) -> *const c_char;
type Number = unsafe extern "C" fn() -> u32;
type Eval = unsafe extern "C" fn(*mut c_void, *const u64, *mut u64) -> c_int;
type Rise = unsafe extern "C" fn(*mut c_void, *const u64) -> c_int;
type TraceOpen = unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int;
type TraceDump = unsafe extern "C" fn(*mut c_void, u64) -> c_int;
type TraceClose = unsafe extern "C" fn(*mut c_void) -> c_int;

/// The entry points of `shim.cpp`.
#[derive(Clone, Copy)]
struct Functions {
    new: New,
    free: Free,
    error: Error,
    eval: Eval,
    half_low: Eval,
    rise: Rise,
    cycle: Eval,
    trace: Option<TraceFunctions>,
}

#[derive(Clone, Copy)]
struct TraceFunctions {
    open: TraceOpen,
    dump: TraceDump,
    close: TraceClose,
}

/// A loaded library, from which any number of models can be made.
#[derive(Clone)]
pub struct Library {
    shared: Arc<Shared>,
}

struct Shared {
    functions: Functions,
    ports: PortTable,
    trace_format: Option<TraceFormat>,
    path: PathBuf,
    /// Dropped last, and only when no model is left: `functions` point into it.
    _code: libloading::Library,
}

impl fmt::Debug for Library {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Library").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl Library {
    /// Loads a library. Its cache entry may change afterwards: the loaded code stays as it is.
    ///
    /// # Errors
    /// [`ModelError::Load`] or [`ModelError::Mismatch`].
    pub fn load(built: &BuiltModel) -> Result<Library, ModelError> {
        let path = built.library().to_owned();
        // SAFETY: the library was made by our own build from our own shim, and its checksum was compared. Its
        // static initialisers are those of Verilator's runtime and the C++ library, which have no preconditions.
        let code = unsafe { libloading::Library::new(&path) }
            .map_err(|reason| ModelError::Load { path: path.clone(), reason })?;
        // SAFETY: the types are those in `shim.cpp`.
        let numbers: [Number; 3] = unsafe {
            [
                symbol(&code, &path, c"pagewalk_abi")?,
                symbol(&code, &path, c"pagewalk_input_words")?,
                symbol(&code, &path, c"pagewalk_output_words")?,
            ]
        };
        let ports = built.ports().clone();
        let expected = [ABI_VERSION as usize, ports.input_word_count(), ports.output_word_count()];
        // SAFETY: these functions return a constant and have this type in every version of the interface.
        let found = numbers.map(|number| unsafe { number() } as usize);
        if found != expected {
            let reason = format!("interface version and words in and out are {found:?}, not {expected:?}");
            return Err(ModelError::Mismatch { path, reason });
        }
        let trace_format = built.trace_format();
        // SAFETY: the version of the interface was compared, hence the types are those in `shim.cpp`.
        let functions = unsafe { Functions::find(&code, &path, trace_format.is_some())? };
        let shared = Shared { functions, ports, trace_format, path, _code: code };
        Ok(Library { shared: Arc::new(shared) })
    }

    /// Makes a model in its initial state, evaluated once with all inputs zero.
    ///
    /// # Errors
    /// [`ModelError::Memory`], or [`ModelError::Fatal`] if the initial values do not settle.
    pub fn model(&self) -> Result<Model, ModelError> {
        self.model_of_seed(0)
    }

    /// The same with what the Verilog does not initialise drawn from `seed`, for a library that was built as
    /// [`crate::build::Purpose::Trial`]; a seed of 0 leaves it at zero.
    ///
    /// # Errors
    /// The same.
    pub fn model_of_seed(&self, seed: u32) -> Result<Model, ModelError> {
        let shared = Arc::clone(&self.shared);
        // SAFETY: no preconditions; the result is null or an instance that is ours alone.
        let instance = NonNull::new(unsafe { (shared.functions.new)(seed) })
            .ok_or_else(|| ModelError::Memory { path: shared.path.clone() })?;
        let words = |count| vec![0; count].into_boxed_slice();
        let model = Model {
            functions: shared.functions,
            instance,
            inputs: words(shared.ports.input_word_count()),
            outputs: words(shared.ports.output_word_count()),
            trace_time: None,
            shared,
        };
        if model.error().is_empty() { Ok(model) } else { Err(model.fatal()) }
    }
}

/// Finds a function in a library.
///
/// # Safety
/// `T` must be the function's type.
unsafe fn symbol<T: Copy>(code: &libloading::Library, path: &Path, name: &CStr) -> Result<T, ModelError> {
    // SAFETY: the caller vouches for the type.
    let found = unsafe { code.get::<T>(name.to_bytes_with_nul()) };
    found.map(|symbol| *symbol).map_err(|reason| ModelError::Load { path: path.to_owned(), reason })
}

impl Functions {
    /// # Safety
    /// The library must have the version [`ABI_VERSION`] of the interface.
    unsafe fn find(code: &libloading::Library, path: &Path, trace: bool) -> Result<Functions, ModelError> {
        // SAFETY: the types are those in `shim.cpp`, whose version the caller has compared.
        unsafe {
            let trace = if trace {
                Some(TraceFunctions {
                    open: symbol(code, path, c"pagewalk_trace_open")?,
                    dump: symbol(code, path, c"pagewalk_trace_dump")?,
                    close: symbol(code, path, c"pagewalk_trace_close")?,
                })
            } else {
                None
            };
            Ok(Functions {
                new: symbol(code, path, c"pagewalk_new")?,
                free: symbol(code, path, c"pagewalk_free")?,
                error: symbol(code, path, c"pagewalk_error")?,
                eval: symbol(code, path, c"pagewalk_eval")?,
                half_low: symbol(code, path, c"pagewalk_half_low")?,
                rise: symbol(code, path, c"pagewalk_rise")?,
                cycle: symbol(code, path, c"pagewalk_cycle")?,
                trace,
            })
        }
    }
}

/// One instance of a verilated design.
///
/// Inputs are written to [`Model::inputs_mut`], outputs read from [`Model::outputs`], at the words that
/// [`Model::ports`] states. Bits of a word above its port's width are ignored on input and zero on output.
///
/// Once a call has failed with [`ModelError::Fatal`], all later ones fail.
pub struct Model {
    instance: NonNull<c_void>,
    inputs: Box<[u64]>,
    outputs: Box<[u64]>,
    /// The time of the last values that went into a waveform.
    trace_time: Option<u64>,
    /// A copy of the library's: one indirection less in every cycle.
    functions: Functions,
    shared: Arc<Shared>,
}

// SAFETY: an instance has its own Verilator context and refers to nothing of the thread that made it; Verilator
// allows calls from any thread as long as they do not overlap, which `&mut self` sees to.
unsafe impl Send for Model {}

impl fmt::Debug for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Model").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the instance came from `new`, is ours alone and is not used afterwards.
        unsafe { (self.functions.free)(self.instance.as_ptr()) }
    }
}

impl Model {
    /// The words the design's inputs are driven with at the next call.
    #[inline]
    pub fn inputs_mut(&mut self) -> &mut [u64] {
        &mut self.inputs
    }

    /// The words of the design's outputs as of the last call that samples them.
    #[inline]
    pub fn outputs(&self) -> &[u64] {
        &self.outputs
    }

    /// Inputs to write and outputs to read, at once.
    #[inline]
    pub fn pins(&mut self) -> (&mut [u64], &[u64]) {
        (&mut self.inputs, &self.outputs)
    }

    /// Where each port lies in the words.
    pub fn ports(&self) -> &PortTable {
        &self.shared.ports
    }

    /// The first word of the input `name`.
    pub fn input_index(&self, name: &str) -> Option<usize> {
        index(self.shared.ports.inputs(), name)
    }

    /// The first word of the output `name`.
    pub fn output_index(&self, name: &str) -> Option<usize> {
        index(self.shared.ports.outputs(), name)
    }

    /// Drives all inputs, the clock included, evaluates, and samples the outputs.
    ///
    /// # Errors
    /// [`ModelError::Fatal`].
    #[inline]
    pub fn eval(&mut self) -> Result<(), ModelError> {
        let (inputs, outputs) = (self.inputs.as_ptr(), self.outputs.as_mut_ptr());
        // SAFETY: the instance is alive and ours; both arrays have the lengths the library has stated.
        let status = unsafe { (self.functions.eval)(self.instance.as_ptr(), inputs, outputs) };
        self.checked(status)
    }

    /// The low half of a cycle: drives the inputs with the clock low, evaluates, and samples the outputs, which
    /// are what the design shows, given these inputs, before the next rising edge.
    ///
    /// # Errors
    /// [`ModelError::Fatal`].
    #[inline]
    pub fn half_low(&mut self) -> Result<(), ModelError> {
        let (inputs, outputs) = (self.inputs.as_ptr(), self.outputs.as_mut_ptr());
        // SAFETY: as in `eval`.
        let status = unsafe { (self.functions.half_low)(self.instance.as_ptr(), inputs, outputs) };
        self.checked(status)
    }

    /// The rising edge: drives the inputs, raises the clock and evaluates; registers take their next values. The
    /// outputs are not sampled.
    ///
    /// # Errors
    /// [`ModelError::Fatal`].
    #[inline]
    pub fn rise(&mut self) -> Result<(), ModelError> {
        // SAFETY: as in `eval`.
        let status = unsafe { (self.functions.rise)(self.instance.as_ptr(), self.inputs.as_ptr()) };
        self.checked(status)
    }

    /// The rising edge and the low half after it, with the same inputs, in one call: cheaper than
    /// [`Model::rise`] and [`Model::half_low`] where nothing is decided in between.
    ///
    /// # Errors
    /// [`ModelError::Fatal`].
    #[inline]
    pub fn cycle(&mut self) -> Result<(), ModelError> {
        let (inputs, outputs) = (self.inputs.as_ptr(), self.outputs.as_mut_ptr());
        // SAFETY: as in `eval`.
        let status = unsafe { (self.functions.cycle)(self.instance.as_ptr(), inputs, outputs) };
        self.checked(status)
    }

    /// The format of the waveforms this model can write, `None` if it was built without.
    pub fn trace_format(&self) -> Option<TraceFormat> {
        self.shared.trace_format
    }

    /// Starts a new waveform file, ending the one being written.
    ///
    /// # Errors
    /// [`ModelError::NoTrace`], [`ModelError::TracePath`], or [`ModelError::Fatal`] if it cannot be created.
    pub fn trace_open(&mut self, path: &Path) -> Result<(), ModelError> {
        self.trace_close()?;
        let trace = self.functions.trace.ok_or(ModelError::NoTrace)?;
        let path = CString::new(path.as_os_str().as_bytes())
            .map_err(|_| ModelError::TracePath { path: path.to_owned() })?;
        // SAFETY: the instance is alive and ours; the path is a string that outlives the call.
        let status = unsafe { (trace.open)(self.instance.as_ptr(), path.as_ptr()) };
        self.checked(status)
    }

    /// Adds the present values of all signals to the waveform, at `time`, which must exceed the last one, that
    /// of earlier files included. Writes nothing while no file is open.
    ///
    /// # Errors
    /// [`ModelError::NoTrace`], [`ModelError::TraceTime`] or [`ModelError::Fatal`].
    pub fn trace_dump(&mut self, time: u64) -> Result<(), ModelError> {
        let trace = self.functions.trace.ok_or(ModelError::NoTrace)?;
        if let Some(last) = self.trace_time.filter(|&last| time <= last) {
            return Err(ModelError::TraceTime { time, last });
        }
        self.trace_time = Some(time);
        // SAFETY: the instance is alive and ours.
        let status = unsafe { (trace.dump)(self.instance.as_ptr(), time) };
        self.checked(status)
    }

    /// Completes the waveform file. Does nothing while none is open.
    ///
    /// # Errors
    /// [`ModelError::NoTrace`] or [`ModelError::Fatal`].
    pub fn trace_close(&mut self) -> Result<(), ModelError> {
        let trace = self.functions.trace.ok_or(ModelError::NoTrace)?;
        // SAFETY: the instance is alive and ours.
        let status = unsafe { (trace.close)(self.instance.as_ptr()) };
        self.checked(status)
    }

    #[inline]
    fn checked(&self, status: c_int) -> Result<(), ModelError> {
        if status == 0 { Ok(()) } else { Err(self.fatal()) }
    }

    #[cold]
    fn fatal(&self) -> ModelError {
        ModelError::Fatal { message: self.error() }
    }

    /// Why a call failed, empty if none did.
    fn error(&self) -> String {
        // SAFETY: the instance is alive; the string is valid until the next call and copied before that.
        let message = unsafe { CStr::from_ptr((self.functions.error)(self.instance.as_ptr())) };
        message.to_string_lossy().into_owned()
    }
}

fn index(slots: &[Slot], name: &str) -> Option<usize> {
    slots.iter().find(|slot| slot.name == name).map(|slot| slot.word)
}

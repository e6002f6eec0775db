//! From a Verilog text to a shared library.
//!
//! Owns the flags, the shim that gives every design the same C interface, what a library's cache key depends on,
//! and the two compilations: Verilator's runtime, once per tool version, and the design. Does not own loading
//! (`ffi`), nor where entries are kept and how builders exclude each other (`cache`).

mod compile;
mod direction;
mod error;
mod generated;
mod port;

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

pub use direction::Direction;
pub use error::BuildError;
pub use port::{Port, PortTable, Slot};

use crate::cache::{Cache, CacheError, Entry, Key, KeyHasher, Shelf};
use crate::toolchain::{Log, Toolchain};
use compile::{Compilation, Tracing};
use generated::Sources;

/// The version of the C interface in `shim.cpp`; `ffi` refuses any other.
pub(crate) const ABI_VERSION: u32 = 2;

/// Ends the library's name within its cache entry. The rest of the name is that of one build: an entry that is built
/// again lies at the same place, and the system's loader, asked for a file by a name that it has loaded, gives what it
/// has loaded.
const LIBRARY_SUFFIX: &str = "so";

/// Room that must be left on the disk after Verilator has run: less than any library takes.
const ROOM_BYTES: usize = 64 << 10;

/// The shim, the same for every design; the ports come from a generated `ports.inc`.
const SHIM: &str = include_str!("../shim.cpp");

/// What `--cc` is told of every design: optimise, check no assertions. Warnings are reported without failing:
/// judging the Verilog's style is a lint's business.
const VERILATOR_FLAGS: [&str; 4] = ["--cc", "-O3", "--noassert", "--no-timing"];

/// What a library is compiled for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Millions of cycles: as fast as the compiler can make it. Undefined values are what is fastest, since the
    /// design's resets define them.
    #[default]
    Work,
    /// Some thousand cycles: quick to compile, ten times slower to run. What the Verilog does not initialise begins
    /// with random values, drawn from the seed that the model is started with.
    Trial,
}

impl Purpose {
    fn verilator_flags(self) -> [&'static str; 4] {
        let value = match self {
            Purpose::Work => "fast",
            Purpose::Trial => "unique",
        };
        ["--x-assign", value, "--x-initial", value]
    }
}

/// The format of waveform files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TraceFormat {
    /// GTKWave's compressed format; compiling its writer needs the headers of zlib and, for recent Verilators, lz4.
    Fst,
    /// Value change dump, which any viewer reads and which is many times bigger.
    Vcd,
}

impl TraceFormat {
    /// The customary suffix of file names, without a dot.
    pub fn suffix(self) -> &'static str {
        match self {
            TraceFormat::Fst => "fst",
            TraceFormat::Vcd => "vcd",
        }
    }
}

/// A design to be built.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    /// The complete Verilog text.
    pub verilog: &'a str,
    /// The name of the top module.
    pub top: &'a str,
    /// All ports of the top module, in the order their words shall have. The input called `clock`, if there is
    /// one, is the clock.
    pub ports: &'a [Port],
    /// Whether the model can write waveforms, which makes it slower even when it does not.
    pub trace: bool,
}

/// A library in the cache, kept there for as long as this value lives.
#[derive(Debug)]
pub struct BuiltModel {
    /// Keeps the library where it is.
    _entry: Entry,
    library: PathBuf,
    ports: PortTable,
    trace_format: Option<TraceFormat>,
}

impl BuiltModel {
    /// The shared library. A file of this name is never written again: built anew, the library has another name.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Where each port lies in the arrays of words.
    pub fn ports(&self) -> &PortTable {
        &self.ports
    }

    /// The format of the waveforms it can write, `None` if it was built without.
    pub fn trace_format(&self) -> Option<TraceFormat> {
        self.trace_format
    }
}

impl Build<'_> {
    /// Returns the library from the cache, building it first if need be: some seconds, told to `notice`.
    ///
    /// # Errors
    /// [`BuildError`]: ports that do not fit the Verilog, a failed tool, an unusable cache.
    pub fn run(
        &self,
        toolchain: &Toolchain,
        cache: &Cache,
        notice: &dyn Fn(&str),
    ) -> Result<BuiltModel, BuildError> {
        self.run_for(Purpose::Work, toolchain, cache, notice)
    }

    /// [`Build::run`] for another purpose than work.
    ///
    /// # Errors
    /// The same.
    pub fn run_for(
        &self,
        purpose: Purpose,
        toolchain: &Toolchain,
        cache: &Cache,
        notice: &dyn Fn(&str),
    ) -> Result<BuiltModel, BuildError> {
        if !port::is_identifier(self.top) {
            return Err(BuildError::TopName { top: self.top.to_owned() });
        }
        let ports = PortTable::new(self.ports)?;
        let tracing = self.trace.then(|| Tracing::choose(toolchain));
        let key = self.key(purpose, toolchain, &ports, tracing);
        let entry = cache.entry(Shelf::Models, &key, notice, |directory| {
            notice(&format!("compiling `{}` with Verilator {}", self.top, toolchain.verilator.version()));
            let mut log = Log::new(cache, key.as_str());
            let compilation = Compilation { purpose, toolchain, cache, tracing, notice };
            self.build(&compilation, &ports, directory, &mut log)
        })?;
        let library = library_in(entry.directory())
            .map_err(Files { root: cache.root() }.unusable("find the library in", entry.directory()))?;
        Ok(BuiltModel { _entry: entry, library, ports, trace_format: tracing.map(Tracing::format) })
    }

    /// Everything the library depends on.
    fn key(
        &self,
        purpose: Purpose,
        toolchain: &Toolchain,
        ports: &PortTable,
        tracing: Option<Tracing>,
    ) -> Key {
        let mut key = KeyHasher::new("pagewalk model");
        key.field(ABI_VERSION.to_le_bytes());
        key.field(SHIM);
        key.field(VERILATOR_FLAGS.join(" "));
        key.field(purpose.verilator_flags().join(" "));
        key.field(compile::flags_identity(toolchain, tracing));
        key.field(compile::design_flags(purpose).join(" "));
        key.field(toolchain.verilator.identity());
        key.field(toolchain.compiler.identity());
        key.field(self.top);
        key.field(self.verilog);
        for (direction, slots) in [("input", ports.inputs()), ("output", ports.outputs())] {
            for slot in slots {
                key.field(direction);
                key.field(&slot.name);
                key.field(slot.width_bits.to_le_bytes());
            }
        }
        key.finish()
    }

    /// Fills the entry's `directory`: the library and the transcript of its making.
    fn build(
        &self,
        compilation: &Compilation,
        ports: &PortTable,
        directory: &Path,
        log: &mut Log,
    ) -> Result<(), BuildError> {
        let work = directory.join("work");
        let files = Files { root: compilation.cache.root() };
        files.create_directory(&work)?;
        files.write(&work.join("design.v"), self.verilog)?;
        let mut verilator = compilation.toolchain.verilator.command();
        verilator
            .args(VERILATOR_FLAGS)
            .args(compilation.purpose.verilator_flags())
            .args(compilation.tracing.iter().map(|tracing| tracing.verilator_flag()))
            .args(["-Wno-fatal", "--top-module", self.top, "--prefix", "Vmodel", "--Mdir", ".", "design.v"])
            .current_dir(&work);
        log.run("Verilator", &mut verilator)?;
        files.check_room(&work)?;

        let not_understood = |file, reason: String| BuildError::Generated {
            version: compilation.toolchain.verilator.version().to_string(),
            file,
            reason,
        };
        let makefile = files.read(&work.join("Vmodel_classes.mk"))?;
        let sources = Sources::parse(&makefile)
            .ok_or_else(|| not_understood("Vmodel_classes.mk", "it lists no sources".to_owned()))?;
        let header = files.read(&work.join("Vmodel.h"))?;
        let pins = generated::pins(&header).map_err(|line| not_understood("Vmodel.h", line))?;
        files.write(&work.join("ports.inc"), &generated::ports_include(self.top, ports, &pins)?)?;
        files.write(&work.join("shim.cpp"), SHIM)?;
        // All sources of a kind as one: Verilator's files share most of what they include, and the compiler
        // sees the shim and the model's evaluation together.
        let include =
            |names: &[String]| names.iter().map(|name| format!("#include \"{name}.cpp\"\n")).collect();
        let fast = [sources.fast.clone(), vec!["shim".to_owned()]].concat();
        let (mut fast, mut slow): (String, String) = (include(&fast), include(&sources.slow));
        if compilation.purpose == Purpose::Trial {
            // Half of a short compilation is the reading of Verilator's headers.
            fast.push_str(&std::mem::take(&mut slow));
        }
        files.write(&work.join("fast.cpp"), &fast)?;
        files.write(&work.join("slow.cpp"), &slow)?;

        let runtime = compilation.runtime(&sources.runtime)?;
        compilation.design(&work, &runtime, &new_library_in(directory), log)?;
        files.write(&directory.join("build.log"), log.text())?;
        fs::remove_dir_all(&work).map_err(files.unusable("remove", &work))?;
        Ok(())
    }
}

/// A path in `directory` for a library, with a name that no other build takes.
fn new_library_in(directory: &Path) -> PathBuf {
    let random = RandomState::new().build_hasher().finish();
    directory.join(format!("model-{random:016x}.{LIBRARY_SUFFIX}"))
}

/// The library of a finished entry.
fn library_in(directory: &Path) -> std::io::Result<PathBuf> {
    fs::read_dir(directory)?
        .flatten()
        .map(|file| file.path())
        .find(|path| path.extension().is_some_and(|suffix| suffix == LIBRARY_SUFFIX))
        .ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

/// File operations whose errors name the cache directory.
struct Files<'a> {
    root: &'a Path,
}

impl Files<'_> {
    fn create_directory(&self, path: &Path) -> Result<(), CacheError> {
        fs::create_dir(path).map_err(self.unusable("create", path))
    }

    /// Verilator does not notice when its files cannot be written whole; a disk that was full then still is.
    fn check_room(&self, directory: &Path) -> Result<(), CacheError> {
        let path = directory.join("room");
        fs::write(&path, [0; ROOM_BYTES])
            .and_then(|()| fs::remove_file(&path))
            .map_err(self.unusable("write", &path))
    }

    fn write(&self, path: &Path, text: &str) -> Result<(), CacheError> {
        fs::write(path, text).map_err(self.unusable("write", path))
    }

    fn read(&self, path: &Path) -> Result<String, CacheError> {
        fs::read_to_string(path).map_err(self.unusable("read", path))
    }

    fn unusable(
        &self,
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> CacheError + use<> {
        let (path, root) = (path.to_owned(), self.root.to_owned());
        move |reason| CacheError::Unusable { action, path, root, reason }
    }
}

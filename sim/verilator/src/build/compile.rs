//! The C++ half of a build: flags, Verilator's runtime, the design, the link.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::error::BuildError;
use super::{ABI_VERSION, Files, Purpose, TraceFormat};
use crate::cache::{Cache, Entry, KeyHasher, Shelf};
use crate::toolchain::{Log, Toolchain, invoke};

/// For code that runs in every cycle, and for code that runs once per model: reset, initial values, declarations of a
/// waveform.
pub(super) fn design_flags(purpose: Purpose) -> [&'static str; 2] {
    match purpose {
        Purpose::Work => ["-O3", "-O1"],
        Purpose::Trial => ["-O1", "-O1"],
    }
}

/// For Verilator's runtime, hardly any of which runs in a cycle.
const RUNTIME: &str = "-O2";

/// A header that includes Verilator's own and nothing else: the compiler takes what it has read of a header only for
/// the first, and a file that included the same one again would look for it in vain.
const HEADER: (&str, &str) = ("pagewalk_headers.h", "#include \"verilated.h\"\n");

/// Common to everything. Only the shim's interface is visible: calls within the library need no indirection, and
/// two libraries in a process do not see each other's runtime.
const FLAGS: [&str; 7] = [
    "-std=c++17",
    "-fPIC",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-w",
    "-DVL_TIME_CONTEXT=1",
    "-DVERILATOR=1",
];

/// GCC only. Unique symbols would be shared between libraries in spite of their visibility, and would forbid
/// unloading.
const GCC_FLAGS: [&str; 1] = ["-fno-gnu-unique"];

/// Fatal errors become exceptions in the shim instead of the end of the process.
const RUNTIME_FLAGS: [&str; 3] = ["-DVL_USER_FINISH=1", "-DVL_USER_STOP=1", "-DVL_USER_FATAL=1"];

/// How a model with waveforms is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tracing {
    format: TraceFormat,
    /// Recent Verilators write FST with a library of their own, which needs lz4.
    lz4: bool,
}

impl Tracing {
    /// FST if its writer can be compiled here, else VCD, which always can.
    pub(super) fn choose(toolchain: &Toolchain) -> Tracing {
        let lz4 = toolchain.verilator.root().join("include/fstcpp").is_dir();
        let has = |header| toolchain.compiler.has_header(header);
        let fst = has("zlib.h") && (!lz4 || has("lz4.h"));
        Tracing { format: if fst { TraceFormat::Fst } else { TraceFormat::Vcd }, lz4: lz4 && fst }
    }

    pub(super) fn format(self) -> TraceFormat {
        self.format
    }

    pub(super) fn verilator_flag(self) -> &'static str {
        match self.format {
            TraceFormat::Fst => "--trace-fst",
            TraceFormat::Vcd => "--trace",
        }
    }

    fn definitions(self) -> [&'static str; 3] {
        match self.format {
            TraceFormat::Fst => ["-DPAGEWALK_TRACING=1", "-DPAGEWALK_TRACE_FST=1", "-DVM_TRACE_FST=1"],
            TraceFormat::Vcd => ["-DPAGEWALK_TRACING=1", "-DPAGEWALK_TRACE_VCD=1", "-DVM_TRACE_VCD=1"],
        }
    }

    fn libraries(self) -> &'static [&'static str] {
        match (self.format, self.lz4) {
            (TraceFormat::Fst, true) => &["-lz", "-llz4"],
            (TraceFormat::Fst, false) => &["-lz"],
            (TraceFormat::Vcd, _) => &[],
        }
    }
}

/// Every flag that this file gives to the compiler, for cache keys.
pub(super) fn flags_identity(toolchain: &Toolchain, tracing: Option<Tracing>) -> String {
    let common = common_flags(toolchain, tracing);
    format!("{common:?} {RUNTIME} {RUNTIME_FLAGS:?} {:?}", link_flags(tracing))
}

fn common_flags(toolchain: &Toolchain, tracing: Option<Tracing>) -> Vec<String> {
    let mut flags: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
    if toolchain.compiler.is_gcc() {
        flags.extend(GCC_FLAGS.iter().map(|&flag| flag.to_owned()));
    }
    flags.push(format!("-DVM_TRACE={}", u32::from(tracing.is_some())));
    flags.extend(tracing.iter().flat_map(|tracing| tracing.definitions()).map(str::to_owned));
    flags.extend(["-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0"].map(str::to_owned));
    flags
}

fn link_flags(tracing: Option<Tracing>) -> Vec<&'static str> {
    let mut flags = vec!["-shared", "-pthread"];
    if cfg!(target_os = "linux") {
        // A missing symbol is an error now and not when the library is loaded.
        flags.push("-Wl,--no-undefined");
    }
    flags.extend(tracing.iter().flat_map(|tracing| tracing.libraries()));
    flags
}

/// What every step of a build needs.
pub(super) struct Compilation<'a> {
    pub(super) purpose: Purpose,
    pub(super) toolchain: &'a Toolchain,
    pub(super) cache: &'a Cache,
    pub(super) tracing: Option<Tracing>,
    pub(super) notice: &'a dyn Fn(&str),
}

impl Compilation<'_> {
    /// Verilator's runtime as object files, compiled once per version of the tools and set of `sources`.
    pub(super) fn runtime(&self, sources: &[String]) -> Result<Entry, BuildError> {
        let mut key = KeyHasher::new("pagewalk runtime");
        key.field(self.toolchain.verilator.identity());
        key.field(self.toolchain.compiler.identity());
        key.field(flags_identity(self.toolchain, self.tracing));
        sources.iter().for_each(|source| key.field(source));
        let key = key.finish();
        self.cache.entry(Shelf::Runtime, &key, self.notice, |directory| {
            (self.notice)("compiling Verilator's runtime (once)");
            let mut log = Log::new(self.cache, key.as_str());
            let include = self.toolchain.verilator.root().join("include");
            let commands = sources.iter().map(|name| {
                let mut command = self.compile(RUNTIME, None);
                command.args(RUNTIME_FLAGS).arg(include.join(format!("{name}.cpp")));
                command.arg("-o").arg(directory.join(format!("{name}.o")));
                command
            });
            self.run_all(commands.collect(), &mut log)
        })
    }

    /// Verilator's header as the compiler has read it, made once for all short compilations: reading it is half of one.
    /// GCC takes `NAME.gch` where it meets `NAME`; for another compiler there is none.
    pub(super) fn headers(&self) -> Result<Option<Entry>, BuildError> {
        if self.purpose != Purpose::Trial || !self.toolchain.compiler.is_gcc() {
            return Ok(None);
        }
        let [optimisation, _] = design_flags(self.purpose);
        let mut key = KeyHasher::new("pagewalk headers");
        key.field(self.toolchain.verilator.identity());
        key.field(self.toolchain.compiler.identity());
        key.field(flags_identity(self.toolchain, self.tracing));
        key.field(optimisation);
        let key = key.finish();
        let entry = self.cache.entry(Shelf::Headers, &key, self.notice, |directory| {
            let (name, text) = HEADER;
            let header = directory.join(name);
            Files { root: self.cache.root() }.write(&header, text)?;
            let mut log = Log::new(self.cache, key.as_str());
            let mut command = self.compile(optimisation, None);
            command.args(["-x", "c++-header"]).arg(&header);
            command.arg("-o").arg(directory.join(format!("{name}.gch")));
            log.run("the C++ compiler", &mut command)?;
            Ok::<_, BuildError>(())
        })?;
        Ok(Some(entry))
    }

    /// Compiles the design in the directory `work` and links it with the runtime into `library`.
    pub(super) fn design(
        &self,
        work: &Path,
        runtime: &Entry,
        library: &Path,
        log: &mut Log,
    ) -> Result<(), BuildError> {
        let headers = self.headers()?;
        let commands =
            ["fast", "slow"].into_iter().zip(design_flags(self.purpose)).map(|(name, optimisation)| {
                let mut command = self.compile(optimisation, headers.as_ref());
                command.args([format!("-DPAGEWALK_ABI={ABI_VERSION}"), format!("{name}.cpp")]);
                command.args(["-o", &format!("{name}.o")]).current_dir(work);
                command
            });
        self.run_all(commands.collect(), log)?;
        let mut link = self.toolchain.compiler.command();
        link.args(["fast.o", "slow.o"]).args(object_files(runtime)).arg("-o").arg(library);
        link.args(link_flags(self.tracing)).current_dir(work);
        log.run("the C++ compiler", &mut link)?;
        Ok(())
    }

    fn compile(&self, optimisation: &str, headers: Option<&Entry>) -> Command {
        let include = self.toolchain.verilator.root().join("include");
        let mut command = self.toolchain.compiler.command();
        command.arg("-c").arg(optimisation).args(common_flags(self.toolchain, self.tracing));
        if let Some(headers) = headers {
            // Taken only where nothing stands before it.
            command.arg("-include").arg(headers.directory().join(HEADER.0));
        }
        command.arg("-I.").arg("-I").arg(&include).arg("-I").arg(include.join("vltstd"));
        command
    }

    /// Runs independent compilations side by side, as many as there are processors.
    fn run_all(&self, mut commands: Vec<Command>, log: &mut Log) -> Result<(), BuildError> {
        let worker_count = thread::available_parallelism().map_or(1, |count| count.get()).min(commands.len());
        let next = AtomicUsize::new(0);
        let jobs: Vec<_> = commands.iter_mut().map(|command| Mutex::new((command, None))).collect();
        thread::scope(|scope| {
            for _ in 0..worker_count {
                scope.spawn(|| {
                    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        // No other thread takes this job, and none panics while holding it.
                        if let Ok(mut job) = job.lock() {
                            let output = invoke(job.0);
                            job.1 = Some(output);
                        }
                    }
                });
            }
        });
        for job in jobs {
            let (command, output) = job.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
            if let Some(output) = output {
                log.record("the C++ compiler", command, output)?;
            }
        }
        Ok(())
    }
}

fn object_files(runtime: &Entry) -> Vec<std::path::PathBuf> {
    let files =
        std::fs::read_dir(runtime.directory()).into_iter().flatten().flatten().map(|file| file.path());
    let mut objects: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|suffix| suffix == "o")).collect();
    objects.sort();
    objects
}

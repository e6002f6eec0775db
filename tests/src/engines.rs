//! The engines that the suites run on.

use pagewalk_arch::MmuConfig;
use pagewalk_driver::RustHdl;
use pagewalk_golden::Golden;
use pagewalk_machine::Lockstep;
use pagewalk_verilator::cache::Cache;
use pagewalk_verilator::toolchain::{Environment, Toolchain};
use pagewalk_verilator::{Hardware, Verilated};
use std::sync::OnceLock;

/// First byte beyond page-table memory in every suite.
pub const MEMORY_LIMIT: u64 = 1 << 40;

/// The tools, found (or installed) once per process; the reason where there are none.
pub fn tools() -> &'static Result<(Toolchain, Cache), String> {
    static TOOLS: OnceLock<Result<(Toolchain, Cache), String>> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let environment = Environment::of_process();
        let directory = environment.cache_directory().map_err(|error| error.to_string())?;
        let cache = Cache::open(directory).map_err(|error| error.to_string())?;
        let toolchain = Toolchain::discover(&environment, &cache, &|line| eprintln!("{line}"))
            .map_err(|error| error.to_string())?;
        Ok((toolchain, cache))
    })
}

/// Where models that are compiled for a short run are kept for a while.
pub fn models() -> &'static Cache {
    static CACHE: OnceLock<Cache> = OnceLock::new();
    CACHE.get_or_init(|| {
        let directory = Environment::of_process().cache_directory().map(|directory| directory.join("trials"));
        directory.and_then(Cache::open).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// The compiled hardware of `config`, as fast as it can be. Panics without tools: these suites prove nothing without them.
pub fn hardware(config: &MmuConfig) -> Hardware {
    let (toolchain, cache) = tools().as_ref().unwrap_or_else(|why| panic!("no Verilator: {why}"));
    Hardware::build(config, false, toolchain, cache, &|_| {}).unwrap_or_else(|error| panic!("{error}"))
}

/// The golden model.
pub fn golden(config: &MmuConfig) -> Golden {
    Golden::new(config).unwrap_or_else(|error| panic!("{error}"))
}

/// The compiled hardware, running: compiled for a short run, which takes a fifth of the time.
pub fn verilated(config: &MmuConfig) -> Verilated {
    let (toolchain, _) = tools().as_ref().unwrap_or_else(|why| panic!("no Verilator: {why}"));
    let design = pagewalk_rtl::generate(config).unwrap_or_else(|error| panic!("{error}"));
    Hardware::trial(config, &design, &design.verilog, toolchain, models())
        .and_then(|hardware| hardware.start())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// rust-hdl's simulation.
pub fn rust_hdl(config: &MmuConfig) -> RustHdl {
    RustHdl::simulation(config).unwrap_or_else(|error| panic!("{error}"))
}

/// All three, each compared with each.
pub type ThreeWay = Lockstep<Golden, Lockstep<Verilated, RustHdl>>;

/// Golden model, compiled Verilog and rust-hdl's simulation in lockstep.
pub fn three_way(config: &MmuConfig) -> ThreeWay {
    let hardware = Lockstep::new(verilated(config), rust_hdl(config), ["verilator", "rust-hdl"]);
    Lockstep::new(golden(config), hardware, ["golden", "hardware"])
}

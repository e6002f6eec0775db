//! Valgrind with a log of its own for every program of every process. Owns the tool directory that is put in front
//! of Valgrind's, and the names of the logs.
//!
//! `--log-file=%p` names a log by its process, and Valgrind, which starts anew at every execve(2), empties the file
//! that it finds under that name: what the program before it did would be lost. But at every start it runs its tool
//! from the directory `VALGRIND_LIB`. There a script stands in for the tool: it counts up the suffix of the log's
//! name, the first of the arguments, which Valgrind hands on from program to program, and runs the real tool. So
//! `PID.N` belongs to one program of one process, a later one has a larger `N`, and nothing is ever written
//! twice. A child that fork(2) made writes under its own pid with its parent's `N`.

use super::{RecordError, RecordOptions, valgrind};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Valgrind's files of this tool begin with this.
const TOOL: &str = "lackey-";

/// The temporary directory that holds tools and logs.
pub(super) struct Launcher {
    directory: TempDir,
}

/// A log's process and its place among the programs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LogName {
    pub pid: u32,
    pub program: u64,
}

impl Launcher {
    /// Prepares the directory.
    pub fn new(options: &RecordOptions) -> Result<Self, RecordError> {
        let real = tool_directory(options)?;
        let directory = tempfile::Builder::new().prefix("pagewalk-record-").tempdir();
        let launcher =
            Self { directory: directory.map_err(|e| RecordError::Directory(std::env::temp_dir(), e))? };
        launcher.fill(&real).map_err(RecordError::Log)?;
        Ok(launcher)
    }

    fn fill(&self, real: &Path) -> io::Result<()> {
        fs::create_dir(self.logs())?;
        let tools = self.tools();
        fs::create_dir(&tools)?;
        for entry in fs::read_dir(real)? {
            let entry = entry?;
            let name = entry.file_name();
            let place = tools.join(&name);
            if name.as_bytes().starts_with(TOOL.as_bytes()) {
                fs::write(&place, script(&tools, &entry.path()))?;
                fs::set_permissions(&place, Permissions::from_mode(0o755))?;
            } else {
                symlink(entry.path(), &place)?;
            }
        }
        Ok(())
    }

    fn tools(&self) -> PathBuf {
        self.directory.path().join("tools")
    }
    /// Where logs appear.
    pub fn logs(&self) -> PathBuf {
        self.directory.path().join("logs")
    }

    /// The command line of Valgrind up to the program.
    pub fn command(&self, options: &RecordOptions) -> Command {
        let mut log_file = OsString::from("--log-file=");
        log_file.push(self.logs().join("%p.0"));
        let mut command = Command::new(&options.valgrind);
        // The script finds the log's name in the first place.
        command.arg(log_file).args(valgrind::ARGUMENTS).arg("--trace-children=yes");
        command.env("VALGRIND_LIB", self.tools());
        command
    }
}

impl LogName {
    /// Of a file in the directory of logs.
    pub fn parse(name: &OsStr) -> Option<Self> {
        let (pid, program) = name.to_str()?.split_once('.')?;
        Some(Self { pid: pid.parse().ok()?, program: program.parse().ok()? })
    }
}

/// The script that stands in for the tool at `real`.
fn script(tools: &Path, real: &Path) -> Vec<u8> {
    let quoted = |path: &Path| {
        let mut out = b"'".to_vec();
        for &byte in path.as_os_str().as_bytes() {
            match byte {
                b'\'' => out.extend_from_slice(br"'\''"),
                _ => out.push(byte),
            }
        }
        out.push(b'\'');
        out
    };
    let mut out = b"#!/bin/sh\nlog=$1\nshift\nVALGRIND_LIB=".to_vec();
    out.extend(quoted(tools));
    out.extend_from_slice(b" exec ");
    out.extend(quoted(real));
    out.extend_from_slice(b" \"${log%.*}.$((${log##*.} + 1))\" \"$@\"\n");
    out
}

/// Where Valgrind keeps its tools: it says so itself.
fn tool_directory(options: &RecordOptions) -> Result<PathBuf, RecordError> {
    const LAUNCHING: &str = "launching ";
    let asked = Command::new(&options.valgrind).args(["-d", "--tool=lackey", "--version"]).output();
    let output = asked.map_err(|e| valgrind::start_error(options, e))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let path = text.lines().find_map(|line| line.split_once(LAUNCHING)).map(|(_, path)| PathBuf::from(path));
    path.and_then(|path| path.parent().map(Path::to_owned)).filter(|path| path.is_dir()).ok_or_else(|| {
        let error = io::Error::other("it does not say where its tool lackey is");
        valgrind::start_error(options, error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_named_by_process_and_program() {
        assert_eq!(LogName::parse(OsStr::new("12.3")), Some(LogName { pid: 12, program: 3 }));
        assert_eq!(LogName::parse(OsStr::new("12")), None);
        assert_eq!(LogName::parse(OsStr::new("x.3")), None);
    }

    #[test]
    fn the_script_counts_programs_and_hands_the_rest_on() {
        let directory = tempfile::tempdir().expect("a directory");
        let tool = directory.path().join("it's");
        fs::write(&tool, "#!/bin/sh\nprintf '%s|' \"$VALGRIND_LIB\" \"$@\"\n").expect("written");
        let stand_in = directory.path().join("stand-in");
        fs::write(&stand_in, script(Path::new("/l"), &tool)).expect("written");
        for path in [&tool, &stand_in] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).expect("set");
        }
        let output = Command::new("/bin/sh")
            .arg(&stand_in)
            .args(["--log-file=/t.x/%p.9", "-q", "/bin/echo", "--log-file=a b.1"])
            .output()
            .expect("a shell");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "/l|--log-file=/t.x/%p.10|-q|/bin/echo|--log-file=a b.1|"
        );
    }
}

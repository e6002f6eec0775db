//! Runs a tool and keeps what it said.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::error::{CommandError, CommandFailure};
use crate::cache::CacheError;

/// Lines of a failed tool's messages that go into the error.
const TAIL_LINE_COUNT: usize = 20;

/// The transcript of the commands of one build: each command, then everything it printed.
#[derive(Debug)]
pub(crate) struct Log {
    text: String,
    /// Where the transcript goes if a command fails.
    failure_path: PathBuf,
    cache_root: PathBuf,
}

impl Log {
    /// A transcript that [`CommandError`]s place in the cache's log directory as `name`.log.
    pub(crate) fn new(cache: &crate::cache::Cache, name: &str) -> Log {
        let failure_path = cache.log_directory().join(format!("{name}.log"));
        Log { text: String::new(), failure_path, cache_root: cache.root().to_owned() }
    }

    /// The transcript so far.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Runs `command`, waits for its end and returns its standard output.
    ///
    /// # Errors
    /// [`CommandError`] if it cannot be started or does not succeed; the transcript is then written to a file.
    pub(crate) fn run(&mut self, tool: &str, command: &mut Command) -> Result<String, CommandError> {
        let result = invoke(command);
        self.record(tool, command, result)
    }

    /// Adds a finished command to the transcript; see [`Log::run`].
    ///
    /// # Errors
    /// [`CommandError`] if it failed.
    pub(crate) fn record(
        &mut self,
        tool: &str,
        command: &Command,
        result: std::io::Result<Output>,
    ) -> Result<String, CommandError> {
        let line = command_line(command);
        let output = result.map_err(|reason| CommandError::Spawn {
            tool: tool.to_owned(),
            command: line.clone(),
            reason,
        })?;
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        self.text += &format!("$ {line}\n{stdout}{stderr}");
        if output.status.success() {
            return Ok(stdout.into_owned());
        }
        self.text += &format!("[{}]\n", output.status);
        if stderr.contains("No space left on device") {
            let (path, root) = (self.cache_root.clone(), self.cache_root.clone());
            let reason = std::io::ErrorKind::StorageFull.into();
            return Err(CacheError::Unusable { action: "write in", path, root, reason }.into());
        }
        // The tail in the error still tells the cause if the log cannot be written.
        let log = fs::write(&self.failure_path, &self.text).ok().map(|()| self.failure_path.clone());
        let messages = if stderr.trim().is_empty() { stdout } else { stderr };
        Err(CommandError::Failed(Box::new(CommandFailure {
            tool: tool.to_owned(),
            command: line,
            status: output.status.to_string(),
            tail: tail(&messages),
            log,
        })))
    }
}

/// Runs `command` without standard input, in the C locale, so that its messages are the documented ones.
pub(crate) fn invoke(command: &mut Command) -> std::io::Result<Output> {
    command.env("LC_ALL", "C").stdin(std::process::Stdio::null()).output()
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINE_COUNT)..].join("\n")
}

/// The command as one would type it.
fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quote = |word: &std::ffi::OsStr| {
        let word = word.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./,:@".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word.into_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.map(quote).collect::<Vec<_>>().join(" ")
}

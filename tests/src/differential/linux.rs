//! The Linux that this runs on, or one that a command reaches, asked through `agent.c`. Owns the agent: its building, its
//! process, its language.

use super::step::{Action, Object, Sequence, Span, Step, Target};
use super::{ARENA, ARENA_PAGES, Answer, Area, AreaKind, FILE_PAGES, Frame, Signalled, SpaceState};
use pagewalk_arch::FRAME_BYTES;
use pagewalk_trace::Protection;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const AGENT: &str = include_str!("agent.c");
/// Names a command that runs the agent on another Linux: it is given the agent's path and arguments, and its standard
/// input and output are the agent's.
const RUNNER: &str = "PAGEWALK_LINUX";
/// `FD_FILE` of the agent.
const FD_FILE: i64 = 100;

/// Why Linux cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum LinuxError {
    /// No compiler.
    #[error("no C compiler: {tried} ({why}); install one, or name it in CC")]
    NoCompiler {
        /// What was called.
        tried: String,
        /// What came of it.
        why: String,
    },
    /// The compiler refuses the agent.
    #[error("{compiler} does not compile the agent: {why}")]
    NotCompiled {
        /// What was called.
        compiler: String,
        /// Its first complaint.
        why: String,
    },
    /// The agent does not run, or ended.
    #[error("the agent {what}")]
    Agent {
        /// What happened.
        what: String,
    },
}

impl LinuxError {
    fn agent(what: impl Into<String>) -> Self {
        LinuxError::Agent { what: what.into() }
    }
}

/// The running Linux.
#[derive(Debug)]
pub struct Linux {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    release: String,
}

impl Linux {
    /// Whether another Linux is asked than the one that this runs on.
    pub fn is_elsewhere() -> bool {
        std::env::var_os(RUNNER).is_some()
    }

    /// Builds the agent in `directory` and starts it.
    ///
    /// # Errors
    /// Where there is no compiler, or the system does not let a process look at its own pages.
    pub fn start(directory: &Path) -> Result<Self, LinuxError> {
        let program = build(directory)?;
        let mut command = match std::env::var(RUNNER) {
            Ok(runner) => {
                let mut shell = Command::new("sh");
                // A shell, since the command may have arguments of its own.
                shell.arg("-c").arg(format!("exec {runner} \"$@\"")).arg(RUNNER).arg(&program);
                shell
            }
            Err(_) => Command::new(&program),
        };
        command.arg(ARENA.to_string()).arg(ARENA_PAGES.to_string());
        command.args(FILE_PAGES.iter().map(u64::to_string));
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| LinuxError::agent(format!("does not start: {error}")))?;
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut linux = Self { child, input, output, release: String::new() };
        let greeting = linux.line()?;
        let release = greeting.strip_prefix("linux ");
        linux.release = release.ok_or_else(|| LinuxError::agent(format!("says {greeting:?}")))?.into();
        Ok(linux)
    }

    /// `uname -r`.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// Major and minor number of its version.
    pub fn version(&self) -> Option<(u32, u32)> {
        version_of(&self.release)
    }

    /// Carries out `sequence` in a fresh process and says what each step came to.
    ///
    /// # Errors
    /// Where the agent ended; it must be started anew then.
    pub fn run(&mut self, sequence: &Sequence) -> Result<Vec<Answer>, LinuxError> {
        let mut text: String = sequence.steps.iter().map(encode).collect();
        text.push_str("end\n");
        let sent = self.input.write_all(text.as_bytes()).and_then(|()| self.input.flush());
        sent.map_err(|error| LinuxError::agent(format!("takes no steps: {error}")))?;
        sequence.steps.iter().map(|_| self.answer()).collect()
    }

    fn line(&mut self) -> Result<String, LinuxError> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => {
                let status = self.child.wait().map_or_else(|error| error.to_string(), |s| s.to_string());
                Err(LinuxError::agent(format!("ended ({status}); its complaint stands above")))
            }
            Ok(_) => Ok(line.trim_end().into()),
            Err(error) => Err(LinuxError::agent(format!("cannot be read: {error}"))),
        }
    }

    fn answer(&mut self) -> Result<Answer, LinuxError> {
        let mut answer = Answer::default();
        loop {
            let line = self.line()?;
            if line == "end" {
                return Ok(answer);
            }
            understand(&line, &mut answer)
                .ok_or_else(|| LinuxError::agent(format!("says {line:?}, which means nothing")))?;
        }
    }
}

/// Major and minor number of a release as `uname -r` has it.
pub(super) fn version_of(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

impl Drop for Linux {
    fn drop(&mut self) {
        // It is ours alone, and leaves on its own at the end of its input; whether it already has does not matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn build(directory: &Path) -> Result<PathBuf, LinuxError> {
    let cannot = |error: std::io::Error| LinuxError::agent(format!("cannot be written: {error}"));
    std::fs::create_dir_all(directory).map_err(cannot)?;
    // Another test of the same run builds its own.
    let source = directory.join(format!("agent-{}.c", std::process::id()));
    let program = source.with_extension("");
    std::fs::write(&source, AGENT).map_err(cannot)?;
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    // Where there is no static libc the agent has more areas of its own, and is as good.
    let mut complaint = String::new();
    for linkage in [&["-static"][..], &[]] {
        let mut command = Command::new(&compiler);
        command.args(["-O1", "-Wall", "-Wextra"]).args(linkage).arg("-o").arg(&program).arg(&source);
        let output = command
            .output()
            .map_err(|error| LinuxError::NoCompiler { tried: compiler.clone(), why: error.to_string() })?;
        if output.status.success() {
            return Ok(program);
        }
        complaint = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().into();
    }
    Err(LinuxError::NotCompiled { compiler, why: complaint })
}

fn protection_bits(protection: Protection) -> i64 {
    i64::from(protection.read) | i64::from(protection.write) << 1 | i64::from(protection.execute) << 2
}

/// The step in the agent's language: process, operation, six arguments.
fn encode(step: &Step) -> String {
    let ranged = |span: &Span| [span.address() as i64, span.bytes as i64];
    let with = |span: &Span, third: i64| [span.address() as i64, span.bytes as i64, third, 0, 0, 0];
    let plain = |span: &Span| with(span, 0);
    let (operation, arguments) = match step.action {
        Action::Nothing => (0, [0; 6]),
        Action::Read(span) => (1, plain(&span)),
        Action::Write(span) => (2, plain(&span)),
        Action::Fork(child) => (3, [child as i64, 0, 0, 0, 0, 0]),
        Action::Exec => (4, [0; 6]),
        Action::Exit => (5, [0; 6]),
        Action::Map { span, protection, object, flags } => {
            const MAP_FIXED: i64 = 0x10;
            const MAP_ANONYMOUS: i64 = 0x20;
            let (file, offset, anonymous) = match object {
                Object::File { file, page_offset, .. } => {
                    (FD_FILE + file as i64, (page_offset * FRAME_BYTES) as i64, 0)
                }
                Object::Anonymous | Object::SharedAnonymous => (-1, 0, MAP_ANONYMOUS),
            };
            let bits = [
                if object.is_shared() { 1 } else { 2 },
                MAP_FIXED | anonymous,
                i64::from(flags.grows_down) << 8,
                i64::from(flags.locked) << 13,
                i64::from(flags.noreserve) << 14,
                i64::from(flags.populate) << 15,
            ];
            let [at, bytes] = ranged(&span);
            (6, [at, bytes, protection_bits(protection), bits.iter().sum(), file, offset])
        }
        Action::Unmap(span) => (7, plain(&span)),
        Action::Protect(span, protection) => (8, with(&span, protection_bits(protection))),
        Action::Advise(span, advice) => (9, with(&span, i64::from(advice.number))),
        Action::Remap { from, target, bytes } => {
            let (flags, to) = match target {
                Target::InPlace => (0, 0),
                Target::Fixed { at, dont_unmap } => (3 | i64::from(dont_unmap) << 2, (ARENA + at) as i64),
            };
            let [at, old_bytes] = ranged(&from);
            (10, [at, old_bytes, bytes as i64, flags, to, 0])
        }
        Action::Lock { span, on_fault: false } => (11, plain(&span)),
        Action::Lock { span, on_fault: true } => (12, with(&span, 1)),
        Action::Unlock(span) => (13, plain(&span)),
        Action::LockAll { current, future, on_fault } => {
            let flags = i64::from(current) | i64::from(future) << 1 | i64::from(on_fault) << 2;
            (14, [flags, 0, 0, 0, 0, 0])
        }
        Action::UnlockAll => (15, [0; 6]),
        Action::Truncate { file, pages } => {
            (16, [FD_FILE + file as i64, (pages * FRAME_BYTES) as i64, 0, 0, 0, 0])
        }
        Action::RemapFilePages { span, page_offset } => {
            let [at, bytes] = ranged(&span);
            (17, [at, bytes, 0, page_offset as i64, 0, 0])
        }
    };
    let [a, b, c, d, e, f] = arguments;
    format!("{} {operation} {a} {b} {c} {d} {e} {f}\n", step.process)
}

/// Takes one line of an answer in; `None` where it is none.
fn understand(line: &str, answer: &mut Answer) -> Option<()> {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["step", result, faults, signal, code, page] => {
            answer.result = result.parse().ok()?;
            answer.faults = faults.parse().ok()?;
            let signal: i32 = signal.parse().ok()?;
            let told = Signalled { signal, code: code.parse().ok()?, page: page.parse().ok()? };
            answer.signal = (signal != 0).then_some(told);
        }
        ["process", number] => answer.spaces.push((number.parse().ok()?, SpaceState::default())),
        ["area", start, end, rights, offset, kind] => {
            let page = |text: &str| Some((text.parse::<u64>().ok()?.checked_sub(ARENA)?) / FRAME_BYTES);
            let has = |at: usize, letter: u8| rights.as_bytes().get(at) == Some(&letter);
            let kind = match kind {
                "anon" => AreaKind::Anonymous,
                "shared" => AreaKind::SharedAnonymous,
                _ => AreaKind::File(kind.strip_prefix("file")?.parse().ok()?),
            };
            let area = Area {
                start: page(start)?,
                end: page(end)?,
                protection: Protection { read: has(0, b'r'), write: has(1, b'w'), execute: has(2, b'x') },
                shared: has(3, b's'),
                kind,
                page_offset: offset.parse::<u64>().ok()? / FRAME_BYTES,
            };
            answer.spaces.last_mut()?.1.areas.push(area);
        }
        ["present", page, frame] => {
            answer.spaces.last_mut()?.1.present.push((page.parse().ok()?, Frame(frame.parse().ok()?)));
        }
        _ => return None,
    }
    Some(())
}

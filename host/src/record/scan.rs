//! What of Valgrind's log is trace, and what it says. Owns the dropping of messages, the lines that the recorder
//! adds, and the counting; whose lines come when is [`super::merge`]'s.
//!
//! The lines are read as the trace's own reader reads them, so the recorder knows what they mean without a second
//! grammar: which process was made, which was waited for, which file was opened.

use super::identify::Identifier;
use pagewalk_trace::lackey::{Annotation, Item, Noticed, PREAMBLE, Reading, begins_access, is_part_of_trace};
use pagewalk_trace::{CloneKind, Event, Syscall, SyscallOutcome};
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// What passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Access lines.
    pub accesses: u64,
    /// Lines that begin a system call.
    pub syscalls: u64,
    /// Bytes.
    pub text_bytes: u64,
    /// Processes.
    pub processes: u64,
    /// Programs that were executed and recorded, the first one included.
    pub programs: u64,
    /// Processes that were made.
    pub forks: u64,
    /// Programs that replaced another.
    pub execs: u64,
    /// Processes that ended by a signal.
    pub killed: u64,
    /// Lines that are neither trace nor messages, and the first of them.
    pub unknown: u64,
    pub unknown_first: String,
    /// What Valgrind could not do, by process.
    pub given_up: Vec<(u32, String)>,
    /// What else is not in the recording: one line each.
    pub lost: Vec<String>,
}

/// The life of a process as its lines tell it.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    threads: u64,
    over: bool,
}

/// A line that has been read and not yet passed on.
#[derive(Debug, Default)]
pub(super) struct Line {
    before: Vec<Annotation>,
    after: Vec<Annotation>,
    drop: bool,
    /// The child whose every line must come before.
    pub waits_for: Option<u32>,
}

/// The scanner over one merged trace.
pub(super) struct Scan {
    reading: Reading,
    identifier: Identifier,
    /// Whose lines are written.
    current: Option<u32>,
    /// Processes whose making was read.
    pub made: HashSet<u32>,
    lives: HashMap<u32, Life>,
    /// How the first process ended, when that is known.
    pub root: (u32, Option<ExitStatus>),
    pub counts: Counts,
    /// Since the last access, a thread was killed as its process leaves or executes.
    killing: bool,
}

impl Scan {
    /// A scanner for a trace that begins with process `root`.
    pub fn new(root: u32, identifier: Identifier) -> Self {
        let mut reading = Reading::default();
        reading.notice();
        let counts = Counts { programs: 1, processes: 1, ..Counts::default() };
        let lives = HashMap::from([(root, Life { threads: 1, over: false })]);
        Self {
            reading,
            identifier,
            current: None,
            made: HashSet::from([root]),
            lives,
            root: (root, None),
            counts,
            killing: false,
        }
    }

    /// Says at the beginning what the log does not: what process `root` inherits.
    pub fn begin(&mut self, root: u32, out: &mut impl Write) -> io::Result<()> {
        self.switch(root, out)?;
        for annotation in self.identifier.inherited() {
            self.annotate(&annotation, out)?;
        }
        Ok(())
    }

    /// Lines of process `pid` follow.
    pub fn switch(&mut self, pid: u32, out: &mut impl Write) -> io::Result<()> {
        if self.current != Some(pid) {
            self.current = Some(pid);
            self.own_line(&format!("=={pid}=="), out)?;
        }
        Ok(())
    }

    /// A program begins in process `pid`, which ran another.
    pub fn executed(&mut self, pid: u32, out: &mut impl Write) -> io::Result<()> {
        self.current = Some(pid);
        self.counts.programs += 1;
        self.own_line(&format!("=={pid}=={PREAMBLE}"), out)
    }

    /// Process `pid` is gone: says so if its lines do not, and only what is known.
    pub fn gone(&mut self, pid: u32, out: &mut impl Write) -> io::Result<()> {
        // A later process may get the same number.
        self.made.remove(&pid);
        if self.lives.remove(&pid).is_none_or(|life| life.over) {
            return Ok(());
        }
        if self.counts.given_up.iter().any(|(given_up, _)| *given_up == pid) {
            return Ok(());
        }
        if let Some(program) = self.pending_exec(pid) {
            self.counts.lost.push(format!(
                "process {pid} executed {program}, of which nothing is recorded: Valgrind could not run it or not write \
                 its log (set-user-ID, chroot, a limit on file sizes)"
            ));
            return Ok(());
        }
        let signal = match self.root {
            (root, Some(status)) if root == pid => status.signal(),
            // Valgrind tells of every signal but the one that no program can catch.
            _ => Some(9),
        };
        let Some(signal) = signal else {
            self.counts.lost.push(format!("process {pid} ended, and its log does not tell how"));
            return Ok(());
        };
        self.switch(pid, out)?;
        self.annotate(&Annotation::Killed { signal }, out)?;
        self.lives.remove(&pid);
        Ok(())
    }

    /// The recording is over: processes that were made and of which no line came.
    pub fn over(&mut self) {
        let mut pids: Vec<u32> = self.lives.drain().map(|(pid, _)| pid).collect();
        pids.sort_unstable();
        self.counts.lost.extend(pids.iter().map(|pid| {
            format!(
                "nothing of process {pid} is recorded: Valgrind could not write its log, or did so under its number in \
                 another pid namespace"
            )
        }));
    }

    fn annotate(&mut self, annotation: &Annotation, out: &mut impl Write) -> io::Result<()> {
        let line = format!("=={}=={annotation}", self.current.unwrap_or(0));
        self.own_line(&line, out)
    }

    fn own_line(&mut self, line: &str, out: &mut impl Write) -> io::Result<()> {
        self.read(line.as_bytes());
        self.write(line.as_bytes(), out)?;
        self.write(b"\n", out)
    }

    fn write(&mut self, text: &[u8], out: &mut impl Write) -> io::Result<()> {
        self.counts.text_bytes += text.len() as u64;
        out.write_all(text)
    }

    /// Passes on the complete lines of process `pid` in `text`, up to one that waits for a child: how many bytes, and
    /// that child. The line itself is `held`: it has been read, and comes first the next time.
    pub fn pass(
        &mut self,
        pid: u32,
        text: &[u8],
        held: &mut Option<Line>,
        out: &mut impl Write,
    ) -> io::Result<(usize, Option<u32>)> {
        let Some(last) = memchr::memrchr(b'\n', text) else { return Ok((0, None)) };
        self.switch(pid, out)?;
        let text = &text[..=last];
        let (mut start, mut run_start, mut run_lines) = (0, 0, 0);
        for newline in memchr::memchr_iter(b'\n', text) {
            let line = &text[start..newline];
            if begins_access(line) {
                run_lines += 1;
                start = newline + 1;
                continue;
            }
            self.accesses(&text[run_start..start], run_lines, out)?;
            let read = match held.take() {
                Some(read) => read,
                None => {
                    let read = self.line(line);
                    if let Some(child) = read.waits_for {
                        *held = Some(read);
                        return Ok((start, Some(child)));
                    }
                    read
                }
            };
            self.finish(read, line, out)?;
            start = newline + 1;
            (run_start, run_lines) = (start, 0);
        }
        self.accesses(&text[run_start..start], run_lines, out)?;
        Ok((start, None))
    }

    /// Passes on access lines.
    fn accesses(&mut self, text: &[u8], lines: u64, out: &mut impl Write) -> io::Result<()> {
        if lines == 0 {
            return Ok(());
        }
        self.killing = false;
        self.reading.note_accesses();
        self.counts.accesses += lines;
        self.write(text, out)
    }

    /// Reads a line that is no access; [`Scan::finish`] passes it on.
    pub fn line(&mut self, text: &[u8]) -> Line {
        if text.trim_ascii().is_empty() {
            return Line { drop: true, ..Line::default() };
        }
        let is_message = text.starts_with(b"==") || text.starts_with(b"--");
        let torn = torn_kill(text);
        self.killing |= torn == Some(Torn::Words);
        if !is_message && (torn == Some(Torn::Words) || torn == Some(Torn::Rest) && self.killing) {
            return Line { drop: true, ..Line::default() };
        }
        if is_message {
            self.note_message(text);
            if !is_part_of_trace(text) {
                return Line { drop: true, ..Line::default() };
            }
        }
        let mut line = Line::default();
        let (understood, waits_for) = self.read(text);
        line.waits_for = waits_for;
        if !understood {
            self.counts.unknown += 1;
            if self.counts.unknown == 1 {
                self.counts.unknown_first = String::from_utf8_lossy(text).into_owned();
            }
            line.drop = true;
        }
        for noticed in self.reading.take_noticed() {
            match noticed {
                Noticed::Opened { fd, path, .. } => line.after.extend(self.identifier.file(fd, &path)),
                Noticed::UnknownSegment { id } => line.before.extend(self.identifier.segment(id)),
            }
        }
        line
    }

    /// Passes on a line that was read.
    pub fn finish(&mut self, line: Line, text: &[u8], out: &mut impl Write) -> io::Result<()> {
        if line.drop {
            return Ok(());
        }
        for annotation in &line.before {
            self.annotate(annotation, out)?;
        }
        if text.starts_with(b"SYSCALL[") {
            self.counts.syscalls += u64::from(memchr::memmem::find(text, b"... [async] -->").is_none());
            // The last access of the thread may stand behind it.
        }
        self.write(text, out)?;
        self.write(b"\n", out)?;
        for annotation in &line.after {
            self.annotate(annotation, out)?;
        }
        Ok(())
    }

    /// Lets the reader read, and takes up what it tells: whether it understood, and the child that was waited for.
    fn read(&mut self, text: &[u8]) -> (bool, Option<u32>) {
        let understood = self.reading.read(text).is_ok();
        let mut waits_for = None;
        while let Some(item) = self.reading.items.pop_front() {
            match item {
                Item::Access(..) => self.counts.accesses += 1,
                Item::Event(Event::Signal { pid, fatal: true, .. }) => {
                    self.counts.killed += 1;
                    self.life(pid).over = true;
                }
                Item::Event(Event::Syscall { pid, call, outcome: SyscallOutcome::Success, .. }) => match call
                {
                    Syscall::Clone { kind: CloneKind::Thread, .. } => self.life(pid).threads += 1,
                    Syscall::Clone { child, .. } => {
                        self.counts.forks += 1;
                        self.counts.processes += 1;
                        self.made.insert(child);
                        self.lives.insert(child, Life { threads: 1, over: false });
                    }
                    Syscall::Exec { .. } => {
                        self.counts.execs += 1;
                        *self.life(pid) = Life { threads: 1, over: false };
                    }
                    Syscall::Exit { .. } => {
                        let life = self.life(pid);
                        life.threads = life.threads.saturating_sub(1);
                        life.over |= life.threads == 0;
                    }
                    Syscall::ExitGroup { .. } => self.life(pid).over = true,
                    Syscall::Wait { child } => waits_for = Some(child),
                    _ => {}
                },
                Item::Event(_) => {}
            }
        }
        (understood, waits_for)
    }

    fn life(&mut self, pid: u32) -> &mut Life {
        self.lives.entry(pid).or_insert(Life { threads: 1, over: false })
    }

    /// The program whose execve `pid` waits in: nothing else was printed of it yet.
    pub fn pending_exec(&mut self, pid: u32) -> Option<String> {
        self.reading.pending_exec(pid)
    }

    fn note_message(&mut self, text: &[u8]) {
        const SIGNS: [&[u8]; 3] =
            [b"Valgrind has to exit now", b"the 'impossible' happened", b"Valgrind does not support"];
        if SIGNS.iter().any(|sign| memchr::memmem::find(text, sign).is_some()) {
            let text = String::from_utf8_lossy(text);
            let text = text.trim_matches(['=', '-', ' ']).trim_start_matches(|c: char| c.is_ascii_digit());
            let text = text.trim_matches(['=', '-', ' ']).to_owned();
            let pid = self.current.unwrap_or(0);
            if !self.counts.given_up.iter().any(|(known, _)| *known == pid) {
                self.counts.given_up.push((pid, text));
            }
        }
    }
}

/// How a line looks like the end of a message of threads that are killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Torn {
    /// It has words that no other line ends with.
    Words,
    /// It is the number at the end or hardly more, which other lines may end with, too.
    Rest,
}

/// Threads that are killed as their process leaves or executes a program say so without Valgrind's lock: two of them
/// tear each other's messages, whose ends then stand on lines of their own. A whole message is an end, too.
fn torn_kill(text: &[u8]) -> Option<Torn> {
    /// Each with `#` in the place of a number.
    const MESSAGES: [&str; 5] = [
        "--#-- sigvgkill for lwp # tid #",
        "--#-- get_thread_out_of_syscall zaps tid # lwp #",
        "--#-- poll_signals: not polling as thread # is exitreason VgSrc_ExitThread",
        "--#-- poll_signals: not polling as thread # is exitreason VgSrc_ExitProcess",
        "--#-- poll_signals: not polling as thread # is exitreason VgSrc_FatalSig",
    ];
    // No message is much longer than its form; a trace's lines can be.
    let text = text.trim_ascii_end();
    if text.len() > 128 {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?.trim_start_matches('\0');
    let mut form = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_ascii_digit() {
            form.push(c);
        } else if !form.ends_with('#') {
            form.push('#');
        }
    }
    if form.is_empty() || !MESSAGES.iter().any(|message| message.ends_with(&form)) {
        return None;
    }
    Some(if form.len() >= "tid #".len() { Torn::Words } else { Torn::Rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_messages_of_killed_threads_are_known_and_nothing_else() {
        for line in [
            "--4723-- sigvgkill for lwp 4724 tid 2",
            "4723-- sigvgkill for lwp 4724 tid 2",
            "\0vgkill for lwp 4721 tid 3",
            "tid 3",
            "zaps tid 3 lwp 5441",
            "polling as thread 2 is exitreason VgSrc_ExitProcess",
        ] {
            assert_eq!(torn_kill(line.as_bytes()), Some(Torn::Words), "{line:?}");
        }
        for line in ["2", " 3", "4723", "d 2", "Sig"] {
            assert_eq!(torn_kill(line.as_bytes()), Some(Torn::Rest), "{line:?}");
        }
        for line in [
            "",
            " S 1ffe,8",
            ",8",
            "fe,8",
            "--> Success(0x0)",
            "SYSCALL[7,1](60)",
            "x tid 3",
            "tid 3 x",
            "0x2",
        ] {
            assert_eq!(torn_kill(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn a_number_alone_is_a_loss_unless_threads_are_being_killed() {
        let mut scan = Scan::new(7, Identifier::new(false));
        let mut log = Vec::new();
        assert!(scan.line(b"2").drop);
        assert_eq!(scan.counts.unknown, 1);
        scan.line(b"--7-- sigvgkill for lwp 8 tid 2");
        assert!(scan.line(b"2").drop);
        assert_eq!(scan.counts.unknown, 1);
        scan.accesses(b" L 1000,8\n", 1, &mut log).unwrap();
        assert!(scan.line(b"2").drop);
        assert_eq!(scan.counts.unknown, 2);
    }
}

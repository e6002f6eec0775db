//! Which process speaks, and what its lines come to. Owns the state that lasts over lines: the process that accesses
//! belong to, the life of processes, signals; which answer belongs to which call is [`super::pieces`]', what a
//! call means [`super::meaning`]'s.
//!
//! A program that is executed replaces Valgrind in its process, so its execve has no result: lackey's introduction
//! under the same pid tells that it succeeded. A process is known before that when it was created in the trace, made
//! a call or had accesses.

use super::annotation::Annotation;
use super::meaning::Meanings;
use super::message::{FATAL, FRAME, KILLED, PREAMBLE, TERMINATING, UNHANDLED};
use super::pieces::{Finished, Header, Piece, Pieces, number};
use super::syscall::{Return, interrupted};
use super::table::Meaning;
use crate::{CloneKind, Event, Syscall, SyscallOutcome};
use std::collections::HashMap;

/// The process's name where the log has accesses before it names any.
const UNNAMED_PID: u32 = 1;
/// Processes that have ended and are remembered.
const ENDED_MAX: usize = 1 << 16;

/// What is known of a process.
#[derive(Clone, Copy, Debug, Default)]
struct Process {
    /// It runs a program: it was created, made a call or had accesses.
    active: bool,
    /// It has ended. A later process may have the same number.
    ended: bool,
    /// Its parent waited for it: its number is free.
    reaped: bool,
}

/// State over lines.
#[derive(Default)]
pub(super) struct Calls {
    current: Option<u32>,
    /// The current process has had accesses since it became that.
    accessed: bool,
    /// The first process's name in the log, where accesses came before any name.
    alias: Option<u32>,
    processes: HashMap<u32, Process>,
    seen: usize,
    pieces: Pieces,
    /// A call that a signal met: process, thread, and the result if it was over.
    interrupted: Option<(u32, u32, Return)>,
    /// Ends of threads whose making may not have been printed yet.
    early_ends: Vec<(Finished, u32)>,
    meanings: Meanings,
}

impl Calls {
    /// Accesses come: whose they are must be known.
    pub fn accesses(&mut self, line: u32, out: &mut impl FnMut(Event)) {
        if self.current.is_none() {
            self.current = Some(UNNAMED_PID);
            out(Event::Switch { pid: UNNAMED_PID, line });
        }
        self.accessed = true;
    }
    /// Accesses came, of the process that is known.
    pub fn note_accesses(&mut self) {
        self.accessed = true;
    }
    /// See [`super::Reading::notice`].
    pub fn notice(&mut self) {
        self.meanings.noticed = Some(Vec::new());
    }
    /// See [`super::Reading::take_noticed`].
    pub fn take_noticed(&mut self) -> Vec<super::Noticed> {
        self.meanings.noticed.as_mut().map(std::mem::take).unwrap_or_default()
    }
    /// See [`super::Reading::pending_exec`].
    pub fn pending_exec(&self, pid: u32) -> Option<String> {
        self.pieces.pending_exec(pid)
    }
    /// The process that is named by `line` where it is not known which of several forks makes it.
    pub fn unsure_child(&self, line: &[u8]) -> Option<u32> {
        if !self.pieces.several_forks() {
            return None;
        }
        let pid = match Header::parse(line) {
            Some(header) => header.pid,
            None => {
                let rest = line.strip_prefix(b"==").or_else(|| line.strip_prefix(b"--"))?;
                number(&rest[..rest.iter().take_while(|byte| byte.is_ascii_digit()).count()])?
            }
        };
        self.processes.get(&pid).is_none_or(|process| process.ended).then_some(pid)
    }
    /// The fork that `maker` waits in makes `child`, says a remark that comes later.
    pub fn expect_child(&mut self, maker: u32, child: u32) {
        self.pieces.expect_child(maker, child);
    }
    /// Whether it is known whose accesses come.
    pub fn knows_process(&self) -> bool {
        self.current.is_some()
    }
    /// Processes seen so far.
    pub fn process_count(&self) -> usize {
        self.seen
    }
    /// Segments attached whose size nothing tells.
    pub fn unsized_segments(&self) -> u64 {
        self.meanings.unsized_segments
    }

    /// A Valgrind message, `==pid== text` or `--pid-- text`. `false` where it is not one.
    pub fn message_line(&mut self, text: &[u8], line: u32, out: &mut impl FnMut(Event)) -> bool {
        let mark = match text {
            [b'=', b'=', ..] => b'=',
            [b'-', b'-', ..] => b'-',
            _ => return false,
        };
        let rest = &text[2..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let Some(pid) = number(&rest[..digits]) else { return true };
        let Some(message) = rest[digits..].strip_prefix(&[mark, mark]) else { return true };
        let pid = self.name(pid, line, out);
        self.switch(pid, line, out);
        let message = String::from_utf8_lossy(message);
        self.message(pid, &message, line, out);
        true
    }

    fn message(&mut self, pid: u32, message: &str, line: u32, out: &mut impl FnMut(Event)) {
        if message.ends_with(PREAMBLE) {
            self.begin_program(pid, line, out);
        } else if let Some(signal) = number_after(message, TERMINATING) {
            self.killed(pid, signal, line, out);
        } else if message.contains(FATAL)
            && let Some(signal) = number_after(message, " delivering ")
        {
            self.killed(pid, signal, line, out);
        } else if message.contains(KILLED) {
            self.killed(pid, 9, line, out);
        } else if let Some(signal) = number_after(message, "): signal ")
            && message.contains(FRAME)
        {
            out(Event::Signal { pid, signal, fatal: false, line });
        } else if let Some((tid, result)) = interrupted(message) {
            self.interrupted = Some((pid, tid, result));
        } else if message.trim_start().starts_with("completed") {
            if let Some((owner, tid, result)) = self.interrupted.take_if(|(owner, ..)| *owner == pid) {
                let finished = self.pieces.interrupted(owner, tid, result);
                self.finish(finished, line, out);
            }
        } else if message.contains(UNHANDLED) {
            let _ = self.pieces.bare(Some(pid), message);
        } else if let Some(annotation) = Annotation::parse(message) {
            self.annotation(pid, annotation, line, out);
        }
    }

    fn annotation(&mut self, pid: u32, annotation: Annotation, line: u32, out: &mut impl FnMut(Event)) {
        let files = &mut self.meanings.files;
        match annotation {
            Annotation::Descriptor { fd, inode, kind, bytes, path } => {
                files.identify(pid, fd, inode, kind, bytes, &path);
            }
            Annotation::Directory { path } => files.change_directory(pid, path.into()),
            Annotation::Segment { id, bytes } => {
                files.segment(id, bytes);
            }
            Annotation::Processors { count } => self.meanings.processors = count,
            Annotation::Killed { signal } => self.killed(pid, signal, line, out),
        }
    }

    fn begin_program(&mut self, pid: u32, line: u32, out: &mut impl FnMut(Event)) {
        let process = self.processes.entry(pid).or_default();
        let runs = std::mem::replace(&mut process.active, true) || self.accessed;
        if !runs {
            return;
        }
        let path = self.pieces.take_exec(pid).and_then(|call| call.path().cloned());
        self.early_ends.retain(|(end, _)| end.pid != pid);
        self.meanings.exec(pid);
        let call = Syscall::Exec { path: path.unwrap_or_else(|| "".into()) };
        out(Event::Syscall { pid, call, outcome: SyscallOutcome::Success, line });
    }

    fn killed(&mut self, pid: u32, signal: i32, line: u32, out: &mut impl FnMut(Event)) {
        if !self.processes.get(&pid).is_some_and(|process| process.ended) {
            out(Event::Signal { pid, signal, fatal: true, line });
            self.end(pid);
        }
    }

    fn end(&mut self, pid: u32) {
        self.early_ends.retain(|(end, _)| end.pid != pid);
        self.pieces.forget(pid);
        self.meanings.end(pid);
        if self.processes.len() > ENDED_MAX {
            self.processes.retain(|_, process| !process.ended);
        }
        *self.processes.entry(pid).or_default() = Process { active: false, ended: true, reaped: false };
        if self.current == Some(pid) {
            self.accessed = false;
        }
    }

    /// A line `SYSCALL[pid,tid](number) …`. `false` where it is not one.
    pub fn syscall(&mut self, text: &[u8], line: u32, out: &mut impl FnMut(Event)) -> bool {
        let Some(header) = Header::parse(text) else { return false };
        let pid = self.name(header.pid, line, out);
        self.switch(pid, line, out);
        self.processes.entry(pid).or_default().active = true;
        let finished = self.pieces.header(Header { pid, ..header });
        self.finish(finished, line, out);
        true
    }

    /// A piece of a call on a line of its own: arguments, a remark, or ` --> result`. `false` where no call waits
    /// for it.
    pub fn piece(&mut self, text: &[u8], line: u32, out: &mut impl FnMut(Event)) -> bool {
        let text = String::from_utf8_lossy(text);
        match self.pieces.bare(self.current, &text) {
            Piece::Foreign => false,
            Piece::Taken(finished) => {
                self.finish(finished, line, out);
                true
            }
        }
    }

    fn finish(&mut self, finished: Option<Finished>, line: u32, out: &mut impl FnMut(Event)) {
        let Some(finished) = finished else { return };
        if finished.call.meaning == Meaning::ExitThread && self.pieces.makes_thread(finished.pid) {
            // A thread may run and end before the line in which its maker got its number.
            self.early_ends.push((finished, line));
            return;
        }
        let pid = finished.pid;
        self.tell(finished, line, out);
        if !self.early_ends.is_empty() && !self.pieces.makes_thread(pid) {
            let (ready, others) =
                std::mem::take(&mut self.early_ends).into_iter().partition(|(end, _)| end.pid == pid);
            self.early_ends = others;
            let ready: Vec<_> = ready;
            for (end, line) in ready {
                self.tell(end, line, out);
            }
        }
    }

    fn tell(&mut self, finished: Finished, line: u32, out: &mut impl FnMut(Event)) {
        let mut last = None;
        self.meanings.tell(&finished, line, &mut |event| {
            if let Event::Syscall { call, outcome: SyscallOutcome::Success, .. } = &event {
                last = Some(call.clone());
            }
            out(event);
        });
        match last {
            Some(Syscall::ExitGroup { .. }) => self.end(finished.pid),
            Some(Syscall::Wait { child }) => {
                if let Some(process) = self.processes.get_mut(&child) {
                    process.reaped = process.ended;
                }
            }
            Some(Syscall::Clone { child, kind: CloneKind::Process | CloneKind::Borrower }) => {
                self.meanings.fork(finished.pid, child);
                self.processes.insert(child, Process { active: true, ..Process::default() });
                self.seen += 1;
            }
            _ => {}
        }
    }

    /// The name under which events speak of the log's process `pid`. A process that no call has created is the child
    /// of a fork that is not answered yet, if there is one.
    fn name(&mut self, pid: u32, line: u32, out: &mut impl FnMut(Event)) -> u32 {
        if self.processes.is_empty() && self.current == Some(UNNAMED_PID) {
            self.alias = Some(pid);
        }
        let pid = if self.alias == Some(pid) { UNNAMED_PID } else { pid };
        let known = self.processes.get(&pid).copied();
        if known.is_none_or(|process| process.ended) {
            // Other threads of one that has ended may still say something: a new process needs a maker.
            let named_only = known.is_some_and(|process| !process.reaped);
            match self.pieces.take_fork(pid, named_only) {
                Some(fork) => self.finish(Some(fork), line, out),
                None if known.is_some() => {}
                None => {
                    self.processes.insert(pid, Process::default());
                    self.seen += 1;
                }
            }
        }
        pid
    }

    fn switch(&mut self, pid: u32, line: u32, out: &mut impl FnMut(Event)) {
        if self.current != Some(pid) {
            if let Some(process) = self.current.and_then(|current| self.processes.get_mut(&current)) {
                process.active |= self.accessed;
            }
            self.accessed = false;
            self.current = Some(pid);
            out(Event::Switch { pid, line });
        }
    }
}

fn number_after(message: &str, mark: &str) -> Option<i32> {
    let (_, rest) = message.split_once(mark)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

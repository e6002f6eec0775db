//! Which process speaks, and which system call an answer belongs to. Owns the state that lasts over lines:
//! the process that accesses belong to, calls that wait for their result, threads and forks; the grammar of
//! one call is in [`super::syscall`].
//!
//! Valgrind prints a call in up to three pieces (header and arguments; remark; result). Threads of a process
//! and processes that share a log put lines between the pieces, so each piece is matched on its own: a result
//! with a header by process and thread, a bare one with the latest call that lacks it.

use super::syscall::{Call, Return};
use pagewalk_arch::{Event, Syscall, SyscallOutcome};
use std::collections::{HashMap, VecDeque};

/// Calls without a result that are remembered; more can only come from a damaged log.
const OPEN_CALLS_MAX: usize = 1024;
/// The process's name where the log has accesses before it names any.
const UNNAMED_PID: u32 = 1;
/// The line with which lackey introduces itself when a program begins.
const PREAMBLE: &[u8] = b"Lackey, an example Valgrind tool";

/// A call that was begun.
struct OpenCall {
    pid: u32,
    tid: u32,
    number: u32,
    /// `None` while only the header is there.
    call: Option<Call>,
    /// Its result will come with a header of its own (`[async] ...`).
    announced: bool,
}

/// What is known of a process.
#[derive(Default)]
struct Process {
    /// Threads besides the first that run.
    threads: u32,
    /// It has made a system call, so it runs a program.
    active: bool,
}

/// State over lines.
#[derive(Default)]
pub(super) struct Calls {
    current: Option<u32>,
    /// The first process's name in the log, where accesses came before any name.
    alias: Option<u32>,
    processes: HashMap<u32, Process>,
    open: VecDeque<OpenCall>,
}

impl Calls {
    /// Accesses come: whose they are must be known.
    pub fn accesses(&mut self, line: u32, out: &mut impl FnMut(Event)) {
        if self.current.is_none() {
            self.current = Some(UNNAMED_PID);
            out(Event::Switch { pid: UNNAMED_PID, line });
        }
    }
    /// Whether it is known whose accesses come.
    pub fn knows_process(&self) -> bool {
        self.current.is_some()
    }
    /// Processes seen so far.
    pub fn process_count(&self) -> usize {
        self.processes.len()
    }

    /// A line `==pid== text` or `--pid-- text`. `false` where it is not one.
    pub fn chatter(&mut self, text: &[u8], line: u32, out: &mut impl FnMut(Event)) -> bool {
        let mark = match text {
            [b'=', b'=', ..] => b'=',
            [b'-', b'-', ..] => b'-',
            _ => return false,
        };
        let rest = &text[2..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if let Some(pid) = number(&rest[..digits])
            && rest[digits..].starts_with(&[mark, mark])
        {
            let pid = self.name(pid);
            self.switch(pid, line, out);
            let process = self.processes.entry(pid).or_default();
            if rest.ends_with(PREAMBLE) && process.active {
                // A program that is executed in a process replaces the address space.
                *process = Process::default();
                let exit = Syscall::Exit { status: 0 };
                out(Event::Syscall { pid, call: exit, outcome: SyscallOutcome::Success, line });
                out(Event::Switch { pid, line });
            }
        }
        true
    }

    /// A line `SYSCALL[pid,tid](number) …`. `false` where it is not one.
    pub fn syscall(&mut self, text: &[u8], line: u32, out: &mut impl FnMut(Event)) -> bool {
        let Some((pid, tid, number, body)) = header(text) else { return false };
        let pid = self.name(pid);
        self.switch(pid, line, out);
        self.processes.entry(pid).or_default().active = true;
        let body = String::from_utf8_lossy(body);
        if let Some(result) = body.trim_start().strip_prefix("... [async]") {
            let of_this = |open: &OpenCall| open.pid == pid && open.tid == tid && open.announced;
            if let Some(index) = self.open.iter().position(of_this) {
                self.answer(index, result, line, out);
            }
            return true;
        }
        // A thread waits in one call at a time: an older one will never be answered.
        self.open.retain(|open| (open.pid, open.tid) != (pid, tid));
        if self.open.len() == OPEN_CALLS_MAX {
            self.open.pop_front();
        }
        self.open.push_back(OpenCall { pid, tid, number, call: None, announced: false });
        self.body(&body, line, out);
        true
    }

    /// A piece of a call on a line of its own: arguments, or ` --> result`. `false` where no call waits for
    /// it.
    pub fn piece(&mut self, text: &[u8], line: u32, out: &mut impl FnMut(Event)) -> bool {
        let text = String::from_utf8_lossy(text);
        if text.trim_start().starts_with("-->") {
            let Some(index) = self.open.iter().rposition(|open| open.call.is_some() && !open.announced)
            else {
                // The child's copy of the answer to a fork, or one whose beginning is not in the log.
                return true;
            };
            self.answer(index, &text, line, out);
            return true;
        }
        let name = text.split([' ', '(']).next().unwrap_or("");
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if is_name && text.contains('(') && self.open.iter().any(|open| open.call.is_none()) {
            self.body(&text, line, out);
            return true;
        }
        false
    }

    /// The arguments, and perhaps the result, of the latest call that has none.
    fn body(&mut self, text: &str, line: u32, out: &mut impl FnMut(Event)) {
        let Some(index) = self.open.iter().rposition(|open| open.call.is_none()) else { return };
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let (call, result) = match text.find("-->") {
            Some(arrow) => text.split_at(arrow),
            None => (text, ""),
        };
        let open = &mut self.open[index];
        open.call = Some(Call::parse(open.number, call));
        if !result.is_empty() {
            self.answer(index, result, line, out);
        }
    }

    /// The text from `-->` on, for the call at `index`.
    fn answer(&mut self, index: usize, text: &str, line: u32, out: &mut impl FnMut(Event)) {
        let text = text.trim_start().trim_start_matches("-->").trim_start();
        if text.starts_with("[async]") {
            self.open[index].announced = true;
            return;
        }
        let text = match text.strip_prefix('[') {
            Some(remark) => remark.split_once(']').map_or("", |(_, result)| result.trim_start()),
            None => text,
        };
        // A result that another writer cut off comes on a line of its own, or never.
        let Some(result) = Return::parse(text) else { return };
        let Some(call) = &self.open[index].call else { return };
        if result == Return::Success(0) && call.forks() {
            // The child's answer; the parent's is still to come.
            return;
        }
        let Some(OpenCall { pid, call: Some(call), .. }) = self.open.remove(index) else { return };
        let succeeded = !matches!(result, Return::Failure(_));
        let process = self.processes.entry(pid).or_default();
        if succeeded && call.makes_thread() {
            process.threads += 1;
        } else if call.ends_thread() {
            process.threads = process.threads.saturating_sub(1);
        }
        let (call, outcome) = call.finish(result);
        if matches!(call, Syscall::ExitGroup { .. }) {
            self.processes.insert(pid, Process::default());
        }
        out(Event::Syscall { pid, call, outcome, line });
    }

    /// The name under which events speak of the log's process `pid`.
    fn name(&mut self, pid: u32) -> u32 {
        if self.processes.is_empty() && self.current == Some(UNNAMED_PID) {
            self.alias = Some(pid);
        }
        let pid = if self.alias == Some(pid) { UNNAMED_PID } else { pid };
        self.processes.entry(pid).or_default();
        pid
    }

    fn switch(&mut self, pid: u32, line: u32, out: &mut impl FnMut(Event)) {
        if self.current != Some(pid) {
            self.current = Some(pid);
            out(Event::Switch { pid, line });
        }
    }
}

/// Takes `SYSCALL[pid,tid](number)` apart. On some systems the number has a class before it (`unix:4`).
fn header(text: &[u8]) -> Option<(u32, u32, u32, &[u8])> {
    let rest = text.strip_prefix(b"SYSCALL[")?;
    let comma = memchr::memchr(b',', rest)?;
    let bracket = memchr::memchr2(b']', b'\n', rest)?;
    let pid = number(rest.get(..comma)?)?;
    let tid = number(rest.get(comma + 1..bracket)?)?;
    let rest = rest.get(bracket + 1..)?.strip_prefix(b"(")?;
    let end = memchr::memchr(b')', rest)?;
    let digits = rest[..end].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    Some((pid, tid, number(&rest[end - digits..end])?, &rest[end + 1..]))
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

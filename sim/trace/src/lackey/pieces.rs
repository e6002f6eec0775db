//! Which answer belongs to which call. Owns the calls that were begun and have no result yet.
//!
//! Valgrind prints a call in up to four pieces: header; name and arguments; remark; result. Threads of a process and
//! processes that share a log put lines between them, so each piece is matched on its own. A piece with a header
//! names process and thread. A bare one goes to the running process's latest call that lacks it and that it fits,
//! else to the latest of any process.

use super::message::UNHANDLED;
use super::syscall::{Call, Return};
use super::table::Meaning;
use std::collections::VecDeque;

/// Calls without a result that are remembered; more can only come from a damaged log.
const OPEN_CALLS_MAX: usize = 1024;

/// A call that was begun.
struct OpenCall {
    pid: u32,
    tid: u32,
    number: u32,
    /// `None` while only the header is there.
    call: Option<Call>,
    /// Its result will come with a header of its own (`[async] ...`).
    announced: bool,
    /// The child was seen before the result: the call has been handed over.
    told: bool,
}

impl OpenCall {
    /// Whether this may be making process `child`, which has not been seen yet.
    fn may_fork(&self, child: u32) -> bool {
        let makes = |call: &Call| match call.meaning {
            Meaning::Fork => call.child.is_none_or(|named| named == child),
            // A clone that does not share the address space.
            Meaning::Clone => call.arguments[0] & 0x100 == 0,
            _ => false,
        };
        !self.told && self.call.as_ref().is_some_and(makes)
    }
    /// Whether Valgrind said that this makes process `child`.
    fn names(&self, child: u32) -> bool {
        self.call.as_ref().is_some_and(|call| call.child == Some(child))
    }
}

/// A call and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    pub pid: u32,
    pub call: Call,
    pub result: Return,
}

/// Calls without a result.
#[derive(Default)]
pub(crate) struct Pieces {
    open: VecDeque<OpenCall>,
}

/// `SYSCALL[pid,tid](number) …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    pub pid: u32,
    pub tid: u32,
    pub number: u32,
    pub body: &'a [u8],
}

/// What a bare piece was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Nothing that a call waits for.
    Foreign,
    /// Part of a call.
    Taken(Option<Finished>),
}

impl Pieces {
    /// A line that begins with a header.
    pub fn header(&mut self, header: Header<'_>) -> Option<Finished> {
        let Header { pid, tid, number, body } = header;
        let body = String::from_utf8_lossy(body);
        if let Some(result) = body.trim_start().strip_prefix("... [async]") {
            let index =
                self.open.iter().position(|open| open.pid == pid && open.tid == tid && open.announced)?;
            return self.answer(index, result);
        }
        // A thread waits in one call at a time: an older one will never be answered.
        self.open.retain(|open| (open.pid, open.tid) != (pid, tid));
        if self.open.len() == OPEN_CALLS_MAX {
            self.open.pop_front();
        }
        if body.trim_start().starts_with("-->") || body.trim_start().starts_with("[sync]") {
            // The answer of another's call cut in before the arguments.
            let other = self.bare(Some(pid), &body);
            self.open.push_back(OpenCall { pid, tid, number, call: None, announced: false, told: false });
            return match other {
                Piece::Taken(finished) => finished,
                Piece::Foreign => None,
            };
        }
        self.open.push_back(OpenCall { pid, tid, number, call: None, announced: false, told: false });
        self.body(self.open.len() - 1, &body)
    }

    /// A piece on a line of its own, while the lines are those of `current`.
    pub fn bare(&mut self, current: Option<u32>, text: &str) -> Piece {
        let trimmed = text.trim_start();
        let trimmed = trimmed.strip_prefix("[sync]").map_or(trimmed, str::trim_start);
        if trimmed.starts_with("-->") {
            let Some(result) = result_of(trimmed) else {
                // `--> [async] ...`
                let index = self.latest(current, |open| open.call.is_some() && !open.announced);
                return Piece::Taken(index.and_then(|index| self.answer(index, trimmed)));
            };
            let fits = |open: &OpenCall| {
                !open.announced && open.call.as_ref().is_some_and(|call| call.accepts(result))
            };
            // Without one: the child's copy of the answer to a fork, or its beginning is not in the log.
            let index = self.latest(current, fits);
            return Piece::Taken(index.and_then(|index| self.answer(index, trimmed)));
        }
        if trimmed.contains(": process ") && trimmed.contains(" created child ") {
            let is_fork = |open: &OpenCall| {
                open.call.as_ref().is_some_and(|call| {
                    matches!(call.meaning, Meaning::Clone | Meaning::Clone3 | Meaning::Fork)
                })
            };
            let maker = trimmed
                .split_once(": process ")
                .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
                .or(current);
            if let Some(call) = self.latest(maker, is_fork).and_then(|index| self.open[index].call.as_mut()) {
                call.remark(trimmed);
            }
            return Piece::Taken(None);
        }
        let name = trimmed.split([' ', '(', '[']).next().unwrap_or("");
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if (is_name && trimmed.contains('(') || trimmed.starts_with(UNHANDLED))
            && let Some(index) = self.latest(current, |open| open.call.is_none())
        {
            return Piece::Taken(self.body(index, trimmed));
        }
        Piece::Foreign
    }

    /// A signal came when the call of this thread was over and its result not printed: Valgrind tells it by itself.
    pub fn interrupted(&mut self, pid: u32, tid: u32, result: Return) -> Option<Finished> {
        let of_this = |open: &OpenCall| (open.pid, open.tid) == (pid, tid) && open.call.is_some();
        let index = self.open.iter().position(of_this)?;
        let OpenCall { call, told, .. } = self.open.remove(index)?;
        call.filter(|_| !told).map(|call| Finished { pid, call, result })
    }

    /// Takes the execve that `pid` waits in, and forgets what else it waits in: a program begins.
    pub fn take_exec(&mut self, pid: u32) -> Option<Call> {
        let mut exec = None;
        self.open.retain_mut(|open| {
            if open.pid == pid {
                exec = open.call.take_if(|call| call.is_exec()).or(exec.take());
            }
            open.pid != pid
        });
        exec
    }

    /// The path of the execve that `pid` waits in.
    pub fn pending_exec(&self, pid: u32) -> Option<String> {
        let call = |open: &OpenCall| open.call.clone().filter(|_| open.pid == pid);
        let exec = self.open.iter().filter_map(call).find(Call::is_exec)?;
        Some(exec.path().map_or_else(String::new, |path| path.to_string()))
    }

    /// Whether process `pid` waits in a call that makes a thread.
    pub fn makes_thread(&self, pid: u32) -> bool {
        let makes = |call: &Call| matches!(call.meaning, Meaning::Clone | Meaning::Clone3);
        self.open.iter().any(|open| open.pid == pid && open.call.as_ref().is_some_and(makes))
    }

    /// Forgets what `pid` waits in: it has ended.
    pub fn forget(&mut self, pid: u32) {
        self.open.retain(|open| open.pid != pid);
    }

    /// A process that no call has created speaks: the call that must be making it, answered ahead of its line; with
    /// `named_only`, only one whose remark names it.
    pub fn take_fork(&mut self, child: u32, named_only: bool) -> Option<Finished> {
        let makes = |open: &OpenCall, named: bool| {
            open.pid != child && open.may_fork(child) && (!named || open.names(child))
        };
        let named = self.open.iter().rposition(|open| makes(open, true));
        let any = || self.open.iter().rposition(|open| makes(open, false)).filter(|_| !named_only);
        let index = named.or_else(any)?;
        let open = &mut self.open[index];
        open.told = true;
        let mut call = open.call.clone()?;
        call.meaning = Meaning::Fork;
        call.child = Some(child);
        open.call = Some(call.clone());
        Some(Finished { pid: open.pid, call, result: Return::Success(u64::from(child)) })
    }

    /// Whether more than one call waits that may be making a process of any number.
    pub fn several_forks(&self) -> bool {
        self.open.iter().filter(|open| open.may_fork(0)).nth(1).is_some()
    }

    /// The fork that `maker` waits in makes `child`.
    pub fn expect_child(&mut self, maker: u32, child: u32) {
        let open = self.open.iter_mut().rev().find(|open| open.pid == maker && open.may_fork(child));
        if let Some(call) = open.and_then(|open| open.call.as_mut()) {
            call.meaning = Meaning::Fork;
            call.child = Some(child);
        }
    }

    /// The latest open call for which `wanted` holds, one of `current` before all others.
    fn latest(&self, current: Option<u32>, wanted: impl Fn(&OpenCall) -> bool) -> Option<usize> {
        let of_current = |open: &OpenCall| Some(open.pid) == current && wanted(open);
        self.open.iter().rposition(of_current).or_else(|| self.open.iter().rposition(wanted))
    }

    /// The arguments, and perhaps the result, of the call at `index`.
    fn body(&mut self, index: usize, text: &str) -> Option<Finished> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let (call, result) = match result_start(text) {
            Some(arrow) => text.split_at(arrow),
            None => (text, ""),
        };
        let open = &mut self.open[index];
        open.call = Some(Call::parse(open.number, call));
        if result.is_empty() { None } else { self.answer(index, result) }
    }

    /// The text from `-->` on, for the call at `index`.
    fn answer(&mut self, index: usize, text: &str) -> Option<Finished> {
        let text = text.trim_start().trim_start_matches("-->").trim_start();
        if text.starts_with("[async]") {
            self.open[index].announced = true;
            return None;
        }
        // A result that another writer cut off comes on a line of its own, or never.
        let result = result_of(text)?;
        let call = self.open[index].call.as_ref()?;
        if result == Return::Success(0) && call.meaning == Meaning::Fork {
            // The child's answer; the parent's is still to come.
            return None;
        }
        let OpenCall { pid, call, told, .. } = self.open.remove(index)?;
        call.filter(|_| !told).map(|call| Finished { pid, call, result })
    }
}

/// Where the result begins behind the arguments; a path may hold an arrow itself.
fn result_start(text: &str) -> Option<usize> {
    const FORMS: [&str; 5] =
        ["--> Success(", "--> Failure(", "--> [pre-", "--> [async]", "--> NoWriteResult"];
    FORMS.iter().filter_map(|form| text.rfind(form)).max()
}

/// The result behind an arrow and a bracketed remark; `None` for `[async] ...` and what was cut off.
fn result_of(text: &str) -> Option<Return> {
    let text = text.trim_start_matches("-->").trim_start();
    let text = match text.strip_prefix('[') {
        Some(remark) => remark.split_once(']').map_or("", |(_, result)| result.trim_start()),
        None => text,
    };
    Return::parse(text)
}

impl<'a> Header<'a> {
    /// Takes `SYSCALL[pid,tid](number) …` apart. On some systems the number has a class before it (`unix:4`).
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let rest = text.strip_prefix(b"SYSCALL[")?;
        let comma = memchr::memchr(b',', rest)?;
        let bracket = memchr::memchr2(b']', b'\n', rest)?;
        let pid = number(rest.get(..comma)?)?;
        let tid = number(rest.get(comma + 1..bracket)?)?;
        let rest = rest.get(bracket + 1..)?.strip_prefix(b"(")?;
        let end = memchr::memchr(b')', rest)?;
        let digits = rest[..end].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        Some(Self { pid, tid, number: number(&rest[end - digits..end])?, body: &rest[end + 1..] })
    }
}

/// Decimal digits as a number.
pub(super) fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

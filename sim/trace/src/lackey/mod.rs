//! Valgrind lackey: `valgrind --tool=lackey --trace-mem=yes --trace-syscalls=yes`. Owns the walk over the
//! lines and what to do where a writer cut into another's line. An access line is `access`'s, a system call's text
//! `syscall`'s, which answer belongs to which call `pieces`', what it means `meaning`'s by the `table` of
//! names, descriptors and files are `files`', the processes `calls`', and the recorder's own lines
//! `annotation`'s, the words of Valgrind's messages `message`'s.
//!
//! Accesses carry no process. Where several processes share a log, an access is taken for the process that
//! the last `SYSCALL[pid,…]` or `==pid==` line before it names. Writers that share a log may cut into each other's
//! lines anywhere: every piece of a call may stand on a line of its own, and an access whose beginning was cut off
//! is joined with its end when that comes.

mod access;
mod annotation;
mod calls;
mod files;
mod hex;
mod meaning;
mod message;
mod pieces;
mod syscall;
mod table;

use super::Trace;
use super::error::{Place, malformed, unusable};
use super::format::Format;
use super::window::{Fill, SLACK_BYTES, Window};
use crate::{Boundary, Event, TraceError, TraceSource};
use access::{ACCESSES_PER_LINE_MAX, BadAccess};
pub use access::{AccessLine, Operation, begins_access};
pub use annotation::{Annotation, Inode};
use calls::Calls;
pub use meaning::Noticed;
pub use message::{PREAMBLE, is_part_of_trace};
use pagewalk_arch::Access;
use pieces::Header;
use std::collections::VecDeque;

/// This format in the registry.
pub(super) const FORMAT: Format = Format {
    name: "lackey",
    summary: "Valgrind lackey text, lines such as `I  0401ab70,3` and ` L 1ffeffe7e0,8`",
    recognises,
    open: |window| Box::new(Lackey::new(window)),
};

/// What to do about a line that cannot be read.
const REMEDY: &str = "record with valgrind --tool=lackey --trace-mem=yes --trace-syscalls=yes --log-file=FILE, one \
                      file per process, or with `pagewalk record`";

/// Beginnings of accesses whose ends have not come; more can only come from damage.
const CUTS_MAX: usize = 64;
const EXPECTED: &str = "an access (`I  0401ab70,3`, ` L …`, ` S …`, ` M …`), SYSCALL[…] or ==…==";
const EXPECTED_ACCESS: &str = "hexadecimal address, comma and decimal size";

/// The reader.
struct Lackey {
    window: Window,
    /// Lines consumed.
    lines: u64,
    reading: Reading,
    /// A line with a call or an access was seen, not only Valgrind messages.
    saw_trace_line: bool,
    over: bool,
}

/// What lasts over lines. The recorder reads its log with it too.
#[derive(Default)]
pub struct Reading {
    calls: Calls,
    /// What the line last read contained and no block has taken yet, in order.
    pub items: VecDeque<Item>,
    /// Beginnings of accesses that another writer cut off.
    cuts: Vec<(Vec<u8>, Place)>,
}

/// One thing that a line contains.
pub enum Item {
    /// Accesses, with the number of their line.
    Access(AccessLine, u32),
    /// An event.
    Event(Event),
}

/// Why the fast loop stopped.
enum Stop {
    BlockFull,
    /// The next line is not a plain access, or not wholly in the window.
    OddLine,
}

fn recognises(head: &[u8]) -> bool {
    let mut saw_message = false;
    for line in head.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii_end();
        if line.starts_with(b"==") || line.starts_with(b"--") {
            saw_message = true;
        } else if line.starts_with(b"SYSCALL[") {
            return true;
        } else if !line.is_empty() {
            // The head may end within its last line: of that, the beginning decides.
            return matches!(access::parse(line), Some(Ok(_))) || saw_message || begins_access(line);
        }
    }
    saw_message
}

impl Lackey {
    fn new(window: Window) -> Self {
        Self { window, lines: 0, reading: Reading::default(), saw_trace_line: false, over: false }
    }

    /// Number of the line that comes next, as events carry it.
    fn next_line(&self) -> u32 {
        (self.lines + 1).min(u64::from(u32::MAX)) as u32
    }

    /// Moves plain access lines into the block: the loop that everything's speed depends on.
    fn take_accesses(&mut self, block: &mut Vec<Access>) -> Stop {
        let (text, text_bytes) = self.window.text();
        let room = block.capacity() - block.len();
        let lines_max = room / ACCESSES_PER_LINE_MAX;
        let (mut at, mut lines) = (0, 0);
        let mut number = self.lines;
        while lines < lines_max {
            let Some(word) = text[at..].first_chunk::<SLACK_BYTES>() else { break };
            let Some((access, length)) = access::parse_fast(word) else { break };
            if at + length > text_bytes {
                break;
            }
            at += length;
            lines += 1;
            number += 1;
            access.push(number.min(u64::from(u32::MAX)) as u32, block);
        }
        if lines > 0 {
            self.saw_trace_line = true;
            self.reading.calls.note_accesses();
        }
        self.lines = number;
        self.window.consume(at);
        if lines == lines_max { Stop::BlockFull } else { Stop::OddLine }
    }

    /// Reads one line of any kind into `items`. `false` at the end of the trace.
    fn take_line(&mut self) -> Result<bool, TraceError> {
        let length = loop {
            if let Some(length) = memchr::memchr(b'\n', self.window.head()) {
                break length;
            }
            match self.window.fill() {
                Fill::More => {}
                Fill::End => return self.end().map(|()| false),
                Fill::LineTooLong => {
                    let found = self.window.head();
                    let expected = "a line of at most 256 KiB";
                    return Err(malformed(self.window.name(), self.place(), expected, found, REMEDY));
                }
            }
        };
        if let Some(child) = self.reading.calls.unsure_child(&self.window.head()[..length]) {
            self.look_ahead(child);
        }
        let line = self.window.head()[..length].strip_suffix(b"\r").unwrap_or(&self.window.head()[..length]);
        let number = self.next_line();
        let place = self.place();
        self.saw_trace_line |= self
            .reading
            .line(line, number, place)
            .map_err(|expected| malformed(self.window.name(), place, expected, line, REMEDY))?;
        self.window.consume(length + 1);
        self.lines += 1;
        Ok(true)
    }

    /// Several forks may be making `child`, whose first line comes: the remark that names its maker, where it is near.
    fn look_ahead(&mut self, child: u32) {
        while let Fill::More = self.window.fill() {}
        let remark = format!(" created child {child}");
        let text = self.window.head();
        let maker = memchr::memmem::find_iter(text, &remark).find_map(|at| {
            if text.get(at + remark.len()).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            let digits = text[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            let before = text[..at - digits].ends_with(b": process ");
            pieces::number(&text[at - digits..at]).filter(|_| before)
        });
        if let Some(maker) = maker {
            self.reading.calls.expect_child(maker, child);
        }
    }

    /// The text is over: whether that is right.
    fn end(&mut self) -> Result<(), TraceError> {
        if let Some(failure) = self.window.take_failure() {
            return Err(failure);
        }
        let rest = self.window.head();
        let is_message = rest.starts_with(b"==") || rest.starts_with(b"--");
        if !rest.trim_ascii().is_empty() && !is_message {
            let remedy = "the trace is cut off here, what came before was used; record it again, or end the last \
                          line with a newline if it is complete";
            return Err(malformed(
                self.window.name(),
                self.place(),
                "a newline after the last line",
                rest,
                remedy,
            ));
        }
        if let Some((beginning, place)) = self.reading.cuts.first() {
            return Err(malformed(self.window.name(), *place, EXPECTED_ACCESS, beginning, REMEDY));
        }
        if !self.saw_trace_line {
            return Err(unusable(self.window.name(), "holds Valgrind's messages but no accesses", REMEDY));
        }
        Ok(())
    }

    fn place(&self) -> Place {
        Place { line: self.lines + 1, offset: self.window.offset() }
    }
}

impl Reading {
    /// From now on, [`Reading::take_noticed`] has something to tell.
    pub fn notice(&mut self) {
        self.calls.notice();
    }
    /// What was noticed since the last time.
    pub fn take_noticed(&mut self) -> Vec<Noticed> {
        self.calls.take_noticed()
    }
    /// Accesses of the current process came and need no reading.
    pub fn note_accesses(&mut self) {
        self.calls.note_accesses();
    }
    /// Reads a line, wherever it stands.
    pub fn read(&mut self, line: &[u8]) -> Result<bool, &'static str> {
        self.line(line, 0, Place { line: 0, offset: 0 })
    }
    /// The program whose execve process `pid` waits in.
    pub fn pending_exec(&self, pid: u32) -> Option<String> {
        self.calls.pending_exec(pid)
    }

    /// Reads `line`; whether it was more than Valgrind messages, or what should have stood there.
    fn line(&mut self, line: &[u8], number: u32, place: Place) -> Result<bool, &'static str> {
        let (mut rest, mut is_trace_line) = (line, false);
        loop {
            let end = next_writer(rest).unwrap_or(rest.len());
            is_trace_line |= self.fragment(&rest[..end], number, place)?;
            rest = &rest[end..];
            if rest.is_empty() {
                return Ok(is_trace_line);
            }
        }
    }

    /// Reads what one writer wrote of a line, and perhaps the access with which another ended it.
    fn fragment(&mut self, text: &[u8], number: u32, place: Place) -> Result<bool, &'static str> {
        match access::parse(text) {
            Some(Ok(access)) => {
                self.access(access, number);
                return Ok(true);
            }
            Some(Err(BadAccess::Size)) => {
                return Err("an access of 1 to 4096 bytes within the address space");
            }
            Some(Err(BadAccess::Shape)) => {
                return match access::split_off(text) {
                    Some((before, access)) if !before.is_empty() => {
                        self.fragment(before, number, place)?;
                        self.access(access, number);
                        Ok(true)
                    }
                    _ if access::is_beginning(text) && self.cuts.len() < CUTS_MAX => {
                        self.cuts.push((text.to_owned(), place));
                        Ok(true)
                    }
                    _ => Err(EXPECTED_ACCESS),
                };
            }
            None => {}
        }
        let (text, access) = match access::split_off(text) {
            Some((text, access)) => (text, Some(access)),
            None => (text, None),
        };
        let mut event = |event| self.items.push_back(Item::Event(event));
        let is_syscall = self.calls.syscall(text, number, &mut event);
        let understood = is_syscall
            || text.trim_ascii().is_empty()
            || self.calls.message_line(text, number, &mut event)
            || self.calls.piece(text, number, &mut event)
            || self.join(text, number);
        if !understood {
            return Err(EXPECTED);
        }
        if let Some(access) = access {
            self.access(access, number);
        }
        Ok(is_syscall || access.is_some())
    }

    fn access(&mut self, access: AccessLine, number: u32) {
        let items = &mut self.items;
        self.calls.accesses(number, &mut |event| items.push_back(Item::Event(event)));
        self.items.push_back(Item::Access(access, number));
    }

    /// Whether `end` completes an access that was cut off.
    fn join(&mut self, end: &[u8], number: u32) -> bool {
        let joined = self.cuts.iter().enumerate().rev().find_map(|(index, (beginning, _))| {
            let whole = [beginning.as_slice(), end].concat();
            access::parse(&whole)?.ok().map(|access| (index, access))
        });
        let Some((index, access)) = joined else { return false };
        self.cuts.remove(index);
        self.access(access, number);
        true
    }
}

/// Where in `line`, after its beginning, another writer's header or message begins. Messages of the process itself
/// may follow its call on the same line.
fn next_writer(line: &[u8]) -> Option<usize> {
    let own = Header::parse(line).map(|header| header.pid);
    let header = memchr::memmem::find_iter(line, b"SYSCALL[")
        .find(|&at| at > 0 && Header::parse(&line[at..]).is_some());
    let is_message = line.starts_with(b"==") || line.starts_with(b"--");
    let foreign = |&at: &usize| {
        let text = &line[at..];
        let mark = text[0];
        let digits = text[2..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let pid = pieces::number(&text[2..2 + digits]);
        text[2 + digits..].starts_with(&[mark, mark]) && pid.is_some() && pid != own
    };
    let message = |mark: &[u8]| memchr::memmem::find_iter(line, mark).filter(|&at| at > 0).find(foreign);
    let message = if is_message { None } else { message(b"==").into_iter().chain(message(b"--")).min() };
    header.into_iter().chain(message).min()
}

impl TraceSource for Lackey {
    fn next_block(&mut self, block: &mut Vec<Access>) -> Result<Boundary, TraceError> {
        block.clear();
        if block.capacity() < ACCESSES_PER_LINE_MAX {
            block.reserve(super::BLOCK_ACCESSES);
        }
        loop {
            while let Some(item) = self.reading.items.pop_front() {
                match item {
                    Item::Event(event) => return Ok(Boundary::Event(event)),
                    Item::Access(access, line) => {
                        if block.capacity() - block.len() < ACCESSES_PER_LINE_MAX {
                            self.reading.items.push_front(Item::Access(access, line));
                            return Ok(Boundary::Full);
                        }
                        access.push(line, block);
                    }
                }
            }
            if self.over {
                return Ok(Boundary::End);
            }
            // The first access may have to name its process first: the slow path sees to that.
            if self.reading.calls.knows_process()
                && let Stop::BlockFull = self.take_accesses(block)
            {
                return Ok(Boundary::Full);
            }
            match self.take_line() {
                Ok(true) => {}
                Ok(false) => self.over = true,
                Err(error) => {
                    self.over = true;
                    return Err(error);
                }
            }
        }
    }

    fn position(&self) -> Option<(u64, u64)> {
        self.window.progress().position()
    }
}

impl Trace for Lackey {
    fn notes(&self) -> Vec<String> {
        let (name, calls) = (self.window.name(), &self.reading.calls);
        let mut notes = Vec::new();
        if calls.process_count() > 1 {
            notes.push(format!(
                "{name}: {} processes share the trace; an access is taken for the process named last before it",
                calls.process_count()
            ));
        }
        if calls.unsized_segments() > 0 {
            notes.push(format!(
                "{name}: {} System V segments were attached whose size the trace does not tell; each is taken for one page",
                calls.unsized_segments()
            ));
        }
        notes
    }
}

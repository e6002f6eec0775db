//! Valgrind lackey: `valgrind --tool=lackey --trace-mem=yes --trace-syscalls=yes`. Owns the walk over the
//! lines; an access line is [`access`]'s, a system call's text [`syscall`]'s, what spans lines [`calls`]'.
//!
//! Accesses carry no process. Where several processes share a log, an access is taken for the process that
//! the last `SYSCALL[pid,…]` or `==pid==` line before it names.

mod access;
mod calls;
mod hex;
mod syscall;

use super::Trace;
use super::error::{Place, malformed, unusable};
use super::format::Format;
use super::window::{Fill, SLACK_BYTES, Window};
use access::{ACCESSES_PER_LINE_MAX, AccessLine, BadAccess};
use calls::Calls;
use pagewalk_arch::{Access, Boundary, Event, TraceError, TraceSource};
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

/// The reader.
struct Lackey {
    window: Window,
    /// Lines consumed.
    lines: u64,
    calls: Calls,
    /// What the line last read contained and no block has taken yet, in order.
    items: VecDeque<Item>,
    /// Something other than chatter was seen.
    fruitful: bool,
    over: bool,
}

/// One thing that a line contains.
enum Item {
    Access(AccessLine, u32),
    Event(Event),
}

/// Why the fast loop stopped.
enum Stop {
    BlockFull,
    /// The next line is not a plain access, or not wholly in the window.
    OddLine,
}

fn recognises(head: &[u8]) -> bool {
    let mut chatter = false;
    for line in head.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii_end();
        if line.starts_with(b"==") || line.starts_with(b"--") {
            chatter = true;
        } else if line.starts_with(b"SYSCALL[") {
            return true;
        } else if !line.is_empty() {
            // The head may end within its last line: of that, the beginning decides.
            return matches!(access::parse(line), Some(Ok(_)))
                || chatter
                || line.get(..3).is_some_and(|p| [b"I  ", b" L ", b" S ", b" M "].iter().any(|q| p == *q));
        }
    }
    chatter
}

impl Lackey {
    fn new(window: Window) -> Self {
        Self {
            window,
            lines: 0,
            calls: Calls::default(),
            items: VecDeque::new(),
            fruitful: false,
            over: false,
        }
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
        self.fruitful |= lines > 0;
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
        let line = self.window.head()[..length].strip_suffix(b"\r").unwrap_or(&self.window.head()[..length]);
        let number = self.next_line();
        self.fruitful |= read_line(&mut self.calls, &mut self.items, line, number)
            .map_err(|expected| malformed(self.window.name(), self.place(), expected, line, REMEDY))?;
        self.window.consume(length + 1);
        self.lines += 1;
        Ok(true)
    }

    /// The text is over: whether that is right.
    fn end(&mut self) -> Result<(), TraceError> {
        if let Some(failure) = self.window.take_failure() {
            return Err(failure);
        }
        let rest = self.window.head();
        let is_chatter = rest.starts_with(b"==") || rest.starts_with(b"--");
        if !rest.trim_ascii().is_empty() && !is_chatter {
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
        if !self.fruitful {
            return Err(unusable(self.window.name(), "holds Valgrind's messages but no accesses", REMEDY));
        }
        Ok(())
    }

    fn place(&self) -> Place {
        Place { line: self.lines + 1, offset: self.window.offset() }
    }
}

/// Reads `line` into `items`; whether it was more than chatter, or what should have stood there.
fn read_line(
    calls: &mut Calls,
    items: &mut VecDeque<Item>,
    line: &[u8],
    number: u32,
) -> Result<bool, &'static str> {
    let mut event = |event| items.push_back(Item::Event(event));
    if let Some(parsed) = access::parse(line) {
        // A line that another writer cut into may still end in a whole access; this one begins in one, so it
        // is that or nothing.
        let access = parsed.map_err(|bad| match bad {
            BadAccess::Shape => "hexadecimal address, comma and decimal size",
            BadAccess::Size => "an access of 1 to 4096 bytes within the address space",
        })?;
        calls.accesses(number, &mut event);
        items.push_back(Item::Access(access, number));
        return Ok(true);
    }
    let (text, access) = match access::split_off(line) {
        Some((text, access)) => (text, Some(access)),
        None => (line, None),
    };
    let is_syscall = calls.syscall(text, number, &mut event);
    let understood = is_syscall
        || text.trim_ascii().is_empty()
        || calls.chatter(text, number, &mut event)
        || calls.piece(text, number, &mut event);
    if !understood {
        return Err("an access (`I  0401ab70,3`, ` L …`, ` S …`, ` M …`), SYSCALL[…] or ==…==");
    }
    if let Some(access) = access {
        calls.accesses(number, &mut event);
        items.push_back(Item::Access(access, number));
    }
    Ok(is_syscall || access.is_some())
}

impl TraceSource for Lackey {
    fn next_block(&mut self, block: &mut Vec<Access>) -> Result<Boundary, TraceError> {
        block.clear();
        if block.capacity() < ACCESSES_PER_LINE_MAX {
            block.reserve(super::BLOCK_ACCESSES);
        }
        loop {
            while let Some(item) = self.items.pop_front() {
                match item {
                    Item::Event(event) => return Ok(Boundary::Event(event)),
                    Item::Access(access, line) => {
                        if block.capacity() - block.len() < ACCESSES_PER_LINE_MAX {
                            self.items.push_front(Item::Access(access, line));
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
            if self.calls.knows_process()
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
        match self.calls.process_count() {
            0 | 1 => Vec::new(),
            processes => vec![format!(
                "{}: {processes} processes share the trace; an access is taken for the process named last before it",
                self.window.name()
            )],
        }
    }
}

//! What of Valgrind's log is trace. Owns the dropping of messages and blank lines, of a last line that was
//! cut off, and the counting of what passes.

use std::io::{self, Write};

/// A filter over the chunks of a log. Chunks may end within a line.
#[derive(Default)]
pub(super) struct Filter {
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// Access lines passed.
    pub accesses: u64,
    /// System calls passed.
    pub syscalls: u64,
    /// Bytes passed.
    pub text_bytes: u64,
}

impl Filter {
    /// Passes on the complete lines so far.
    pub fn push(&mut self, chunk: &[u8], out: &mut impl Write) -> io::Result<()> {
        let Some(last_newline) = memchr::memrchr(b'\n', chunk) else {
            self.partial.extend_from_slice(chunk);
            return Ok(());
        };
        let (mut lines, rest) = chunk.split_at(last_newline + 1);
        if !self.partial.is_empty() {
            let end = memchr::memchr(b'\n', lines).map_or(lines.len(), |newline| newline + 1);
            self.partial.extend_from_slice(&lines[..end]);
            lines = &lines[end..];
            let joined = std::mem::take(&mut self.partial);
            self.lines(&joined, out)?;
        }
        self.lines(lines, out)?;
        self.partial.extend_from_slice(rest);
        Ok(())
    }

    /// Says whose lines follow, for a log of several processes.
    pub fn name_process(&mut self, pid: u32, remark: &str, out: &mut impl Write) -> io::Result<()> {
        let line = format!("=={pid}=={remark}\n");
        self.text_bytes += line.len() as u64;
        out.write_all(line.as_bytes())
    }

    /// Passes on runs of lines that are trace.
    fn lines(&mut self, text: &[u8], out: &mut impl Write) -> io::Result<()> {
        let mut run_start = 0;
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', text) {
            if self.passes(&text[start..newline]) {
                start = newline + 1;
                continue;
            }
            self.write(&text[run_start..start], out)?;
            start = newline + 1;
            run_start = start;
        }
        self.write(&text[run_start..start], out)
    }

    fn write(&mut self, text: &[u8], out: &mut impl Write) -> io::Result<()> {
        self.text_bytes += text.len() as u64;
        out.write_all(text)
    }

    fn passes(&mut self, line: &[u8]) -> bool {
        match line {
            [b'I', b' ', ..] | [b' ', b'L' | b'S' | b'M', b' ', ..] => self.accesses += 1,
            [b'S', b'Y', ..] => {
                self.syscalls += u64::from(memchr::memmem::find(line, b"... [async] -->").is_none())
            }
            [b'=', b'=', ..] | [b'-', b'-', ..] => return false,
            _ => return !line.trim_ascii().is_empty(),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "==7== Lackey\n==7== \n--7-- WARNING\nI  0401ab70,3\nSYSCALL[7,1](3) sys_close ( 4 )[sync] --> Success(0x0) \n\n S \
                       1fff000d38,8\n --> [pre-fail] Failure(0x26) \n==7== Counted\n L 1fff000d";
    const TRACE: &str = "I  0401ab70,3\nSYSCALL[7,1](3) sys_close ( 4 )[sync] --> Success(0x0) \n S 1fff000d38,8\n --> \
                         [pre-fail] Failure(0x26) \n";

    #[test]
    fn the_same_trace_however_the_log_is_cut() {
        for size in 1..=LOG.len() {
            let (mut filter, mut out) = (Filter::default(), Vec::new());
            for chunk in LOG.as_bytes().chunks(size) {
                filter.push(chunk, &mut out).expect("in memory");
            }
            assert_eq!(String::from_utf8_lossy(&out), TRACE, "chunks of {size}");
            assert_eq!((filter.accesses, filter.syscalls), (2, 1));
            assert_eq!(filter.text_bytes, TRACE.len() as u64);
        }
    }
}

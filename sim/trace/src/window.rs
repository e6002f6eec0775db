//! A sliding window over the text of a trace. Owns the buffer, byte offsets, and the rule that whatever was
//! read before an error is used first; knows lines, not their meaning.

use super::input::{Input, InputProgress};
use crate::TraceError;
use std::io::{self, Read};

/// Bytes of text held at once; also the longest line. Small enough for a second-level cache, large enough
/// that the rest of a line that is moved to the front is nothing.
const WINDOW_BYTES: usize = 256 << 10;
/// Bytes after the text that may be read, though they mean nothing: parsers load whole words.
pub(super) const SLACK_BYTES: usize = 32;

/// What became of an attempt to get more text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// There is more.
    More,
    /// The text is over, cleanly or by a failure that [`Window::take_failure`] tells.
    End,
    /// One line fills the window.
    LineTooLong,
}

/// The window.
pub(super) struct Window {
    input: Input,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the text of the byte at `start`.
    offset: u64,
    over: bool,
    failure: Option<TraceError>,
}

impl Window {
    /// Opens a window and reads the first `head_bytes`, or all there is. A failure is kept for later.
    pub fn with_head(input: Input, head_bytes: usize) -> Self {
        let mut window = Self {
            input,
            buffer: vec![0; WINDOW_BYTES + SLACK_BYTES],
            start: 0,
            end: 0,
            offset: 0,
            over: false,
            failure: None,
        };
        while window.end < head_bytes && window.fill() == Fill::More {}
        window
    }
    /// The trace's name in messages.
    pub fn name(&self) -> &str {
        self.input.name()
    }
    /// How far the input has been read.
    pub fn progress(&self) -> InputProgress {
        self.input.progress()
    }
    /// The text that is here and not yet consumed.
    pub fn head(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }
    /// The buffer from the first unconsumed byte, and how many of its bytes are text; at least
    /// [`SLACK_BYTES`] more can be loaded.
    pub fn text(&self) -> (&[u8], usize) {
        (&self.buffer[self.start..], self.end - self.start)
    }
    /// Offset of the first unconsumed byte in the decompressed text.
    pub fn offset(&self) -> u64 {
        self.offset
    }
    /// Steps over `bytes` of [`Window::head`].
    pub fn consume(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.end - self.start);
        self.start += bytes;
        self.offset += bytes as u64;
    }
    /// Reads on, keeping what is not consumed.
    pub fn fill(&mut self) -> Fill {
        if self.over {
            return Fill::End;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == WINDOW_BYTES {
            return Fill::LineTooLong;
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..WINDOW_BYTES]) {
                Ok(0) => {
                    self.over = true;
                    return Fill::End;
                }
                Ok(count) => {
                    self.end += count;
                    return Fill::More;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    let read = self.offset + self.end as u64;
                    self.failure = Some(self.input.failure(&e, read));
                    self.over = true;
                    return Fill::End;
                }
            }
        }
    }
    /// The failure that ended the text, once.
    pub fn take_failure(&mut self) -> Option<TraceError> {
        self.failure.take()
    }
}

//! What a trace format is. Owns the form of a registry's row: its rows are listed in [`super::recognise`].

use super::Trace;
use super::window::Window;

/// Decompressed bytes that a format may look at to recognise itself.
pub const HEAD_BYTES: usize = 16 << 10;

/// One trace format.
pub struct Format {
    /// The name in messages and on the command line.
    pub name: &'static str,
    /// What it is, for people who look for a format they have: one line.
    pub summary: &'static str,
    /// Whether data that begins with these bytes is of this format. The head may end anywhere.
    pub(super) recognises: fn(&[u8]) -> bool,
    /// The reader; the window already holds the head.
    pub(super) open: fn(Window) -> Box<dyn Trace>,
}

//! Which format a trace has, told from its first bytes. Owns the registry: a format is one file with one [`Format`]
//! constant, listed once here.

use super::Trace;
use super::error::{excerpt, unusable};
use super::format::{Format, HEAD_BYTES};
use super::input::Input;
use super::lackey;
use super::window::Window;
use crate::TraceError;

/// All formats, the most particular first: the first that recognises itself reads the trace.
pub static FORMATS: &[Format] = &[lackey::FORMAT];

/// Finds the format of `input` and opens the reader.
pub(super) fn recognise(input: Input) -> Result<Box<dyn Trace>, TraceError> {
    let window = Window::with_head(input, HEAD_BYTES);
    let head = window.head();
    if let Some(format) = FORMATS.iter().find(|format| (format.recognises)(head)) {
        return Ok((format.open)(window));
    }
    Err(unrecognised(window))
}

fn unrecognised(mut window: Window) -> TraceError {
    if let Some(error) = window.take_failure() {
        return error;
    }
    let name = window.name();
    let known: Vec<_> = FORMATS.iter().map(|f| format!("{} ({})", f.name, f.summary)).collect();
    let remedy = format!("expected {}; `pagewalk record` makes one", known.join(" or "));
    let head = window.head();
    if head.is_empty() {
        return unusable(name, "is empty", &remedy);
    }
    if head.iter().any(|&byte| byte < b' ' && !matches!(byte, b'\n' | b'\r' | b'\t')) {
        let what = format!(
            "byte 0: binary data of no known trace format (`{}`)",
            excerpt(&head[..head.len().min(8)])
        );
        return unusable(name, &what, &remedy);
    }
    let (number, line) = head
        .split(|&byte| byte == b'\n')
        .enumerate()
        .find(|(_, line)| !line.trim_ascii().is_empty())
        .unwrap_or((0, b""));
    let what = format!("line {}: text of no known trace format (`{}`)", number + 1, excerpt(line));
    unusable(name, &what, &remedy)
}

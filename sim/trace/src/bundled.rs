//! The trace that comes with the program: a recording of a real one, embedded, so that every command works
//! from any directory without a file. `traces/README.md` says how it was made and what is in it.

use super::input::Input;
use super::{Trace, TraceOptions};
use crate::TraceError;

/// What messages call it.
pub const BUNDLED_NAME: &str = "bundled sqlite3.lackey.zst";

static BUNDLED: &[u8] = include_bytes!("../traces/sqlite3.lackey.zst");

/// The bundled trace as it is stored, for those who want its bytes.
///
/// # Errors
/// None in practice: the data is in memory.
pub fn bundled_input() -> Result<Input, TraceError> {
    Input::from_bytes(BUNDLED_NAME, BUNDLED)
}

/// Opens the bundled trace.
///
/// # Errors
/// None in practice: the data is in memory and whole.
pub fn bundled(options: TraceOptions) -> Result<Box<dyn Trace>, TraceError> {
    super::read(bundled_input()?, options)
}

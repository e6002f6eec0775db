//! Reading of lackey's text, beside counting its lines.

use super::Bench;
use super::measured::{Measured, Times, seconds};
use crate::cli::CliError;
use pagewalk_arch::AccessKind;
use pagewalk_trace::input::Input;
use pagewalk_trace::{self as trace, BLOCK_ACCESSES, TraceOptions};
use pagewalk_trace::{Boundary, TraceSource};
use std::hint::black_box;
use std::sync::Arc;

/// Lackey's text in memory, beside counting its lines.
pub fn measure(bench: &Bench<'_>) -> Result<Option<Measured>, CliError> {
    let recorded = trace::load(&mut trace::bundled(TraceOptions::default())?)?;
    let mut text = Vec::with_capacity(recorded.accesses().len() * 16);
    for access in recorded.accesses() {
        let kind = match access.kind {
            AccessKind::Fetch => "I ",
            AccessKind::Load => " L",
            AccessKind::Store => " S",
        };
        text.extend_from_slice(format!("{kind} {:08x},{}\n", access.va.0, access.bytes).as_bytes());
    }
    let text: Arc<[u8]> = text.into();
    let mut times = Times::default();
    for _ in 0..bench.rounds {
        let mut source = trace::read(Input::from_bytes("text", Arc::clone(&text))?, TraceOptions::default())?;
        let mut block = Vec::with_capacity(BLOCK_ACCESSES);
        times.work_s.push(seconds(|| {
            while source.next_block(&mut block)? != Boundary::End {
                black_box(&block);
            }
            Ok(())
        })?);
        times.floor_s.push(seconds(|| {
            black_box(memchr::memchr_iter(b'\n', &text).count());
            Ok(())
        })?);
    }
    Ok(Some(times.of(text.len(), None)))
}

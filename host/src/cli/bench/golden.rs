//! Kernel and golden model over the bundled trace, beside a bare look-up loop.

use super::Bench;
use super::measured::{Measured, Times, seconds};
use crate::cli::CliError;
use pagewalk_arch::{Access, FRAME_SHIFT, Mmu, Preset, Uniprocessor};
use pagewalk_golden::Golden;
use pagewalk_kernel::{Kernel, KernelConfig};
use pagewalk_machine::Machine;
use pagewalk_trace::{self as trace, TraceOptions};
use std::hint::black_box;
use std::sync::Arc;

/// Kernel and golden model over the bundled trace in memory, beside a bare look-up loop.
pub fn measure(bench: &Bench<'_>, preset: &str) -> Result<Option<Measured>, CliError> {
    let Some(preset) = Preset::named(preset) else { return Ok(None) };
    let config = &preset.config(bench.config.format);
    let options = TraceOptions { fit: Some(config.format), limit: None };
    let recorded = Arc::new(trace::load(&mut trace::bundled(options)?)?);
    let kernel_config = KernelConfig::default();
    let limit = kernel_config.frames(config)?.end << FRAME_SHIFT;
    let mut times = Times::default();
    let mut hit_percent = 0.0;
    for _ in 0..bench.rounds {
        let mut golden = Uniprocessor::new(Golden::new(config)?, limit);
        let mut kernel = Kernel::new(kernel_config, config)?;
        let mut source = recorded.replay();
        times.work_s.push(seconds(|| {
            Machine::new(&mut kernel, &mut golden).run(&mut source, u64::MAX, &mut ())?;
            Ok(())
        })?);
        times.floor_s.push(seconds(|| {
            black_box(look_up(black_box(recorded.accesses())));
            Ok(())
        })?);
        let stats = golden.mmu.stats();
        let (hits, misses) = (stats.l1i_hits + stats.l1d_hits, stats.l1i_misses + stats.l1d_misses);
        hit_percent = 100.0 * hits as f64 / (hits + misses) as f64;
    }
    Ok(Some(times.of(recorded.accesses().len(), Some(hit_percent))))
}

/// 16 sets of 4 ways, replaced in turn: about the least that can be called a TLB.
fn look_up(accesses: &[Access]) -> u64 {
    let mut tags = [[u64::MAX; 4]; 16];
    let mut next = [0u8; 16];
    let mut hits = 0;
    for access in accesses {
        let page = access.va.page_number();
        let set = page as usize % 16;
        if tags[set].contains(&page) {
            hits += 1;
        } else {
            tags[set][usize::from(next[set]) % 4] = page;
            next[set] = next[set].wrapping_add(1);
        }
    }
    hits
}

//! The whole machine at one moment: MMUs with their clocks, page-table memory of every side, kernel.
//!
//! Owns that nothing is left out: each part is cloned whole, and the compiler asks for a part that is added. Between two
//! calls every engine is at rest, so there is nothing under way to be kept.

use pagewalk_kernel::Kernel;

/// A machine's state. `P` is its platform: [`pagewalk_arch::Uniprocessor`] or [`pagewalk_arch::Multiprocessor`] of engines that can be cloned, the golden
/// model, rust-hdl's simulation, and locksteps of them. Compiled Verilog cannot: its state lies in a library.
#[derive(Clone)]
pub struct Snapshot<P> {
    kernel: Kernel,
    platform: P,
}

impl<P: Clone> Snapshot<P> {
    /// The state of `kernel` on `platform` now.
    pub fn take(kernel: &Kernel, platform: &P) -> Self {
        Self { kernel: kernel.clone(), platform: platform.clone() }
    }

    /// Puts both back to that state.
    pub fn restore(&self, kernel: &mut Kernel, platform: &mut P) {
        // No `..`: a part that is added is put back too, or does not compile.
        let Self { kernel: kept_kernel, platform: kept_platform } = self;
        kernel.clone_from(kept_kernel);
        platform.clone_from(kept_platform);
    }
}

//! Ctrl-C: the first one asks a run to end with the statistics so far, the second one ends the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Exit status of a process that SIGINT ended, as shells report it.
const EXIT_INTERRUPTED: i32 = 130;

/// Takes over Ctrl-C and SIGTERM. Where that is impossible they end the process as usual.
pub fn watch() {
    let _ = ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::Relaxed) {
            std::process::exit(EXIT_INTERRUPTED);
        }
    });
}

/// What tells that somebody asked to end, for those who look by themselves.
pub fn flag() -> Arc<AtomicBool> {
    Arc::clone(&REQUESTED)
}

/// Whether somebody asked to end.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

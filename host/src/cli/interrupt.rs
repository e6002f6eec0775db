//! Ctrl-C, for every command: the first one asks to end with what there is so far. Owns the program's one handler.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Exit status of a process that SIGINT ended, as shells report it.
const EXIT_INTERRUPTED: i32 = 130;

/// What a second Ctrl-C does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSecond {
    /// Ends the process where it is: nothing would be left behind.
    EndProcess,
    /// Nothing: the command has its own bound on how long it goes on, and something to clear away.
    Wait,
}

/// Takes over Ctrl-C and SIGTERM. Where that is impossible they end the process as usual.
pub fn watch(second: OnSecond) {
    let _ = ctrlc::set_handler(move || {
        if REQUESTED.swap(true, Ordering::Relaxed) && second == OnSecond::EndProcess {
            std::process::exit(EXIT_INTERRUPTED);
        }
    });
}

/// What tells that the user asked to end, for those who look by themselves.
pub fn flag() -> Arc<AtomicBool> {
    Arc::clone(&REQUESTED)
}

/// Whether the user asked to end.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

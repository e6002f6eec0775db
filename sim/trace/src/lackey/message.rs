//! Valgrind's messages that are part of a trace: their words, for the reader that takes them in and for the recorder that
//! leaves out all others.

/// The line with which lackey introduces itself when a program begins.
pub const PREAMBLE: &str = " Lackey, an example Valgrind tool";
/// What Valgrind says of a signal that ends the process, with --trace-signals=yes; of some it says nothing else.
pub(super) const FATAL: &str = ") to default handler; action: terminate";
/// Says which signal ends the process, which comes behind it.
pub(super) const TERMINATING: &str = "Process terminating with default action of signal ";
/// Says that the process could not go on after a signal.
pub(super) const KILLED: &str = "being killed with SIGKILL";
/// Says that a handler of a signal runs.
pub(super) const FRAME: &str = "push_signal_frame (thread ";
/// Says that a signal met a call.
pub(super) const INTERRUPTED: &str = "interrupted_syscall: ";
/// Says that the call was over.
const COMPLETED: [&str; 2] = ["--   completed, but uncommitted", "--   completed and committed"];
/// Says that Valgrind does not know a call.
pub(super) const UNHANDLED: &str = "WARNING: unhandled ";

/// Whether the message `line` is part of a trace besides introducing a program.
pub fn is_part_of_trace(line: &[u8]) -> bool {
    let words = [FATAL, TERMINATING, KILLED, FRAME, INTERRUPTED, UNHANDLED];
    words.iter().chain(&COMPLETED).any(|words| memchr::memmem::find(line, words.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_reader_takes_in_is_part_of_a_trace() {
        for line in [
            "--7-- delivering signal 11 (SIGSEGV):1 to thread 1) to default handler; action: terminate",
            "==7== Process terminating with default action of signal 11 (SIGSEGV)",
            "==7== Process 7 is being killed with SIGKILL",
            "--7-- push_signal_frame (thread 1): signal 10",
            "--7-- interrupted_syscall: tid=1, ip=0x580a7ec5, restart=False, sres.isErr=False, sres.val=7",
            "--7--   completed, but uncommitted: committing",
            "--7--   completed and committed: nothing to do",
            "--7-- WARNING: unhandled amd64-linux syscall: 462",
        ] {
            assert!(is_part_of_trace(line.as_bytes()), "{line}");
        }
        assert!(!is_part_of_trace(b"==7== Counted 1 call to main()"));
    }
}

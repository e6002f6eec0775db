//! Which of the system's processes are the recording's. Owns the proof, and the only signal that is sent by it.
//!
//! A number in a log proves nothing: it may be one of another pid namespace, or have been given to a stranger since.
//! What Valgrind runs under [`super::launcher`] has the log's name in its command line, in a directory that has no
//! second of its name, and keeps it over fork(2) and execve(2), whichever process becomes its parent. That is looked for in
//! `/proc`, where the innermost of a process's numbers (`NStgid`, proc_pid_status(5)) is the one in its log.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How often processes are looked for that were made while others were ended.
const SWEEPS: usize = 16;

/// The processes that write logs into one directory.
pub(super) struct Processes {
    /// Beginning of the argument that names the log.
    mark: Vec<u8>,
}

/// What is known of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// A process of ours has it.
    Ours,
    /// A process has it that is not proven ours: a stranger, or one that is just executing a program.
    Stranger,
    /// No process has it.
    Nobody,
}

impl Processes {
    /// Those whose logs are in `logs`.
    pub fn new(logs: &Path) -> Self {
        let mark = [b"--log-file=", logs.as_os_str().as_bytes(), b"/"].concat();
        Self { mark }
    }

    /// Who has the number `pid` here, threads of an ended leader included.
    pub fn sight(&self, pid: u32) -> Sight {
        let Some(thread) = running_thread(pid) else { return Sight::Nobody };
        match fs::read(format!("/proc/{pid}/task/{thread}/cmdline")) {
            Ok(line) if line.split(|&byte| byte == 0).any(|argument| argument.starts_with(&self.mark)) => {
                Sight::Ours
            }
            _ => Sight::Stranger,
        }
    }

    /// All that run: their numbers here, and those in their logs.
    pub fn running(&self) -> Vec<(u32, u32)> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|&pid| self.is_ours(pid)).map(|pid| (pid, innermost(pid).unwrap_or(pid))).collect()
    }

    fn is_ours(&self, pid: u32) -> bool {
        pid > 1 && pid != std::process::id() && self.sight(pid) == Sight::Ours
    }

    /// Ends all that run. Each is held by a descriptor before it is looked at, so no other process can have its number when
    /// the signal comes.
    pub fn kill(&self) {
        for _ in 0..SWEEPS {
            let running = self.running();
            if running.is_empty() {
                return;
            }
            for (pid, _) in running {
                let held =
                    Pid::from_raw(pid as i32).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
                if let Some(held) = held
                    && self.is_ours(pid)
                {
                    // One that has just ended is all right.
                    let _ = pidfd_send_signal(held, Signal::KILL);
                }
            }
        }
    }
}

/// A thread of process `pid` that has not ended. A leader that called pthread_exit(3) is a zombie while others run.
fn running_thread(pid: u32) -> Option<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut threads = threads.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    threads.find(|thread| {
        let stat = fs::read(format!("/proc/{pid}/task/{thread}/stat")).unwrap_or_default();
        // "tid (name) state …"; the name may contain anything, also parentheses, and be no UTF-8.
        let end = memchr::memmem::rfind(&stat, b") ");
        end.and_then(|end| stat.get(end + 2)).is_some_and(|state| !matches!(state, b'Z' | b'X'))
    })
}

/// The number that process `pid` has for itself.
fn innermost(pid: u32) -> Option<u32> {
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let numbers = status.lines().find_map(|line| line.strip_prefix("NStgid:"))?;
    numbers.split_whitespace().next_back()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    fn sleeper(argument: &str) -> Child {
        Command::new("sh").args(["-c", "sleep 60 & wait", "sh", argument]).spawn().expect("a shell")
    }

    fn seen(processes: &Processes, pid: u32, wanted: Sight) -> bool {
        (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(2));
            processes.sight(pid) == wanted
        })
    }

    #[test]
    fn only_processes_that_name_the_log_are_ours_and_ended() {
        let directory = tempfile::tempdir().expect("a directory");
        let processes = Processes::new(directory.path());
        let name = directory.path().display();
        let mut ours = sleeper(&format!("--log-file={name}/%p.1"));
        let mut other = sleeper(&format!("--log-file={name}x/%p.1"));
        assert!(seen(&processes, ours.id(), Sight::Ours));
        assert!(seen(&processes, other.id(), Sight::Stranger));
        assert_eq!(processes.running(), [(ours.id(), ours.id())]);
        processes.kill();
        assert!(!ours.wait().expect("a status").success());
        assert_eq!(other.try_wait().expect("asked"), None, "a stranger lives on");
        other.kill().expect("ended");
        other.wait().expect("a status");
        assert_eq!(processes.sight(ours.id()), Sight::Nobody);
    }

    #[test]
    fn the_first_process_and_this_one_are_never_ours() {
        // A mark that every command line has.
        let processes = Processes { mark: Vec::new() };
        assert!(!processes.is_ours(1) && !processes.is_ours(std::process::id()));
        assert_eq!(processes.sight(std::process::id()), Sight::Ours);
    }
}

//! Screens by the names that options give them: `free`, `vmstat`, `sar-B`, `meminfo`, `79/smaps`.
//!
//! Owns the names. What has a name of its own as a tool is the tool: the file is then `/proc/vmstat`.

use super::{Free, Paging, Ps, SarMemory, VMSTAT_HEADER, VmStat, VmstatRow};
use crate::kernel::Kernel;
use pagewalk_arch::Platform;
use std::fmt::{self, Write};
use std::str::FromStr;

/// A screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screen {
    /// `free`.
    Free,
    /// `vmstat`.
    Vmstat,
    /// `sar -r`.
    SarMemory,
    /// `sar -r ALL`.
    SarMemoryAll,
    /// `sar -B`.
    SarPaging,
    /// `ps -eo pid,vsz,rss,maj_flt,min_flt,comm`.
    Ps,
    /// A file below `/proc`.
    File(String),
}

/// Tools, by name.
const TOOLS: [(&str, Screen); 6] = [
    ("free", Screen::Free),
    ("vmstat", Screen::Vmstat),
    ("sar-r", Screen::SarMemory),
    ("sar-r-ALL", Screen::SarMemoryAll),
    ("sar-B", Screen::SarPaging),
    ("ps", Screen::Ps),
];

/// Files of the whole machine.
const FILES: [&str; 7] = ["meminfo", "vmstat", "buddyinfo", "pagetypeinfo", "swaps", "zoneinfo", "slabinfo"];

/// Files of a process.
const PROCESS_FILES: [&str; 10] = [
    "status",
    "stat",
    "statm",
    "maps",
    "smaps",
    "smaps_rollup",
    "oom_score",
    "oom_score_adj",
    "cmdline",
    "comm",
];

/// No screen has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no screen is called `{0}`: choose free, vmstat, sar-r, sar-r-ALL, sar-B, ps, meminfo, /proc/vmstat, buddyinfo, \
     swaps, zoneinfo, slabinfo, or PID/ and one of status, stat, statm, maps, smaps, smaps_rollup, oom_score, \
     oom_score_adj, cmdline, comm"
)]
pub struct UnknownScreen(pub String);

impl FromStr for Screen {
    type Err = UnknownScreen;
    fn from_str(name: &str) -> Result<Self, UnknownScreen> {
        if let Some((_, screen)) = TOOLS.iter().find(|(tool, _)| *tool == name) {
            return Ok(screen.clone());
        }
        let file = name.strip_prefix("/proc/").unwrap_or(name);
        let is_file = match file.split_once('/') {
            Some((pid, of_process)) => pid.parse::<u32>().is_ok() && PROCESS_FILES.contains(&of_process),
            None => FILES.contains(&file),
        };
        if is_file { Ok(Screen::File(file.into())) } else { Err(UnknownScreen(name.into())) }
    }
}

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Screen::File(file) => write!(f, "/proc/{file}"),
            screen => {
                let tool = TOOLS.iter().find(|(_, tool)| tool == screen);
                f.write_str(tool.map_or("", |(name, _)| name))
            }
        }
    }
}

/// The time that a line is about: rates are a second of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// `/proc/vmstat` at its begin.
    pub earlier: VmStat,
    /// Its length.
    pub seconds: f64,
    /// What stands at the begin of sar's lines.
    pub time: String,
    /// The titles are wanted too.
    pub with_titles: bool,
}

impl Kernel {
    /// A screen as it is now. `None` where it is of a process that is not there.
    pub fn show(&self, platform: &dyn Platform, screen: &Screen, window: &Window) -> Option<String> {
        let titles = |line: String| if window.with_titles { line } else { String::new() };
        let time = window.time.as_str();
        Some(match screen {
            Screen::Free => Free(self.mem_info()).to_string(),
            Screen::Vmstat => {
                let row = VmstatRow::of(&self.mem_info(), &self.vm_stat(), &window.earlier, window.seconds);
                titles(VMSTAT_HEADER.into()) + &row.to_string()
            }
            Screen::SarMemory | Screen::SarMemoryAll => {
                let is_all = *screen == Screen::SarMemoryAll;
                let sar = SarMemory { memory: self.mem_info(), is_all };
                titles(sar.header(time) + "\n") + &sar.row(time) + "\n"
            }
            Screen::SarPaging => {
                let paging = Paging::of(&self.vm_stat(), &window.earlier, window.seconds);
                titles(Paging::header(time) + "\n") + &paging.row(time) + "\n"
            }
            Screen::Ps => {
                let mut text = titles(format!("    PID {} COMMAND\n", Ps::HEADER));
                for (pid, _) in self.processes() {
                    let (ps, comm) = (self.ps(pid)?, self.comm(pid)?);
                    writeln!(text, "{pid:7} {ps} {comm}").ok()?;
                }
                text
            }
            Screen::File(file) => return self.proc_file(platform, file),
        })
    }

    /// A file below `/proc`, by its path there. `None` where there is none.
    pub fn proc_file(&self, platform: &dyn Platform, path: &str) -> Option<String> {
        let Some((pid, file)) = path.split_once('/') else {
            return match path {
                "meminfo" => Some(self.mem_info().to_string()),
                "vmstat" => Some(self.vm_stat().to_string()),
                "buddyinfo" => Some(self.buddy_info().to_string()),
                "pagetypeinfo" => Some(self.page_type_info().to_string()),
                "swaps" => Some(self.swaps().to_string()),
                "zoneinfo" => Some(self.zone_infos().to_string()),
                "slabinfo" => Some(self.slab_info().to_string()),
                _ => None,
            };
        };
        let pid = pid.parse().ok()?;
        let lines = |number: String| number + "\n";
        match file {
            "status" => self.status(pid).map(|status| status.to_string()),
            "stat" => self.stat(pid).map(|stat| stat.to_string()),
            "statm" => self.statm(pid).map(|statm| statm.to_string()),
            "maps" => self.maps(pid).map(|maps| maps.to_string()),
            "smaps" => Some(self.smaps(platform, pid)?.iter().map(ToString::to_string).collect()),
            "smaps_rollup" => self.smaps_rollup(platform, pid).map(|rollup| rollup.to_string()),
            "oom_score" => self.badness(pid).map(|badness| lines(badness.score().to_string())),
            "oom_score_adj" => self.credentials(pid).map(|who| lines(who.oom_score_adj.to_string())),
            "comm" => self.comm(pid).map(lines),
            "cmdline" => self.comm(pid).map(|comm| comm + "\0"),
            _ => None,
        }
    }

    /// The files of a process that [`Self::proc_file`] has.
    pub(super) fn process_files() -> impl Iterator<Item = &'static str> {
        PROCESS_FILES.into_iter()
    }

    /// The files of the machine that [`Self::proc_file`] has.
    pub(super) fn machine_files() -> impl Iterator<Item = &'static str> {
        FILES.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in ["free", "vmstat", "sar-r", "sar-r-ALL", "sar-B", "ps"] {
            assert_eq!(name.parse::<Screen>().unwrap().to_string(), name);
        }
        assert_eq!("meminfo".parse(), Ok(Screen::File("meminfo".into())));
        assert_eq!("/proc/vmstat".parse(), Ok(Screen::File("vmstat".into())));
        assert_eq!("79/smaps".parse(), Ok(Screen::File("79/smaps".into())));
        for wrong in ["", "Free", "x/smaps", "79/fd", "sar", "/proc/"] {
            let error = wrong.parse::<Screen>().unwrap_err();
            assert!(error.to_string().contains("choose free"), "{wrong}");
        }
    }
}

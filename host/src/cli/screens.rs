//! Options that show the machine's memory: at intervals, at the end, and as files.
//!
//! Owns the options, and what the end of a run shows. When an interval is over is the run's to ask ([`Watch`]).

use crate::proc_tree;
use anyhow::Result;
use clap::Args;
use pagewalk_arch::Platform;
use pagewalk_kernel::{Clock, Every, Kernel, Screen, Watch, Window};
use std::path::PathBuf;

/// The interval where none is given.
const EVERY: Every = Every::Accesses(1_000_000);

/// What is shown of memory.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct ScreenArgs {
    /// Show these again and again: free, vmstat, sar-r, sar-r-ALL, sar-B, ps, or files such as meminfo, 79/status
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub stat: Vec<Screen>,
    /// How often: accesses (5000, 100K, 1M) or the machine's time (10ms, 2s)
    /// [default: 1M]
    #[arg(long, value_name = "N", requires = "stat")]
    pub every: Option<Every>,
    /// Show these at the end
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub screen: Vec<Screen>,
    /// Write the machine's /proc, as it is at the end, to the directory DIR, for free, vmstat, ps and sar to read
    #[arg(long = "proc", value_name = "DIR")]
    pub proc_dir: Option<PathBuf>,
}

impl ScreenArgs {
    /// What is to be shown again and again.
    pub fn watch(&self) -> Watch {
        Watch::new(self.stat.clone(), self.every.unwrap_or(EVERY))
    }

    /// The first option that was given, if any was.
    pub fn given(&self) -> Option<&'static str> {
        let all = [
            ("--stat", !self.stat.is_empty()),
            ("--screen", !self.screen.is_empty()),
            ("--proc", self.proc_dir.is_some()),
        ];
        all.into_iter().find_map(|(option, given)| given.then_some(option))
    }

    /// Refuses a directory that cannot take files, before anything runs.
    ///
    /// # Errors
    /// Something lies there that this program has not made.
    pub fn check(&self) -> Result<()> {
        self.proc_dir.as_deref().map_or(Ok(()), proc_tree::check)
    }

    /// What is to be shown at the end; files are written. Rates are of the whole run.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn end(&self, kernel: &Kernel, platform: &dyn Platform, now: Clock) -> Result<String> {
        if let Some(directory) = &self.proc_dir {
            proc_tree::write(&kernel.proc_tree(platform, now.seconds, None), directory)?;
        }
        let window = Window { seconds: now.seconds, with_titles: true, ..Window::default() };
        let shown = self.screen.iter().map(|screen| {
            kernel.show(platform, screen, &window).unwrap_or_else(|| format!("{screen}: no such process\n"))
        });
        Ok(shown.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use pagewalk_arch::{MmuConfig, PagingFormat, Uniprocessor};
    use pagewalk_golden::Golden;
    use pagewalk_kernel::KernelConfig;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        screens: ScreenArgs,
    }

    fn parse(arguments: &[&str]) -> Result<ScreenArgs, String> {
        let line = Line::try_parse_from(["pagewalk"].iter().chain(arguments));
        line.map(|line| line.screens).map_err(|error| error.to_string())
    }

    #[test]
    fn names_and_intervals_are_read() {
        let args = parse(&["--stat", "free,vmstat,sar-B", "--every", "10ms", "--screen", "meminfo"]).unwrap();
        assert_eq!(args.stat, [Screen::Free, Screen::Vmstat, Screen::SarPaging]);
        assert_eq!(args.every, Some(Every::Seconds(0.01)));
        assert_eq!(parse(&[]).unwrap().every, None);
        assert!(parse(&["--screen", "memory"]).unwrap_err().contains("choose free"));
        assert!(parse(&["--stat", "free", "--every", "often"]).unwrap_err().contains("is no interval"));
        assert!(parse(&["--every", "5"]).is_err(), "every what?");
    }

    #[test]
    fn the_end_shows_screens_and_writes_files() {
        let place = tempfile::tempdir().expect("a directory");
        let directory = place.path().join("proc");
        let mut args = parse(&["--screen", "free,99/status"]).unwrap();
        args.proc_dir = Some(directory.clone());
        let mmu = MmuConfig::of(PagingFormat::Sv39);
        let mut kernel = Kernel::new(KernelConfig::default(), &mmu).expect("a kernel");
        let mut platform = Uniprocessor::new(Golden::new(&mmu).expect("an MMU"), 1 << 40);
        kernel.boot(&mut platform);
        let text = args.end(&kernel, &platform, Clock { accesses: 0, seconds: 2.0 }).expect("it is shown");
        assert!(text.contains("Mem:") && text.ends_with("/proc/99/status: no such process\n"), "{text}");
        assert_eq!(std::fs::read_to_string(directory.join("uptime")).ok().as_deref(), Some("2.00 0.00\n"));
    }
}

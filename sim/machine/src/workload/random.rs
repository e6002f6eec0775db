//! Random scenarios: processes, mappings, files, pressure, forks and kills, a recorded program, steps that are left at work,
//! one CPU or two, as text from a seed.
//!
//! Owns what is likely. A scenario is text, so that one that shows something can be kept as a file, and made smaller by
//! leaving lines out ([`shrink`]).

use pagewalk_arch::SplitMix64;
use pagewalk_kernel::workload::Scenario;
use std::fmt::Write;

/// How large a scenario is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Lines.
    pub steps: u32,
    /// The most pages of one region.
    pub pages_max: u32,
    /// Installed memory in MiB.
    pub memory_mib: u32,
    /// The swap device in MiB.
    pub swap_mib: u32,
}

impl Default for Shape {
    /// Small enough that hundreds can be run, and under pressure.
    fn default() -> Self {
        Self { steps: 60, pages_max: 4000, memory_mib: 64, swap_mib: 16 }
    }
}

const WORKERS: [&str; 4] = ["A", "B", "C", "D"];
/// Who does what the bundled trace recorded.
const RECORDED: &str = "T";
const REGIONS: [&str; 5] = ["p", "q", "r", "s", "t"];
const FILES: [&str; 3] = ["data/f", "data/g", "tmp/t"];
const ADVICE: [&str; 10] = [
    "dontneed",
    "free",
    "cold",
    "pageout",
    "willneed",
    "random",
    "dontfork",
    "wipeonfork",
    "populate_read",
    "populate_write",
];

struct Generator {
    random: SplitMix64,
    shape: Shape,
    /// CPUs of the machine.
    cpus: u32,
    text: String,
    /// Regions that were mapped, as far as the generator knows: a worker may have died since.
    mapped: Vec<(&'static str, &'static str)>,
}

impl Generator {
    fn below(&mut self, end: u32) -> u32 {
        self.random.below(end.max(1))
    }
    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }
    /// A number of pages; small ones are likelier.
    fn pages(&mut self) -> u32 {
        let most = match self.below(4) {
            0 => self.shape.pages_max,
            1 => self.shape.pages_max / 8,
            _ => 16,
        };
        1 + self.below(most)
    }
    /// A part of a region, as often whole as not.
    fn part(&mut self) -> String {
        match self.below(3) {
            0 => format!(" off={}p len={}p", self.below(24), 1 + self.below(24)),
            1 => format!(" off={}p", self.below(16)),
            _ => String::new(),
        }
    }

    /// Mostly one that was mapped.
    fn whose(&mut self) -> (&'static str, &'static str) {
        match self.mapped.is_empty() || self.below(12) == 0 {
            true => (self.pick(&WORKERS), self.pick(&REGIONS)),
            false => {
                let at = self.below(self.mapped.len() as u32);
                self.mapped[at as usize]
            }
        }
    }

    /// The next lines. What takes long may be left at work.
    fn lines(&mut self) -> String {
        let lines = self.steps();
        let verb = lines.split(' ').nth(1).unwrap_or_default();
        let takes_long = ["touch", "verify", "pattern", "run"].contains(&verb) && !lines.contains('\n');
        if takes_long && self.below(6) == 0 { lines + " &" } else { lines }
    }

    fn steps(&mut self) -> String {
        let (who, region) = self.whose();
        match self.below(47) {
            0 => format!("proc {who}"),
            1..=5 => {
                let (who, region) = (self.pick(&WORKERS), self.pick(&REGIONS));
                self.mapping(who, region)
            }
            // Pressure: a large region, all of it used, and looked at again.
            6..=8 => {
                let (who, region) = (self.pick(&WORKERS), self.pick(&REGIONS));
                self.mapped.push((who, region));
                let pages = self.shape.pages_max / 2 + self.below(self.shape.pages_max / 2);
                format!("{who} mmap {region} {pages}p\n{who} touch {region} w")
            }
            9..=15 => {
                let (access, part) = (self.pick(&["w", "w", "r"]), self.part());
                format!("{who} touch {region} {access}{part}")
            }
            16..=17 => {
                let part = self.part();
                format!("{who} munmap {region}{part}")
            }
            18..=19 => {
                let (rights, part) = (self.pick(&["r", "rw", "none", "rx", "w"]), self.part());
                format!("{who} mprotect {region} {rights}{part}")
            }
            20..=22 => {
                let (advice, part) = (self.pick(&ADVICE), self.part());
                format!("{who} madvise {region} {advice}{part}")
            }
            23 => {
                let (call, part) = (self.pick(&["mlock", "munlock", "mlockonfault", "msync"]), self.part());
                format!("{who} {call} {region}{part}")
            }
            24 => {
                let (pages, part) = (self.pages(), self.part());
                format!("{who} mremap {region} {pages}p maymove{part}")
            }
            25..=26 => {
                let (sign, pages) = (self.pick(&["+", "+", "-"]), self.pages());
                format!("{who} brk {sign}{pages}p")
            }
            27 => format!("{who} touch heap w"),
            28..=29 => {
                let child = self.pick(&WORKERS);
                let inherited: Vec<_> =
                    self.mapped.iter().filter(|(owner, _)| *owner == who).copied().collect();
                self.mapped.extend(inherited.into_iter().map(|(_, region)| (child, region)));
                format!("{who} fork {child}")
            }
            30 => match self.below(3) {
                0 => format!("{who} exec"),
                1 => format!("{who} exit {}", self.below(3)),
                _ => format!("kill {who}"),
            },
            31 => {
                let (access, pages) = (self.pick(&["r", "w"]), self.below(20));
                format!("{who} probe {region} {access} off={pages}p")
            }
            32..=33 => {
                let (file, pages) = (self.pick(&FILES), self.pages());
                match self.below(4) {
                    0 => format!("{who} ftruncate {file} {pages}p"),
                    1 => format!("{who} fread {file} {pages}p"),
                    _ => format!("{who} fwrite {file} {pages}p"),
                }
            }
            34 => {
                let kinds = ["sequential", "random", "zipf 0.9", "chase", "gups", "stencil"];
                let (kind, count, seed) = (self.pick(&kinds), 1 + self.below(300), self.below(99));
                format!("{who} pattern {region} {kind} n={count} seed={seed} w")
            }
            35 | 40..=41 => format!("{who} verify {region}"),
            36 => format!("compare {who}.{region} {}.{region}", self.pick(&WORKERS)),
            37 => {
                let knobs = ["swappiness", "overcommit_memory", "page-cluster", "max_map_count"];
                match self.pick(&knobs) {
                    "swappiness" => format!("sysctl vm.swappiness={}", self.below(201)),
                    "overcommit_memory" => format!("sysctl vm.overcommit_memory={}", self.below(2)),
                    "page-cluster" => format!("sysctl vm.page-cluster={}", self.below(5)),
                    _ => format!("sysctl vm.max_map_count={}", 20 + self.below(60)),
                }
            }
            38 => self.pick(&["sync", "drop_caches 1", "compact", "swapoff", "swapon"]).to_owned(),
            39 => format!("{who} oom_score_adj {}", self.below(1001)),
            42..=43 => format!("{RECORDED} run {}", 1 + self.below(3000)),
            44 => "wait".to_owned(),
            45 => format!("wait {}", 1 + self.below(2000)),
            _ => match self.below(4) {
                0 => format!("proc {RECORDED} trace=bundled"),
                1 => format!("kill {RECORDED}"),
                _ => format!("{who} cpu {}", self.below(self.cpus)),
            },
        }
    }

    fn mapping(&mut self, who: &'static str, region: &'static str) -> String {
        self.mapped.push((who, region));
        let pages = self.pages();
        let mut line = format!("{who} mmap {region} {pages}p");
        for (word, one_in) in [("shared", 4), ("r", 8), ("populate", 10), ("locked", 20), ("noreserve", 10)] {
            if self.below(one_in) == 0 {
                let _ = write!(line, " {word}");
            }
        }
        if self.below(4) == 0 {
            let (file, offset) = (self.pick(&FILES), self.below(8));
            let _ = write!(line, " file={file} off={offset}p");
        }
        if self.below(4) == 0 {
            let _ = write!(line, " at={:#x}", 0x1000_0000 + self.below(64) * 0x1_0000);
        }
        line
    }
}

/// The text of the scenario of `seed`.
pub fn scenario(seed: u64, shape: &Shape) -> String {
    let mut generator = Generator {
        random: SplitMix64(seed),
        shape: *shape,
        cpus: 1,
        text: String::new(),
        mapped: Vec::new(),
    };
    let Shape { memory_mib, swap_mib, .. } = shape;
    let _ = writeln!(generator.text, "about random, seed {seed}\nmachine mem={memory_mib}M swap={swap_mib}M");
    generator.cpus = 1 + generator.below(2);
    let (cpus, quantum) = (generator.cpus, 10 + generator.below(500));
    let _ = writeln!(generator.text, "machine smp={cpus} quantum={quantum}\nproc {RECORDED} trace=bundled");
    for who in WORKERS {
        let _ = writeln!(generator.text, "proc {who}");
    }
    for at in 0..shape.steps {
        let lines = generator.lines();
        generator.text.push_str(&lines);
        generator.text.push('\n');
        if at % 20 == 19 {
            let _ = writeln!(generator.text, "snapshot s{at}");
        }
    }
    generator.text.push_str("wait\nsnapshot end\n");
    generator.text
}

/// Leaves lines out of `text` for as long as `still` says that what is left shows the same.
pub fn shrink(text: &str, mut still: impl FnMut(&str) -> bool) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut piece = lines.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < lines.len() {
            let mut fewer = lines.clone();
            fewer.drain(at..(at + piece).min(lines.len()));
            let candidate = fewer.join("\n") + "\n";
            if Scenario::parse(&candidate).is_ok() && still(&candidate) {
                lines = fewer;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_can_be_read_and_a_seed_gives_one() {
        for seed in 0..500 {
            let text = scenario(seed, &Shape::default());
            Scenario::parse(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
            assert_eq!(scenario(seed, &Shape::default()), text);
        }
        assert_ne!(scenario(1, &Shape::default()), scenario(2, &Shape::default()));
    }

    #[test]
    fn what_is_left_is_what_matters() {
        let text = scenario(3, &Shape::default());
        let text = text + "A mmap needle 1p\n";
        let small = shrink(&text, |text| text.contains("needle"));
        assert_eq!(small, "proc A\nA mmap needle 1p\n");
    }
}

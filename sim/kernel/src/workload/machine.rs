//! The machine that a scenario runs on, as its `machine` lines describe it.

use crate::PcMachine;
use serde::{Deserialize, Serialize};

/// When transparent huge pages are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HugePages {
    /// Never.
    #[default]
    Never,
    /// Where madvise(2) asks for them.
    Madvise,
    /// Everywhere.
    Always,
}

impl HugePages {
    /// Every choice with its word.
    pub const ALL: [(&'static str, HugePages); 3] =
        [("never", HugePages::Never), ("madvise", HugePages::Madvise), ("always", HugePages::Always)];

    /// Its word.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// What `machine` lines say; what they do not say is as by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineLine {
    /// `mem`: installed memory in bytes.
    pub memory_bytes: u64,
    /// `smp`: CPUs.
    pub cpus: u32,
    /// `swap`: bytes of the swap device; 0 for none.
    pub swap_bytes: u64,
    /// `numa`: memory nodes.
    pub nodes: u32,
    /// `thp`.
    pub huge_pages: HugePages,
    /// `append`: words of the kernel's command line.
    pub append: Vec<String>,
    /// `image`: the file that says what a fresh machine and a fresh worker are.
    pub image: Option<String>,
    /// `quantum`: accesses after which a CPU turns to another worker, where several are at work.
    pub quantum_accesses: u64,
    /// Each key that was given, as it was written, for the result's `machine`.
    pub given: Vec<(String, String)>,
}

impl MachineLine {
    /// What a PC of this description is equipped with.
    pub fn pc(&self) -> PcMachine {
        PcMachine {
            memory_bytes: self.memory_bytes,
            nodes: self.nodes as u8,
            cpus: self.cpus as u16,
            more_disks: u16::from(self.swap_bytes > 0),
            has_huge_pages: self.huge_pages != HugePages::Never,
            ..PcMachine::default()
        }
    }
}

impl Default for MachineLine {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            cpus: 1,
            swap_bytes: 0,
            nodes: 1,
            huge_pages: HugePages::Never,
            append: Vec::new(),
            image: None,
            quantum_accesses: 100_000,
            given: Vec::new(),
        }
    }
}

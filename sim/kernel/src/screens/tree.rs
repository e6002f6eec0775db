//! `/proc` as a tree of files, with all that Debian's `free`, `vmstat`, `ps` and `sar` read: the machine's, those of every
//! process, and what such tools want to know of the machine that they run on.
//!
//! Owns which files there are. Writes none: the host does.

use super::VmStat;
use crate::kernel::Kernel;
use pagewalk_arch::{Isa, Platform};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What lies in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A file with this text.
    File(String),
    /// A directory with nothing in it but what other paths name.
    Directory,
}

/// A tree of files, by path from its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcTree {
    nodes: BTreeMap<String, Node>,
}

impl ProcTree {
    /// What lies in it, by path, a directory before what is in it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// The text of the file at `path`.
    pub fn file(&self, path: &str) -> Option<&str> {
        match self.nodes.get(path)? {
            Node::File(text) => Some(text),
            Node::Directory => None,
        }
    }

    fn put(&mut self, path: impl Into<String>, text: impl Into<String>) {
        let path = path.into();
        let parents = path.match_indices('/').map(|(at, _)| path[..at].to_owned());
        for parent in parents.collect::<Vec<_>>() {
            self.nodes.insert(parent, Node::Directory);
        }
        self.nodes.insert(path, Node::File(text.into()));
    }
}

/// Hundredths of a second in a second: USER_HZ.
const HZ: u64 = 100;

impl Kernel {
    /// `/proc` of this machine, `seconds` after it started. `self` and the entry of `reader`, where one is named, are those
    /// of a process beside the machine's: a tool looks for itself there.
    pub fn proc_tree(&self, platform: &dyn Platform, seconds: f64, reader: Option<u32>) -> ProcTree {
        let mut tree = ProcTree::default();
        for file in Self::machine_files() {
            tree.put(file, self.proc_file(platform, file).unwrap_or_default());
        }
        for (pid, _) in self.processes() {
            for file in Self::process_files() {
                tree.put(
                    format!("{pid}/{file}"),
                    self.proc_file(platform, &format!("{pid}/{file}")).unwrap_or_default(),
                );
            }
            tree.put(format!("{pid}/environ"), "");
            tree.nodes.insert(format!("{pid}/task"), Node::Directory);
        }
        for (name, value) in self.sysctls().knobs() {
            tree.put(format!("sys/{}", name.replacen('.', "/", 1)), format!("{value}\n"));
        }
        self.put_machine(&mut tree, seconds);
        for own in ["self".to_owned()].into_iter().chain(reader.map(|pid| pid.to_string())) {
            put_reader(&mut tree, &own, reader.unwrap_or(1), self.system.cpus.len() as u32);
        }
        tree
    }

    fn put_machine(&self, tree: &mut ProcTree, seconds: f64) {
        let cpus = self.system.cpus.len();
        let stats = self.stats();
        let (major, minor) = self.config().linux.number();
        let release = format!("{major}.{minor}.0-pagewalk");
        tree.put("version", format!("Linux version {release} (pagewalk) #1 SMP\n"));
        tree.put("sys/kernel/osrelease", release + "\n");
        tree.put("sys/kernel/ostype", "Linux\n");
        tree.put("sys/kernel/pid_max", "4194304\n");
        tree.put("uptime", format!("{seconds:.2} 0.00\n"));
        tree.put("loadavg", format!("0.00 0.00 0.00 1/{} 1\n", stats.threads.max(1)));
        tree.put("filesystems", "nodev\tproc\nnodev\ttmpfs\n\text4\n");
        tree.put("mounts", "proc /proc proc rw,relatime 0 0\n");
        tree.put("partitions", "major minor  #blocks  name\n\n");
        let io = self.vm_stat();
        tree.put("diskstats", disk_line(&io));
        tree.put("cpuinfo", cpu_info(self.system.spec.isa, cpus));
        tree.put("stat", cpu_times(cpus, (seconds * HZ as f64) as u64, &stats));
    }
}

/// `/proc/diskstats`: one disk, through which all went.
fn disk_line(stat: &VmStat) -> String {
    let sectors = |name: &str| stat.get(name).unwrap_or(0) * 2;
    let (read, written) = (sectors("pgpgin"), sectors("pgpgout"));
    format!(" 254       0 vda {} 0 {read} 0 {} 0 {written} 0 0 0 0 0 0 0 0 0 0\n", read / 8, written / 8)
}

/// `/proc/cpuinfo`: what names CPUs, and no more.
fn cpu_info(isa: Isa, cpus: usize) -> String {
    let (name, model) = match isa {
        Isa::X86 => ("vendor_id\t: Pagewalk", "model name"),
        Isa::RiscV => ("isa\t\t: rv64imac", "uarch"),
    };
    (0..cpus).fold(String::new(), |text, cpu| {
        text + &format!("processor\t: {cpu}\n{name}\n{model}\t: model of an MMU\ncpu MHz\t\t: 1000.000\n\n")
    })
}

/// `/proc/stat`: all time was the programs', spread over the CPUs.
fn cpu_times(cpus: usize, hundredths: u64, stats: &crate::KernelStats) -> String {
    let mut text = format!("cpu  {} 0 0 0 0 0 0 0 0 0\n", hundredths * cpus as u64);
    for cpu in 0..cpus {
        let _ = writeln!(text, "cpu{cpu} {hundredths} 0 0 0 0 0 0 0 0 0");
    }
    let _ = writeln!(text, "intr 0\nctxt {}\nbtime 1", stats.context_switches);
    let _ = writeln!(text, "processes {}\nprocs_running 1\nprocs_blocked 0", stats.forks + stats.processes);
    text
}

/// What a tool reads of itself.
fn put_reader(tree: &mut ProcTree, path: &str, pid: u32, cpus: u32) {
    let status = super::Status {
        name: "reader".into(),
        state: super::TaskState::Running,
        pid,
        ppid: 1,
        threads: 1,
        cpus,
        ..super::Status::default()
    };
    let stat = super::Stat { pid, name: "reader".into(), ppid: 1, threads: 1, ..super::Stat::default() };
    tree.put(format!("{path}/status"), status.to_string());
    tree.put(format!("{path}/stat"), stat.to_string());
    tree.put(format!("{path}/statm"), super::Statm::default().to_string());
    tree.put(format!("{path}/cmdline"), "reader\0");
    tree.put(format!("{path}/comm"), "reader\n");
    tree.put(format!("{path}/environ"), "");
    tree.put(format!("{path}/mounts"), "proc /proc proc rw,relatime 0 0\n");
    tree.nodes.insert(format!("{path}/task"), Node::Directory);
}

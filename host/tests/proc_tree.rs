//! Debian's own tools, pointed at the model's `/proc`: what free, vmstat, ps and sar print of our machine is what our
//! screens of these names print.
//!
//! The tree is bound over `/proc` in a mount namespace of its own, which an ordinary user can have too. Where namespaces
//! are forbidden, or a tool is missing, the check is on the list of skipped ones.

use pagewalk::proc_tree;
use pagewalk_arch::{FRAME_BYTES, MmuConfig, PagingFormat, Uniprocessor, VirtAddr};
use pagewalk_golden::Golden;
use pagewalk_kernel::{Kernel, KernelConfig, LinuxVersion, MmapArgs, Screen, VmaPolicy, Window};
use pagewalk_trace::Protection;
use procfs_core::process::{MemoryMaps, SmapsRollup, Stat, StatM, Status};
use procfs_core::{FromRead, Meminfo, VmStat};
use std::path::Path;
use std::process::Command;

const RW: Protection = Protection { read: true, write: true, execute: false };

/// What the reading tool is called by in the tree until its number is known.
const READER: u32 = 4_194_303;

struct World {
    kernel: Kernel,
    platform: Uniprocessor<Golden>,
    tree: tempfile::TempDir,
    /// Seconds since the machine started.
    seconds: f64,
}

/// A machine of 256 MiB with 64 MiB of swap under pressure: two processes, of which one shares 20 MiB with the other.
fn world() -> World {
    let mmu = MmuConfig::of(PagingFormat::La48);
    let config = KernelConfig {
        memory_bytes: 256 << 20,
        vma_policy: VmaPolicy::Strict,
        linux: LinuxVersion::V6_1,
        ..KernelConfig::default()
    };
    let mut kernel = Kernel::new(config, &mmu).expect("the configuration works");
    let mut platform = Uniprocessor::new(Golden::new(&mmu).expect("an MMU"), 1 << 40);
    kernel.boot(&mut platform);
    kernel.swap_on(16_385, None).expect("an area");
    let pid = kernel.running(pagewalk_arch::CpuId::BOOT).expect("a process");
    kernel.set_name(pid, "first");
    let mut populate = |kernel: &mut Kernel, pid, bytes, shared| {
        let args = MmapArgs { bytes, protection: RW, shared, populate: true, ..MmapArgs::default() };
        kernel.sys_mmap(&mut platform, pid, &args).expect("there is room")
    };
    let mine = populate(&mut kernel, pid, 250 << 20, false);
    populate(&mut kernel, pid, 20 << 20, true);
    kernel.sys_munmap(&mut platform, pid, VirtAddr(mine.0), 40 << 20).expect("it is mapped");
    kernel.sys_fork(&mut platform, pid, 2).expect("there is room");
    kernel.set_name(2, "second");
    World { kernel, platform, tree: tempfile::tempdir().expect("a directory"), seconds: 1000.0 }
}

impl World {
    /// What `tool` prints where the tree is `/proc`; `None` where it cannot be asked. It is run in place of the shell, so
    /// that it has the shell's number, and finds itself under it.
    fn ask(&self, tool: &str) -> Option<String> {
        let program = tool.split(' ').next().expect("a tool");
        let missing =
            |remedy: &str| pagewalk_skipped::check(&format!("{program} on the model's /proc"), remedy);
        let found = |name: &str| {
            let paths = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&paths).any(|path| path.join(name).is_file())
        };
        let package = if program == "sar" { "sysstat" } else { "procps" };
        if !found(program) {
            missing(&format!("install {package}"));
            return None;
        }
        let can_unshare = Command::new("unshare").args(["-rm", "true"]).output();
        if !can_unshare.is_ok_and(|output| output.status.success()) {
            missing("allow user namespaces to unshare(1)");
            return None;
        }
        let tree = self.kernel.proc_tree(&self.platform, self.seconds, Some(READER));
        let directory = self.tree.path().join("proc");
        proc_tree::write(&tree, &directory).expect("it can be written");
        let script = format!(
            "sed -i \"s/{READER}/$$/\" \"$0/self/stat\" \"$0/self/status\" && mv \"$0/{READER}\" \"$0/$$\" && \
             cp \"$0/self/\"* \"$0/$$\" 2>/dev/null; mount --bind \"$0\" /proc && exec {tool}"
        );
        let output = Command::new("unshare")
            .args(["-rm", "sh", "-c", &script])
            .arg(&directory)
            .env("LC_ALL", "C")
            .env("S_TIME_FORMAT", "ISO")
            .output()
            .expect("unshare runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tool}: {error}");
        Some(String::from_utf8(output.stdout).expect("text"))
    }

    fn screen(&self, name: &str) -> String {
        let screen: Screen = name.parse().expect("a screen");
        let window = Window { seconds: self.seconds, with_titles: true, ..Window::default() };
        self.kernel.show(&self.platform, &screen, &window).expect("it can be shown")
    }
}

/// The columns of a line, without what says when.
fn columns(line: &str, from: usize) -> Vec<&str> {
    line.split_whitespace().skip(from).collect()
}

#[test]
fn free_prints_our_machine() {
    let world = world();
    if let Some(text) = world.ask("free") {
        assert_eq!(text, world.screen("free"));
        assert!(text.contains("Swap:          65536"), "{text}");
    }
}

#[test]
fn vmstat_prints_our_machine() {
    let world = world();
    if let Some(text) = world.ask("vmstat") {
        assert_eq!(text, world.screen("vmstat"));
    }
}

#[test]
fn ps_prints_our_processes() {
    let world = world();
    let Some(text) = world.ask("ps -eo pid,vsz,rss,maj_flt,min_flt,comm") else { return };
    let ours = world.screen("ps");
    for line in ours.lines() {
        assert!(text.lines().any(|theirs| theirs == line), "{line} is not in\n{text}");
    }
    let others: Vec<&str> = text.lines().filter(|line| !ours.contains(line)).collect();
    assert!(others.len() == 1 && others[0].ends_with(" reader"), "{others:?}");
    assert!(text.contains(" first") && text.contains(" second"), "{text}");
}

#[test]
fn sar_prints_our_memory() {
    let world = world();
    for (options, name) in [("-r", "sar-r"), ("-r ALL", "sar-r-ALL")] {
        let Some(text) = world.ask(&format!("sar {options} 1 1")) else { return };
        let ours = world.screen(name);
        let (titles, row) = ours.trim_end().split_once('\n').expect("two lines");
        let titled = text.lines().position(|line| line.contains("kbmemfree")).expect("titles");
        let theirs: Vec<&str> = text.lines().skip(titled).collect();
        assert_eq!(columns(theirs[0], 1), columns(titles, 0), "{options}");
        assert_eq!(columns(theirs[1], 1), columns(row, 0), "{options}");
    }
}

#[test]
fn sar_prints_our_paging() {
    let world = world();
    // Without an interval: the average since the start.
    let Some(text) = world.ask("sar -B 0") else { return };
    let ours = world.screen("sar-B");
    let (titles, row) = ours.trim_end().split_once('\n').expect("two lines");
    let titled = text.lines().position(|line| line.contains("pgpgin/s")).expect("titles");
    let theirs: Vec<&str> = text.lines().skip(titled).collect();
    assert_eq!(columns(theirs[0], 1), columns(titles, 0));
    assert_eq!(columns(theirs[1], 1), columns(row, 0));
    let stat = world.kernel.vm_stat();
    assert!(stat.get("pgfault").is_some_and(|faults| faults >= (270 << 20) / FRAME_BYTES));
    assert!(row.split_whitespace().skip(5).any(|rate| rate != "0.00"), "something was reclaimed: {row}");
}

/// The parsers of the `procfs` crate, which programs in Rust read `/proc` with.
#[test]
fn the_procfs_crate_reads_our_machine() {
    let world = world();
    let tree = world.kernel.proc_tree(&world.platform, world.seconds, None);
    let read = |path: &str| tree.file(path).unwrap_or_else(|| panic!("{path} is there")).as_bytes();
    let ours = world.kernel.mem_info();
    let memory = Meminfo::from_read(read("meminfo")).expect("meminfo");
    assert_eq!([memory.mem_total, memory.mem_free], [ours.total, ours.free].map(|kib| kib << 10));
    assert_eq!(memory.committed_as, ours.committed_as << 10);
    assert_eq!(memory.mem_available, Some(ours.available << 10));
    let counters = VmStat::from_read(read("vmstat")).expect("vmstat").0;
    assert_eq!(counters["pgfault"] as u64, world.kernel.events().pgfault);
    for (pid, _) in world.kernel.processes() {
        let expected = world.kernel.status(pid).expect("it lives");
        let status = Status::from_read(read(&format!("{pid}/status"))).expect("status");
        assert_eq!((status.pid, status.vmsize), (pid as i32, Some(expected.vm_size)));
        assert_eq!((status.vmpte, status.vmswap), (Some(expected.vm_pte), Some(expected.vm_swap)));
        let stat = Stat::from_read(read(&format!("{pid}/stat"))).expect("stat");
        assert_eq!((stat.comm, stat.vsize), (expected.name, expected.vm_size << 10));
        assert_eq!(stat.minflt, world.kernel.faults(pid).expect("it lives").minor);
        let statm = StatM::from_read(read(&format!("{pid}/statm"))).expect("statm");
        assert_eq!(statm.resident << 2, expected.rss.iter().sum::<u64>());
        let maps = MemoryMaps::from_read(read(&format!("{pid}/smaps"))).expect("smaps");
        let resident: u64 = maps.iter().map(|map| map.extension.map["Rss"]).sum();
        assert_eq!(resident, expected.rss.iter().sum::<u64>() << 10);
        let rollup = SmapsRollup::from_read(read(&format!("{pid}/smaps_rollup"))).expect("smaps_rollup");
        let total = rollup.memory_map_rollup.iter().next().map(|map| map.extension.map["Rss"]);
        assert_eq!(total, Some(resident));
    }
}

#[test]
fn nothing_is_written_over_what_is_not_ours() {
    let world = world();
    let tree = world.kernel.proc_tree(&world.platform, 1.0, None);
    let place = world.tree.path().join("mine");
    std::fs::create_dir(&place).expect("a directory");
    std::fs::write(place.join("file"), "").expect("a file");
    let error = proc_tree::write(&tree, Path::new(&place)).expect_err("it is not empty");
    assert!(error.to_string().contains("choose a directory of its own"), "{error}");
}

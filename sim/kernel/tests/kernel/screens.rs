//! Screens of a kernel that has done something: they agree with one another and with what is in the page tables.

use crate::machine::{Machine, R, RW, anonymous};
use pagewalk_arch::{AccessKind, PagingFormat, VirtAddr};
use pagewalk_kernel::{Clock, Every, Free, Screen, Watch, Window};
use pagewalk_trace::{FileId, FileSource, MapRequest, Syscall};

const M: u64 = 1 << 20;

/// Two processes that share, and memory of every kind.
fn busy() -> Machine {
    let mut machine = Machine::strict(PagingFormat::La48);
    machine.map(0x1000_0000, 4 * M, RW);
    let source = Some(FileSource { file: FileId(3), offset: 0 });
    let shared = MapRequest { shared: true, source, ..anonymous(0x2000_0000, M, R) };
    let pid = machine.running().unwrap();
    machine.call(pid, Syscall::Map(shared));
    machine.call(pid, Syscall::Map(MapRequest { locked: true, ..anonymous(0x3000_0000, 64 << 10, RW) }));
    for page in 0..256 {
        machine.store(0x1000_0000 + page * 4096);
        if page < 16 {
            machine.load(0x2000_0000 + page * 4096);
        }
    }
    machine.access(0x1030_0000, AccessKind::Load).unwrap();
    machine.fork(pid, 2);
    machine
}

#[test]
fn identities_hold() {
    let machine = busy();
    let kernel = &machine.kernel;
    let usage = kernel.usage();
    usage.check().unwrap();
    kernel.mem_info().check(&usage).unwrap();
    for (pid, _) in kernel.processes() {
        let space = kernel.address_space(pid).unwrap();
        let leaves = space.page_table().mapped(
            &machine.mmu,
            pagewalk_kernel::PageRange::new(
                pagewalk_kernel::Vpn(0),
                pagewalk_kernel::Vpn::of(VirtAddr(1 << 47)),
            ),
        );
        kernel.counters(pid).unwrap().check(leaves.len() as u64).unwrap();
        let rollup = kernel.smaps_rollup(&machine.mmu, pid).unwrap();
        assert_eq!(rollup.sizes.rss * 1024, kernel.counters(pid).unwrap().resident() << 12);
        assert_eq!(rollup.sizes.pss_kinds.iter().sum::<u64>(), rollup.sizes.pss);
    }
    let shares: u64 =
        kernel.processes().map(|(pid, _)| kernel.smaps_rollup(&machine.mmu, pid).unwrap().sizes.pss).sum();
    let info = kernel.mem_info();
    assert_eq!(shares, info.anon_pages + info.mapped, "each mapped page once");
}

#[test]
fn a_process_is_shown_alike_by_all_its_files() {
    let machine = busy();
    let status = machine.kernel.status(1).unwrap();
    assert_eq!((status.vm_size, status.vm_lck), (4096 + 1024 + 64, 64));
    assert_eq!(status.rss, [(256 + 16) * 4, 16 * 4, 0]);
    assert_eq!(status.vm_data, 4096 + 64);
    let statm = machine.kernel.statm(1).unwrap();
    assert_eq!((statm.size * 4, statm.rss.map(|pages| pages * 4)), (status.vm_size, status.rss));
    let ps = machine.kernel.ps(1).unwrap();
    assert_eq!(
        (ps.vsz, ps.rss, ps.min_flt),
        (status.vm_size, status.rss.iter().sum(), 256 + 1 + 16 + 1),
        "one fault maps 16 pages of the file"
    );
    let smaps = machine.kernel.smaps(&machine.mmu, 1).unwrap();
    let sizes: Vec<_> = smaps.iter().map(|area| (area.size, area.sizes.rss, area.sizes.locked)).collect();
    assert_eq!(
        sizes,
        [(4096, 1024, 0), (1024, 64, 0), (64, 64, 32)],
        "what is locked here is shared with the child"
    );
    assert_eq!(smaps[0].sizes.shared, [0, 1024]);
    assert_eq!(smaps[0].flags, ["rd", "wr", "mr", "mw", "me", "ac", "sd"]);
    assert_eq!(machine.kernel.status(3), None);
    let maps = machine.kernel.maps(1).unwrap().to_string();
    let heads: Vec<&str> = smaps.iter().map(|area| area.maps_line.as_str()).collect();
    assert_eq!(maps.lines().collect::<Vec<_>>(), heads);
}

#[test]
fn every_screen_can_be_shown_in_every_format() {
    for format in [PagingFormat::Sv39, PagingFormat::Sv32, PagingFormat::X86Pae] {
        let mut machine = Machine::strict(format);
        machine.map(0x1000_0000, M, RW);
        machine.store(0x1000_0000);
        for name in [
            "free",
            "vmstat",
            "sar-r",
            "sar-r-ALL",
            "sar-B",
            "ps",
            "meminfo",
            "zoneinfo",
            "1/smaps",
            "1/oom_score",
        ] {
            let screen: Screen = name.parse().unwrap();
            let window = Window { seconds: 1.0, with_titles: true, ..Window::default() };
            let text = machine.kernel.show(&machine.mmu, &screen, &window).expect(name);
            assert!(text.ends_with('\n'), "{name}: {text}");
        }
    }
}

#[test]
fn rates_are_of_the_time_since_the_last_screen() {
    let mut machine = busy();
    let mut watch =
        Watch::new(vec!["sar-B".parse().unwrap(), "vmstat".parse().unwrap()], Every::Seconds(1.0));
    let at = |seconds| Clock { accesses: 0, seconds };
    let first = watch.show(&machine.kernel, &machine.mmu, at(2.0));
    assert!(first.contains("pgpgin/s") && first.contains("---swap--"), "{first}");
    assert!(!watch.is_due(at(2.5)) && watch.is_due(at(3.0)));
    for page in 0..6 {
        machine.load(0x1038_0000 + page * 4096);
    }
    let second = watch.show(&machine.kernel, &machine.mmu, at(5.0));
    assert!(!second.contains("pgpgin/s"), "{second}");
    assert!(
        second.starts_with("00:00:05         0.00      0.00      2.00 "),
        "6 faults in 3 seconds: {second}"
    );
}

#[test]
fn the_tree_has_what_tools_look_for() {
    let machine = busy();
    let tree = machine.kernel.proc_tree(&machine.mmu, 12.5, Some(77));
    for path in [
        "meminfo",
        "vmstat",
        "stat",
        "uptime",
        "cpuinfo",
        "self/status",
        "self/stat",
        "77/stat",
        "1/stat",
        "2/status",
    ] {
        assert!(tree.file(path).is_some_and(|text| !text.is_empty()), "{path}");
    }
    assert_eq!(tree.file("uptime"), Some("12.50 0.00\n"));
    assert_eq!(tree.file("sys/vm/swappiness"), Some("60\n"));
    assert_eq!(tree.file("self"), None);
    let directories: Vec<&str> = tree.iter().map(|(path, _)| path).collect();
    for path in &directories {
        if let Some((parent, _)) = path.rsplit_once('/') {
            assert!(directories.contains(&parent), "{path} has no directory");
        }
    }
    let info = machine.kernel.mem_info();
    assert!(Free(info).to_string().contains(&info.total.to_string()));
}

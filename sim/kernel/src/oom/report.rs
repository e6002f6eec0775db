//! What the killer writes to the kernel's log, in the layout of Linux 6.1's `dump_header`, `show_free_areas`,
//! `dump_tasks` and `__oom_kill_process`. The backtrace of who asked is left out: there is none.
//!
//! Owns the layout alone. Who fills these structs has counted.

use std::fmt;

/// Bytes of a page in KiB.
const PAGE_KIB: u64 = 4;

/// Kinds of free blocks, in the order in which their letters are printed.
const MIGRATE_LETTERS: [char; 3] = ['U', 'M', 'E'];

/// A zone, in pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneReport {
    /// DMA, DMA32, Normal, HighMem.
    pub name: &'static str,
    /// Free.
    pub free: u64,
    /// By which watermarks are raised.
    pub boost: u64,
    /// The watermarks, raised: min, low, high.
    pub watermarks: [u64; 3],
    /// Kept for high-order requests that may not wait.
    pub reserved_highatomic: u64,
    /// On the LRU lists: active and inactive anonymous, active and inactive of files, unevictable.
    pub lru: [u64; 5],
    /// Dirty or under writeback.
    pub write_pending: u64,
    /// Present.
    pub present: u64,
    /// Managed.
    pub managed: u64,
    /// Locked by mlock(2).
    pub mlocked: u64,
    /// On the lists of all CPUs, and of the CPU that asked.
    pub pcp: [u64; 2],
    /// What the zone keeps back from requests that could be met from each higher one.
    pub lowmem_reserve: Vec<u64>,
    /// Free blocks of each order, by kind: unmovable, movable, reclaimable.
    pub free_blocks: Vec<[u64; 3]>,
}

/// A line of the table of tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OomTask {
    /// Its process.
    pub pid: u32,
    /// Whose.
    pub uid: u32,
    /// Its thread group.
    pub tgid: u32,
    /// Pages of all areas.
    pub total_vm: u64,
    /// Frames mapped: anonymous, of files, of shared memory.
    pub rss: [u64; 3],
    /// Bytes of page tables.
    pub pgtables_bytes: u64,
    /// Swap entries.
    pub swapents: u64,
    /// Its adjustment.
    pub oom_score_adj: i16,
    /// Its name.
    pub name: String,
}

/// Who is killed, and why that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OomKill {
    /// `Out of memory`, or with the sysctl that chose.
    pub message: &'static str,
    /// The victim.
    pub task: OomTask,
}

/// One report, in pages unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OomReport {
    /// Who asked.
    pub name: String,
    /// Who asked, by number.
    pub pid: u32,
    /// On which CPU.
    pub cpu: u32,
    /// For what: `0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO)`.
    pub gfp: String,
    /// Of which order.
    pub order: u32,
    /// The adjustment of who asked.
    pub oom_score_adj: i16,
    /// The counters of `Mem-Info`, of all nodes together.
    pub total: NodeReport,
    /// The nodes.
    pub nodes: Vec<NodeReport>,
    /// In the page cache, the swap cache included.
    pub pagecache: u64,
    /// In the swap cache.
    pub swapcache: u64,
    /// Free swap and all of it.
    pub swap: [u64; 2],
    /// KiB of the huge pages that a pool may hold, the largest first. The pool of each is empty.
    pub huge_page_kib: Vec<u64>,
    /// RAM, of it highmem, of it reserved.
    pub ram: [u64; 3],
    /// The living, unless vm.oom_dump_tasks is 0.
    pub tasks: Vec<OomTask>,
    /// The victim; `None` where nobody may be killed.
    pub kill: Option<OomKill>,
}

/// A node's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeReport {
    /// On the LRU lists, as in [`ZoneReport::lru`].
    pub lru: [u64; 5],
    /// Taken off the lists: anonymous, of files.
    pub isolated: [u64; 2],
    /// Dirty pages of files.
    pub dirty: u64,
    /// Being written.
    pub writeback: u64,
    /// Slab that can be given back, and that cannot.
    pub slab: [u64; 2],
    /// Mapped pages of files.
    pub mapped: u64,
    /// Shared memory and tmpfs.
    pub shmem: u64,
    /// Page tables.
    pub pagetables: u64,
    /// KiB of kernel stacks.
    pub kernel_stack_kib: u64,
    /// Reclaim has given up on it.
    pub is_unreclaimable: bool,
    /// Free.
    pub free: u64,
    /// On per-CPU lists.
    pub free_pcp: u64,
    /// Its zones.
    pub zones: Vec<ZoneReport>,
}

fn yes(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

impl fmt::Display for OomReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self { order, oom_score_adj, .. } = self;
        writeln!(
            f,
            "{} invoked oom-killer: gfp_mask={}, order={order}, oom_score_adj={oom_score_adj}",
            self.name, self.gfp
        )?;
        writeln!(f, "Mem-Info:")?;
        self.total.fmt_total(f)?;
        for (number, node) in self.nodes.iter().enumerate() {
            node.fmt_node(f, number)?;
        }
        for (number, node) in self.nodes.iter().enumerate() {
            for zone in &node.zones {
                zone.fmt_zone(f, number)?;
            }
        }
        for (number, node) in self.nodes.iter().enumerate() {
            for zone in &node.zones {
                zone.fmt_blocks(f, number)?;
            }
        }
        for number in 0..self.nodes.len() {
            for kib in &self.huge_page_kib {
                writeln!(
                    f,
                    "Node {number} hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size={kib}kB"
                )?;
            }
        }
        writeln!(f, "{} total pagecache pages", self.pagecache)?;
        writeln!(f, "{} pages in swap cache", self.swapcache)?;
        writeln!(f, "Free swap  = {}kB", self.swap[0] * PAGE_KIB)?;
        writeln!(f, "Total swap = {}kB", self.swap[1] * PAGE_KIB)?;
        writeln!(f, "{} pages RAM", self.ram[0])?;
        writeln!(f, "{} pages HighMem/MovableOnly", self.ram[1])?;
        writeln!(f, "{} pages reserved", self.ram[2])?;
        if !self.tasks.is_empty() {
            writeln!(f, "Tasks state (memory values in pages):")?;
            writeln!(
                f,
                "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"
            )?;
        }
        for task in &self.tasks {
            writeln!(f, "{task}")?;
        }
        match &self.kill {
            Some(kill) => kill.fmt(f),
            None => {
                writeln!(f, "Out of memory and no killable processes...")?;
                writeln!(f, "Kernel panic - not syncing: System is deadlocked on memory")
            }
        }
    }
}

impl fmt::Display for OomTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, uid, tgid, total_vm, pgtables_bytes, swapents, oom_score_adj, name, .. } = self;
        let rss: u64 = self.rss.iter().sum();
        write!(
            f,
            "[{pid:7}] {uid:5} {tgid:5} {total_vm:8} {rss:8} {pgtables_bytes:8} {swapents:8}         {oom_score_adj:5} \
             {name}"
        )
    }
}

impl fmt::Display for OomKill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OomTask { pid, uid, name, total_vm, rss: [anon, file, shmem], oom_score_adj, .. } = &self.task;
        writeln!(
            f,
            "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,\
             task={name},pid={pid},uid={uid}"
        )?;
        writeln!(
            f,
            "{}: Killed process {pid} ({name}) total-vm:{}kB, anon-rss:{}kB, file-rss:{}kB, shmem-rss:{}kB, \
             UID:{uid} pgtables:{}kB oom_score_adj:{oom_score_adj}",
            self.message,
            total_vm * PAGE_KIB,
            anon * PAGE_KIB,
            file * PAGE_KIB,
            shmem * PAGE_KIB,
            self.task.pgtables_bytes >> 10
        )
    }
}

impl NodeReport {
    fn fmt_total(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [active_anon, inactive_anon, active_file, inactive_file, unevictable] = self.lru;
        let ([isolated_anon, isolated_file], [reclaimable, unreclaimable]) = (self.isolated, self.slab);
        let Self { dirty, writeback, mapped, shmem, pagetables, free, free_pcp, .. } = self;
        writeln!(
            f,
            "active_anon:{active_anon} inactive_anon:{inactive_anon} isolated_anon:{isolated_anon}\n \
             active_file:{active_file} inactive_file:{inactive_file} isolated_file:{isolated_file}\n \
             unevictable:{unevictable} dirty:{dirty} writeback:{writeback}\n \
             slab_reclaimable:{reclaimable} slab_unreclaimable:{unreclaimable}\n \
             mapped:{mapped} shmem:{shmem} pagetables:{pagetables}\n \
             sec_pagetables:0 bounce:0\n \
             kernel_misc_reclaimable:0\n \
             free:{free} free_pcp:{free_pcp} free_cma:0"
        )
    }

    fn fmt_node(&self, f: &mut fmt::Formatter<'_>, number: usize) -> fmt::Result {
        let [active_anon, inactive_anon, active_file, inactive_file, unevictable] =
            self.lru.map(|pages| pages * PAGE_KIB);
        let [isolated_anon, isolated_file] = self.isolated.map(|pages| pages * PAGE_KIB);
        let kib = |pages: u64| pages * PAGE_KIB;
        writeln!(
            f,
            "Node {number} active_anon:{active_anon}kB inactive_anon:{inactive_anon}kB active_file:{active_file}kB \
             inactive_file:{inactive_file}kB unevictable:{unevictable}kB isolated(anon):{isolated_anon}kB \
             isolated(file):{isolated_file}kB mapped:{}kB dirty:{}kB writeback:{}kB shmem:{}kB shmem_thp: 0kB \
             shmem_pmdmapped: 0kB anon_thp: 0kB writeback_tmp:0kB kernel_stack:{}kB pagetables:{}kB \
             sec_pagetables:0kB all_unreclaimable? {}",
            kib(self.mapped),
            kib(self.dirty),
            kib(self.writeback),
            kib(self.shmem),
            self.kernel_stack_kib,
            kib(self.pagetables),
            yes(self.is_unreclaimable)
        )
    }
}

impl ZoneReport {
    fn fmt_zone(&self, f: &mut fmt::Formatter<'_>, node: usize) -> fmt::Result {
        let kib = |pages: u64| pages * PAGE_KIB;
        let [min, low, high] = self.watermarks.map(kib);
        let [active_anon, inactive_anon, active_file, inactive_file, unevictable] = self.lru.map(kib);
        let [all, local] = self.pcp.map(kib);
        writeln!(
            f,
            "Node {node} {} free:{}kB boost:{}kB min:{min}kB low:{low}kB high:{high}kB reserved_highatomic:{}KB \
             active_anon:{active_anon}kB inactive_anon:{inactive_anon}kB active_file:{active_file}kB \
             inactive_file:{inactive_file}kB unevictable:{unevictable}kB writepending:{}kB present:{}kB \
             managed:{}kB mlocked:{}kB bounce:0kB free_pcp:{all}kB local_pcp:{local}kB free_cma:0kB",
            self.name,
            kib(self.free),
            kib(self.boost),
            kib(self.reserved_highatomic),
            kib(self.write_pending),
            kib(self.present),
            kib(self.managed),
            kib(self.mlocked)
        )?;
        write!(f, "lowmem_reserve[]:")?;
        for reserve in &self.lowmem_reserve {
            write!(f, " {reserve}")?;
        }
        writeln!(f)
    }

    fn fmt_blocks(&self, f: &mut fmt::Formatter<'_>, node: usize) -> fmt::Result {
        write!(f, "Node {node} {}:", self.name)?;
        let mut total = 0;
        for (order, kinds) in self.free_blocks.iter().enumerate() {
            let (blocks, size) = (kinds.iter().sum::<u64>(), PAGE_KIB << order);
            total += blocks * size;
            write!(f, " {blocks}*{size}kB")?;
            let letters: String = MIGRATE_LETTERS
                .iter()
                .zip(kinds)
                .filter(|&(_, &n)| n > 0)
                .map(|(letter, _)| letter)
                .collect();
            if blocks > 0 {
                write!(f, " ({letters})")?;
            }
        }
        writeln!(f, " = {total}kB")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Linux 6.1 wrote when the second of three processes took the last memory of 256 MiB.
    const MEASURED: &str = "\
init invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0
Mem-Info:
active_anon:67 inactive_anon:47986 isolated_anon:0
 active_file:9 inactive_file:5 isolated_file:0
 unevictable:608 dirty:0 writeback:0
 slab_reclaimable:2359 slab_unreclaimable:1528
 mapped:15564 shmem:15360 pagetables:149
 sec_pagetables:0 bounce:0
 kernel_misc_reclaimable:0
 free:654 free_pcp:14 free_cma:0
Node 0 active_anon:268kB inactive_anon:191944kB active_file:36kB inactive_file:20kB unevictable:2432kB isolated(anon):0kB isolated(file):0kB mapped:62256kB dirty:0kB writeback:0kB shmem:61440kB shmem_thp: 0kB shmem_pmdmapped: 0kB anon_thp: 0kB writeback_tmp:0kB kernel_stack:784kB pagetables:596kB sec_pagetables:0kB all_unreclaimable? yes
Node 0 DMA free:900kB boost:0kB min:132kB low:164kB high:196kB reserved_highatomic:0KB active_anon:0kB inactive_anon:14304kB active_file:0kB inactive_file:0kB unevictable:0kB writepending:0kB present:15992kB managed:15360kB mlocked:0kB bounce:0kB free_pcp:0kB local_pcp:0kB free_cma:0kB
lowmem_reserve[]: 0 194 194 194 194
Node 0 DMA32 free:1716kB boost:2048kB min:3764kB low:4192kB high:4620kB reserved_highatomic:0KB active_anon:268kB inactive_anon:177640kB active_file:36kB inactive_file:20kB unevictable:2432kB writepending:0kB present:245608kB managed:208248kB mlocked:2300kB bounce:0kB free_pcp:56kB local_pcp:56kB free_cma:0kB
lowmem_reserve[]: 0 0 0 0 0
Node 0 DMA: 1*4kB (U) 0*8kB 0*16kB 2*32kB (UM) 1*64kB (U) 0*128kB 1*256kB (U) 1*512kB (U) 0*1024kB 0*2048kB 0*4096kB = 900kB
Node 0 DMA32: 1*4kB (E) 2*8kB (ME) 0*16kB 1*32kB (E) 2*64kB (E) 2*128kB (E) 3*256kB (ME) 1*512kB (M) 0*1024kB 0*2048kB 0*4096kB = 1716kB
Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=1048576kB
Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB
16136 total pagecache pages
523 pages in swap cache
Free swap  = 0kB
Total swap = 65536kB
65400 pages RAM
0 pages HighMem/MovableOnly
9498 pages reserved
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[     79]     0    79    38710    22215   335872    16384             0 init
[     81]     0    81    15670    15565   151552        0             0 init
[     82]     0    82    77110    10219   114688        0             0 init
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=init,pid=79,uid=0
Out of memory: Killed process 79 (init) total-vm:154840kB, anon-rss:88044kB, file-rss:816kB, shmem-rss:0kB, UID:0 pgtables:328kB oom_score_adj:0
";

    fn task(pid: u32, total_vm: u64, rss: [u64; 3], pgtables_bytes: u64, swapents: u64) -> OomTask {
        OomTask {
            pid,
            tgid: pid,
            total_vm,
            rss,
            pgtables_bytes,
            swapents,
            name: "init".into(),
            ..OomTask::default()
        }
    }

    fn measured() -> OomReport {
        let dma = ZoneReport {
            name: "DMA",
            free: 225,
            watermarks: [33, 41, 49],
            lru: [0, 3576, 0, 0, 0],
            present: 3998,
            managed: 3840,
            lowmem_reserve: vec![0, 194, 194, 194, 194],
            free_blocks: vec![
                [1, 0, 0],
                [0; 3],
                [0; 3],
                [1, 1, 0],
                [1, 0, 0],
                [0; 3],
                [1, 0, 0],
                [1, 0, 0],
                [0; 3],
                [0; 3],
                [0; 3],
            ],
            ..ZoneReport::default()
        };
        let dma32 = ZoneReport {
            name: "DMA32",
            free: 429,
            boost: 512,
            watermarks: [941, 1048, 1155],
            lru: [67, 44_410, 9, 5, 608],
            present: 61_402,
            managed: 52_062,
            mlocked: 575,
            pcp: [14, 14],
            lowmem_reserve: vec![0; 5],
            free_blocks: vec![
                [0, 0, 1],
                [0, 1, 1],
                [0; 3],
                [0, 0, 1],
                [0, 0, 2],
                [0, 0, 2],
                [0, 1, 2],
                [0, 1, 0],
                [0; 3],
                [0; 3],
                [0; 3],
            ],
            ..ZoneReport::default()
        };
        let total = NodeReport {
            lru: [67, 47_986, 9, 5, 608],
            slab: [2359, 1528],
            mapped: 15_564,
            shmem: 15_360,
            pagetables: 149,
            kernel_stack_kib: 784,
            is_unreclaimable: true,
            free: 654,
            free_pcp: 14,
            ..NodeReport::default()
        };
        let victim = task(79, 38_710, [22_011, 204, 0], 335_872, 16_384);
        OomReport {
            name: "init".into(),
            pid: 82,
            gfp: "0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO)".into(),
            nodes: vec![NodeReport { zones: vec![dma, dma32], ..total.clone() }],
            total,
            pagecache: 16_136,
            swapcache: 523,
            swap: [0, 16_384],
            huge_page_kib: vec![1 << 20, 2 << 10],
            ram: [65_400, 0, 9498],
            tasks: vec![
                victim.clone(),
                task(81, 15_670, [0, 0, 15_565], 151_552, 0),
                task(82, 77_110, [10_219, 0, 0], 114_688, 0),
            ],
            kill: Some(OomKill { message: "Out of memory", task: victim }),
            ..OomReport::default()
        }
    }

    #[test]
    fn the_report_is_that_of_linux() {
        for (ours, theirs) in measured().to_string().lines().zip(MEASURED.lines()) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(measured().to_string(), MEASURED);
    }

    #[test]
    fn with_nobody_to_kill_the_kernel_panics() {
        let text = OomReport { kill: None, tasks: Vec::new(), ..measured() }.to_string();
        assert!(text.ends_with(
            "Out of memory and no killable processes...\n\
             Kernel panic - not syncing: System is deadlocked on memory\n"
        ));
        assert!(!text.contains("Tasks state"));
    }
}

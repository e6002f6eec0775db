//! What a line asks for, typed.

use pagewalk_trace::Protection;

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `snapshot`: dump everything under this label.
    Snapshot(String),
    /// `sysctl NAME=VALUE`.
    Sysctl {
        /// Dotted.
        name: String,
        /// As written.
        value: String,
    },
    /// `sysfs PATH VALUE`.
    Sysfs {
        /// The file.
        path: String,
        /// As written.
        value: String,
    },
    /// `cat PATH`: the text of a file of `/proc` or `/sys`.
    Cat(String),
    /// `drop_caches`: 1 page cache, 2 slab, 3 both. Everything is written back first.
    DropCaches(u32),
    /// `sync`.
    Sync,
    /// `compact`.
    Compact,
    /// `swapoff`.
    SwapOff,
    /// `swapon`.
    SwapOn,
    /// `sleep`: milliseconds.
    Sleep(u64),
    /// `until`: waits until a counter has come so far.
    Until {
        /// Milliseconds at most.
        limit_ms: u64,
        /// The file that holds it.
        path: String,
        /// Its name there.
        key: String,
        /// Which way.
        bound: Bound,
        /// How far.
        value: i64,
    },
    /// `compare`: how many pages of two regions are the same frame.
    Compare(RegionOf, RegionOf),
    /// `run`: a program of its own, from start to end.
    Run(String),
    /// `copy`: a small file.
    Copy {
        /// From here.
        from: String,
        /// To here.
        to: String,
    },
    /// `kill`: SIGKILL to a worker.
    Kill(String),
    /// `proc`: a worker, freshly executed; or one that does what a trace recorded.
    Proc {
        /// Its name.
        who: String,
        /// The trace.
        trace: Option<String>,
        /// The CPU that it runs on; `None`: by turns.
        cpu: Option<u32>,
    },
    /// A worker does something.
    Worker {
        /// Its name.
        who: String,
        /// What.
        command: Command,
    },
    /// `WORKER … &`: a worker begins something and is left at work on it.
    Begin {
        /// Its name.
        who: String,
        /// What.
        command: Command,
    },
    /// `wait`: all that were left at work go on, by turns.
    Wait {
        /// For so many accesses; `None`: until they are done.
        accesses: Option<u64>,
    },
}

/// Which way a counter is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `>=`.
    AtLeast,
    /// `<=`.
    AtMost,
}

/// A region of a worker: `A.r`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionOf {
    /// The worker.
    pub who: String,
    /// The region.
    pub region: String,
}

/// A region, or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A region's first byte.
    Region(String),
    /// An address.
    Address(u64),
}

/// Bytes of a region at equal distances, or calls at equal distances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stride {
    /// `off`: bytes from the region's beginning.
    pub offset: u64,
    /// `len`: bytes; by default to the region's end.
    pub bytes: Option<u64>,
    /// `step`: bytes from one to the next.
    pub step: Option<u64>,
    /// `count`: how many.
    pub count: Option<u64>,
}

/// What a worker does.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `mmap`.
    Map(MapCommand),
    /// `touch`: one byte at each stride.
    Touch {
        /// The region.
        region: String,
        /// Written rather than read.
        write: bool,
        /// Which bytes.
        stride: Stride,
    },
    /// `verify`: reads, and counts what is not as `touch w` left it.
    Verify {
        /// The region.
        region: String,
        /// Which bytes.
        stride: Stride,
    },
    /// `pattern`: many accesses of a kind.
    Pattern {
        /// The region.
        region: String,
        /// In which order.
        pattern: Pattern,
        /// How many.
        count: u64,
        /// Of the pseudo-random choices.
        seed: u64,
        /// Written rather than read, where the pattern leaves it open.
        write: bool,
    },
    /// munmap, mprotect, madvise and their like, over a part of a region.
    Range {
        /// The region.
        region: String,
        /// Which call.
        verb: RangeVerb,
        /// Where, and how often.
        stride: Stride,
    },
    /// `mremap`.
    Remap(RemapCommand),
    /// `brk`: the break moves by so many bytes.
    Break {
        /// Bytes.
        bytes: u64,
        /// Downwards.
        shrink: bool,
    },
    /// `stack`: touches so many bytes of the stack, downwards.
    Stack {
        /// Bytes.
        bytes: u64,
    },
    /// `probe` and `crash`: one access that may end in a signal.
    Probe {
        /// Where.
        place: Place,
        /// Bytes beyond it.
        offset: u64,
        /// Written rather than read.
        write: bool,
        /// The signal is handled and told of: `probe`.
        survive: bool,
    },
    /// `fwrite`.
    FileWrite {
        /// What of which file.
        span: FileSpan,
        /// fsync(2) afterwards.
        sync: bool,
    },
    /// `fread`.
    FileRead {
        /// What of which file.
        span: FileSpan,
        /// POSIX_FADV_RANDOM beforehand.
        random: bool,
    },
    /// `ftruncate`.
    Truncate {
        /// The file.
        file: String,
        /// Its new size.
        bytes: u64,
    },
    /// `fsync`.
    FileSync(String),
    /// `fdontneed`: POSIX_FADV_DONTNEED of all of it.
    FileDontNeed(String),
    /// `funlink`.
    Unlink(String),
    /// `fmany`, `fmanygone`: so many empty files are made or removed.
    ManyFiles {
        /// The beginning of their names.
        prefix: String,
        /// How many.
        count: u64,
        /// Removed.
        remove: bool,
    },
    /// `run`: what the worker's trace recorded is carried out.
    Run {
        /// Accesses at most; `None`: to the trace's end.
        accesses: Option<u64>,
    },
    /// `fork`: the child's name.
    Fork(String),
    /// `exec`.
    Exec,
    /// `exit`: with this status.
    Exit(i32),
    /// `oom_score_adj`.
    OomScoreAdj(i32),
    /// `rlimit`.
    Limit {
        /// Of what.
        resource: Resource,
        /// Bytes.
        bytes: u64,
    },
    /// `setuid`.
    SetUid(u32),
    /// `cpu`: runs there from now on.
    Cpu(u32),
    /// `mempolicy`.
    MemoryPolicy {
        /// Which.
        policy: MemoryPolicy,
        /// Nodes, one bit each.
        nodes: u64,
    },
}

/// The arguments of `mmap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapCommand {
    /// Its name from now on.
    pub region: String,
    /// Length.
    pub bytes: u64,
    /// Rights.
    pub protection: Protection,
    /// MAP_SHARED.
    pub shared: bool,
    /// MAP_POPULATE.
    pub populate: bool,
    /// MAP_LOCKED.
    pub locked: bool,
    /// MAP_NORESERVE.
    pub noreserve: bool,
    /// MAP_HUGETLB.
    pub hugetlb: bool,
    /// MAP_GROWSDOWN.
    pub grows_down: bool,
    /// What is mapped; `None`: MAP_ANONYMOUS.
    pub file: Option<String>,
    /// Where in the file.
    pub offset: u64,
    /// MAP_FIXED there.
    pub at: Option<u64>,
    /// The place is a multiple of this.
    pub align: Option<u64>,
}

impl MapCommand {
    /// Private, writable, anonymous memory wherever there is room, of no length yet and without a name.
    pub fn anonymous() -> Self {
        Self {
            region: String::new(),
            bytes: 0,
            protection: Protection { read: true, write: true, execute: false },
            shared: false,
            populate: false,
            locked: false,
            noreserve: false,
            hugetlb: false,
            grows_down: false,
            file: None,
            offset: 0,
            at: None,
            align: None,
        }
    }
}

/// The arguments of `mremap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemapCommand {
    /// The region.
    pub region: String,
    /// New length.
    pub bytes: u64,
    /// Bytes from the region's beginning.
    pub offset: u64,
    /// Old length; by default to the region's end.
    pub old_bytes: Option<u64>,
    /// MREMAP_MAYMOVE.
    pub may_move: bool,
    /// MREMAP_DONTUNMAP.
    pub dont_unmap: bool,
    /// MREMAP_FIXED there.
    pub to: Option<u64>,
    /// The name of what was moved; by default the region's own.
    pub new_name: Option<String>,
}

/// A call on a range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeVerb {
    /// munmap(2).
    Unmap,
    /// mprotect(2).
    Protect(Protection),
    /// madvise(2).
    Advise(Advice),
    /// mlock(2).
    Lock,
    /// mlock2(2) with MLOCK_ONFAULT.
    LockOnFault,
    /// munlock(2).
    Unlock,
    /// msync(2) with MS_SYNC.
    Sync,
}

/// Advice of madvise(2), numbered as Linux does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the MADV_ constant of its name")]
pub enum Advice {
    Random = 1,
    Sequential = 2,
    WillNeed = 3,
    DontNeed = 4,
    Free = 8,
    Remove = 9,
    DontFork = 10,
    HugePage = 14,
    NoHugePage = 15,
    WipeOnFork = 18,
    Cold = 20,
    PageOut = 21,
    PopulateRead = 22,
    PopulateWrite = 23,
    Collapse = 25,
}

impl Advice {
    /// Every advice with its word.
    pub const ALL: [(&'static str, Advice); 15] = [
        ("dontneed", Advice::DontNeed),
        ("free", Advice::Free),
        ("cold", Advice::Cold),
        ("pageout", Advice::PageOut),
        ("willneed", Advice::WillNeed),
        ("hugepage", Advice::HugePage),
        ("nohugepage", Advice::NoHugePage),
        ("collapse", Advice::Collapse),
        ("random", Advice::Random),
        ("sequential", Advice::Sequential),
        ("dontfork", Advice::DontFork),
        ("wipeonfork", Advice::WipeOnFork),
        ("remove", Advice::Remove),
        ("populate_read", Advice::PopulateRead),
        ("populate_write", Advice::PopulateWrite),
    ];

    /// The number that madvise(2) takes.
    pub const fn number(self) -> i32 {
        self as i32
    }
}

/// Bytes of a file, in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSpan {
    /// The file.
    pub file: String,
    /// Bytes.
    pub bytes: u64,
    /// From here.
    pub offset: u64,
    /// Bytes of each call.
    pub chunk: u64,
}

/// What setrlimit(2) limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// RLIMIT_AS.
    AddressSpace,
    /// RLIMIT_MEMLOCK.
    Locked,
    /// RLIMIT_STACK.
    Stack,
    /// RLIMIT_DATA.
    Data,
}

impl Resource {
    /// Every resource with its word.
    pub const ALL: [(&'static str, Resource); 4] = [
        ("as", Resource::AddressSpace),
        ("memlock", Resource::Locked),
        ("stack", Resource::Stack),
        ("data", Resource::Data),
    ];
}

/// Modes of set_mempolicy(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the MPOL_ constant of its name")]
pub enum MemoryPolicy {
    Default,
    Preferred,
    Bind,
    Interleave,
}

impl MemoryPolicy {
    /// Every policy with its word.
    pub const ALL: [(&'static str, MemoryPolicy); 4] = [
        ("default", MemoryPolicy::Default),
        ("preferred", MemoryPolicy::Preferred),
        ("bind", MemoryPolicy::Bind),
        ("interleave", MemoryPolicy::Interleave),
    ];
}

/// The order of many accesses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pattern {
    /// Page after page, from the beginning again at the end.
    Sequential,
    /// Any word of the region, each equally likely.
    Random,
    /// Pages by popularity: the one of rank k is k^s times rarer than the first.
    Zipf {
        /// The exponent.
        exponent: f64,
    },
    /// Each load says where the next goes: one cycle through all pages.
    Chase,
    /// Giga-updates per second: a load and a store of the same random word.
    Gups,
    /// Five-point stencil over a square grid of words.
    Stencil,
}

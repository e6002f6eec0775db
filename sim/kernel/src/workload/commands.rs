//! The commands: one row each, with what may stand behind it and what it becomes.

use super::action::{
    Advice, Bound, FileSpan, MapCommand, MemoryPolicy, Pattern, RangeVerb, RegionOf, RemapCommand, Resource,
    Stride,
};
use super::grammar::{Arguments, Build, Kind, Positional, Row, may, must};
use super::{Action, Command, ScenarioError};
use pagewalk_trace::Protection;

/// Bytes that a worker's buffer holds: the largest piece of a read or write.
const CHUNK_MAX: u64 = 64 << 10;

const PAGE: u64 = 4096;
const READ_OR_WRITE: Kind = Kind::Choice(&["r", "w"]);
const ADVICE: Kind = Kind::Choice(&words_of(&Advice::ALL));
const RESOURCES: Kind = Kind::Choice(&words_of(&Resource::ALL));
const POLICIES: Kind = Kind::Choice(&words_of(&MemoryPolicy::ALL));
const PATTERNS: Kind = Kind::Choice(&["sequential", "random", "zipf", "chase", "gups", "stencil"]);
const STRIDE: &[(&str, Kind)] =
    &[("off", Kind::Size), ("len", Kind::Size), ("step", Kind::Positive), ("count", Kind::Size)];
/// The same for calls, which may be made in one place again and again.
const CALL_STRIDE: &[(&str, Kind)] =
    &[("off", Kind::Size), ("len", Kind::Size), ("step", Kind::Size), ("count", Kind::Size)];
const REGION: &[Positional] = &[must("region", Kind::Name)];
const FILE: &[Positional] = &[must("file", Kind::File)];
const CHUNKS: &[(&str, Kind)] = &[("off", Kind::Size), ("chunk", Kind::Positive)];

/// The words of a table of choices.
const fn words_of<T: Copy, const N: usize>(choices: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = choices[at].0;
        at += 1;
    }
    words
}

const fn row(name: &'static str, usage: &'static str, build: Build) -> Row {
    Row { name, usage, positionals: &[], options: &[], flags: &[], build }
}

/// What stands at the beginning of a line for itself.
pub(super) const ROWS: &[Row] = &[
    row("about", "about TEXT", Build::Reader),
    row(
        "machine",
        "machine mem=256M smp=1 swap=64M numa=2 thp=never|madvise|always append=a,b image=FILE quantum=N",
        Build::Reader,
    ),
    row("expect", "expect TEXT", Build::Reader),
    Row {
        positionals: &[must("label", Kind::Text)],
        ..row("snapshot", "snapshot LABEL", Build::Action(|a| Ok(Action::Snapshot(a.text(0)))))
    },
    Row {
        positionals: &[must("assignment", Kind::Text)],
        ..row("sysctl", "sysctl vm.NAME=VALUE", Build::Action(sysctl))
    },
    Row {
        positionals: &[must("path", Kind::Text), must("value", Kind::Text)],
        ..row(
            "sysfs",
            "sysfs PATH VALUE",
            Build::Action(|a| Ok(Action::Sysfs { path: a.text(0), value: a.text(1) })),
        )
    },
    Row {
        positionals: &[must("path", Kind::Text)],
        ..row("cat", "cat PATH", Build::Action(|a| Ok(Action::Cat(a.text(0)))))
    },
    Row {
        positionals: &[may("mask", Kind::Choice(&["1", "2", "3"]))],
        ..row(
            "drop_caches",
            "drop_caches [1|2|3]",
            Build::Action(|a| Ok(Action::DropCaches(a.optional(0).map_or(Ok(3), |_| a.number(0))?))),
        )
    },
    row("sync", "sync", Build::Action(|_| Ok(Action::Sync))),
    row("compact", "compact", Build::Action(|_| Ok(Action::Compact))),
    row("swapoff", "swapoff", Build::Action(|_| Ok(Action::SwapOff))),
    row("swapon", "swapon", Build::Action(|_| Ok(Action::SwapOn))),
    Row {
        positionals: &[must("time", Kind::Size)],
        ..row("sleep", "sleep MILLISECONDS", Build::Action(|a| Ok(Action::Sleep(a.size(0)))))
    },
    Row {
        positionals: &[
            must("time", Kind::Size),
            must("path", Kind::Text),
            must("key", Kind::Text),
            must("comparison", Kind::Choice(&[">=", "<="])),
            must("value", Kind::Signed),
        ],
        ..row("until", "until MILLISECONDS FILE KEY >=|<= VALUE", Build::Action(until))
    },
    Row {
        positionals: &[must("region", Kind::RegionOf), must("region", Kind::RegionOf)],
        ..row(
            "compare",
            "compare A.r B.r",
            Build::Action(|a| Ok(Action::Compare(region_of(a, 0), region_of(a, 1)))),
        )
    },
    Row {
        positionals: &[must("program", Kind::File)],
        ..row("run", "run PATH", Build::Action(|a| Ok(Action::Run(a.text(0)))))
    },
    Row {
        positionals: &[must("source", Kind::File), must("target", Kind::File)],
        ..row("copy", "copy FROM TO", Build::Action(|a| Ok(Action::Copy { from: a.text(0), to: a.text(1) })))
    },
    Row {
        positionals: &[must("worker", Kind::Name)],
        ..row("kill", "kill WORKER", Build::Action(|a| Ok(Action::Kill(a.text(0)))))
    },
    Row {
        positionals: &[must("worker", Kind::Name)],
        options: &[("trace", Kind::Text), ("cpu", Kind::Size)],
        ..row("proc", "proc WORKER [trace=FILE] [cpu=N]", Build::Action(proc))
    },
    Row {
        positionals: &[may("number of accesses", Kind::Positive)],
        ..row(
            "wait",
            "wait [COUNT]",
            Build::Action(|a| Ok(Action::Wait { accesses: a.optional(0).map(|_| a.size(0)) })),
        )
    },
];

/// What a worker can be told.
pub(super) const WORKER_ROWS: &[Row] = &[
    Row {
        positionals: &[must("region", Kind::Name), must("length", Kind::Size)],
        options: &[("file", Kind::File), ("off", Kind::Size), ("at", Kind::Size), ("align", Kind::Positive)],
        flags: &[
            "private",
            "shared",
            "none",
            "r",
            "w",
            "rw",
            "rx",
            "rwx",
            "populate",
            "locked",
            "noreserve",
            "hugetlb",
            "growsdown",
        ],
        ..row(
            "mmap",
            "WORKER mmap REGION LENGTH [private|shared] [r|rw|rwx|rx|none] [populate] [locked] [noreserve] [hugetlb] \
             [growsdown] [file=data/NAME off=N] [at=ADDRESS] [align=2M]",
            Build::Command(map),
        )
    },
    Row {
        positionals: &[must("region", Kind::Name), must("access", READ_OR_WRITE)],
        options: STRIDE,
        ..row("touch", "WORKER touch REGION w|r [off= len= step= count=]", Build::Command(touch))
    },
    Row {
        positionals: &[must("region", Kind::Name)],
        options: STRIDE,
        ..row(
            "verify",
            "WORKER verify REGION [off= len= step= count=]",
            Build::Command(|a| Ok(Command::Verify { region: a.text(0), stride: stride(a) })),
        )
    },
    Row {
        positionals: &[must("region", Kind::Name), must("pattern", PATTERNS), may("exponent", Kind::Decimal)],
        options: &[("n", Kind::Size), ("seed", Kind::Size)],
        flags: &["w"],
        ..row(
            "pattern",
            "WORKER pattern REGION sequential|random|zipf EXPONENT|chase|gups|stencil n=COUNT [seed=N] [w]",
            Build::Command(pattern),
        )
    },
    Row {
        positionals: &[must("number of accesses", Kind::Count)],
        ..row("run", "WORKER run COUNT|all", Build::Command(|a| Ok(Command::Run { accesses: a.count(0) })))
    },
    range("munmap", "WORKER munmap REGION [off= len= step= count=]", |a| on_range(a, RangeVerb::Unmap)),
    range("mlock", "WORKER mlock REGION [off= len= step= count=]", |a| on_range(a, RangeVerb::Lock)),
    range("munlock", "WORKER munlock REGION [off= len= step= count=]", |a| on_range(a, RangeVerb::Unlock)),
    range("mlockonfault", "WORKER mlockonfault REGION [off= len= step= count=]", |a| {
        on_range(a, RangeVerb::LockOnFault)
    }),
    range("msync", "WORKER msync REGION [off= len= step= count=]", |a| on_range(a, RangeVerb::Sync)),
    Row {
        positionals: &[must("region", Kind::Name), must("protection", Kind::Protection)],
        ..range("mprotect", "WORKER mprotect REGION none|r|w|rw|rx|rwx [off= len= step= count=]", |a| {
            on_range(a, RangeVerb::Protect(a.protection(1)))
        })
    },
    Row {
        positionals: &[must("region", Kind::Name), must("advice", ADVICE)],
        ..range("madvise", "WORKER madvise REGION ADVICE [off= len= step= count=]", |a| {
            on_range(a, RangeVerb::Advise(a.choice(1, &Advice::ALL)))
        })
    },
    Row {
        positionals: &[must("region", Kind::Name), must("length", Kind::Size)],
        options: &[("to", Kind::Size), ("off", Kind::Size), ("len", Kind::Size), ("as", Kind::Name)],
        flags: &["maymove", "dontunmap"],
        ..row(
            "mremap",
            "WORKER mremap REGION LENGTH [maymove] [to=ADDRESS] [off= len=] [as=NAME] [dontunmap]",
            Build::Command(remap),
        )
    },
    Row {
        positionals: &[must("change", Kind::Text)],
        ..row("brk", "WORKER brk +LENGTH|-LENGTH", Build::Command(change_break))
    },
    Row {
        positionals: &[must("length", Kind::Size)],
        ..row("stack", "WORKER stack LENGTH", Build::Command(|a| Ok(Command::Stack { bytes: a.size(0) })))
    },
    Row {
        positionals: &[must("place", Kind::Place), must("access", READ_OR_WRITE)],
        options: &[("off", Kind::Size)],
        ..row("probe", "WORKER probe REGION|ADDRESS r|w [off=]", Build::Command(|a| Ok(probe(a, true))))
    },
    Row {
        positionals: &[must("place", Kind::Place), must("access", READ_OR_WRITE)],
        options: &[("off", Kind::Size)],
        ..row("crash", "WORKER crash REGION|ADDRESS r|w [off=]", Build::Command(|a| Ok(probe(a, false))))
    },
    Row {
        positionals: &[must("file", Kind::File), must("length", Kind::Size)],
        options: CHUNKS,
        flags: &["fsync"],
        ..row(
            "fwrite",
            "WORKER fwrite data/NAME LENGTH [off= chunk=] [fsync]",
            Build::Command(|a| Ok(Command::FileWrite { span: file_span(a), sync: a.has("fsync") })),
        )
    },
    Row {
        positionals: &[must("file", Kind::File), must("length", Kind::Size)],
        options: CHUNKS,
        flags: &["random"],
        ..row(
            "fread",
            "WORKER fread data/NAME LENGTH [off= chunk=] [random]",
            Build::Command(|a| Ok(Command::FileRead { span: file_span(a), random: a.has("random") })),
        )
    },
    Row {
        positionals: &[must("file", Kind::File), must("length", Kind::Size)],
        ..row(
            "ftruncate",
            "WORKER ftruncate data/NAME LENGTH",
            Build::Command(|a| Ok(Command::Truncate { file: file(a, 0), bytes: a.size(1) })),
        )
    },
    of_file("fsync", "WORKER fsync data/NAME", |a| Ok(Command::FileSync(file(a, 0)))),
    of_file("fdontneed", "WORKER fdontneed data/NAME", |a| Ok(Command::FileDontNeed(file(a, 0)))),
    of_file("funlink", "WORKER funlink data/NAME", |a| Ok(Command::Unlink(file(a, 0)))),
    Row {
        positionals: &[must("prefix", Kind::File), must("count", Kind::Size)],
        ..row("fmany", "WORKER fmany data/PREFIX COUNT", Build::Command(|a| Ok(many_files(a, false))))
    },
    Row {
        positionals: &[must("prefix", Kind::File), must("count", Kind::Size)],
        ..row("fmanygone", "WORKER fmanygone data/PREFIX COUNT", Build::Command(|a| Ok(many_files(a, true))))
    },
    Row {
        positionals: &[must("child", Kind::Name)],
        ..row("fork", "WORKER fork CHILD", Build::Command(|a| Ok(Command::Fork(a.text(0)))))
    },
    row("exec", "WORKER exec", Build::Command(|_| Ok(Command::Exec))),
    Row {
        positionals: &[may("status", Kind::Signed)],
        ..row(
            "exit",
            "WORKER exit STATUS",
            Build::Command(|a| Ok(Command::Exit(a.optional(0).map_or(Ok(0), |_| a.signed(0))?))),
        )
    },
    Row {
        positionals: &[must("adjustment", Kind::Signed)],
        ..row(
            "oom_score_adj",
            "WORKER oom_score_adj N",
            Build::Command(|a| Ok(Command::OomScoreAdj(a.signed(0)?))),
        )
    },
    Row {
        positionals: &[must("resource", RESOURCES), must("limit", Kind::Size)],
        ..row(
            "rlimit",
            "WORKER rlimit as|memlock|stack|data LENGTH",
            Build::Command(|a| {
                Ok(Command::Limit { resource: a.choice(0, &Resource::ALL), bytes: a.size(1) })
            }),
        )
    },
    Row {
        positionals: &[must("user", Kind::Size)],
        ..row("setuid", "WORKER setuid N", Build::Command(|a| Ok(Command::SetUid(a.number(0)?))))
    },
    Row {
        positionals: &[must("CPU", Kind::Size)],
        ..row("cpu", "WORKER cpu N", Build::Command(|a| Ok(Command::Cpu(a.number(0)?))))
    },
    Row {
        positionals: &[must("policy", POLICIES), may("mask", Kind::Size)],
        ..row(
            "mempolicy",
            "WORKER mempolicy default|preferred|bind|interleave MASK",
            Build::Command(|a| {
                let nodes = a.optional(1).map_or(0, |_| a.size(1));
                Ok(Command::MemoryPolicy { policy: a.choice(0, &MemoryPolicy::ALL), nodes })
            }),
        )
    },
];

type Made = Result<Command, ScenarioError>;

/// A row of a call on a range of a region.
const fn range(name: &'static str, usage: &'static str, build: fn(&Arguments<'_>) -> Made) -> Row {
    Row { positionals: REGION, options: CALL_STRIDE, ..row(name, usage, Build::Command(build)) }
}

/// A row of a call on a file.
const fn of_file(name: &'static str, usage: &'static str, build: fn(&Arguments<'_>) -> Made) -> Row {
    Row { positionals: FILE, ..row(name, usage, Build::Command(build)) }
}

fn sysctl(a: &Arguments<'_>) -> Result<Action, ScenarioError> {
    let word = a.word(0);
    match word.text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok(Action::Sysctl { name: name.into(), value: value.into() })
        }
        _ => Err(word.error(format!("`{}` assigns nothing: write it as `sysctl vm.NAME=VALUE`", word.text))),
    }
}

fn proc(a: &Arguments<'_>) -> Result<Action, ScenarioError> {
    let cpu = match a.option_size("cpu") {
        None => None,
        Some(cpu) => Some(u32::try_from(cpu).map_err(|_| a.command.error(format!("there is no CPU {cpu}")))?),
    };
    Ok(Action::Proc { who: a.text(0), trace: a.option("trace"), cpu })
}

fn until(a: &Arguments<'_>) -> Result<Action, ScenarioError> {
    let bound = a.choice(3, &[(">=", Bound::AtLeast), ("<=", Bound::AtMost)]);
    let value = a.word(4).text.parse().expect("its kind was checked");
    Ok(Action::Until { limit_ms: a.size(0), path: a.text(1), key: a.text(2), bound, value })
}

fn region_of(a: &Arguments<'_>, at: usize) -> RegionOf {
    let (who, region) = a.word(at).text.split_once('.').expect("its kind was checked");
    RegionOf { who: who.into(), region: region.into() }
}

fn stride(a: &Arguments<'_>) -> Stride {
    Stride {
        offset: a.option_size("off").unwrap_or(0),
        bytes: a.option_size("len"),
        step: a.option_size("step"),
        count: a.option_size("count"),
    }
}

fn on_range(a: &Arguments<'_>, verb: RangeVerb) -> Made {
    Ok(Command::Range { region: a.text(0), verb, stride: stride(a) })
}

fn map(a: &Arguments<'_>) -> Made {
    const READ_WRITE: Protection = Protection { read: true, write: true, execute: false };
    let align = a.option_size("align");
    if let Some(align) = align.filter(|align| !align.is_power_of_two() || *align < PAGE) {
        let problem = format!("`align` is {align}: a power of two of at least 4K may stand here");
        return Err(a.command.error(problem));
    }
    Ok(Command::Map(MapCommand {
        region: a.text(0),
        bytes: a.size(1),
        protection: a.protection_flag().unwrap_or(READ_WRITE),
        shared: a.has("shared"),
        populate: a.has("populate"),
        locked: a.has("locked"),
        noreserve: a.has("noreserve"),
        hugetlb: a.has("hugetlb"),
        grows_down: a.has("growsdown"),
        file: a.option("file").map(rooted),
        offset: a.option_size("off").unwrap_or(0),
        at: a.option_size("at"),
        align,
    }))
}

fn touch(a: &Arguments<'_>) -> Made {
    Ok(Command::Touch { region: a.text(0), write: a.word(1).text == "w", stride: stride(a) })
}

fn pattern(a: &Arguments<'_>) -> Made {
    let (kind, exponent) = (a.word(1), a.optional(2));
    let pattern = match (kind.text, exponent) {
        ("zipf", Some(exponent)) => {
            Pattern::Zipf { exponent: exponent.text.parse().expect("its kind was checked") }
        }
        ("zipf", None) => {
            return Err(kind.error("`zipf` lacks its exponent: write it as `zipf 0.9`"));
        }
        (kind, Some(word)) => {
            return Err(word
                .error(format!("`{}` has no place here: only zipf has an exponent, not {kind}", word.text)));
        }
        ("sequential", None) => Pattern::Sequential,
        ("random", None) => Pattern::Random,
        ("chase", None) => Pattern::Chase,
        ("gups", None) => Pattern::Gups,
        (_, None) => Pattern::Stencil,
    };
    let Some(count) = a.option_size("n") else {
        return Err(a.command.error("`pattern` lacks n=COUNT, how many accesses it makes"));
    };
    let seed = a.option_size("seed").unwrap_or(1);
    Ok(Command::Pattern { region: a.text(0), pattern, count, seed, write: a.has("w") })
}

fn remap(a: &Arguments<'_>) -> Made {
    let to = a.option_size("to");
    Ok(Command::Remap(RemapCommand {
        region: a.text(0),
        bytes: a.size(1),
        offset: a.option_size("off").unwrap_or(0),
        old_bytes: a.option_size("len"),
        may_move: a.has("maymove") || to.is_some(),
        dont_unmap: a.has("dontunmap"),
        to,
        new_name: a.option("as"),
    }))
}

fn change_break(a: &Arguments<'_>) -> Made {
    let word = a.word(0);
    let (shrink, digits) = match word.text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word.text.strip_prefix('+').unwrap_or(word.text)),
    };
    match super::parse_size(digits) {
        Some(bytes) => Ok(Command::Break { bytes, shrink }),
        None => {
            Err(word.error(format!("`{}` is no change of the break: +1M or -4K may stand here", word.text)))
        }
    }
}

fn probe(a: &Arguments<'_>, survive: bool) -> Command {
    let offset = a.option_size("off").unwrap_or(0);
    Command::Probe { place: a.place_at(0), offset, write: a.word(1).text == "w", survive }
}

/// A file's path from the root, without the root.
fn rooted(path: String) -> String {
    path.trim_start_matches('/').to_owned()
}

fn file(a: &Arguments<'_>, at: usize) -> String {
    rooted(a.text(at))
}

fn file_span(a: &Arguments<'_>) -> FileSpan {
    FileSpan {
        file: file(a, 0),
        bytes: a.size(1),
        offset: a.option_size("off").unwrap_or(0),
        chunk: a.option_size("chunk").unwrap_or(CHUNK_MAX).min(CHUNK_MAX),
    }
}

fn many_files(a: &Arguments<'_>, remove: bool) -> Command {
    Command::ManyFiles { prefix: file(a, 0), count: a.size(1), remove }
}

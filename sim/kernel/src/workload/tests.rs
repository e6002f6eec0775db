//! What is read of every command, and what is said of what cannot be read.

use super::*;
use pagewalk_trace::Protection;

fn parse(text: &str) -> Scenario {
    Scenario::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The only command of worker A.
fn command(line: &str) -> Command {
    let scenario = parse(&format!("proc A\nA {line}\n"));
    match scenario.steps.into_iter().nth(1).expect("a step").action {
        Action::Worker { command, .. } => command,
        other => panic!("{other:?}"),
    }
}

fn error(text: &str) -> String {
    Scenario::parse(text).expect_err(text).to_string()
}

#[test]
fn steps_are_counted_with_about_and_machine_but_without_comments() {
    let scenario = parse(
        "about one  two # not this\nmachine mem=1G smp=2 swap=64M\n\n# nothing\nproc A   # a worker\n  A touch r w\nsnapshot end",
    );
    assert_eq!(scenario.about, "one two");
    assert_eq!(
        (scenario.machine.memory_bytes, scenario.machine.cpus, scenario.machine.swap_bytes),
        (1 << 30, 2, 64 << 20)
    );
    let steps: Vec<_> = scenario.steps.iter().map(|s| (s.number, s.line, s.text.as_str())).collect();
    assert_eq!(steps, [(3, 5, "proc A"), (4, 6, "A touch r w"), (5, 7, "snapshot end")]);
    assert_eq!(scenario.workers, ["A"]);
}

#[test]
fn mmap_is_private_writable_and_anonymous_by_default() {
    let map = MapCommand { region: "r".into(), bytes: 100 << 20, ..MapCommand::anonymous() };
    assert_eq!(command("mmap r 100M"), Command::Map(map.clone()));
    let all = command(
        "mmap r 100M shared rx populate locked noreserve hugetlb growsdown file=data/f off=8K at=0x10000 align=2M",
    );
    let everything = MapCommand {
        protection: Protection { read: true, write: false, execute: true },
        shared: true,
        populate: true,
        locked: true,
        noreserve: true,
        hugetlb: true,
        grows_down: true,
        file: Some("data/f".into()),
        offset: 8192,
        at: Some(0x10000),
        align: Some(2 << 20),
        ..map
    };
    assert_eq!(all, Command::Map(everything));
}

#[test]
fn words_with_a_key_may_stand_anywhere() {
    let stride = Stride { offset: 4096, bytes: None, step: Some(8192), count: Some(3) };
    let touch = Command::Touch { region: "r".into(), write: true, stride };
    assert_eq!(command("touch r w off=4K step=8K count=3"), touch);
    assert_eq!(command("touch off=1p r step=2p w count=3"), touch);
}

#[test]
fn every_command_is_read() {
    let region = || "r".to_owned();
    let nothing = Stride::default();
    for (line, expected) in [
        (
            "verify r len=4K",
            Command::Verify { region: region(), stride: Stride { bytes: Some(4096), ..nothing } },
        ),
        ("munmap r", Command::Range { region: region(), verb: RangeVerb::Unmap, stride: nothing }),
        (
            "mlockonfault r",
            Command::Range { region: region(), verb: RangeVerb::LockOnFault, stride: nothing },
        ),
        (
            "madvise r collapse step=0",
            Command::Range {
                region: region(),
                verb: RangeVerb::Advise(Advice::Collapse),
                stride: Stride { step: Some(0), ..nothing },
            },
        ),
        (
            "mremap r 2M off=8M len=2M to=0x600000000000 as=moved dontunmap",
            Command::Remap(RemapCommand {
                region: region(),
                bytes: 2 << 20,
                offset: 8 << 20,
                old_bytes: Some(2 << 20),
                may_move: true,
                dont_unmap: true,
                to: Some(0x6000_0000_0000),
                new_name: Some("moved".into()),
            }),
        ),
        ("brk -2M", Command::Break { bytes: 2 << 20, shrink: true }),
        ("brk 100", Command::Break { bytes: 100, shrink: false }),
        ("stack 1M", Command::Stack { bytes: 1 << 20 }),
        (
            "probe 0xdead000000000000 r",
            Command::Probe { place: Place::Address(0xdead << 48), offset: 0, write: false, survive: true },
        ),
        (
            "crash r w off=4K",
            Command::Probe { place: Place::Region(region()), offset: 4096, write: true, survive: false },
        ),
        (
            "fwrite /data/f 1M chunk=1M fsync",
            Command::FileWrite {
                span: FileSpan { file: "data/f".into(), bytes: 1 << 20, offset: 0, chunk: 64 << 10 },
                sync: true,
            },
        ),
        ("ftruncate data/f 0", Command::Truncate { file: "data/f".into(), bytes: 0 }),
        ("fmanygone data/f 5000", Command::ManyFiles { prefix: "data/f".into(), count: 5000, remove: true }),
        ("fork B", Command::Fork("B".into())),
        ("exit", Command::Exit(0)),
        ("exit 3", Command::Exit(3)),
        ("oom_score_adj -1000", Command::OomScoreAdj(-1000)),
        ("rlimit memlock 64K", Command::Limit { resource: Resource::Locked, bytes: 64 << 10 }),
        ("mempolicy interleave 3", Command::MemoryPolicy { policy: MemoryPolicy::Interleave, nodes: 3 }),
        (
            "pattern r zipf 0.9 n=1M seed=3",
            Command::Pattern {
                region: region(),
                pattern: Pattern::Zipf { exponent: 0.9 },
                count: 1 << 20,
                seed: 3,
                write: false,
            },
        ),
        (
            "pattern r random w n=10",
            Command::Pattern { region: region(), pattern: Pattern::Random, count: 10, seed: 1, write: true },
        ),
    ] {
        assert_eq!(command(line), expected, "{line}");
    }
}

#[test]
fn what_everyone_sees_is_read() {
    let action = |line: &str| parse(line).steps.remove(0).action;
    assert_eq!(action("drop_caches"), Action::DropCaches(3));
    assert_eq!(action("drop_caches 1"), Action::DropCaches(1));
    assert_eq!(
        action("sysctl vm.swappiness=60"),
        Action::Sysctl { name: "vm.swappiness".into(), value: "60".into() }
    );
    assert_eq!(
        action("until 500 /proc/vmstat nr_dirty <= 0"),
        Action::Until {
            limit_ms: 500,
            path: "/proc/vmstat".into(),
            key: "nr_dirty".into(),
            bound: Bound::AtMost,
            value: 0
        }
    );
    let region = |who: &str| RegionOf { who: who.into(), region: "r".into() };
    assert_eq!(action("compare A.r B.r"), Action::Compare(region("A"), region("B")));
    assert_eq!(action("run /data/tiny"), Action::Run("/data/tiny".into()));
    assert_eq!(
        action("proc A trace=x.lackey"),
        Action::Proc { who: "A".into(), trace: Some("x.lackey".into()), cpu: None }
    );
    let machine = "machine smp=2\nproc A cpu=1\n";
    assert_eq!(parse(machine).steps[0].action, Action::Proc { who: "A".into(), trace: None, cpu: Some(1) });
    assert_eq!(action("wait"), Action::Wait { accesses: None });
    assert_eq!(action("wait 2K"), Action::Wait { accesses: Some(2048) });
}

#[test]
fn who_has_a_trace_is_told_to_run_it() {
    let command = |line: &str| match parse(&format!("proc A trace=t\n{line}")).steps.remove(1).action {
        Action::Worker { command, .. } => command,
        other => panic!("{other:?}"),
    };
    assert_eq!(command("A run 100K"), Command::Run { accesses: Some(100 << 10) });
    assert_eq!(command("A run all"), Command::Run { accesses: None });
    assert_eq!(command("A oom_score_adj 5"), Command::OomScoreAdj(5));
    // A name may come to mean somebody else.
    parse("proc A trace=t\nkill A\nproc A\nA touch r w\nproc B trace=t\nkill B\nA fork B\nB touch r w\n");
}

#[test]
fn what_takes_long_can_be_left_at_work() {
    let scenario = parse("proc A\nproc B trace=t\nA verify r &\nB run 5 & # so many\nwait\n");
    let verify = Command::Verify { region: "r".into(), stride: Stride::default() };
    assert_eq!(scenario.steps[2].action, Action::Begin { who: "A".into(), command: verify });
    let run = Command::Run { accesses: Some(5) };
    assert_eq!(scenario.steps[3].action, Action::Begin { who: "B".into(), command: run });
    assert_eq!(scenario.steps[3].text, "B run 5 &");
}

/// Each error names its place and says what may stand there.
#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    for (text, expected) in [
        ("proc A\nA mmap r", "line 2, column 3: `mmap` lacks length, a number such as"),
        ("proc A\nA touch r x", "line 2, column 11: `x` is no access: one of r, w may stand here"),
        ("proc A\nA mmap r 10MB", "line 2, column 10: `10MB` is no length: a number such as"),
        ("proc A\nA mmap r 1M wild", "line 2, column 13: `wild` has no place here: write it as `WORKER mmap"),
        ("proc A\nA touch r w step=0", "line 2, column 18: `0` is no step: a number above 0"),
        ("proc A\nA touch r w off=1 off=2", "line 2, column 19: `off=` stands here twice"),
        (
            "proc A\nA dance",
            "line 2, column 3: `dance` is nothing that a worker does: choose one of mmap, touch",
        ),
        ("proc A\nA", "line 2, column 1: `A` is told nothing"),
        ("B touch r w", "line 1, column 1: `B` is neither a command nor a worker"),
        ("proc run", "line 1, column 6: `run` is a command's name"),
        ("proc A-1", "line 1, column 6: `A-1` is no worker: a name of up to 15 letters"),
        ("machine mem=4K", "line 1, column 13: `4K` is no mem: a number from"),
        (
            "\nmachine smp=2 mem=32M",
            "line 2, column 19: `32M` is less than the kernel of such a machine needs",
        ),
        ("machine thp=often", "line 1, column 13: `often` is no thp: one of never, madvise, always"),
        ("machine cpu=1", "line 1, column 9: `cpu=1` says nothing of a machine"),
        ("sysctl vm.swappiness", "line 1, column 8: `vm.swappiness` assigns nothing"),
        ("compare A B.r", "line 1, column 9: `A` is no region: a worker and its region"),
        ("proc A\nA madvise r sometimes", "line 2, column 13: `sometimes` is no advice: one of dontneed"),
        ("proc A\nA brk ++1", "line 2, column 7: `++1` is no change of the break"),
        ("proc A\nA pattern r zipf n=1", "line 2, column 13: `zipf` lacks its exponent"),
        ("proc A\nA pattern r chase 2 n=1", "line 2, column 19: `2` has no place here"),
        ("proc A\nA pattern r chase", "line 2, column 3: `pattern` lacks n=COUNT"),
        ("proc A\nA mmap r 1M align=3K", "line 2, column 3: `align` is 3072: a power of two"),
        ("proc A\nA cpu 1", "line 2, column 1: there is no CPU 1: the machine has 1"),
        ("proc A\nA oom_score_adj 99999999999", "line 2, column 17: 99999999999 does not fit 32 bits"),
        ("proc A\nA fork B &", "line 2, column 10: `&` leaves touch, verify, pattern or run at work"),
        (
            "proc A\nA touch r w &\nwait\nA touch r r &",
            "line 4, column 13: what is left at work here goes on in a",
        ),
        ("proc A &\nwait", "line 1, column 8: `&` leaves touch"),
        ("machine smp=2\nproc A cpu=2", "line 2, column 1: there is no CPU 2: the machine has 2"),
        ("wait 0", "line 1, column 6: `0` is no number of accesses: a number above 0"),
        ("proc A\nA run 5", "line 2, column 3: `A` has no trace to run: begin it with `proc A trace=FILE`"),
        (
            "proc A trace=t\nA run 0",
            "line 2, column 7: `0` is no number of accesses: a number above 0 such as",
        ),
        (
            "proc A trace=t\nA touch r w",
            "line 2, column 3: `A` does what its trace says and cannot be told to touch: choose one of run, oom",
        ),
        ("snapshot", "line 1, column 1: `snapshot` lacks label, a word: write it as `snapshot LABEL`"),
        ("sync now", "line 1, column 6: `now` has no place here: write it as `sync`"),
    ] {
        let said = error(text);
        assert!(said.starts_with(expected), "{text}\n{said}\nis not\n{expected}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let many: String = (0..25).map(|i| format!("proc W{i}\n")).collect();
    assert!(error(&many).starts_with("line 25, column 6: `W24` is one worker too many"));
}

/// No text makes the reader panic.
#[test]
fn any_text_is_read_or_refused() {
    use proptest::prelude::*;
    let word = prop_oneof![
        proptest::sample::select(
            usages().flat_map(|usage| usage.split([' ', '|', '[', ']'])).collect::<Vec<_>>()
        )
        .prop_map(str::to_owned),
        "\\PC{0,6}",
        "[a-z]{1,4}=[0-9a-zA-Z/.-]{0,5}",
    ];
    let line = proptest::collection::vec(word, 0..6).prop_map(|words| words.join(" "));
    let text =
        proptest::collection::vec(line, 0..5).prop_map(|lines| format!("proc A\n{}", lines.join("\n")));
    proptest!(|(text in text)| { let _ = Scenario::parse(&text); });
}

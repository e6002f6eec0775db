//! Load control: three processes whose working sets do not fit together finish with fewer major faults when some are
//! suspended until the others are done.

use crate::machine::{Machine, RW, anonymous};
use pagewalk_arch::{AccessKind, MmuConfig, PagingFormat};
use pagewalk_kernel::{KernelConfig, LoadControl, VmaPolicy};
use pagewalk_trace::Syscall;

const AT: u64 = 0x1000_0000;
const PAGE: u64 = 0x1000;
/// Accesses of a turn.
const QUANTUM: u64 = 1000;

/// What came of a run.
#[derive(Debug)]
struct Run {
    major: u64,
    ms: u64,
    suspensions: u64,
    log: Vec<String>,
}

/// Each of `processes` uses its `pages` pages over and over, 60,000 times in all, and takes its turn where it is not suspended.
/// There are 512 frames.
fn run(load_control: LoadControl, processes: u32, pages: u64) -> Run {
    let config = KernelConfig {
        memory_bytes: 512 * PAGE,
        vma_policy: VmaPolicy::Strict,
        load_control,
        load_window: 2000,
        ..KernelConfig::default()
    };
    let mut machine = Machine::with(config, MmuConfig::of(PagingFormat::La48));
    machine.kernel.keep_contents();
    machine.kernel.swap_on(4000, None).expect("a swap area");
    let mut left: Vec<(u32, u64)> = (1..=processes).map(|pid| (pid, 60_000)).collect();
    for &(pid, _) in &left {
        machine.switch(pid);
        machine.call(pid, Syscall::Map(anonymous(AT, pages * PAGE, RW)));
    }
    let mut major = 0;
    while !left.is_empty() {
        let before = left.clone();
        for (pid, steps) in &mut left {
            if machine.kernel.is_suspended(*pid) {
                continue;
            }
            machine.switch(*pid);
            for _ in 0..QUANTUM {
                let page = *steps % pages;
                let at = machine.access(AT + page * PAGE, AccessKind::Store).expect("a legal store");
                assert!(
                    *steps + pages > 60_000 || machine.kernel.load(at) == *pid as u8 ^ page as u8,
                    "{pid}: {page}"
                );
                machine.kernel.store(at, *pid as u8 ^ page as u8);
                *steps -= 1;
                if *steps == 0 || machine.kernel.is_suspended(*pid) {
                    break;
                }
            }
            machine.check();
            if *steps == 0 {
                major += machine.kernel.faults(*pid).unwrap().major;
                machine.exit(*pid);
            }
        }
        left.retain(|&(_, steps)| steps > 0);
        if left.iter().all(|one| before.contains(one)) && !left.is_empty() {
            assert!(machine.kernel.next_resumed().is_some(), "somebody is suspended");
        }
    }
    let (ms, suspensions) = (machine.kernel.now_ns() / 1_000_000, machine.kernel.suspensions());
    Run { major, ms, suspensions, log: machine.kernel.log().to_vec() }
}

#[test]
fn working_sets_that_do_not_fit_together_take_turns() {
    let none = run(LoadControl::None, 3, 300);
    assert_eq!(none.suspensions, 0);
    assert!(none.major > 3000, "it thrashes: {none:?}");
    let sets = run(LoadControl::WorkingSet, 3, 300);
    assert!(
        sets.major * 10 < none.major && sets.ms * 4 < none.ms,
        "{sets:?}, without {} in {} ms",
        none.major,
        none.ms
    );
    let said = |word| {
        sets.log.iter().filter(|line| line.starts_with("load control:") && line.contains(word)).count() as u64
    };
    assert_eq!(
        (said("is suspended: working sets of"), said("is resumed")),
        (sets.suspensions, sets.suspensions)
    );
    assert_eq!(sets.suspensions, 3, "one comes back before its working set is known: {:?}", sets.log);
}

#[test]
fn who_faults_too_often_makes_somebody_wait() {
    let none = run(LoadControl::None, 3, 300);
    let pff = run(LoadControl::Pff, 3, 300);
    assert!(
        pff.major * 5 < none.major && pff.ms * 3 < none.ms,
        "{pff:?}, without {} in {} ms",
        none.major,
        none.ms
    );
    assert!(
        pff.suspensions >= 2 && pff.log.iter().any(|line| line.contains("times in a million accesses")),
        "{pff:?}"
    );
}

#[test]
fn processes_that_fit_together_are_left_alone() {
    for policy in [LoadControl::WorkingSet, LoadControl::Pff] {
        let run = run(policy, 3, 100);
        assert_eq!((run.major, run.suspensions), (0, 0), "{policy:?}: {run:?}");
    }
}

#[test]
fn who_is_run_although_suspended_is_suspended_no_more() {
    let config = KernelConfig {
        memory_bytes: 512 * PAGE,
        vma_policy: VmaPolicy::Strict,
        load_control: LoadControl::WorkingSet,
        load_window: 2000,
        ..KernelConfig::default()
    };
    let mut machine = Machine::with(config, MmuConfig::of(PagingFormat::Sv39));
    machine.kernel.swap_on(4000, None).expect("a swap area");
    for pid in [1, 2] {
        machine.switch(pid);
        machine.call(pid, Syscall::Map(anonymous(AT, 300 * PAGE, RW)));
    }
    // A replay does not ask who may run.
    for turn in 0..40 {
        machine.switch(1 + turn % 2);
        assert!(!machine.kernel.is_suspended(1 + (turn % 2)), "it runs");
        (0..1500).for_each(|step| _ = machine.store(AT + step % 300 * PAGE));
        machine.check();
    }
    assert!(machine.kernel.suspensions() > 0);
    for pid in [1, 2] {
        machine.exit(pid);
    }
    assert_eq!(machine.kernel.next_resumed(), None, "the dead do not come back");
    machine.shut_down();
}

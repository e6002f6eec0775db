//! Small scope, all of it: every sequence of so many operations on a machine with hardly any memory. Most errors show in a few
//! steps, if these are the right ones.

use crate::machine::{Machine, RW, anonymous};
use pagewalk_arch::{AccessKind, MmuConfig, PagingFormat, VirtAddr};
use pagewalk_kernel::{KernelConfig, VmaPolicy};
use pagewalk_trace::{CloneKind, Syscall};

const AT: u64 = 0x1000_0000;
const PAGE: u64 = 0x1000;

/// What is done to three pages, by whichever of two processes runs.
#[derive(Clone, Copy, Debug)]
enum Step {
    Store(u64),
    Load(u64),
    Fork,
    Switch,
    Exit,
    /// madvise(2) of page 1.
    Advise(i32),
    /// mlock(2) of page 0.
    Lock,
    /// Memory is used up elsewhere, so that everything else goes.
    Press,
}

const STEPS: [Step; 12] = [
    Step::Store(0),
    Step::Store(1),
    Step::Load(1),
    Step::Load(2),
    Step::Fork,
    Step::Switch,
    Step::Exit,
    Step::Advise(4),
    Step::Advise(8),
    Step::Advise(21),
    Step::Lock,
    Step::Press,
];
/// MADV_FREE alone may lose contents: what is read then is what was written or zeroes.
const FREE: i32 = 8;

/// The machine, and what each of the two processes must read from its pages.
#[derive(Clone)]
struct World {
    machine: Machine,
    running: u32,
    holds: [Option<[u8; 3]>; 2],
    offered: [bool; 2],
    written: u8,
}

impl World {
    fn new(format: PagingFormat) -> Self {
        let config = KernelConfig {
            memory_bytes: 40 * PAGE,
            vma_policy: VmaPolicy::Strict,
            ..KernelConfig::default()
        };
        let mut machine = Machine::with(config, MmuConfig::of(format));
        machine.kernel.keep_contents();
        machine.kernel.swap_on(64, None).expect("a swap area");
        machine.call(1, Syscall::Map(anonymous(AT, 3 * PAGE, RW)));
        machine.call(1, Syscall::Map(anonymous(AT + 64 * PAGE, 40 * PAGE, RW)));
        Self { machine, running: 1, holds: [Some([0; 3]), None], offered: [false; 2], written: 0 }
    }

    fn mine(&mut self) -> &mut [u8; 3] {
        self.holds[self.running as usize - 1].as_mut().expect("it runs")
    }

    /// Whether the step could be made.
    fn make(&mut self, step: Step) -> bool {
        let (pid, me) = (self.running, self.running as usize - 1);
        let other = 3 - pid;
        match step {
            Step::Store(page) => {
                self.written += 1;
                let value = self.written;
                let at = self.machine.access(AT + page * PAGE, AccessKind::Store).expect("a legal store");
                self.machine.kernel.store(at, value);
                self.mine()[page as usize] = value;
                if page == 1 {
                    self.offered[me] = false;
                }
            }
            Step::Load(page) => self.reads(page),
            Step::Fork => {
                if self.holds[other as usize - 1].is_some() {
                    return false;
                }
                self.machine.call(pid, Syscall::Clone { child: other, kind: CloneKind::Process });
                self.holds[other as usize - 1] = self.holds[me];
                self.offered[other as usize - 1] = self.offered[me];
            }
            Step::Switch | Step::Exit => {
                if self.holds[other as usize - 1].is_none() {
                    return false;
                }
                if matches!(step, Step::Exit) {
                    self.machine.call(pid, Syscall::ExitGroup { status: 0 });
                    self.holds[me] = None;
                }
                self.machine.switch(other);
                self.running = other;
            }
            Step::Advise(advice) => {
                self.machine.call(pid, Syscall::Advise { at: VirtAddr(AT + PAGE), bytes: PAGE, advice });
                match advice {
                    4 => self.mine()[1] = 0,
                    FREE => self.offered[me] = true,
                    _ => {}
                }
            }
            Step::Lock => {
                self.machine.call(pid, Syscall::Lock { at: VirtAddr(AT), bytes: PAGE, on_fault: false });
            }
            Step::Press => {
                for page in 0..34 {
                    self.machine.access(AT + (64 + page) * PAGE, AccessKind::Store).expect("a legal store");
                }
                self.machine
                    .call(pid, Syscall::Advise { at: VirtAddr(AT + 64 * PAGE), bytes: 40 * PAGE, advice: 4 });
            }
        }
        true
    }

    fn reads(&mut self, page: u64) {
        let at = self.machine.access(AT + page * PAGE, AccessKind::Load).expect("a legal load");
        let (found, me) = (self.machine.kernel.load(at), self.running as usize - 1);
        let expected = self.mine()[page as usize];
        let may_be_gone = page == 1 && self.offered[me] && found == 0;
        assert!(found == expected || may_be_gone, "page {page} holds {found}, not {expected}");
    }
}

fn every_sequence(world: &World, left: usize, done: &mut Vec<Step>) -> u64 {
    if left == 0 {
        return 1;
    }
    let mut sequences = 0;
    for step in STEPS {
        done.push(step);
        let mut next = world.clone();
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let made = next.make(step);
            if made {
                next.machine.check();
            }
            made
        }));
        match tried {
            Ok(true) => sequences += every_sequence(&next, left - 1, done),
            Ok(false) => {}
            Err(why) => {
                eprintln!("after {done:?}");
                std::panic::resume_unwind(why);
            }
        }
        done.pop();
    }
    if sequences == 0 { 1 } else { sequences }
}

#[test]
fn every_sequence_of_four_operations_on_a_tiny_machine() {
    for (format, operations) in
        [(PagingFormat::Sv39, 4), (PagingFormat::X86Legacy, 3), (PagingFormat::X86Pae, 3)]
    {
        let sequences = every_sequence(&World::new(format), operations, &mut Vec::new());
        assert!(sequences > 1 << (3 * operations - 1), "{format}: {sequences} were possible");
    }
}

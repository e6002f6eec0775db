//! Stacks of threads in the kernel: 16 KiB each, of single frames that are mapped together, as Linux 6.1 takes them
//! (`alloc_thread_stack_node`).
//!
//! Owns the frames, and the two stacks that each CPU keeps for the next thread when one ends. What Linux itself runs
//! (kernel threads, the idle ones) has its stacks from the start: they are counted, and their frames are part of what the
//! running kernel holds ([`crate::PcBoot`]).

use crate::{FrameUse, PcBoot, PcMachine, Pfn, PhysicalMemory};
use pagewalk_arch::FRAME_BYTES;
use std::collections::BTreeMap;

/// Bytes of a stack: Linux's `THREAD_SIZE` on 64 bits.
const STACK_BYTES: u64 = 16 << 10;
const STACK_FRAMES: usize = (STACK_BYTES / FRAME_BYTES) as usize;
/// Stacks that a CPU keeps: `NR_CACHED_STACKS`.
const CACHED_MAX: usize = 2;

/// The frames of a stack.
type Stack = [Pfn; STACK_FRAMES];

/// The stacks of all threads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stacks {
    /// Of each process, one for each of its threads.
    of: BTreeMap<u32, Vec<Stack>>,
    /// By CPU: what it keeps for the next thread.
    cached: Vec<Vec<Stack>>,
    /// Stacks of the kernel's own threads.
    own: u64,
}

impl Stacks {
    /// Those of a kernel that has just started on `machine`: its CPUs keep some already, of the `frames` that it holds.
    pub(crate) fn boot(machine: &PcMachine, boot: &PcBoot, frames: &mut Vec<(Pfn, usize)>) -> Self {
        let (cpus, nodes) = (u64::from(machine.cpus.max(1)), u64::from(machine.nodes.max(1)));
        let own = boot.stacks + boot.stacks_per_cpu * (cpus - 1) + boot.stacks_per_node * (nodes - 1);
        let mut stacks = Self { cached: vec![Vec::new(); cpus as usize], own, ..Self::default() };
        let mut keep = |cpu: usize| {
            let single = frames.iter().rev().take(STACK_FRAMES).filter(|(_, order)| *order == 0).count();
            if single == STACK_FRAMES {
                let mut frames =
                    frames.split_off(frames.len() - STACK_FRAMES).into_iter().map(|(first, _)| first);
                stacks.cached[cpu].push(std::array::from_fn(|_| frames.next().unwrap_or(Pfn(0))));
            }
        };
        // The first process finds its stack as well.
        (0..cpus as usize * CACHED_MAX).for_each(|n| keep(n / CACHED_MAX));
        keep(0);
        stacks
    }

    /// Stacks in use, KiB of them: `KernelStack`.
    pub(crate) fn kib(&self) -> u64 {
        (self.own + self.of.values().map(|stacks| stacks.len() as u64).sum::<u64>()) * (STACK_BYTES >> 10)
    }
    /// Of the kernel's own threads, KiB.
    pub(crate) fn own_kib(&self) -> u64 {
        self.own * (STACK_BYTES >> 10)
    }
    /// Frames of processes' stacks.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Pfn> {
        self.of.values().flatten().flatten().copied()
    }
    /// Frames of stacks that CPUs keep.
    pub(crate) fn cached_frames(&self) -> impl Iterator<Item = Pfn> {
        self.cached.iter().flatten().flatten().copied()
    }
    /// Stacks of each process.
    pub(crate) fn by_process(&self) -> impl Iterator<Item = (u32, u64)> {
        self.of.iter().map(|(&pid, stacks)| (pid, stacks.len() as u64))
    }

    /// Frames that the next thread on `cpu` needs.
    pub(super) fn frames_needed(&self, cpu: usize) -> u64 {
        let has_one = self.cached.get(cpu).is_some_and(|cached| !cached.is_empty());
        if has_one { 0 } else { STACK_FRAMES as u64 }
    }

    /// `pid` has `threads` threads from now on. Where there are no frames, it goes without.
    pub(super) fn set(&mut self, memory: &mut PhysicalMemory, cpu: usize, pid: u32, threads: usize) {
        let mut held = self.of.remove(&pid).unwrap_or_default();
        while held.len() > threads
            && let Some(stack) = held.pop()
        {
            match self.cached.get_mut(cpu) {
                Some(cached) if cached.len() < CACHED_MAX => cached.push(stack),
                _ => stack.into_iter().for_each(|frame| _ = memory.put(frame)),
            }
        }
        while held.len() < threads {
            let cached = self.cached.get_mut(cpu).and_then(Vec::pop);
            let Some(stack) = cached.or_else(|| take(memory)) else { break };
            held.push(stack);
        }
        if threads > 0 {
            self.of.insert(pid, held);
        }
    }

    /// `pid` is called `now`.
    pub(super) fn rename(&mut self, pid: u32, now: u32) {
        if let Some(held) = self.of.remove(&pid) {
            self.of.insert(now, held);
        }
    }

    /// Returns everything: the machine is switched off.
    pub(crate) fn shut_down(&mut self, memory: &mut PhysicalMemory) {
        let frames: Vec<Pfn> = self.frames().chain(self.cached_frames()).collect();
        frames.into_iter().for_each(|frame| _ = memory.put(frame));
        *self = Self::default();
    }
}

/// The frames of a stack, or none.
fn take(memory: &mut PhysicalMemory) -> Option<Stack> {
    let mut stack = [Pfn(0); STACK_FRAMES];
    for place in 0..STACK_FRAMES {
        let Ok(frame) = memory.allocate(FrameUse::Kernel) else {
            stack[..place].iter().for_each(|&frame| _ = memory.put(frame));
            return None;
        };
        stack[place] = frame;
    }
    Some(stack)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_keeps_two_stacks_and_gives_back_the_rest() {
        let mut memory = PhysicalMemory::new(1..1025, false);
        let mut stacks = Stacks { cached: vec![Vec::new(); 2], own: 45, ..Stacks::default() };
        stacks.set(&mut memory, 0, 7, 5);
        assert_eq!((memory.frames_in_use(), stacks.kib()), (20, (45 + 5) * 16));
        stacks.set(&mut memory, 0, 7, 2);
        assert_eq!((memory.frames_in_use(), stacks.kib()), (16, (45 + 2) * 16), "two are kept, one is gone");
        stacks.set(&mut memory, 1, 8, 1);
        assert_eq!(memory.frames_in_use(), 20, "the other CPU has none");
        stacks.set(&mut memory, 0, 9, 2);
        assert_eq!(memory.frames_in_use(), 20, "those that were kept");
        for pid in [7, 8, 9] {
            stacks.set(&mut memory, 1, pid, 0);
        }
        assert_eq!((memory.frames_in_use(), stacks.kib()), (8, 45 * 16));
        stacks.shut_down(&mut memory);
        assert_eq!(memory.frames_in_use(), 0);
    }

    #[test]
    fn without_frames_there_is_no_stack_and_nothing_leaks() {
        let mut memory = PhysicalMemory::new(1..8, false);
        let mut stacks = Stacks::default();
        stacks.set(&mut memory, 0, 1, 2);
        assert_eq!((memory.frames_in_use(), stacks.by_process().collect::<Vec<_>>()), (4, vec![(1, 1)]));
        stacks.set(&mut memory, 0, 1, 0);
        assert_eq!(memory.frames_in_use(), 0, "a CPU that is not known keeps nothing");
    }
}

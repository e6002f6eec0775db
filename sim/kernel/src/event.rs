//! What a traced program asked of its kernel, carried out on the model. Calls that failed changed nothing.

use crate::kernel::Kernel;
use crate::{OutOfMemory, PageRange};
use pagewalk_arch::{CloneKind, Event, Mmu, Syscall, SyscallOutcome, VirtAddr};

/// An event that cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A call names addresses that user programs of the format cannot have.
    #[error(
        "line {line}: {call} of {bytes} bytes at {at} reaches beyond {end:#x}, where user addresses of this \
         format end; rebase the trace or choose a wider format"
    )]
    OutsideUserSpace {
        /// Line or record in the trace.
        line: u32,
        /// Name of the call.
        call: &'static str,
        /// First byte.
        at: VirtAddr,
        /// Length.
        bytes: u64,
        /// First address that no user program has.
        end: u64,
    },
    /// mremap to a place that overlaps where the mapping was.
    #[error(
        "line {line}: mremap from {from} to {to} overlaps itself, which no kernel grants; check the trace"
    )]
    RemapOverlaps {
        /// Line or record in the trace.
        line: u32,
        /// Old start.
        from: VirtAddr,
        /// New start.
        to: VirtAddr,
    },
    /// A fork or a first look at a process found no frame for its tables.
    #[error("line {line}: {source}")]
    OutOfMemory {
        /// Line or record in the trace.
        line: u32,
        /// What memory says.
        source: OutOfMemory,
    },
}

impl Kernel {
    /// Carries out an event of the trace.
    ///
    /// # Errors
    /// Nothing was mapped, unmapped or moved. A process that the event names first exists from now on, and a parent
    /// whose fork found no memory may find its pages write-protected, which its next writes undo.
    pub fn on_event(&mut self, mmu: &mut dyn Mmu, event: &Event) -> Result<(), EventError> {
        match *event {
            Event::File(_) | Event::Signal { .. } => Ok(()),
            Event::Switch { pid, line } => {
                self.switch(mmu, pid).map_err(|source| EventError::OutOfMemory { line, source })
            }
            Event::Syscall { outcome: SyscallOutcome::Failure(_), .. } => Ok(()),
            Event::Syscall { pid, ref call, line, .. } => {
                if self.is_unnamed {
                    self.name_first_process(pid);
                }
                if self.dead.contains(&pid) {
                    return Ok(());
                }
                self.syscall(mmu, pid, call, line)
            }
        }
    }

    fn syscall(&mut self, mmu: &mut dyn Mmu, pid: u32, call: &Syscall, line: u32) -> Result<(), EventError> {
        let out_of_memory = |source| EventError::OutOfMemory { line, source };
        let user_end = self.system.spec.user_end();
        let range = |call, at: VirtAddr, bytes: u64| {
            let pages = PageRange::covering(at, bytes).filter(|pages| pages.end().addr().0 <= user_end);
            pages.ok_or(EventError::OutsideUserSpace { line, call, at, bytes, end: user_end })
        };
        match *call {
            Syscall::Clone { child, kind } => {
                self.system.stats.syscalls += 1;
                return self.fork(mmu, pid, child, kind != CloneKind::Process).map_err(out_of_memory);
            }
            Syscall::Exit { .. } | Syscall::ExitGroup { .. } => {
                self.system.stats.syscalls += 1;
                self.exit(mmu, pid);
                return Ok(());
            }
            Syscall::Other { .. } => return Ok(()),
            _ => {}
        }
        let mm = self.process_or_new(pid).map_err(out_of_memory)?;
        let space = self.spaces.get_mut(&mm).expect("a process has an address space");
        let system = &mut self.system;
        match *call {
            Syscall::Map(ref request) => {
                let pages = range("mmap", request.at, request.bytes)?;
                if !pages.is_empty() {
                    space.map(system, mmu, pages, request);
                }
            }
            Syscall::Unmap { at, bytes } => space.unmap(system, mmu, range("munmap", at, bytes)?),
            Syscall::Protect { at, bytes, protection } => {
                space.protect(system, mmu, range("mprotect", at, bytes)?, protection);
            }
            Syscall::Brk { end } => {
                range("brk", end, 0)?;
                space.set_break(system, mmu, end);
            }
            Syscall::Remap { from, from_bytes, to, to_bytes, .. } => {
                let old = range("mremap", from, from_bytes)?;
                let new = range("mremap", to, to_bytes)?;
                if old.start() != new.start() && old.overlaps(&new) {
                    return Err(EventError::RemapOverlaps { line, from, to });
                }
                space.remap(system, mmu, old, new);
            }
            Syscall::Advise { at, bytes, advice } => {
                space.advise(system, mmu, range("madvise", at, bytes)?, advice);
            }
            _ => {}
        }
        system.stats.syscalls += 1;
        Ok(())
    }
}

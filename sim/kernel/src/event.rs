//! What a traced program asked of its kernel, carried out on the model.
//!
//! A call that failed may have changed something first; what, is Linux's to say, and the verbs say it with
//! [`CallStop::Errno`]. So a failed call is carried out like any other, if the model finds the same obstacle.

use crate::errno::{CallStop, Errno};
use crate::kernel::Kernel;
use crate::mm_id::MmId;
use crate::oom::OomEnd;
use crate::space::{Punch, advice_changes_areas, lock_flags};
use crate::{PageRange, VmFlags};
use pagewalk_arch::{CpuId, FRAME_BYTES, Platform, VirtAddr};
use pagewalk_trace::{Event, Syscall, SyscallOutcome};

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
}

/// A call with its addresses as pages.
struct CallSite {
    user_end: u64,
    call: &'static str,
    line: u32,
}

impl CallSite {
    fn range(&self, at: VirtAddr, bytes: u64) -> Result<PageRange, EventError> {
        let &Self { user_end, call, line } = self;
        let pages = PageRange::covering(at, bytes).filter(|pages| pages.end().addr().0 <= user_end);
        pages.ok_or(EventError::OutsideUserSpace { line, call, at, bytes, end: user_end })
    }
}

impl Kernel {
    /// Carries out an event of the trace on `cpu`: a switch changes who runs there, and a call is made there, wherever
    /// the fences that it needs have to go. What the model itself makes of a call is then [`Kernel::verdict`].
    ///
    /// # Errors
    /// Nothing was mapped, unmapped or moved. A process that the event names first exists from now on.
    ///
    /// # Panics
    /// For a CPU that the machine does not have.
    pub fn on_event(
        &mut self,
        platform: &mut dyn Platform,
        cpu: CpuId,
        event: &Event,
    ) -> Result<(), EventError> {
        self.system.set_cpu(cpu);
        self.verdict = Ok(());
        self.run_flusher(platform);
        match event {
            Event::Switch { pid, .. } => {
                self.switch(platform, cpu, *pid);
                self.runs_after_all(self.group_of(*pid));
            }
            Event::File(fact) => {
                if let Some(offsets) = self.system.cache.learn(fact) {
                    self.punch(platform, &Punch { file: fact.file, offsets }, true);
                }
            }
            Event::Signal { pid, fatal: true, .. } => self.ended_by_signal(platform, self.group_of(*pid)),
            Event::Signal { pid, signal, .. } => self.set_handler(self.group_of(*pid), *signal),
            Event::Syscall { pid, call, outcome, line } => {
                if self.is_unnamed {
                    self.name_first_process(*pid);
                }
                let group = self.group_of(*pid);
                if let Some(&how) = self.ended.get(&group) {
                    self.bereave(how, call, *outcome);
                    return Ok(());
                }
                self.accounted(group, |kernel| {
                    kernel.carry_out(platform, *pid, group, call, *outcome, *line)
                })?;
                self.sync_objects_of(group);
                self.control_load(platform, group);
            }
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        platform: &mut dyn Platform,
        thread: u32,
        group: u32,
        call: &Syscall,
        outcome: SyscallOutcome,
        line: u32,
    ) -> Result<(), EventError> {
        match outcome {
            SyscallOutcome::Success if self.life(platform, thread, group, call) => Ok(()),
            SyscallOutcome::Success => self.succeeded(platform, group, call, line),
            SyscallOutcome::Failure(_) => self.failed(platform, group, call, line),
        }
    }

    /// Calls that make and end processes. Says whether `call` was one.
    fn life(&mut self, platform: &mut dyn Platform, thread: u32, pid: u32, call: &Syscall) -> bool {
        match *call {
            Syscall::Clone { child, kind } => self.clone_process(platform, pid, child, kind),
            Syscall::Exec { .. } => self.exec(platform, pid),
            Syscall::Exit { .. } => self.exit_thread(platform, thread, pid),
            Syscall::ExitGroup { .. } => self.exit(platform, pid),
            // Who was waited for has ended, whether or not the trace told.
            Syscall::Wait { child } => self.exit(platform, child),
            Syscall::HandleSignal { signal } => {
                self.process_or_new(pid);
                self.set_handler(pid, signal);
            }
            Syscall::RemoveSegment { file } => {
                self.system.cache.remove_segment(&mut self.system.memory, file);
                self.system.release_shared_slots();
            }
            Syscall::Unmodelled { .. } | Syscall::Other { .. } => return true,
            _ => return false,
        }
        self.system.stats.syscalls += 1;
        true
    }

    /// A call that changed the address space of `pid`.
    fn succeeded(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        call: &Syscall,
        line: u32,
    ) -> Result<(), EventError> {
        let Some(mm) = self.process_or_new(pid) else { return Ok(()) };
        let site = CallSite { user_end: self.system.spec.user_end(), call: call.name(), line };
        let space = self.spaces.get_mut(&mm).expect("a process has an address space");
        let system = &mut self.system;
        match *call {
            // That it succeeded proves that all of it was mapped.
            Syscall::Protect { at, bytes, protection } => {
                space.fill_gaps(system, site.range(at, bytes)?, protection);
            }
            Syscall::Lock { at, bytes, .. } | Syscall::Unlock { at, bytes } => {
                space.fill_gaps_anonymous(system, site.range(at, bytes)?);
            }
            Syscall::Advise { at, bytes, advice } if advice_changes_areas(advice) => {
                space.fill_gaps_anonymous(system, site.range(at, bytes)?);
            }
            Syscall::Remap { from, from_bytes, to, to_bytes, flags } => {
                let (old, new) = (site.range(from, from_bytes)?, site.range(to, to_bytes)?);
                if old.start() != new.start() && old.overlaps(&new) {
                    return Err(EventError::RemapOverlaps { line, from, to });
                }
                // Only an unchanged length moved to a given place may have holes, and none at its beginning.
                let may_have_holes =
                    flags.fixed && old.pages() == new.pages() && system.rules.remap_moves_several;
                if !may_have_holes || space.has_hole(PageRange::single(old.start())) {
                    space.fill_gaps_anonymous(system, old);
                }
            }
            _ => {}
        }
        let result = self.change(platform, mm, call, &site)?;
        self.system.stats.syscalls += 1;
        // Its arguments were good before, and are still.
        let again = |kernel: &mut Self, platform: &mut dyn Platform| {
            kernel.change(platform, mm, call, &site).unwrap_or(Ok(()))
        };
        let _ = self.conclude(platform, pid, result, again);
        Ok(())
    }

    /// A call that failed. It is carried out where the model finds an obstacle too; where it finds none, the recorded
    /// kernel's reason is one that the model does not know, and nothing is changed.
    fn failed(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        call: &Syscall,
        line: u32,
    ) -> Result<(), EventError> {
        let Some(&crate::Process { mm, .. }) = self.processes.get(&pid) else { return Ok(()) };
        let site = CallSite { user_end: self.system.spec.user_end(), call: call.name(), line };
        let space = &self.spaces[&mm];
        let aligned = |at: VirtAddr| at.0.is_multiple_of(FRAME_BYTES);
        let has_obstacle = match *call {
            Syscall::Protect { at, bytes, .. } => {
                aligned(at) && site.range(at, bytes).is_ok_and(|pages| space.has_hole(pages))
            }
            Syscall::Lock { at, bytes, .. } | Syscall::Unlock { at, bytes } => site
                .range(at, bytes)
                .is_ok_and(|pages| space.has_hole(pages) || space.cannot_be_locked(&self.system, pages)),
            Syscall::Advise { at, bytes, advice } => {
                let pages = site.range(at, bytes).ok();
                aligned(at) && pages.is_some_and(|pages| space.refuses_advice(&self.system, pages, advice))
            }
            Syscall::Remap { from, from_bytes, to, to_bytes, flags } => {
                let pages = (site.range(from, from_bytes), site.range(to, to_bytes));
                if let (Ok(old), Ok(new)) = pages
                    && aligned(from)
                    && aligned(to)
                {
                    let space = self.spaces.get_mut(&mm).expect("a process has an address space");
                    space.remap_failed(&mut self.system, platform, old, new, flags);
                }
                false
            }
            _ => false,
        };
        if has_obstacle {
            let result = self.change(platform, mm, call, &site)?;
            let again = |kernel: &mut Self, platform: &mut dyn Platform| {
                kernel.change(platform, mm, call, &site).unwrap_or(Ok(()))
            };
            let _ = self.conclude(platform, pid, result, again);
        }
        Ok(())
    }

    /// Carries `call` out on the address space `mm`.
    fn change(
        &mut self,
        platform: &mut dyn Platform,
        mm: MmId,
        call: &Syscall,
        site: &CallSite,
    ) -> Result<Result<(), CallStop>, EventError> {
        let space = self.spaces.get_mut(&mm).expect("a process has an address space");
        let system = &mut self.system;
        let result = match *call {
            Syscall::Map(ref request) => {
                let pages = site.range(request.at, request.bytes)?;
                if pages.is_empty() {
                    Ok(())
                } else {
                    space.map(system, platform, pages, request, VmFlags::empty())
                }
            }
            Syscall::Unmap { at, bytes } => {
                space.unmap(system, platform, site.range(at, bytes)?);
                Ok(())
            }
            Syscall::Detach { at } => space.detach(system, platform, site.range(at, 0)?.start()),
            Syscall::Protect { at, bytes, protection } => {
                space.protect(system, platform, site.range(at, bytes)?, protection)
            }
            Syscall::Brk { end } => {
                site.range(end, 0)?;
                space.set_break(system, platform, end)
            }
            Syscall::Remap { from, from_bytes, to, to_bytes, flags } => {
                let (old, new) = (site.range(from, from_bytes)?, site.range(to, to_bytes)?);
                space.remap(system, platform, old, new, flags)
            }
            Syscall::RemapFilePages { at, bytes, page_offset } => {
                // Both are rounded down, unlike everywhere else.
                let down = |bytes: u64| bytes & !(FRAME_BYTES - 1);
                let pages = site.range(VirtAddr(down(at.0)), down(bytes))?;
                space.remap_file_pages(system, platform, pages, page_offset)
            }
            Syscall::Advise { at, bytes, advice } => {
                let mut punches = Vec::new();
                let pages = site.range(at, bytes)?;
                let result = space.advise(system, platform, pages, advice, &mut punches);
                for punch in punches {
                    self.punch(platform, &punch, false);
                }
                result
            }
            Syscall::Lock { at, bytes, on_fault } => {
                space.lock(system, platform, site.range(at, bytes)?, lock_flags(on_fault))
            }
            Syscall::Unlock { at, bytes } => space.unlock(system, platform, site.range(at, bytes)?),
            Syscall::LockAll { current, future, on_fault } => {
                let flags = lock_flags(on_fault);
                space.lock_all(system, platform, current, future.then_some(flags), flags)
            }
            Syscall::UnlockAll => {
                space.unlock_all(system, platform);
                Ok(())
            }
            Syscall::NameArea { at, bytes, name } => space.name_area(site.range(at, bytes)?, name),
            // The life of processes, and what is not modelled: see [`Kernel::life`].
            _ => Ok(()),
        };
        Ok(result)
    }

    /// A call of `pid` ended as `result`. Where memory ran out others make room, if it is not the caller itself that has to
    /// go; then what was being faulted in is gone on with, or else the call is made `again`.
    pub(crate) fn conclude(
        &mut self,
        platform: &mut dyn Platform,
        pid: u32,
        mut result: Result<(), CallStop>,
        mut again: impl FnMut(&mut Self, &mut dyn Platform) -> Result<(), CallStop>,
    ) -> Result<(), CallStop> {
        while result == Err(CallStop::OutOfMemory) {
            if self.out_of_memory(platform, pid) == OomEnd::Panic {
                return result;
            }
            let Some(process) = self.processes.get(&pid) else { return result };
            let space = self.spaces.get_mut(&process.mm).expect("a process has an address space");
            result = match space.populate_on(&mut self.system, platform) {
                Some(went_on) => went_on,
                None => again(self, platform),
            };
        }
        if let Err(CallStop::Errno(errno)) = result {
            self.verdict = Err(errno);
        }
        self.balance_dirty(platform);
        result
    }

    /// The pages of `punch` go from every address space, and their frames with them. With `even_copies`, the copies
    /// that private mappings have made go too, as when a file is truncated.
    pub(crate) fn punch(&mut self, platform: &mut dyn Platform, punch: &Punch, even_copies: bool) {
        self.zap_everywhere(platform, punch, even_copies);
        self.system.cache.punch(&mut self.system.memory, punch.file, punch.offsets.clone());
        self.system.release_shared_slots();
    }

    /// The pages of `punch` go from every address space.
    pub(crate) fn zap_everywhere(&mut self, platform: &mut dyn Platform, punch: &Punch, even_copies: bool) {
        for space in self.spaces.values_mut() {
            space.zap_file(&mut self.system, platform, punch, even_copies);
        }
    }

    /// What the model makes of the last system call: the error with which Linux would have ended it. A trace that
    /// says otherwise was carried out as the trace says.
    pub fn verdict(&self) -> Result<(), Errno> {
        self.verdict
    }
}

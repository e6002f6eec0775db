//! A program: mapped as execve(2) maps it, and what it does of its own before it takes commands.

use super::image::{Doing, Program};
use super::result::Told;
use super::{Stop, World};
use pagewalk_arch::{AccessKind, FRAME_BYTES};
use pagewalk_kernel::workload::RangeVerb;

impl World<'_> {
    /// Maps `program` into the empty address space of `pid` and runs its beginning.
    pub(super) fn start_program(&mut self, pid: u32, program: &Program) -> Result<(), Stop> {
        self.kernel.set_name(pid, &program.command);
        for area in &program.areas {
            if self.caller(pid).map_area(program, area).is_err() {
                // execve(2) that has come so far ends its caller.
                return self.end_by_kill(pid);
            }
        }
        let start = self.layout.address(program.brk);
        self.caller(pid).begin_heap(start);
        self.check_alive(pid)?;
        self.do_own(pid, program, &program.start)
    }

    /// SIGKILL to one who acts.
    fn end_by_kill(&mut self, pid: u32) -> Result<(), Stop> {
        // Who is gone already needs none.
        let _ = self.kernel.sys_kill(self.platform, pid);
        Err(Stop::Died)
    }

    /// Does what a program does of its own.
    pub(super) fn do_own(&mut self, pid: u32, program: &Program, doings: &[Doing]) -> Result<(), Stop> {
        for doing in doings {
            let address = |spot| self.layout.address(spot);
            match *doing {
                Doing::Read(at) => {
                    self.access(address(at), AccessKind::Load)?;
                }
                Doing::Write(at) => {
                    self.access(address(at), AccessKind::Store)?;
                }
                Doing::Execute(at) => {
                    self.access(address(at), AccessKind::Fetch)?;
                }
                Doing::Lock(at, bytes) => {
                    let at = address(at);
                    let _ = self.caller(pid).on_range(RangeVerb::Lock, at, bytes);
                }
                Doing::Unlock(at, bytes) => {
                    let at = address(at);
                    let _ = self.caller(pid).on_range(RangeVerb::Unlock, at, bytes);
                }
                Doing::Protect(at, bytes, protection) => {
                    let at = address(at);
                    let _ = self.caller(pid).protect(at, bytes, protection);
                }
                Doing::Break(bytes) => {
                    let start = address(program.brk);
                    self.caller(pid).set_break(start + bytes);
                }
                Doing::Stack(bytes) => {
                    let top = address(program.stack_pointer) & !(FRAME_BYTES - 1);
                    for page in 0..bytes / FRAME_BYTES {
                        self.access(top - page * FRAME_BYTES, AccessKind::Store)?;
                    }
                }
                Doing::Tell(ref label) => {
                    let faults = self.kernel.faults(pid).unwrap_or_default();
                    self.step.tiny.push(Told { at: label.clone(), min: faults.minor, maj: faults.major });
                }
            }
            self.check_alive(pid)?;
        }
        Ok(())
    }

    /// Whether `pid` still lives.
    pub(super) fn check_alive(&self, pid: u32) -> Result<(), Stop> {
        match self.kernel.faults(pid) {
            Some(_) => Ok(()),
            None => Err(Stop::Died),
        }
    }
}

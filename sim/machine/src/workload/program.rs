//! A program: mapped as execve(2) maps it, and what it does of its own before it takes commands.

use super::image::{Area, AreaKind, Doing, Program};
use super::result::Told;
use super::{Stop, World};
use pagewalk_arch::{AccessKind, FRAME_BYTES};

impl World<'_> {
    /// Maps `program` into the empty address space of `pid` and runs its beginning.
    pub(super) fn start_program(&mut self, pid: u32, program: &Program) -> Result<(), Stop> {
        for area in &program.areas {
            self.map_area(pid, program, area)?;
        }
        let start = self.layout.address(program.brk);
        self.calls.set_break(self.kernel, self.platform, pid, start);
        self.check_alive(pid)?;
        self.do_own(pid, program, &program.start)
    }

    fn map_area(&mut self, pid: u32, program: &Program, area: &Area) -> Result<(), Stop> {
        let at = self.layout.address(area.at);
        let source = match area.kind {
            AreaKind::File => {
                let offset = area.offset.map_or(0, |offset| offset.0);
                let file = self.calls.program_file(self.kernel, self.platform, program);
                Some((file, offset))
            }
            AreaKind::Vvar => Some((self.calls.special_file(self.kernel, self.platform, "[vvar]"), 0)),
            AreaKind::Vdso => Some((self.calls.special_file(self.kernel, self.platform, "[vdso]"), 0)),
            AreaKind::Bss | AreaKind::Stack => None,
        };
        let is_stack = area.kind == AreaKind::Stack;
        self.calls.map_at(self.kernel, self.platform, pid, at, area, source, is_stack);
        self.check_alive(pid)
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
                    let _ = self.calls.lock(self.kernel, self.platform, pid, address(at), bytes, false);
                }
                Doing::Unlock(at, bytes) => {
                    let _ = self.calls.unlock(self.kernel, self.platform, pid, address(at), bytes);
                }
                Doing::Protect(at, bytes, protection) => {
                    let _ =
                        self.calls.protect(self.kernel, self.platform, pid, address(at), bytes, protection);
                }
                Doing::Break(bytes) => {
                    let start = address(program.brk);
                    self.calls.set_break(self.kernel, self.platform, pid, start + bytes);
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

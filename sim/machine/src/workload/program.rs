//! A program: mapped as execve(2) maps it, and what it does of its own before it takes commands.

use super::calls::{VDSO, VVAR};
use super::image::{Doing, Program, Size};
use super::result::Told;
use super::{Stop, World};
use pagewalk_arch::{AccessKind, FRAME_BYTES};
use pagewalk_kernel::workload::{Advice, FileSpan, MapCommand, RangeVerb};

/// Bytes of a program's header: `BINPRM_BUF_SIZE`.
const HEADER_BYTES: u64 = 256;
/// The largest piece in which files are written at the beginning.
const CHUNK: u64 = 64 << 10;

impl World<'_> {
    /// What is there when the first step begins: the root file system's files, all of them cached, and the agent.
    pub(super) fn begin_machine(&mut self, agent: u32) -> Result<(), Stop> {
        let workload = self.workload;
        let image = &workload.image;
        let pages = |size: Size| size.0 / FRAME_BYTES;
        self.kernel.mount(pages(image.machine.buffers), pages(image.machine.pinned_buffers));
        let programs = image.programs.iter().chain([&image.worker]);
        let files = programs.map(|program| (program.path.as_str(), program.bytes.0));
        let others = [("modules", image.machine.root_files.0), (VDSO, FRAME_BYTES), (VVAR, FRAME_BYTES)];
        for (name, bytes) in files.chain(others) {
            let span = FileSpan { file: name.to_owned(), bytes, offset: 0, chunk: CHUNK };
            let _ = self.caller(agent).file_write(&span);
        }
        self.run(agent);
        self.start_program(agent, &image.worker.path, &image.worker)?;
        self.do_own(agent, &image.worker, &image.worker.prefault)?;
        let buffers =
            MapCommand { region: "buffers".into(), bytes: image.machine.agent.0, ..MapCommand::anonymous() };
        let _ = self.caller(agent).map(&buffers);
        let _ = self.kernel.sys_mlockall(self.platform, agent, true, true, false);
        self.check_alive(agent)
    }

    /// Maps `program`, whose file is `path`, into the empty address space of `pid` and runs its beginning.
    pub(super) fn start_program(&mut self, pid: u32, path: &str, program: &Program) -> Result<(), Stop> {
        self.kernel.set_name(pid, &program.command);
        // execve(2) reads the file's header itself.
        let header = FileSpan { file: path.to_owned(), bytes: HEADER_BYTES, offset: 0, chunk: HEADER_BYTES };
        let _ = self.caller(pid).file_read(&header, false);
        for area in &program.areas {
            if self.caller(pid).map_area(path, area).is_err() {
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
                Doing::Give(at) => {
                    let (advice, at) = (RangeVerb::Advise(Advice::PopulateWrite), address(at));
                    let _ = self.caller(pid).on_range(advice, at, FRAME_BYTES);
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

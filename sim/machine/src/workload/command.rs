//! What a worker is told to do, and what it replies.

use super::access::Answer;
use super::calls::{Caller, ENOSYS, Return};
use super::result::Reply;
use super::{EINVAL, Stop, World};
use pagewalk_arch::{Access, AccessKind, CpuId, FRAME_BYTES, VirtAddr};
use pagewalk_kernel::workload::{Command, MapCommand, Place, RangeVerb, RemapCommand, Stride};
use pagewalk_kernel::{SegvCode, Signal};

const ENOMEM: i64 = 12;
const SIGSEGV: i32 = 11;
const SIGBUS: i32 = 7;

/// `si_code` and `si_addr`.
fn details(signal: Signal) -> (i32, u64) {
    match signal {
        Signal::Segv { code: SegvCode::MapErr, address } => (1, address.0),
        Signal::Segv { code: SegvCode::AccErr, address } => (2, address.0),
        Signal::Segv { code: SegvCode::Kernel, .. } => (128, 0),
        Signal::Bus { address } => (2, address.0),
        Signal::OutOfMemory => (0, 0),
    }
}

impl World<'_> {
    /// The calls of process `pid`.
    pub(super) fn caller(&mut self, pid: u32) -> Caller<'_> {
        let Self { kernel, platform, layout, progress, cpu, .. } = self;
        let accesses = self.counts.accesses;
        Caller {
            kernel,
            platform: &mut **platform,
            layout: *layout,
            cpu: *cpu,
            pid,
            accesses,
            progress: &mut **progress,
        }
    }

    /// Worker `at` carries `command` out. What it says besides its result goes into `reply`.
    pub(super) fn command(
        &mut self,
        at: usize,
        command: &Command,
        reply: &mut Reply,
    ) -> Result<Return, Stop> {
        let pid = self.pid(at);
        match command {
            Command::Map(map) => Ok(self.map(at, map, reply)),
            Command::Touch { .. } | Command::Verify { .. } | Command::Pattern { .. } => {
                let mut reach = match self.reach(at, command) {
                    Ok(reach) => reach,
                    Err(errno) => return Ok(Err(errno)),
                };
                self.carry_on(&mut reach, u64::MAX)?;
                reply.differ = reach.differ;
                Ok(Ok(reach.count))
            }
            Command::Range { region, verb, stride } => Ok(self.on_range(at, region, *verb, stride, reply)),
            Command::Remap(remap) => Ok(self.remap(at, remap, reply)),
            Command::Break { bytes, shrink } => Ok(self.change_break(at, *bytes, *shrink, reply)),
            Command::Stack { bytes } => self.stack(*bytes),
            Command::Probe { place, offset, write, survive } => {
                self.probe(at, place, *offset, *write, *survive, reply)
            }
            Command::FileWrite { span, sync } => {
                let written = self.caller(pid).file_write(span);
                if *sync {
                    self.caller(pid).sync_file(&span.file).expect("a file can be synchronised");
                }
                Ok(written)
            }
            Command::FileRead { span, random } => Ok(self.caller(pid).file_read(span, *random)),
            Command::Truncate { file, bytes } => Ok(self.caller(pid).truncate(file, *bytes)),
            Command::Unlink(file) => Ok(self.caller(pid).unlink(file)),
            Command::OomScoreAdj(adjustment) => Ok(self.caller(pid).set_oom_score_adj(*adjustment)),
            Command::Limit { resource, bytes } => Ok(self.caller(pid).limit(*resource, *bytes)),
            Command::SetUid(uid) => Ok(self.caller(pid).set_user(*uid)),
            Command::Cpu(cpu) => {
                self.workers[at].cpu = CpuId(*cpu as usize);
                self.cpu = self.workers[at].cpu;
                self.run(pid);
                Ok(Ok(0))
            }
            Command::FileSync(file) => Ok(self.caller(pid).sync_file(file)),
            Command::FileDontNeed(file) => Ok(self.caller(pid).file_not_needed(file)),
            Command::ManyFiles { prefix, count, remove } => {
                Ok(self.caller(pid).many_files(prefix, *count, *remove))
            }
            Command::MemoryPolicy { .. } => Ok(Err(ENOSYS)),
            Command::Run { .. } | Command::Fork(_) | Command::Exec | Command::Exit(_) => {
                unreachable!("a worker's life is the steps' own matter")
            }
        }
    }

    fn pid(&self, at: usize) -> u32 {
        self.workers[at].pid.expect("who acts has a process")
    }

    /// Gives a region its place and says so.
    fn name(&mut self, at: usize, name: &str, start: u64, bytes: u64, reply: &mut Reply) -> Return {
        match self.workers[at].set_region(name, start, bytes) {
            true => {
                let start = if start == 0 { "0".to_owned() } else { format!("{start:#x}") };
                reply.region = Some(format!("{name},{start},{bytes}"));
                Ok(0)
            }
            false => Err(EINVAL),
        }
    }

    /// Lists what the format's addresses cannot hold.
    fn does_not_fit(&mut self, address: u64) {
        let (number, format) = (self.step.n, self.kernel.spec().name);
        self.report
            .notes
            .push(format!("step {number}: {address:#x} lies beyond what programs of {format} have"));
    }

    fn map(&mut self, at: usize, map: &MapCommand, reply: &mut Reply) -> Return {
        let pid = self.pid(at);
        if let Some(wanted) = map.at.filter(|at| at.saturating_add(map.bytes) > self.layout.top) {
            self.does_not_fit(wanted);
        }
        let start = self.caller(pid).map(map)?;
        self.name(at, &map.region, start, map.bytes, reply)
    }

    fn on_range(
        &mut self,
        at: usize,
        region: &str,
        verb: RangeVerb,
        stride: &Stride,
        reply: &mut Reply,
    ) -> Return {
        let (start, bytes) = self.extent(at, region)?;
        let pid = self.pid(at);
        let length = stride.bytes.unwrap_or(bytes.saturating_sub(stride.offset));
        let count = stride.count.unwrap_or(1);
        for done in 0..count {
            let step = stride.step.unwrap_or(0).wrapping_mul(done);
            let first = start.wrapping_add(stride.offset).wrapping_add(step);
            let result = self.caller(pid).on_range(verb, first, length);
            if let Err(errno) = result {
                reply.done = Some(done);
                return Err(errno);
            }
            if self.check_alive(pid).is_err() {
                break;
            }
        }
        Ok(count)
    }

    fn remap(&mut self, at: usize, remap: &RemapCommand, reply: &mut Reply) -> Return {
        let (start, bytes) = self.extent(at, &remap.region)?;
        let pid = self.pid(at);
        let from = start.wrapping_add(remap.offset);
        let old_bytes = remap.old_bytes.unwrap_or(bytes.wrapping_sub(remap.offset));
        let to = self.caller(pid).remap(from, old_bytes, remap)?;
        reply.moved = Some(u32::from(to != from));
        let name = remap.new_name.as_deref().unwrap_or(&remap.region);
        self.name(at, name, to, remap.bytes, reply)
    }

    fn change_break(&mut self, at: usize, bytes: u64, shrink: bool, reply: &mut Reply) -> Return {
        let pid = self.pid(at);
        let now = self.workers[at].brk;
        let wanted = if shrink { now.wrapping_sub(bytes) } else { now.wrapping_add(bytes) };
        let reached = self.caller(pid).set_break(wanted);
        self.workers[at].brk = reached;
        let begins = self.workers[at].region("heap").map_or(0, |heap| heap.at);
        let begins = if begins == 0 { now.next_multiple_of(FRAME_BYTES) } else { begins };
        self.name(at, "heap", begins, reached.saturating_sub(begins), reply)?;
        if reached == wanted { Ok(0) } else { Err(ENOMEM) }
    }

    fn stack(&mut self, bytes: u64) -> Result<Return, Stop> {
        let top = self.layout.address(self.workload.image.worker.stack_pointer) & !(FRAME_BYTES - 1);
        let pages = bytes / FRAME_BYTES;
        let at = |page: u64| top.wrapping_sub(page.wrapping_mul(FRAME_BYTES));
        let mut accesses = (0..pages).map(|page| Access::user(at(page), AccessKind::Store));
        self.access_all(&mut accesses, &mut |world, _, answer| {
            if let Answer::At(pa) = answer {
                world.kernel.store(pa, 1);
            }
        })?;
        Ok(Ok(pages))
    }

    fn probe(
        &mut self,
        at: usize,
        place: &Place,
        offset: u64,
        write: bool,
        survive: bool,
        reply: &mut Reply,
    ) -> Result<Return, Stop> {
        let start = match place {
            Place::Address(address) => *address,
            // A name that nothing has is read as a number, as the agent does: 0.
            Place::Region(name) => self.workers[at].region(name).map_or(0, |region| region.at),
        };
        let address = start.wrapping_add(offset);
        let pid = self.pid(at);
        let register_bits = self.kernel.spec().va_register_bits;
        if register_bits < u64::BITS && address >> register_bits != 0 {
            self.does_not_fit(address);
        }
        for signal in [SIGSEGV, SIGBUS] {
            self.kernel.handle_signal(pid, signal, survive);
        }
        let answer = match write {
            true => self.write(address, 1)?,
            false => self.access(address, AccessKind::Load)?,
        };
        for signal in [SIGSEGV, SIGBUS] {
            self.kernel.handle_signal(pid, signal, false);
        }
        if !survive {
            return Ok(Ok(0));
        }
        let (signal, code) = match answer {
            Answer::At(_) => (0, 0),
            Answer::Signal(signal) => {
                let (code, address) = details(signal);
                self.workers[at].signal_address = address;
                (signal.number().unwrap_or(0), code)
            }
        };
        reply.signal = Some(signal);
        reply.code = Some(code);
        reply.address = Some(self.workers[at].signal_address);
        Ok(Ok(0))
    }
}

/// The kernel's line about a segmentation violation that was not handled.
pub(super) fn segfault_line(command: &str, pid: u32, address: VirtAddr) -> String {
    format!("{command}[{pid}]: segfault at {:x}", address.0)
}

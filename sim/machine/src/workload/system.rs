//! Steps that concern the machine and no worker: knobs, swap, files of `/proc`, counters that are waited for, frames that are
//! compared.

use super::calls::Return;
use super::result::{Compared, Reply};
use super::{AGENT_PID, EINVAL, NS_PER_MS, Stop, World};
use pagewalk_arch::{FRAME_BYTES, VirtAddr};
use pagewalk_kernel::workload::{Bound, FileSpan, RegionOf};
use pagewalk_kernel::{Errno, SwapError, SysctlEffect, Vpn};

const ENOENT: i64 = 2;
const EIO: i64 = 5;
const ENOMEM: i64 = 12;
const EBUSY: i64 = 16;
/// Between two looks at a counter.
const POLL_MS: u64 = 100;
/// The agent's buffer for files.
const COPY_MAX: u64 = (1 << 20) - 1;

impl World<'_> {
    /// What concerns the machine returned `result`.
    pub(super) fn returned(&mut self, result: Return) -> Result<(), Stop> {
        if let Err(errno) = result {
            self.step.replies.push(Reply { ret: Some(-errno), ..Reply::default() });
        }
        Ok(())
    }

    pub(super) fn sysctl(&mut self, name: &str, value: &str) -> Result<(), Stop> {
        let result = match self.kernel.sysctl(name, value) {
            Ok(effect) => {
                match effect {
                    SysctlEffect::DropCaches(mask) => self.kernel.drop_caches(mask.into()),
                    SysctlEffect::Compact => self.kernel.compact(self.platform),
                    _ => {}
                }
                if effect == SysctlEffect::NotModelled {
                    self.note_knob(name);
                }
                Ok(0)
            }
            Err(error) => Err(Errno::from(error).number().into()),
        };
        self.returned(result)
    }

    /// swapon(2) of the machine's device.
    pub(super) fn swap_on(&mut self) -> Result<(), Stop> {
        let bytes = self.workload.scenario.machine.swap_bytes;
        let result = match (bytes, self.swap) {
            (0, _) => Err(ENOENT),
            (_, Some(_)) => Err(EBUSY),
            (bytes, None) => match self.kernel.swap_on(bytes / FRAME_BYTES + 1, None) {
                Ok(area) => {
                    self.swap = Some(area);
                    Ok(0)
                }
                Err(error) => {
                    self.report.notes.push(format!("swap: {error}"));
                    Err(if error == SwapError::NoMemory { ENOMEM } else { EINVAL })
                }
            },
        };
        self.returned(result)
    }

    /// swapoff(2).
    pub(super) fn swap_off(&mut self) -> Result<(), Stop> {
        let result = match self.swap {
            None if self.workload.scenario.machine.swap_bytes == 0 => Err(ENOENT),
            None => Err(EINVAL),
            Some(area) => match self.kernel.swap_off(self.platform, AGENT_PID, area) {
                Ok(()) => {
                    self.swap = None;
                    Ok(0)
                }
                Err(errno) => Err(errno.number().into()),
            },
        };
        self.returned(result)
    }

    /// The text of a file of `/proc`; `None` where there is none.
    pub(super) fn text_of(&self, path: &str) -> Option<String> {
        match path.strip_prefix("/proc/sys/") {
            Some(knob) => {
                let value = self.kernel.sysctls().read(&knob.replace('/', ".")).ok()?;
                Some(format!("{value}\n"))
            }
            None => self.kernel.proc_file(self.platform, path.strip_prefix("/proc/")?),
        }
    }

    /// Waits until a counter of a file has come so far.
    pub(super) fn until(&mut self, limit_ms: u64, path: &str, key: &str, bound: Bound, value: i64) {
        let (mut found, mut time_ms) = (-1, 0);
        while time_ms <= limit_ms {
            let text = self.text_of(path).unwrap_or_default();
            let mut values = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix([' ', ':']));
            let number = values.next().and_then(|rest| rest.split_whitespace().next()?.parse().ok());
            found = number.unwrap_or(found);
            let reached = match bound {
                Bound::AtLeast => found >= value,
                Bound::AtMost => found <= value,
            };
            if reached {
                break;
            }
            self.kernel.sleep(self.platform, POLL_MS * NS_PER_MS);
            time_ms += POLL_MS;
        }
        let told = [(key.to_owned(), found), ("after_ms".to_owned(), time_ms as i64)];
        self.step.value = Some(told.into());
    }

    /// A small file, copied by the agent.
    pub(super) fn copy(&mut self, from: &str, to: &str) -> Return {
        let (from, to) = (from.trim_start_matches('/'), to.trim_start_matches('/'));
        let file = self.kernel.file_existing(from).map_err(|_| EIO)?;
        let bytes = self.kernel.file_bytes(file).unwrap_or(0).min(COPY_MAX);
        let span = |name: &str| FileSpan { file: name.to_owned(), bytes, offset: 0, chunk: bytes.max(1) };
        self.caller(AGENT_PID).file_read(&span(from), false)?;
        self.caller(AGENT_PID).truncate(to, 0)?;
        self.caller(AGENT_PID).file_write(&span(to))?;
        if let Some(&program) = self.programs.get(from) {
            self.programs.insert(to.to_owned(), program);
        }
        Ok(0)
    }

    pub(super) fn compare(&mut self, first: &RegionOf, second: &RegionOf) -> Result<(), Stop> {
        let found = |of: &RegionOf| {
            let worker = self.workers.iter().find(|worker| worker.name == of.who)?;
            Some((worker.pid?, worker.region(&of.region)?.clone()))
        };
        let (Some((pid_a, a)), Some((pid_b, b))) = (found(first), found(second)) else { return Ok(()) };
        let frame = |pid: u32, at: u64, page: u64| {
            let space = self.kernel.address_space(pid)?;
            let page = Vpn::of(VirtAddr(at)).up(page);
            let mapped = space.page_table().lookup(self.platform, page)?;
            Some(mapped.pte.frame)
        };
        let mut compared = Compared::default();
        for page in 0..a.bytes / FRAME_BYTES {
            let count = match (frame(pid_a, a.at, page), frame(pid_b, b.at, page)) {
                (Some(a), Some(b)) if a == b => &mut compared.same,
                (Some(_), Some(_)) => &mut compared.differ,
                (Some(_), None) => &mut compared.only_first,
                (None, Some(_)) => &mut compared.only_second,
                (None, None) => &mut compared.neither,
            };
            *count += 1;
        }
        self.step.compare = Some(compared);
        Ok(())
    }
}

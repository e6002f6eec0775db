//! fork(2), execve(2), exit(2), kill(2) of programs that no trace tells of, and who they are: setuid(2), setrlimit(2),
//! `/proc/PID/oom_score_adj`.

use crate::errno::{CallStop, Errno};
use crate::kernel::Kernel;
use crate::{Badness, Credentials, OomSize, Resource, Rlimit};
use pagewalk_arch::Platform;

impl Kernel {
    /// fork(2) of `pid`: `child` has a copy of its address space.
    ///
    /// # Errors
    /// ENOMEM where what the child may write cannot be promised, or memory runs out. What was shared with a child that
    /// could not be finished stays write-protected in the parent.
    pub fn sys_fork(&mut self, platform: &mut dyn Platform, pid: u32, child: u32) -> Result<(), Errno> {
        self.caller(pid)?;
        if self.processes.contains_key(&child) {
            return Err(Errno::Again);
        }
        match self.fork_process(platform, pid, child) {
            Ok(()) => Ok(()),
            Err(CallStop::Errno(errno)) => Err(errno),
            Err(CallStop::OutOfMemory | CallStop::Interrupted) => Err(Errno::NoMem),
        }
    }

    /// execve(2) of `pid`: an empty address space, which its caller fills.
    ///
    /// # Errors
    /// [`Errno::Srch`] where there is no such process.
    pub fn sys_exec(&mut self, platform: &mut dyn Platform, pid: u32) -> Result<(), Errno> {
        self.caller(pid)?;
        self.exec(platform, pid);
        self.caller(pid).map(|_| ())
    }

    /// exit_group(2) of `pid`.
    ///
    /// # Errors
    /// [`Errno::Srch`] where there is no such process.
    pub fn sys_exit(&mut self, platform: &mut dyn Platform, pid: u32) -> Result<(), Errno> {
        self.caller(pid)?;
        self.exit(platform, pid);
        Ok(())
    }

    /// kill(2) of `pid` by a signal that ends it.
    ///
    /// # Errors
    /// [`Errno::Srch`] where there is no such process.
    pub fn sys_kill(&mut self, platform: &mut dyn Platform, pid: u32) -> Result<(), Errno> {
        self.processes.get(&pid).ok_or(Errno::Srch)?;
        self.ended_by_signal(platform, pid);
        Ok(())
    }

    /// Who `pid` is; `None` where there is no such process.
    pub fn credentials(&self, pid: u32) -> Option<&Credentials> {
        self.processes.get(&pid).map(|process| &process.credentials)
    }

    fn credentials_mut(&mut self, pid: u32) -> Result<&mut Credentials, Errno> {
        self.processes.get_mut(&pid).map(|process| &mut process.credentials).ok_or(Errno::Srch)
    }

    /// setuid(2) of `pid`.
    ///
    /// # Errors
    /// EPERM for all but the user 0.
    pub fn sys_setuid(&mut self, pid: u32, uid: u32) -> Result<(), Errno> {
        self.credentials_mut(pid)?.set_user(uid)
    }

    /// setrlimit(2) of `pid`.
    ///
    /// # Errors
    /// EINVAL of a soft limit above the hard one, EPERM of a hard one that is raised.
    pub fn sys_setrlimit(&mut self, pid: u32, resource: Resource, limit: Rlimit) -> Result<(), Errno> {
        self.credentials_mut(pid)?.set_limit(resource, limit)
    }

    /// A write of `pid` to its own `/proc/PID/oom_score_adj`.
    ///
    /// # Errors
    /// EINVAL beyond ±1000, EACCES of who lowers it and may not.
    pub fn set_oom_score_adj(&mut self, pid: u32, adj: i64) -> Result<(), Errno> {
        self.credentials_mut(pid)?.set_oom_score_adj(adj)
    }

    /// How bad `pid` is to the killer; `None` where there is no such process.
    pub fn badness(&self, pid: u32) -> Option<Badness> {
        let process = self.processes.get(&pid)?;
        let space = self.spaces.get(&process.mm)?;
        let machine = self.system.commit_machine();
        let counters = self.system.mms.shown(process.mm);
        let size = OomSize {
            rss_pages: counters.resident(),
            swap_entries: counters.swap,
            table_pages: space.page_table().tables().saturating_sub(1),
        };
        let adj = process.credentials.oom_score_adj;
        Some(Badness::of(size, adj, machine.ram_pages + machine.swap_pages))
    }

    /// `/proc/PID/oom_score`; 0 where there is no such process.
    pub fn oom_score(&self, pid: u32) -> u32 {
        self.badness(pid).map_or(0, |badness| badness.score())
    }
}

//! Who asks, and how much it may have: user, resource limits, the killer's adjustment. Linux's `cred` and `rlim`.
//!
//! Owns what each limit is in pages and what the user 0 is exempt from. What a limit forbids is the verb's to say.

use crate::Errno;
use pagewalk_arch::{FRAME_BYTES, FRAME_SHIFT};

/// A resource whose use is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// RLIMIT_AS: bytes of all areas.
    AddressSpace,
    /// RLIMIT_DATA: bytes of private writable areas, and from the heap's begin to the break.
    Data,
    /// RLIMIT_STACK: bytes to which a stack grows.
    Stack,
    /// RLIMIT_MEMLOCK: bytes locked.
    MemLock,
}

/// "No limit".
pub const RLIM_INFINITY: u64 = u64::MAX;

/// A limit: what holds, and up to where its owner may raise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// `rlim_cur`, in bytes.
    pub soft: u64,
    /// `rlim_max`, in bytes.
    pub hard: u64,
}

/// The limits of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimits {
    /// RLIMIT_AS.
    pub address_space: Rlimit,
    /// RLIMIT_DATA.
    pub data: Rlimit,
    /// RLIMIT_STACK.
    pub stack: Rlimit,
    /// RLIMIT_MEMLOCK.
    pub mem_lock: Rlimit,
}

impl Default for Rlimits {
    /// What Linux gives the first process.
    fn default() -> Self {
        let both = |bytes| Rlimit { soft: bytes, hard: bytes };
        Self {
            address_space: both(RLIM_INFINITY),
            data: both(RLIM_INFINITY),
            stack: Rlimit { soft: 8 << 20, hard: RLIM_INFINITY },
            mem_lock: both(8 << 20),
        }
    }
}

impl Rlimits {
    fn of(&mut self, resource: Resource) -> &mut Rlimit {
        match resource {
            Resource::AddressSpace => &mut self.address_space,
            Resource::Data => &mut self.data,
            Resource::Stack => &mut self.stack,
            Resource::MemLock => &mut self.mem_lock,
        }
    }
}

/// What the kernel knows of who a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user; 0 has every capability.
    pub uid: u32,
    /// The limits.
    pub limits: Rlimits,
    /// `/proc/PID/oom_score_adj`.
    pub oom_score_adj: i16,
    /// Below this only the user 0 may set it.
    pub oom_score_adj_min: i16,
    /// Its files in `/proc` are its own. Who has become another user does not have them until it executes a program.
    pub is_dumpable: bool,
}

impl Default for Credentials {
    /// The user 0 with the first process's limits.
    fn default() -> Self {
        Self { uid: 0, limits: Rlimits::default(), oom_score_adj: 0, oom_score_adj_min: 0, is_dumpable: true }
    }
}

/// The adjustment that exempts a process from being killed.
pub const OOM_SCORE_ADJ_MIN: i16 = -1000;
/// The adjustment that has it killed first.
pub const OOM_SCORE_ADJ_MAX: i16 = 1000;

impl Credentials {
    /// Whether it has capabilities: CAP_IPC_LOCK, CAP_SYS_ADMIN, CAP_SYS_RESOURCE, CAP_SYS_RAWIO.
    pub const fn is_capable(&self) -> bool {
        self.uid == 0
    }

    /// setrlimit(2).
    pub fn set_limit(&mut self, resource: Resource, new: Rlimit) -> Result<(), Errno> {
        let is_capable = self.is_capable();
        let limit = self.limits.of(resource);
        if new.soft > new.hard {
            return Err(Errno::Inval);
        }
        if new.hard > limit.hard && !is_capable {
            return Err(Errno::Perm);
        }
        *limit = new;
        Ok(())
    }

    /// setuid(2): the user 0 becomes anyone for good, all others themselves.
    pub fn set_user(&mut self, uid: u32) -> Result<(), Errno> {
        if self.is_capable() || uid == self.uid {
            self.is_dumpable &= uid == self.uid;
            self.uid = uid;
            return Ok(());
        }
        Err(Errno::Perm)
    }

    /// A write to `/proc/PID/oom_score_adj`.
    pub fn set_oom_score_adj(&mut self, adj: i64) -> Result<(), Errno> {
        if !self.is_dumpable && !self.is_capable() {
            return Err(Errno::Acces);
        }
        let adj = i16::try_from(adj).ok().filter(|adj| (OOM_SCORE_ADJ_MIN..=OOM_SCORE_ADJ_MAX).contains(adj));
        let adj = adj.ok_or(Errno::Inval)?;
        if adj < self.oom_score_adj_min && !self.is_capable() {
            return Err(Errno::Acces);
        }
        if self.is_capable() {
            self.oom_score_adj_min = adj;
        }
        self.oom_score_adj = adj;
        Ok(())
    }
}

/// The limits of a call in pages, as the verbs of an address space ask them. None of these hold for a call that a
/// trace shows to have succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// `vm.max_map_count`.
    pub(crate) areas_max: usize,
    /// RLIMIT_AS.
    pub(crate) total_pages: u64,
    /// RLIMIT_DATA.
    pub(crate) data_pages: u64,
    /// RLIMIT_STACK.
    pub(crate) stack_pages: u64,
    /// RLIMIT_MEMLOCK; `u64::MAX` for who has CAP_IPC_LOCK.
    pub(crate) locked_pages: u64,
    /// CAP_SYS_ADMIN: the admin's reserve is for it.
    pub(crate) is_admin: bool,
}

impl Limits {
    pub(crate) fn new(credentials: &Credentials, areas_max: usize) -> Self {
        let pages = |limit: Rlimit| limit.soft >> FRAME_SHIFT;
        let Rlimits { address_space, data, stack, mem_lock } = credentials.limits;
        Self {
            areas_max,
            total_pages: pages(address_space),
            data_pages: pages(data),
            stack_pages: stack.soft.div_ceil(FRAME_BYTES),
            locked_pages: if credentials.is_capable() { u64::MAX } else { pages(mem_lock) },
            is_admin: credentials.is_capable(),
        }
    }
    /// `can_do_mlock`.
    pub(crate) fn may_lock(&self) -> bool {
        self.locked_pages > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_up_the_user_0_gives_up_what_it_may() {
        let mut who = Credentials::default();
        let limit = |bytes| Rlimit { soft: bytes, hard: bytes };
        assert_eq!(who.set_limit(Resource::MemLock, limit(64 << 10)), Ok(()));
        assert_eq!(Limits::new(&who, 9).locked_pages, u64::MAX);
        assert_eq!(who.set_oom_score_adj(-500), Ok(()));
        assert_eq!(who.set_user(1000), Ok(()));
        assert_eq!(Limits::new(&who, 9).locked_pages, 16);
        assert_eq!(who.set_limit(Resource::MemLock, limit(128 << 10)), Err(Errno::Perm));
        assert_eq!(who.set_limit(Resource::MemLock, Rlimit { soft: 2, hard: 1 }), Err(Errno::Inval));
        assert_eq!(who.set_user(0), Err(Errno::Perm));
        assert_eq!(who.set_oom_score_adj(300), Err(Errno::Acces), "the file is another's");
        who.is_dumpable = true;
        assert_eq!(who.set_oom_score_adj(-501), Err(Errno::Acces));
        assert_eq!(who.set_oom_score_adj(1001), Err(Errno::Inval));
        assert_eq!(who.set_oom_score_adj(300), Ok(()));
        assert_eq!(who.set_oom_score_adj(-500), Ok(()), "as low as when it could");
    }
}

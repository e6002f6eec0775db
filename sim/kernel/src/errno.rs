//! How a call ends that does not succeed. Owns the error numbers of memory management, Linux's
//! `asm-generic/errno-base.h` and `asm-generic/errno.h`.

/// An error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// EPERM.
    Perm = 1,
    /// ENOENT.
    NoEnt = 2,
    /// ESRCH.
    Srch = 3,
    /// EINTR.
    Intr = 4,
    /// EAGAIN.
    Again = 11,
    /// ENOMEM.
    NoMem = 12,
    /// EACCES.
    Acces = 13,
    /// EFAULT.
    Fault = 14,
    /// EBUSY.
    Busy = 16,
    /// EINVAL.
    Inval = 22,
    /// ENOSPC.
    NoSpc = 28,
    /// EOVERFLOW.
    Overflow = 75,
}

impl Errno {
    /// The number.
    pub const fn number(self) -> i32 {
        self as i32
    }
}

/// Why a call went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallStop {
    /// Linux would return this; what was changed before stays changed.
    Errno(Errno),
    /// No frame is left: Linux kills the caller in the middle of the call.
    OutOfMemory,
    /// The user asked the run to end.
    Interrupted,
}

impl From<Errno> for CallStop {
    fn from(errno: Errno) -> Self {
        CallStop::Errno(errno)
    }
}

impl From<crate::OutOfMemory> for CallStop {
    fn from(_: crate::OutOfMemory) -> Self {
        CallStop::OutOfMemory
    }
}

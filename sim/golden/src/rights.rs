//! What a translation allows, and whom: the one place where rights meet mode bits. Owns no walk and no look-up; both
//! ask here: W-18, W-42, and L-3 for an entry. RISC-V Privileged Architecture, "Virtual Address Translation Process"
//! step 6 (with SUM and MXR); Intel SDM volume 3A, 4.6.1.

use pagewalk_arch::{Access, AccessKind, Isa, Mode, Privilege};
use std::fmt;
use std::ops::BitOr;

/// A set of rights: read, write, execute, and use by user mode. On x86 the rights are those of all levels together,
/// and reading is always among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights(u8);

impl Rights {
    /// Loads.
    pub const READ: Self = Self(1 << 0);
    /// Stores.
    pub const WRITE: Self = Self(1 << 1);
    /// Fetches.
    pub const EXECUTE: Self = Self(1 << 2);
    /// A user page.
    pub const USER: Self = Self(1 << 3);
    /// All of them.
    pub const ALL: Self = Self(0b1111);

    /// Whether every right of `other` is among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
    /// The rights of both sets.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
    /// `self` where `condition` holds, else none.
    pub const fn when(self, condition: bool) -> Self {
        if condition { self } else { Self(0) }
    }
    /// The set as a number below 16.
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }
}

impl BitOr for Rights {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (right, letter) in
            [(Self::READ, 'r'), (Self::WRITE, 'w'), (Self::EXECUTE, 'x'), (Self::USER, 'u')]
        {
            write!(f, "{}", if self.contains(right) { letter } else { '-' })?;
        }
        Ok(())
    }
}

/// Which right an access lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// U is clear.
    #[error("the page belongs to the supervisor")]
    SupervisorPage,
    /// A supervisor access to a user page that SUM, SMEP or SMAP forbids.
    #[error("the supervisor may not touch this user page")]
    UserPage,
    /// No right to read.
    #[error("the page is not readable")]
    NotReadable,
    /// No right to write.
    #[error("the page is not writable")]
    NotWritable,
    /// No right to execute.
    #[error("the page is not executable")]
    NotExecutable,
}

/// W-18, W-45 to W-49: whether an access of `kind` made with `privilege` is within `rights`.
pub fn check(
    isa: Isa,
    mode: &Mode,
    rights: Rights,
    kind: AccessKind,
    privilege: Privilege,
) -> Result<(), Denial> {
    let supervisor = privilege == Privilege::Supervisor;
    let user_page = rights.contains(Rights::USER);
    if !supervisor && !user_page {
        return Err(Denial::SupervisorPage);
    }
    let fetch = kind == AccessKind::Fetch;
    let supervisor_may_use_user_pages = match (isa, fetch) {
        (Isa::RiscV, true) => false,
        (Isa::RiscV, false) => mode.sum,
        (Isa::X86, true) => !mode.smep,
        (Isa::X86, false) => !mode.smap || mode.ac,
    };
    if supervisor && user_page && !supervisor_may_use_user_pages {
        return Err(Denial::UserPage);
    }
    let write_protected = !rights.contains(Rights::WRITE);
    let ignores_write_protection = isa == Isa::X86 && supervisor && !mode.wp;
    let executable = rights.contains(Rights::EXECUTE);
    let readable = rights.contains(Rights::READ) || (isa == Isa::RiscV && mode.mxr && executable);
    match kind {
        AccessKind::Load if !readable => Err(Denial::NotReadable),
        AccessKind::Store if write_protected && !ignores_write_protection => Err(Denial::NotWritable),
        AccessKind::Fetch if !executable => Err(Denial::NotExecutable),
        _ => Ok(()),
    }
}

/// The six combinations of access kind and privilege, numbered 0-5.
pub(crate) const COMBINATIONS: u32 = 6;

/// The number of an access's combination of kind and privilege.
#[inline]
pub(crate) fn combination(access: &Access) -> u32 {
    access.kind as u32 * 2 + access.privilege as u32
}

/// L-3: what a TLB entry grants under the current mode, precomputed: per rights and D bit a set of combinations. A
/// store needs D, because setting it is the walker's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GrantTable([u8; 32]);

impl GrantTable {
    pub(crate) fn new(isa: Isa, mode: &Mode) -> Self {
        let mut table = [0; 32];
        for (index, grants) in table.iter_mut().enumerate() {
            let rights = Rights(index as u8 & 0xf);
            let dirty = index & 0x10 != 0;
            for kind in [AccessKind::Fetch, AccessKind::Load, AccessKind::Store] {
                for privilege in [Privilege::Supervisor, Privilege::User] {
                    let granted = check(isa, mode, rights, kind, privilege).is_ok()
                        && (dirty || kind != AccessKind::Store);
                    *grants |= u8::from(granted) << (kind as u32 * 2 + privilege as u32);
                }
            }
        }
        Self(table)
    }
    /// Bit c is set where combination c is granted.
    #[inline]
    pub(crate) fn of(&self, rights: Rights, dirty: bool) -> u8 {
        self.0[usize::from(rights.bits() | u8::from(dirty) << 4) & 31]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccessKind::{Fetch, Load, Store};
    use Privilege::{Supervisor, User};

    const RW: Rights = Rights(0b0011);

    #[test]
    fn riscv_supervisor_and_user_pages() {
        let page = Rights::ALL;
        let sum = Mode { sum: true, ..Mode::default() };
        assert_eq!(check(Isa::RiscV, &Mode::default(), page, Load, Supervisor), Err(Denial::UserPage));
        assert_eq!(check(Isa::RiscV, &sum, page, Load, Supervisor), Ok(()));
        assert_eq!(check(Isa::RiscV, &sum, page, Fetch, Supervisor), Err(Denial::UserPage), "never");
        assert_eq!(check(Isa::RiscV, &sum, RW, Load, User), Err(Denial::SupervisorPage));
    }

    #[test]
    fn mxr_makes_executable_pages_readable() {
        let page = Rights::EXECUTE | Rights::USER;
        let mxr = Mode { mxr: true, ..Mode::default() };
        assert_eq!(check(Isa::RiscV, &Mode::default(), page, Load, User), Err(Denial::NotReadable));
        assert_eq!(check(Isa::RiscV, &mxr, page, Load, User), Ok(()));
        assert_eq!(check(Isa::RiscV, &mxr, page, Store, User), Err(Denial::NotWritable));
    }

    #[test]
    fn x86_write_protection_smep_and_smap() {
        let read_only = Rights::READ | Rights::EXECUTE | Rights::USER;
        let none = Mode::default();
        assert_eq!(check(Isa::X86, &none, read_only, Store, Supervisor), Ok(()));
        assert_eq!(check(Isa::X86, &none, read_only, Store, User), Err(Denial::NotWritable));
        let wp = Mode { wp: true, ..none };
        assert_eq!(check(Isa::X86, &wp, read_only, Store, Supervisor), Err(Denial::NotWritable));
        let smep = Mode { smep: true, ..none };
        assert_eq!(check(Isa::X86, &smep, read_only, Fetch, Supervisor), Err(Denial::UserPage));
        assert_eq!(check(Isa::X86, &smep, read_only, Load, Supervisor), Ok(()));
        let smap = Mode { smap: true, ..none };
        assert_eq!(check(Isa::X86, &smap, read_only, Load, Supervisor), Err(Denial::UserPage));
        assert_eq!(check(Isa::X86, &Mode { ac: true, ..smap }, read_only, Load, Supervisor), Ok(()));
    }

    #[test]
    fn a_store_needs_the_dirty_bit() {
        let grants = GrantTable::new(Isa::RiscV, &Mode::default());
        let store = 1 << combination(&Access::user(0, Store));
        let page = RW | Rights::USER;
        assert_eq!(grants.of(page, false) & store, 0);
        assert_eq!(grants.of(page, true) & store, store);
    }
}

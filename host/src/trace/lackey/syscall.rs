//! The text of a system call as Valgrind prints it: `sys_mmap ( 0x0, 8192, 3, 34, 4294967295, 0 )` and
//! `Success(0x4835000)`. Owns the arguments' order and Linux's flag bits; lines and processes are the
//! reader's.

use pagewalk_arch::{
    CloneKind, FileId, FileSource, MapRequest, Protection, RemapFlags, Syscall, SyscallOutcome, VirtAddr,
};

/// Linux's flag bits, from the kernel's uapi headers.
mod flag {
    pub const PROT_READ: u64 = 1;
    pub const PROT_WRITE: u64 = 2;
    pub const PROT_EXEC: u64 = 4;
    pub const MAP_SHARED: u64 = 1;
    pub const MAP_TYPE: u64 = 0xf;
    pub const MAP_ANONYMOUS: u64 = 0x20;
    pub const MAP_GROWSDOWN: u64 = 0x100;
    pub const MAP_POPULATE: u64 = 0x8000;
    pub const CLONE_VM: u64 = 0x100;
}

/// mmap2(2) counts the offset in these units.
const MMAP2_UNIT_BYTES: u64 = 4096;
/// Arguments that are looked at.
const ARGUMENTS_MAX: usize = 6;

/// A call whose result is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    number: u32,
    name: Name,
    arguments: [u64; ARGUMENTS_MAX],
}

/// The calls that shape an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Mmap,
    Mmap2,
    Munmap,
    Mprotect,
    Brk,
    Mremap,
    Madvise,
    /// clone and clone3 that made a thread, or that did not say.
    Clone,
    /// fork, vfork, and every clone that Valgrind carried out as a fork.
    Fork,
    ExitThread,
    ExitGroup,
    Other,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Return {
    /// With this value.
    Success(u64),
    /// With this errno.
    Failure(u64),
    /// Successfully, without a value (rt_sigreturn).
    Nothing,
}

impl Call {
    /// Parses `sys_name ( arguments ) …` of call `number`.
    pub fn parse(number: u32, text: &str) -> Self {
        let (name, rest) = text.split_once('(').unwrap_or((text, ""));
        let name = name.trim();
        let name = match name.strip_prefix("sys_").unwrap_or(name) {
            "mmap" | "old_mmap" => Name::Mmap,
            "mmap2" => Name::Mmap2,
            "munmap" => Name::Munmap,
            "mprotect" | "pkey_mprotect" => Name::Mprotect,
            "brk" => Name::Brk,
            "mremap" => Name::Mremap,
            "madvise" => Name::Madvise,
            "clone" | "clone3" => Name::Clone,
            "fork" | "vfork" => Name::Fork,
            "exit" => Name::ExitThread,
            "exit_group" => Name::ExitGroup,
            _ => Name::Other,
        };
        // "clone(fork): process 1 created child 2" follows the arguments.
        let name = if name == Name::Clone && rest.contains("created child") { Name::Fork } else { name };
        let mut arguments = [0; ARGUMENTS_MAX];
        let list = rest.split(')').next().unwrap_or("");
        for (slot, text) in arguments.iter_mut().zip(list.split(',')) {
            // clone's flags are hexadecimal without saying so.
            let radix = if matches!(name, Name::Clone | Name::Fork) { 16 } else { 10 };
            *slot = integer(text.trim(), radix).unwrap_or(0);
        }
        Self { number, name, arguments }
    }

    /// Whether a second answer, the child's, may follow.
    pub fn forks(&self) -> bool {
        self.name == Name::Fork
    }
    /// Whether this makes a thread in the caller's process.
    pub fn makes_thread(&self) -> bool {
        self.name == Name::Clone && self.arguments[0] & flag::CLONE_VM != 0
    }
    /// Whether this ends the calling thread only.
    pub fn ends_thread(&self) -> bool {
        self.name == Name::ExitThread
    }

    /// The event's call and outcome.
    pub fn finish(&self, result: Return) -> (Syscall, SyscallOutcome) {
        let (value, outcome) = match result {
            Return::Success(value) => (value, SyscallOutcome::Success),
            Return::Nothing => (0, SyscallOutcome::Success),
            Return::Failure(errno) => (0, SyscallOutcome::Failure(errno.min(i32::MAX as u64) as i32)),
        };
        let [a, b, c, d, e, f] = self.arguments;
        let at = VirtAddr(a);
        let call = match self.name {
            Name::Mmap | Name::Mmap2 => Syscall::Map(MapRequest {
                at: VirtAddr(if outcome == SyscallOutcome::Success { value } else { a }),
                bytes: b,
                protection: protection(c),
                // MAP_SHARED_VALIDATE is 3.
                shared: d & flag::MAP_TYPE & flag::MAP_SHARED != 0,
                populate: d & flag::MAP_POPULATE != 0,
                grows_down: d & flag::MAP_GROWSDOWN != 0,
                source: Some(e as i32).filter(|&fd| fd >= 0 && d & flag::MAP_ANONYMOUS == 0).map(|fd| {
                    FileSource {
                        file: FileId(fd as u64),
                        offset: if self.name == Name::Mmap2 { f.wrapping_mul(MMAP2_UNIT_BYTES) } else { f },
                    }
                }),
                ..MapRequest::default()
            }),
            Name::Munmap => Syscall::Unmap { at, bytes: b },
            Name::Mprotect => Syscall::Protect { at, bytes: b, protection: protection(c) },
            Name::Brk => Syscall::Brk { end: VirtAddr(value) },
            Name::Mremap => Syscall::Remap {
                from: at,
                from_bytes: b,
                to: VirtAddr(value),
                to_bytes: c,
                flags: RemapFlags::default(),
            },
            Name::Madvise => Syscall::Advise { at, bytes: b, advice: c as i32 },
            Name::Clone | Name::Fork => {
                let kind = if self.makes_thread() { CloneKind::Thread } else { CloneKind::Process };
                Syscall::Clone { child: saturate(value), kind }
            }
            Name::ExitThread => Syscall::Exit { status: a as i32 },
            Name::ExitGroup => Syscall::ExitGroup { status: a as i32 },
            Name::Other => Syscall::Other { number: self.number },
        };
        (call, outcome)
    }
}

impl Return {
    /// Parses what follows `-->`, without the bracketed remark.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |text: &str| {
            let digits = text.strip_prefix("0x")?;
            let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
            u64::from_str_radix(&digits[..end], 16).ok()
        };
        if let Some(value) = text.strip_prefix("Success(") {
            hex(value).map(Self::Success)
        } else if let Some(errno) = text.strip_prefix("Failure(") {
            hex(errno).map(Self::Failure)
        } else {
            text.starts_with("NoWriteResult").then_some(Self::Nothing)
        }
    }
}

fn protection(bits: u64) -> Protection {
    Protection {
        read: bits & flag::PROT_READ != 0,
        write: bits & flag::PROT_WRITE != 0,
        execute: bits & flag::PROT_EXEC != 0,
    }
}

fn saturate(value: u64) -> u32 {
    value.min(u64::from(u32::MAX)) as u32
}

/// An argument: `0x…`, or digits of `radix`, perhaps negative, perhaps followed by the string it points to.
fn integer(text: &str, radix: u32) -> Option<u64> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, radix), |hex| (hex, 16));
    let (digits, negative) = digits.strip_prefix('-').map_or((digits, false), |digits| (digits, true));
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let value = u64::from_str_radix(&digits[..end], radix).ok()?;
    Some(if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(text: &str, result: &str) -> (Syscall, SyscallOutcome) {
        Call::parse(7, text).finish(Return::parse(result).expect("a result"))
    }

    #[test]
    fn a_file_mapping() {
        let (call, _) = finish("sys_mmap ( 0x486b000, 1400832, 5, 2066, 4, 155648 )", "Success(0x486b000) ");
        let Syscall::Map(map) = call else { panic!("{call:?}") };
        assert_eq!(
            (map.at, map.bytes, map.source),
            (VirtAddr(0x486_b000), 1_400_832, Some(FileSource { file: FileId(4), offset: 155_648 }))
        );
        assert_eq!(map.protection, Protection { read: true, write: false, execute: true });
        assert!(!map.shared && !map.populate && !map.grows_down);
    }

    #[test]
    fn an_anonymous_mapping() {
        let (call, _) = finish("sys_mmap ( 0x0, 8388608, 3, 33058, 4294967295, 0 )", "Success(0x4a2a000)");
        let Syscall::Map(map) = call else { panic!("{call:?}") };
        assert_eq!(map.source, None);
        assert!(map.populate && map.grows_down && !map.shared);
    }

    #[test]
    fn threads_and_processes() {
        let thread = "sys_clone ( 3d0f00, 0x6229f70, 0x622a990, 0x622a990, 0x622a6c0 )";
        let fork = "sys_clone ( 1200011, 0x0, 0x0, 0x4a27a10, 0x0 )   clone(fork): process 5 created child 6";
        assert_eq!(
            finish(thread, "Success(0x188a)").0,
            Syscall::Clone { child: 0x188a, kind: CloneKind::Thread }
        );
        assert_eq!(finish(fork, "Success(0x6)").0, Syscall::Clone { child: 6, kind: CloneKind::Process });
        assert_eq!(
            finish("sys_fork ( )   fork: process 5 created child 6", "Success(0x6)").0,
            Syscall::Clone { child: 6, kind: CloneKind::Process }
        );
        assert_eq!(finish("exit( 0 )", "Success(0x0)").0, Syscall::Exit { status: 0 });
        assert_eq!(finish("exit_group( 3 )", "Success(0x0)").0, Syscall::ExitGroup { status: 3 });
    }

    #[test]
    fn failures_keep_their_errno() {
        let (call, outcome) = finish("sys_munmap ( 0xffffffffffffffff, 4096 )", "Failure(0x16)");
        assert_eq!(call, Syscall::Unmap { at: VirtAddr(u64::MAX), bytes: 4096 });
        assert_eq!(outcome, SyscallOutcome::Failure(22));
    }

    #[test]
    fn moved_mappings() {
        let (call, _) = finish("sys_mremap ( 0x4a2a000, 8388608, 16777216, 0x1 )", "Success(0x5a00000)");
        let expected = Syscall::Remap {
            from: VirtAddr(0x4a2_a000),
            from_bytes: 8_388_608,
            to: VirtAddr(0x5a0_0000),
            to_bytes: 16_777_216,
            flags: RemapFlags::default(),
        };
        assert_eq!(call, expected);
    }

    #[test]
    fn odd_results() {
        assert_eq!(Return::parse("NoWriteResult"), Some(Return::Nothing));
        assert_eq!(Return::parse("Success(0x10:0x20)"), Some(Return::Success(16)));
        assert_eq!(Return::parse("Success("), None);
    }
}

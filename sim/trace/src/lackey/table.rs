//! What each system call means to a trace: one table from Linux's names, and one for the calls that Valgrind knows
//! by number only. Owns the data; a call's arguments are [`super::syscall`]'s, its effect [`super::meaning`]'s.

/// What a call is to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Mmap,
    /// Its offset counts 4096 bytes.
    Mmap2,
    Munmap,
    Mprotect,
    Brk,
    Mremap,
    RemapFilePages,
    Madvise,
    Mlock,
    Mlock2,
    Munlock,
    Mlockall,
    Munlockall,
    Prctl,
    Shmget,
    Shmat,
    Shmdt,
    Shmctl,
    IoSetup,
    IoDestroy,
    /// io_submit, io_getevents: their first argument tells where a ring lies.
    IoUse,
    /// clone and clone3 that made a thread, or that did not say.
    Clone,
    Clone3,
    /// fork, vfork, and every clone that Valgrind carried out as a fork.
    Fork,
    /// execve: the path is the first argument.
    Execve,
    /// execveat: a descriptor, then the path.
    Execveat,
    ExitThread,
    ExitGroup,
    /// wait4, waitpid.
    Wait4,
    Waitid,
    Sigaction,
    Open,
    Openat,
    Openat2,
    Creat,
    /// Returns a descriptor of what is no named file.
    NewDescriptor,
    MemfdCreate,
    Dup,
    /// dup2, dup3.
    DupTo,
    Fcntl,
    Close,
    CloseRange,
    Unlink,
    Unlinkat,
    Rename,
    /// renameat, renameat2.
    Renameat,
    Truncate,
    Ftruncate,
    Fallocate,
    /// Moves the offset by its result: read, readv.
    Read,
    /// Writes at the offset: write, writev.
    Write,
    /// pwrite64: the offset is the fourth argument.
    Pwrite,
    Lseek,
    /// Writes into a file in a way that is not followed: its size is unknown from then on. The argument that is the
    /// descriptor.
    WritesTo(u8),
    Chdir,
    Fchdir,
    Unmodelled(&'static str),
    Other,
}

use Meaning::*;

/// By name, without `sys_`. Sorted, so that a name is found by halving.
static NAMES: &[(&str, Meaning)] = &[
    ("accept", NewDescriptor),
    ("accept4", NewDescriptor),
    ("brk", Brk),
    ("chdir", Chdir),
    ("clone", Clone),
    ("clone3", Clone3),
    ("close", Close),
    ("close_range", CloseRange),
    ("copy_file_range", WritesTo(2)),
    ("creat", Creat),
    ("dup", Dup),
    ("dup2", DupTo),
    ("dup3", DupTo),
    ("epoll_create", NewDescriptor),
    ("epoll_create1", NewDescriptor),
    ("eventfd", NewDescriptor),
    ("eventfd2", NewDescriptor),
    ("execve", Execve),
    ("execveat", Execveat),
    ("exit", ExitThread),
    ("exit_group", ExitGroup),
    ("fallocate", Fallocate),
    ("fchdir", Fchdir),
    ("fcntl", Fcntl),
    ("fcntl64", Fcntl),
    ("fork", Fork),
    ("ftruncate", Ftruncate),
    ("ftruncate64", Ftruncate),
    ("inotify_init", NewDescriptor),
    ("inotify_init1", NewDescriptor),
    ("io_cancel", IoUse),
    ("io_destroy", IoDestroy),
    ("io_getevents", IoUse),
    ("io_pgetevents", IoUse),
    ("io_setup", IoSetup),
    ("io_submit", IoUse),
    ("io_uring_setup", NewDescriptor),
    ("lseek", Lseek),
    ("madvise", Madvise),
    ("map_shadow_stack", Unmodelled("map_shadow_stack")),
    ("mbind", Unmodelled("mbind")),
    ("memfd_create", MemfdCreate),
    ("memfd_secret", MemfdCreate),
    ("mlock", Mlock),
    ("mlock2", Mlock2),
    ("mlockall", Mlockall),
    ("mmap", Mmap),
    ("mmap2", Mmap2),
    ("mprotect", Mprotect),
    ("mremap", Mremap),
    ("mseal", Unmodelled("mseal")),
    ("munlock", Munlock),
    ("munlockall", Munlockall),
    ("munmap", Munmap),
    ("old_mmap", Mmap),
    ("open", Open),
    ("openat", Openat),
    ("openat2", Openat2),
    ("perf_event_open", NewDescriptor),
    ("pidfd_getfd", NewDescriptor),
    ("pidfd_open", NewDescriptor),
    ("pkey_alloc", Unmodelled("pkey_alloc")),
    ("pkey_mprotect", Mprotect),
    ("prctl", Prctl),
    ("process_madvise", Unmodelled("process_madvise")),
    ("process_mrelease", Unmodelled("process_mrelease")),
    ("process_vm_readv", Unmodelled("process_vm_readv")),
    ("process_vm_writev", Unmodelled("process_vm_writev")),
    ("pwrite64", Pwrite),
    ("pwritev", WritesTo(0)),
    ("pwritev2", WritesTo(0)),
    ("read", Read),
    ("readv", Read),
    ("remap_file_pages", RemapFilePages),
    ("rename", Rename),
    ("renameat", Renameat),
    ("renameat2", Renameat),
    ("rt_sigaction", Sigaction),
    ("sendfile", WritesTo(0)),
    ("sendfile64", WritesTo(0)),
    ("shmat", Shmat),
    ("shmctl", Shmctl),
    ("shmdt", Shmdt),
    ("shmget", Shmget),
    ("sigaction", Sigaction),
    ("signalfd", NewDescriptor),
    ("signalfd4", NewDescriptor),
    ("socket", NewDescriptor),
    ("splice", WritesTo(2)),
    ("timerfd_create", NewDescriptor),
    ("truncate", Truncate),
    ("truncate64", Truncate),
    ("unlink", Unlink),
    ("unlinkat", Unlinkat),
    ("uselib", Unmodelled("uselib")),
    ("userfaultfd", Unmodelled("userfaultfd")),
    ("vfork", Fork),
    ("wait4", Wait4),
    ("waitid", Waitid),
    ("waitpid", Wait4),
    ("write", Write),
    ("writev", Write),
];

/// x86-64's numbers of calls that shape an address space and that some Valgrind does not know: it prints `unhandled
/// amd64-linux syscall: N` in place of name and arguments. Sorted.
static AMD64_UNNAMED: &[(u32, &str)] = &[
    (134, "uselib"),
    (216, "remap_file_pages"),
    (237, "mbind"),
    (310, "process_vm_readv"),
    (311, "process_vm_writev"),
    (322, "execveat"),
    (323, "userfaultfd"),
    (325, "mlock2"),
    (329, "pkey_mprotect"),
    (330, "pkey_alloc"),
    (435, "clone3"),
    (440, "process_madvise"),
    (448, "process_mrelease"),
    (453, "map_shadow_stack"),
    (462, "mseal"),
];
/// x86-64's numbers that Linux 6.18 has given to calls: 0 to 334, and 424 to 469.
const AMD64_KNOWN: [std::ops::RangeInclusive<u32>; 2] = [0..=334, 424..=469];

impl Meaning {
    /// Of a call that Valgrind names, with or without `sys_`. `None` for names that mean nothing here.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.strip_prefix("sys_").unwrap_or(name);
        NAMES.binary_search_by(|(known, _)| known.cmp(&name)).ok().map(|index| NAMES[index].1)
    }

    /// Of a call that Valgrind knows only the number of.
    pub fn of_number(number: u32) -> Self {
        match AMD64_UNNAMED.binary_search_by_key(&number, |(known, _)| *known) {
            Ok(index) => Unmodelled(AMD64_UNNAMED[index].1),
            Err(_) if AMD64_KNOWN.iter().any(|known| known.contains(&number)) => Other,
            Err(_) => Unmodelled("unknown system call"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(AMD64_UNNAMED.is_sorted_by(|a, b| a.0 < b.0));
        for (_, name) in AMD64_UNNAMED {
            assert!(Meaning::of_name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn calls_without_a_name() {
        assert_eq!(Meaning::of_number(462), Unmodelled("mseal"));
        assert_eq!(Meaning::of_number(449), Other);
        assert_eq!(Meaning::of_number(999), Unmodelled("unknown system call"));
        assert_eq!(Meaning::of_name("sys_shmat"), Some(Shmat));
        assert_eq!(Meaning::of_name("sys_newfstatat"), None);
    }
}

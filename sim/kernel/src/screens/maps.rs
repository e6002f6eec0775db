//! `/proc/PID/maps`.

use crate::cache::Cache;
use crate::{AddressSpace, Backing, VmFlags, Vma};
use pagewalk_arch::{FRAME_SHIFT, FormatSpec};
use std::fmt;

/// `/proc/PID/maps`: one line per area. A file is shown by the name that the trace gives it; device and inode
/// are 0. Inferred areas carry Linux's mark of named anonymous memory.
#[derive(Clone, Copy, Debug)]
pub struct Maps<'a> {
    space: &'a AddressSpace,
    cache: &'a Cache,
    spec: &'static FormatSpec,
}

impl<'a> Maps<'a> {
    pub(crate) fn new(space: &'a AddressSpace, cache: &'a Cache, spec: &'static FormatSpec) -> Self {
        Self { space, cache, spec }
    }

    pub(crate) fn name(&self, vma: &Vma) -> String {
        match vma.attributes.backing {
            Backing::PrivateFile(file) | Backing::Shared(file) => self.cache.name(file),
            Backing::Anonymous if vma.has(VmFlags::GROWSDOWN) => "[stack]".into(),
            Backing::Anonymous if self.space.is_heap(vma) => "[heap]".into(),
            Backing::Anonymous if vma.attributes.inferred => "[anon:inferred]".into(),
            Backing::Anonymous => String::new(),
        }
    }
}

impl Maps<'_> {
    /// The line of `vma`, without its end.
    pub(super) fn line(&self, vma: &Vma) -> String {
        // `seq_pad` of fs/proc/task_mmu.c: names begin at column 25 + 6 × sizeof(void *).
        let column = 24 + 6 * self.spec.va_register_bits as usize / 8;
        let attributes = &vma.attributes;
        let flag = |set: bool, letter: char| if set { letter } else { '-' };
        let offset = match attributes.backing {
            Backing::Anonymous => 0,
            _ => vma.page_offset << FRAME_SHIFT,
        };
        let line = format!(
            "{:08x}-{:08x} {}{}{}{} {offset:08x} 00:00 0 ",
            vma.pages.start().addr().0,
            vma.pages.end().addr().0,
            flag(attributes.protection.read, 'r'),
            flag(attributes.protection.write, 'w'),
            flag(attributes.protection.execute, 'x'),
            if attributes.backing.is_private() { 'p' } else { 's' },
        );
        match self.name(vma) {
            name if name.is_empty() => line,
            name => format!("{line:column$} {name}"),
        }
    }
}

impl fmt::Display for Maps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.space.vmas().iter().try_for_each(|vma| writeln!(f, "{}", self.line(vma)))
    }
}

//! What descriptors are open on, and the identity of what can be mapped. Owns the objects, their sizes and the
//! numbers that events carry for them; every process's descriptors; working directories.
//!
//! An object is known by device and inode where the recorder said so, else by its path made absolute. Unlinking or
//! replacing a name ends what the name stands for: a file made anew under it is another object, even with the same
//! inode. A size is given only where the trace proves it: what was made in the trace, what ftruncate(2) set, what the
//! recorder could vouch for; else none is, and no access is beyond it.

use super::annotation::Inode;
use crate::{FileFact, FileId, FileKind};
use std::collections::HashMap;
use std::sync::Arc;

/// AT_FDCWD: paths are taken from the working directory.
const AT_FDCWD: i32 = -100;

/// Something that can be mapped.
struct Object {
    kind: FileKind,
    bytes: Option<u64>,
    name: Arc<str>,
    inode: Option<Inode>,
    /// It has been mapped, so changes of its size are told.
    mapped: bool,
    /// Its size was set in the trace, which is surer than what the recorder found later.
    followed: bool,
}

/// An open file description: shared by the descriptors that dup(2) and fork(2) make.
#[derive(Clone, Debug)]
struct Description {
    file: FileId,
    /// Where the next write goes; `None`: not known.
    offset: Option<u64>,
    append: bool,
    /// `/dev/zero`: a private mapping is anonymous memory, a shared one an object of its own.
    zero: bool,
}

/// A descriptor of a process.
#[derive(Clone, Copy, Debug)]
struct Descriptor {
    description: usize,
    close_on_exec: bool,
}

/// What a process has open.
#[derive(Clone, Debug, Default)]
struct Table {
    descriptors: HashMap<i32, Descriptor>,
    directory: Option<Arc<str>>,
}

/// How a file was opened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OpenFlags {
    pub create_new: bool,
    pub truncate: bool,
    pub append: bool,
    pub close_on_exec: bool,
}

impl OpenFlags {
    /// From open(2)'s flags on x86-64.
    pub fn of_bits(bits: u64) -> Self {
        Self {
            create_new: bits & 0o300 == 0o300,
            truncate: bits & 0o1000 != 0 && bits & 0o3 != 0,
            append: bits & 0o2000 != 0,
            close_on_exec: bits & 0o2_000_000 != 0,
        }
    }
}

/// What an mmap of a descriptor maps.
pub(super) enum Mapped {
    /// Nothing of a file.
    Anonymous,
    /// This.
    File(FileId),
}

/// All of it.
#[derive(Default)]
pub(super) struct Files {
    objects: Vec<Object>,
    by_inode: HashMap<Inode, FileId>,
    by_path: HashMap<Arc<str>, FileId>,
    descriptions: HashMap<usize, Description>,
    next_description: usize,
    tables: HashMap<u32, Table>,
    segments: HashMap<u64, FileId>,
}

impl Files {
    fn object(&mut self, file: FileId) -> &mut Object {
        // Numbers are handed out from 1 by `add`.
        &mut self.objects[file.0 as usize - 1]
    }

    fn add(&mut self, kind: FileKind, bytes: Option<u64>, name: &str) -> FileId {
        let followed = bytes.is_some();
        self.objects.push(Object { kind, bytes, name: name.into(), inode: None, mapped: false, followed });
        FileId(self.objects.len() as u64)
    }

    /// The event that tells what is known of `file`.
    pub fn fact(&mut self, file: FileId, line: u32) -> FileFact {
        let object = self.object(file);
        FileFact { file, kind: object.kind, bytes: object.bytes, name: Arc::clone(&object.name), line }
    }

    fn set_size(&mut self, file: FileId, bytes: Option<u64>, line: u32) -> Option<FileFact> {
        let object = self.object(file);
        let changed = object.bytes != bytes;
        object.bytes = bytes;
        object.followed = true;
        (changed && object.mapped).then(|| self.fact(file, line))
    }

    fn insert(&mut self, pid: u32, fd: i32, description: Description, close_on_exec: bool) {
        let index = self.next_description;
        self.next_description += 1;
        self.descriptions.insert(index, description);
        let descriptor = Descriptor { description: index, close_on_exec };
        self.tables.entry(pid).or_default().descriptors.insert(fd, descriptor);
    }

    fn description(&mut self, pid: u32, fd: i32) -> Option<&mut Description> {
        let index = self.tables.get(&pid)?.descriptors.get(&fd)?.description;
        self.descriptions.get_mut(&index)
    }

    /// The description behind `fd`, made up where the trace does not tell: one per process, descriptor and
    /// generation of the descriptor.
    fn described(&mut self, pid: u32, fd: i32) -> Option<&mut Description> {
        if self.description(pid, fd).is_none() {
            let file = self.add(FileKind::Regular, None, &format!("descriptor {fd} of process {pid}"));
            let description = Description { file, offset: None, append: false, zero: false };
            self.insert(pid, fd, description, false);
        }
        self.description(pid, fd)
    }

    /// `path` of process `pid`, seen from directory `at`, made absolute where that directory is known.
    pub fn absolute(&mut self, pid: u32, at: i32, path: &str) -> Arc<str> {
        if path.starts_with('/') {
            return normal("", path);
        }
        if at == AT_FDCWD {
            let directory = self.tables.get(&pid).and_then(|table| table.directory.clone());
            return normal(directory.as_deref().unwrap_or("."), path);
        }
        let file = self.description(pid, at).map(|description| description.file);
        let directory = file.map(|file| Arc::clone(&self.object(file).name));
        normal(directory.as_deref().unwrap_or("."), path)
    }

    fn at_path(&mut self, path: &Arc<str>) -> FileId {
        if let Some(&file) = self.by_path.get(path) {
            return file;
        }
        let kind = if path.starts_with("/dev/shm/") { FileKind::Memory } else { FileKind::Regular };
        let file = self.add(kind, None, path);
        self.by_path.insert(Arc::clone(path), file);
        file
    }

    /// open: `fd` is now `path`.
    pub fn open(
        &mut self,
        pid: u32,
        fd: i32,
        path: Arc<str>,
        flags: OpenFlags,
        line: u32,
    ) -> Option<FileFact> {
        if flags.create_new {
            self.unlink(&path);
        }
        let file = self.at_path(&path);
        let zero = &*path == "/dev/zero";
        let description = Description { file, offset: Some(0), append: flags.append, zero };
        self.insert(pid, fd, description, flags.close_on_exec);
        if flags.truncate || flags.create_new { self.set_size(file, Some(0), line) } else { None }
    }

    /// The recorder tells what `fd` is open on. A fact follows where it changes what was told.
    pub fn identify(
        &mut self,
        pid: u32,
        fd: i32,
        inode: Inode,
        kind: FileKind,
        bytes: Option<u64>,
        path: &str,
    ) {
        let path: Arc<str> = path.into();
        let old = self.description(pid, fd).map(|description| description.file);
        let file = match (self.by_inode.get(&inode).copied(), old) {
            (Some(file), _) => file,
            (None, Some(file)) if self.object(file).inode.is_none() => file,
            _ => self.add(kind, None, &path),
        };
        if let Some(old) = old
            && old != file
            && self.object(old).followed
            && !self.object(old).mapped
        {
            // It was emptied by this very open.
            let bytes = self.object(old).bytes;
            let object = self.object(file);
            (object.bytes, object.followed) = (bytes, true);
        }
        let object = self.object(file);
        object.inode = Some(inode);
        if !object.mapped {
            object.kind = kind;
        }
        if !object.followed && !object.mapped {
            object.bytes = bytes;
        }
        self.by_inode.insert(inode, file);
        self.by_path.insert(path, file);
        match self.description(pid, fd) {
            Some(description) => description.file = file,
            None => {
                let description = Description { file, offset: None, append: false, zero: false };
                self.insert(pid, fd, description, false);
            }
        }
    }

    /// A descriptor of something without a name: a socket, an epoll set.
    pub fn open_unnamed(&mut self, pid: u32, fd: i32) {
        self.close(pid, fd);
        self.described(pid, fd);
    }

    /// memfd_create.
    pub fn open_memfd(&mut self, pid: u32, fd: i32, close_on_exec: bool) {
        let file = self.add(FileKind::Memory, Some(0), "/memfd: (deleted)");
        let description = Description { file, offset: Some(0), append: false, zero: false };
        self.insert(pid, fd, description, close_on_exec);
    }

    /// dup, dup2, dup3, F_DUPFD.
    pub fn duplicate(&mut self, pid: u32, from: i32, to: i32, close_on_exec: bool) {
        if from == to || self.described(pid, from).is_none() {
            return;
        }
        let descriptors = &mut self.tables.entry(pid).or_default().descriptors;
        if let Some(&old) = descriptors.get(&from) {
            descriptors.insert(to, Descriptor { close_on_exec, ..old });
        }
    }

    /// F_SETFD, CLOSE_RANGE_CLOEXEC.
    pub fn set_close_on_exec(&mut self, pid: u32, fds: std::ops::RangeInclusive<i32>, close: bool) {
        let table = self.tables.entry(pid).or_default();
        for (_, descriptor) in table.descriptors.iter_mut().filter(|(fd, _)| fds.contains(fd)) {
            descriptor.close_on_exec = close;
        }
    }

    /// close.
    pub fn close(&mut self, pid: u32, fd: i32) {
        self.tables.entry(pid).or_default().descriptors.remove(&fd);
        self.sweep();
    }

    /// close_range.
    pub fn close_range(&mut self, pid: u32, fds: std::ops::RangeInclusive<i32>) {
        self.tables.entry(pid).or_default().descriptors.retain(|fd, _| !fds.contains(fd));
        self.sweep();
    }

    /// Forgets descriptions that no descriptor has, once there are many.
    fn sweep(&mut self) {
        let descriptors: usize = self.tables.values().map(|table| table.descriptors.len()).sum();
        if self.descriptions.len() > 64 + 4 * descriptors {
            let used: std::collections::HashSet<usize> = self
                .tables
                .values()
                .flat_map(|table| table.descriptors.values().map(|descriptor| descriptor.description))
                .collect();
            self.descriptions.retain(|index, _| used.contains(index));
        }
    }

    /// fork: the child has what its parent has.
    pub fn fork(&mut self, parent: u32, child: u32) {
        let table = self.tables.get(&parent).cloned().unwrap_or_default();
        self.tables.insert(child, table);
    }

    /// exec: what is marked so is closed.
    pub fn exec(&mut self, pid: u32) {
        let table = self.tables.entry(pid).or_default();
        table.descriptors.retain(|_, descriptor| !descriptor.close_on_exec);
        self.sweep();
    }

    /// The process has ended.
    pub fn end(&mut self, pid: u32) {
        self.tables.remove(&pid);
        self.sweep();
    }

    /// chdir.
    pub fn change_directory(&mut self, pid: u32, directory: Arc<str>) {
        self.tables.entry(pid).or_default().directory = Some(directory);
    }
    /// fchdir.
    pub fn change_directory_to(&mut self, pid: u32, fd: i32) {
        let file = self.description(pid, fd).map(|description| description.file);
        let name = file.map(|file| Arc::clone(&self.object(file).name));
        self.tables.entry(pid).or_default().directory = name;
    }

    /// The name is gone; what is open or mapped stays.
    pub fn unlink(&mut self, path: &Arc<str>) {
        if let Some(file) = self.by_path.remove(path)
            && let Some(inode) = self.object(file).inode
        {
            self.by_inode.remove(&inode);
        }
    }

    /// The file has another name, and whatever had that name has none.
    pub fn rename(&mut self, from: &Arc<str>, to: Arc<str>) {
        let file = self.by_path.remove(from);
        self.unlink(&to);
        if let Some(file) = file {
            self.object(file).name = Arc::clone(&to);
            self.by_path.insert(to, file);
        }
    }

    /// truncate.
    pub fn truncate(&mut self, path: &Arc<str>, bytes: u64, line: u32) -> Option<FileFact> {
        let file = self.at_path(path);
        self.set_size(file, Some(bytes), line)
    }
    /// ftruncate.
    pub fn resize(&mut self, pid: u32, fd: i32, bytes: u64, line: u32) -> Option<FileFact> {
        let file = self.described(pid, fd)?.file;
        self.set_size(file, Some(bytes), line)
    }

    /// The file reaches at least to `end` now.
    pub fn grow(&mut self, pid: u32, fd: i32, end: u64, line: u32) -> Option<FileFact> {
        let file = self.described(pid, fd)?.file;
        let bytes = self.object(file).bytes?;
        if end > bytes { self.set_size(file, Some(end), line) } else { None }
    }

    /// Something wrote into the file that is not followed.
    pub fn forget_size(&mut self, pid: u32, fd: i32, line: u32) -> Option<FileFact> {
        let description = self.description(pid, fd)?;
        description.offset = None;
        let file = description.file;
        self.set_size(file, None, line)
    }

    /// write: `bytes` at the offset.
    pub fn write(&mut self, pid: u32, fd: i32, bytes: u64, line: u32) -> Option<FileFact> {
        let description = self.description(pid, fd)?;
        let (file, append) = (description.file, description.append);
        if append {
            let size = self.object(file).bytes?;
            return self.set_size(file, Some(size.saturating_add(bytes)), line);
        }
        match description.offset {
            Some(offset) => {
                let end = offset.saturating_add(bytes);
                description.offset = Some(end);
                self.grow(pid, fd, end, line)
            }
            None => self.forget_size(pid, fd, line),
        }
    }
    /// read: the offset moves.
    pub fn read(&mut self, pid: u32, fd: i32, bytes: u64) {
        if let Some(description) = self.description(pid, fd) {
            description.offset = description.offset.map(|offset| offset.saturating_add(bytes));
        }
    }
    /// lseek: the offset is this now.
    pub fn seek(&mut self, pid: u32, fd: i32, offset: u64) {
        if let Some(description) = self.description(pid, fd) {
            description.offset = Some(offset);
        }
    }

    /// What an mmap of `fd` maps; the fact that comes before it, where there is one to tell.
    pub fn map(
        &mut self,
        pid: u32,
        fd: i32,
        bytes: u64,
        shared: bool,
        line: u32,
    ) -> (Mapped, Option<FileFact>) {
        let Some(description) = self.described(pid, fd) else { return (Mapped::Anonymous, None) };
        let file = match (description.zero, shared) {
            (true, false) => return (Mapped::Anonymous, None),
            (true, true) => {
                self.add(FileKind::Memory, Some(bytes.next_multiple_of(4096)), "/dev/zero (deleted)")
            }
            (false, _) => description.file,
        };
        (Mapped::File(file), self.first_mapping(file, line))
    }

    fn first_mapping(&mut self, file: FileId, line: u32) -> Option<FileFact> {
        let first = !std::mem::replace(&mut self.object(file).mapped, true);
        first.then(|| self.fact(file, line))
    }

    /// A ring of io_setup(2).
    pub fn ring(&mut self, bytes: u64, line: u32) -> (FileId, FileFact) {
        let file = self.add(FileKind::Memory, Some(bytes), "/[aio] (deleted)");
        self.object(file).mapped = true;
        (file, self.fact(file, line))
    }

    /// shmget: segment `id` has `bytes`; 0: it was there before.
    pub fn segment(&mut self, id: u64, bytes: u64) -> FileId {
        if let Some(&file) = self.segments.get(&id)
            && (bytes == 0 || self.object(file).bytes.is_none_or(|known| known >= bytes))
        {
            return file;
        }
        let bytes = (bytes > 0).then_some(bytes);
        let file = self.add(FileKind::Segment, bytes, &format!("/SYSV (segment {id})"));
        self.segments.insert(id, file);
        file
    }
    /// shmat: what is mapped, its size if it is known, and the fact that comes before.
    pub fn attach(&mut self, id: u64, line: u32) -> (FileId, Option<u64>, Option<FileFact>) {
        let file = self.segment(id, 0);
        let bytes = self.object(file).bytes;
        (file, bytes, self.first_mapping(file, line))
    }
    /// shmctl(IPC_RMID): a later segment of this number is another.
    pub fn remove_segment(&mut self, id: u64) -> FileId {
        let file = self.segment(id, 0);
        self.segments.remove(&id);
        file
    }
}

/// `path` in `directory` without `.`, `..` and repeated slashes, as far as the text alone tells.
fn normal(directory: &str, path: &str) -> Arc<str> {
    let mut parts: Vec<&str> = Vec::new();
    let absolute = directory.is_empty() || directory.starts_with('/');
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if absolute { format!("/{joined}").into() } else { joined.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(bits: u64) -> OpenFlags {
        OpenFlags::of_bits(bits)
    }

    fn mapped(files: &mut Files, pid: u32, fd: i32) -> FileId {
        match files.map(pid, fd, 4096, true, 1).0 {
            Mapped::File(file) => file,
            Mapped::Anonymous => panic!("a file"),
        }
    }

    #[test]
    fn paths_are_made_absolute() {
        assert_eq!(&*normal("", "/a//b/./../c"), "/a/c");
        assert_eq!(&*normal("/x/y", "../z"), "/x/z");
        assert_eq!(&*normal("/", "../z"), "/z");
        assert_eq!(&*normal(".", "../z"), "../z");
    }

    #[test]
    fn one_file_is_one_object_however_it_was_reached() {
        let mut files = Files::default();
        files.open(1, 3, "/a".into(), flags(0), 1);
        files.open(1, 4, "/a".into(), flags(0), 1);
        files.duplicate(1, 3, 9, false);
        files.fork(1, 2);
        let file = mapped(&mut files, 1, 3);
        assert_eq!(
            (mapped(&mut files, 1, 4), mapped(&mut files, 1, 9), mapped(&mut files, 2, 9)),
            (file, file, file)
        );
        files.close(1, 3);
        files.open(1, 3, "/b".into(), flags(0), 1);
        assert_ne!(mapped(&mut files, 1, 3), file);
        assert_eq!(mapped(&mut files, 2, 3), file, "the child has its own table");
    }

    #[test]
    fn an_inode_joins_two_names_until_it_is_used_anew() {
        let mut files = Files::default();
        let inode = Inode { major: 8, minor: 1, inode: 5 };
        for (fd, path) in [(3, "/a"), (4, "/link")] {
            files.open(1, fd, path.into(), flags(0), 1);
            files.identify(1, fd, inode, FileKind::Regular, Some(100), path);
        }
        let file = mapped(&mut files, 1, 3);
        assert_eq!(mapped(&mut files, 1, 4), file);
        assert_eq!(files.fact(file, 1).bytes, Some(100));
        files.unlink(&"/link".into());
        files.open(1, 5, "/new".into(), flags(0o101), 1);
        files.identify(1, 5, inode, FileKind::Regular, Some(0), "/new");
        assert_ne!(mapped(&mut files, 1, 5), file, "the inode was given to another file");
    }

    #[test]
    fn a_file_that_is_made_anew_is_another() {
        let mut files = Files::default();
        files.open(1, 3, "/a".into(), flags(0), 1);
        let first = mapped(&mut files, 1, 3);
        files.unlink(&"/a".into());
        files.open(1, 4, "/a".into(), flags(0o101), 1);
        let second = mapped(&mut files, 1, 4);
        assert_ne!(first, second);
        assert_eq!(mapped(&mut files, 1, 3), first);
        files.rename(&"/a".into(), "/b".into());
        files.open(1, 5, "/b".into(), flags(0), 1);
        assert_eq!(mapped(&mut files, 1, 5), second);
    }

    #[test]
    fn sizes_are_followed() {
        let mut files = Files::default();
        files.open(1, 3, "/a".into(), flags(0o1102), 1);
        files.write(1, 3, 10, 1);
        let (_, fact) = files.map(1, 3, 4096, true, 2);
        assert_eq!(fact.expect("first mapping").bytes, Some(10));
        assert_eq!(files.write(1, 3, 5, 3).expect("it grows").bytes, Some(15));
        files.seek(1, 3, 0);
        assert_eq!(files.write(1, 3, 5, 4), None);
        assert_eq!(files.resize(1, 3, 4, 5).expect("cut").bytes, Some(4));
        assert_eq!(files.forget_size(1, 3, 6).expect("forgotten").bytes, None);
        assert_eq!(files.grow(1, 3, 1 << 20, 7), None, "what is not known does not grow");
    }

    #[test]
    fn dev_zero_is_memory() {
        let mut files = Files::default();
        files.open(1, 3, "/dev/zero".into(), flags(2), 1);
        assert!(matches!(files.map(1, 3, 100, false, 1).0, Mapped::Anonymous));
        assert_ne!(mapped(&mut files, 1, 3), mapped(&mut files, 1, 3), "each shared mapping its own");
    }

    #[test]
    fn unknown_descriptors_are_one_object_until_they_are_closed() {
        let mut files = Files::default();
        let file = mapped(&mut files, 1, 7);
        assert_eq!(mapped(&mut files, 1, 7), file);
        files.close(1, 7);
        assert_ne!(mapped(&mut files, 1, 7), file);
    }
}

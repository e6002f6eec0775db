//! mmap(2), shmat(2), shmdt(2), remap_file_pages(2), as they succeeded: the area comes to lie where the recorded
//! kernel put it.

use super::AddressSpace;
use super::populate::OnRefusal;
use crate::errno::{CallStop, Errno};
use crate::system::System;
use crate::{Backing, PageRange, VmFlags, Vma, VmaAttributes, Vpn};
use pagewalk_arch::{FRAME_SHIFT, Platform};
use pagewalk_trace::{FileKind, MapRequest};

impl AddressSpace {
    /// Maps `pages` as `request` says, with `extra` flags. What lay there is unmapped first (MAP_FIXED): the trace knows better than
    /// this model what was in the way.
    pub(crate) fn map(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        pages: PageRange,
        request: &MapRequest,
        extra: VmFlags,
    ) -> Result<(), CallStop> {
        let backing = match (request.shared, request.source) {
            (true, Some(source)) => Backing::Shared(source.file),
            (true, None) => Backing::Shared(system.cache.create_anonymous(pages.pages())),
            (false, Some(source)) => Backing::PrivateFile(source.file),
            (false, None) => Backing::Anonymous,
        };
        let page_offset = match backing {
            Backing::Anonymous => pages.start().0,
            _ => request.source.map_or(0, |source| source.offset >> FRAME_SHIFT),
        };
        if let Some(file) = backing.file() {
            system.cache.opened_for_mapping(file);
        }
        let protection = request.protection;
        let mut flags = self.future_flags.union(extra);
        flags.set(VmFlags::LOCKED, request.locked || flags.contains(VmFlags::LOCKED));
        flags.set(VmFlags::NORESERVE, request.noreserve);
        // `accountable_mapping`.
        flags.set(VmFlags::ACCOUNT, protection.write && backing.is_private() && !request.noreserve);
        // Linux refuses MAP_GROWSDOWN for everything else.
        flags.set(VmFlags::GROWSDOWN, request.grows_down && backing == Backing::Anonymous);
        let attributes = VmaAttributes { protection, backing, flags, name: None, inferred: false };
        self.map_area(
            system,
            platform,
            Vma { pages, attributes, page_offset, anon: None, had_guards: false },
        );
        if request.populate || flags.contains(VmFlags::LOCKED) {
            return self.populate(system, platform, pages, OnRefusal::NextArea);
        }
        Ok(())
    }

    /// Puts `vma` in place of whatever is there.
    pub(super) fn map_area(&mut self, system: &mut System, platform: &mut dyn Platform, vma: Vma) {
        self.make_room(system, platform, &vma);
        self.vmas.insert(vma);
    }

    /// Unmaps whatever is where `vma` will be.
    pub(super) fn make_room(&mut self, system: &mut System, platform: &mut dyn Platform, vma: &Vma) {
        // Before what lies there goes: that may be the last mapping of the same object.
        system.cache.retain(vma);
        self.discard(system, platform, vma.pages);
        self.unmapped.remove(vma.pages);
    }

    /// shmdt(2): unmaps what is left of the segment whose mapping began at `at`, wherever calls have cut it.
    pub(crate) fn detach(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        at: Vpn,
    ) -> Result<(), CallStop> {
        let is_segment = |vma: &Vma| match vma.attributes.backing {
            Backing::Shared(file) => system.cache.kind(file) == FileKind::Segment,
            _ => false,
        };
        let in_place = |vma: &Vma| vma.pages.start().0.checked_sub(vma.page_offset) == Some(at.0);
        let above = self.vmas.overlapping(PageRange::new(at, system.user_end()));
        let pieces: Vec<Vma> = above.filter(|vma| is_segment(vma) && in_place(vma)).copied().collect();
        let Some(first) = pieces.first().copied() else { return Err(Errno::Inval.into()) };
        for piece in pieces.iter().filter(|piece| piece.attributes.backing == first.attributes.backing) {
            self.unmap(system, platform, piece.pages);
        }
        Ok(())
    }

    /// remap_file_pages(2), which Linux carries out as an mmap(2) of another part of the same file.
    pub(crate) fn remap_file_pages(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        pages: PageRange,
        page_offset: u64,
    ) -> Result<(), CallStop> {
        let Some(vma) = self.vmas.find(pages.start()).copied() else { return Err(Errno::Inval.into()) };
        let offset_max = u64::MAX >> FRAME_SHIFT;
        if pages.is_empty() || vma.is_private() || page_offset > offset_max - pages.pages() {
            return Err(Errno::Inval.into());
        }
        let mut attributes = vma.attributes;
        // MAP_LOCKED knows no ONFAULT.
        attributes.flags = attributes.flags.intersection(VmFlags::LOCKED).union(self.future_flags);
        self.map_area(
            system,
            platform,
            Vma { pages, attributes, page_offset, anon: None, had_guards: false },
        );
        self.populate(system, platform, pages, OnRefusal::NextArea)
    }
}

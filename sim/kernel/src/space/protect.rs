//! mprotect(2): the rights of areas change, and with them those of every entry already there.

use super::may::Growth;
use super::populate::OnRefusal;
use super::{AddressSpace, Gather};
use crate::errno::{CallStop, Errno};
use crate::system::System;
use crate::{PageRange, Pte, VmFlags, Vma, VmaAttributes};
use pagewalk_arch::Platform;
use pagewalk_trace::Protection;

impl AddressSpace {
    /// Gives `pages` the rights `protection`, area by area up to the first hole. Rights that were inferred are known
    /// from now on.
    pub(crate) fn protect(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        pages: PageRange,
        protection: Protection,
    ) -> Result<(), CallStop> {
        let contiguous = self.vmas.contiguous(pages);
        let mut from = contiguous.start();
        while let Some(area) = self.vmas.next_in(PageRange::new(from, contiguous.end())) {
            from = area.pages.end();
            self.protect_area(system, platform, &area, protection)?;
        }
        if contiguous == pages { Ok(()) } else { Err(Errno::NoMem.into()) }
    }

    /// Linux's `mprotect_fixup`, of an area or a part of one.
    fn protect_area(
        &mut self,
        system: &mut System,
        platform: &mut dyn Platform,
        area: &Vma,
        protection: Protection,
    ) -> Result<(), CallStop> {
        let before = area.attributes;
        if protection.write && area.has(VmFlags::NEVER_WRITABLE) {
            return Err(Errno::Acces.into());
        }
        let mut after = VmaAttributes { protection, inferred: false, ..before };
        if before == after {
            return Ok(());
        }
        let pages = area.pages.pages();
        let (now, then) =
            (Growth::like(area, pages), Growth::like(&Vma { attributes: after, ..*area }, pages));
        if protection.write && !self.may_grow(then) && self.may_grow(now) {
            return Err(Errno::NoMem.into());
        }
        let never_accounted = VmFlags::ACCOUNT.union(VmFlags::NORESERVE);
        if protection.write && area.is_private() && !before.flags.intersects(never_accounted) {
            if !before.protection.write {
                self.charge(system, pages)?;
            }
            after.flags.insert(VmFlags::ACCOUNT);
        } else if system.rules.unaccounts_unwritable
            && !protection.write
            && area.attributes.backing == crate::Backing::Anonymous
            && area.anon.is_none()
        {
            after.flags.remove(VmFlags::ACCOUNT);
        }
        if before == after {
            return Ok(());
        }
        self.vmas.modify(area.pages, after, self.areas_max()).map_err(|_| Errno::NoMem)?;
        let mut gather = Gather::default();
        let mut leaves = self.table.cursor(area.pages);
        while let Some(mapped) = leaves.next(platform) {
            let rights = self.rights_now(
                system,
                &Vma { attributes: after, ..*area },
                mapped.pte.frame,
                mapped.pte.dirty,
            );
            let rights = self.table.layout().granted(rights);
            if rights != mapped.pte.rights {
                self.table.set(platform, &mut system.memory, mapped.slot, Pte { rights, ..mapped.pte });
                gather.add(&mapped);
            }
        }
        self.flush(system, platform, gather);
        let becomes_writable = protection.write && !before.protection.write && area.is_private();
        if becomes_writable && area.has(VmFlags::LOCKED) {
            // The copies are made now, so that no write to locked memory waits.
            match self.populate(system, platform, area.pages, OnRefusal::NextArea) {
                Ok(()) | Err(CallStop::Errno(_)) => {}
                Err(stop) => return Err(stop),
            }
        }
        Ok(())
    }
}

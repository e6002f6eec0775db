//! Fits a trace into a page-table format that cannot hold its addresses. Owns the decision what must move and
//! the translation of accesses and system calls; where a region goes is decided in [`super::relocation`].
//!
//! x86-64 programs lie at 0x55… and 0x7f…, under Valgrind with their stack at 0x1f_ff00_0000: none of that
//! exists in Sv32 or x86-32, and the first two not in Sv39. Re-basing keeps the order and the adjacency of
//! pages and the offsets within them and within 4 MiB, so every format sees the same pages in the same
//! pattern. Addresses that the format holds stay where they are as long as order permits: a trace that fits
//! is not touched at all.

use super::Trace;
use super::relocation::{BLOCK_SHIFT, Exhausted, Relocation};
use crate::{Boundary, Event, Protection, Syscall, SyscallOutcome, TraceError, TraceSource};
use pagewalk_arch::{Access, PagingFormat, VirtAddr};

use std::collections::BTreeSet;

/// A trace whose addresses fit `format`.
pub struct Rebase<T> {
    inner: T,
    format: PagingFormat,
    /// Highest user address so far that kept its place without a map.
    fixed_last: u64,
    /// Made when the first address comes that does not fit.
    relocation: Option<Relocation>,
    /// Mappings whose length does not fit beside the rest.
    shortened: u64,
    /// An error to report after the block that holds what came before it.
    failed: bool,
    /// That error was that no room was left.
    exhausted: bool,
}

impl<T: TraceSource> Rebase<T> {
    /// Fits `inner` into the user half of `format`.
    pub fn new(inner: T, format: PagingFormat) -> Self {
        Self { inner, format, fixed_last: 0, relocation: None, shortened: 0, failed: false, exhausted: false }
    }

    /// Fits `inner` into the user half of `format`, placing what it uses by `plan`.
    pub fn planned(inner: T, format: PagingFormat, plan: Relocation) -> Self {
        Self { relocation: Some(plan), ..Self::new(inner, format) }
    }

    /// One line that says what was moved; `None` while everything is in its place.
    pub fn note(&self) -> Option<String> {
        let relocation = self.relocation.as_ref()?;
        let mut note = format!(
            "addresses that {} cannot hold were re-based below {:#x} ({} regions; order, adjacency and page offsets \
             are kept)",
            self.format,
            self.format.spec().user_end(),
            relocation.region_count()
        );
        if self.shortened > 0 {
            note.push_str(&format!("; {} system calls' ranges were shortened to fit", self.shortened));
        }
        Some(note)
    }

    /// Whether `address` is in the upper half of a format that has one.
    #[inline]
    fn is_upper(&self, address: u64) -> bool {
        let spec = self.format.spec();
        address >= spec.user_end() && spec.is_canonical(VirtAddr(address))
    }

    /// Where `address` lies in the format.
    #[inline]
    fn map(&mut self, address: u64) -> Result<u64, Exhausted> {
        let user_end = self.format.spec().user_end();
        if self.is_upper(address) {
            // The upper half: above everything, as it was.
            return Ok(address);
        }
        if self.relocation.is_none() && address < user_end {
            self.fixed_last = self.fixed_last.max(address);
            return Ok(address);
        }
        let fixed_last = self.fixed_last;
        self.relocation.get_or_insert_with(|| Relocation::new(user_end, fixed_last)).map(address)
    }

    /// Translates the accesses; those from the first that does not fit on are dropped.
    fn map_block(&mut self, block: &mut Vec<Access>) -> Result<(), TraceError> {
        if self.relocation.is_none() {
            let user_end = self.format.spec().user_end();
            let highest = block.iter().fold(0, |highest, access| highest.max(access.va.0));
            if highest < user_end {
                self.fixed_last = self.fixed_last.max(highest);
                return Ok(());
            }
        }
        for index in 0..block.len() {
            match self.map(block[index].va.0) {
                Ok(image) => block[index].va = VirtAddr(image),
                Err(exhausted) => {
                    let line = block[index].line;
                    block.truncate(index);
                    return Err(self.error(line, exhausted));
                }
            }
        }
        Ok(())
    }

    fn error(&mut self, line: u32, exhausted: Exhausted) -> TraceError {
        self.exhausted = true;
        TraceError(format!(
            "line {line}: {exhausted} of {}; choose a format with a larger address space, such as sv48 or la48, or \
             end before with --limit",
            self.format
        ))
    }

    /// Translates a range; its length may shrink. An empty one has a place all the same. A range that is mapped
    /// (`whole`) gets one piece.
    fn map_range(&mut self, at: &mut VirtAddr, bytes: &mut u64, whole: bool) -> Result<(), Exhausted> {
        let user_end = self.format.spec().user_end();
        if whole && *bytes > 0 && *bytes < user_end && !self.is_upper(at.0) {
            let last = at.0.saturating_add(*bytes - 1);
            if last >= user_end {
                self.relocation.get_or_insert_with(|| Relocation::new(user_end, self.fixed_last));
            }
            if let Some(relocation) = &mut self.relocation {
                relocation.reserve(at.0, last);
            }
        }
        let first = self.map(at.0)?;
        if *bytes > 0 {
            let last = at.0.saturating_add(*bytes - 1);
            let length = self.map(last)?.wrapping_sub(first).wrapping_add(1);
            self.shortened += u64::from(length != *bytes);
            *bytes = length;
        }
        *at = VirtAddr(first);
        Ok(())
    }

    fn map_call(&mut self, call: &mut Syscall) -> Result<(), Exhausted> {
        if let Syscall::Brk { end } = call {
            // The break is the end of the heap: it belongs to the byte before it.
            if end.0 > 0 {
                *end = VirtAddr(self.map(end.0 - 1)? + 1);
            }
            return Ok(());
        }
        let whole = is_whole(call);
        call.visit_ranges(|at, bytes| self.map_range(at, bytes.unwrap_or(&mut 0), whole))
    }

    fn map_event(&mut self, event: &mut Event) -> Result<(), TraceError> {
        // The addresses of a call that failed may be anything: they name no memory.
        let Event::Syscall { call, outcome: SyscallOutcome::Success, line, .. } = event else {
            return Ok(());
        };
        let line = *line;
        self.map_call(call).map_err(|exhausted| self.error(line, exhausted))
    }
}

impl<T: TraceSource> TraceSource for Rebase<T> {
    fn next_block(&mut self, block: &mut Vec<Access>) -> Result<Boundary, TraceError> {
        if self.failed {
            block.clear();
            return Ok(Boundary::End);
        }
        let boundary = self.inner.next_block(block);
        let mapped = self.map_block(block).and_then(|()| match boundary {
            Ok(Boundary::Event(mut event)) => {
                self.map_event(&mut event)?;
                Ok(Boundary::Event(event))
            }
            other => other,
        });
        self.failed = mapped.is_err();
        mapped
    }
    fn position(&self) -> Option<(u64, u64)> {
        self.inner.position()
    }
}

/// The places of all that `source` uses, which is read to its end, in the user half of `format`. `None` where nothing
/// needs to move, or all of it is too large.
///
/// # Errors
/// The source's own.
pub fn plan(source: &mut dyn TraceSource, format: PagingFormat) -> Result<Option<Relocation>, TraceError> {
    let spec = format.spec();
    let user_end = spec.user_end();
    let is_upper = |address: u64| address >= user_end && spec.is_canonical(VirtAddr(address));
    let mut used: BTreeSet<u64> = BTreeSet::new();
    let mut mapped: Vec<(u64, u64)> = Vec::new();
    let mut block = Vec::with_capacity(super::BLOCK_ACCESSES);
    let mut latest = u64::MAX;
    loop {
        let boundary = source.next_block(&mut block)?;
        for access in &block {
            let here = access.va.0 >> BLOCK_SHIFT;
            if here != latest && !is_upper(access.va.0) {
                used.insert(here);
            }
            latest = here;
        }
        match boundary {
            Boundary::Full => {}
            Boundary::End => break,
            Boundary::Event(Event::Syscall { mut call, outcome: SyscallOutcome::Success, .. }) => {
                let whole = is_whole(&call);
                let visited: Result<(), Exhausted> = call.visit_ranges(|at, bytes| {
                    let last = at.0.saturating_add(bytes.map_or(0, |bytes| bytes.saturating_sub(1)));
                    // The break belongs to the byte before it.
                    let ends = [at.0, last, at.0.saturating_sub(1)];
                    used.extend(ends.iter().filter(|&&end| !is_upper(end)).map(|end| end >> BLOCK_SHIFT));
                    if whole && !is_upper(at.0) && last - at.0 < user_end {
                        mapped.push((at.0, last));
                    }
                    Ok(())
                });
                debug_assert!(visited.is_ok());
            }
            Boundary::Event(_) => {}
        }
    }
    let touched = || used.iter().map(|&block| (block << BLOCK_SHIFT, block << BLOCK_SHIFT));
    // Mappings that are never used as a whole may be shortened; better that than no place.
    let whole = Relocation::planned(user_end, touched().chain(mapped));
    Ok(whole.or_else(|| Relocation::planned(user_end, touched())))
}

/// Whether the range of `call` is to stay in one piece. What is only reserved may be larger than the target, and never
/// be used.
fn is_whole(call: &Syscall) -> bool {
    match call {
        Syscall::Map(map) => map.protection != Protection::default(),
        Syscall::Remap { .. } => true,
        _ => false,
    }
}

impl<T: Trace> Trace for Rebase<T> {
    fn wants_plan(&self) -> bool {
        self.exhausted
    }
    fn notes(&self) -> Vec<String> {
        let mut notes = self.inner.notes();
        notes.extend(self.note());
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MapRequest;
    use crate::Recorded;
    use pagewalk_arch::AccessKind;

    fn access(va: u64) -> Access {
        Access::user(va, AccessKind::Load)
    }

    fn run(trace: Recorded, format: PagingFormat) -> (Result<Recorded, TraceError>, Option<String>) {
        let mut rebase = Rebase::new(trace.into_replay(), format);
        let result = crate::load(&mut rebase);
        (result, rebase.note())
    }

    #[test]
    fn what_fits_is_untouched_and_not_mentioned() {
        let trace = Recorded::new(vec![access(0x10_8000), access(0x1f_feff_e7e0)], Vec::new());
        for format in [PagingFormat::Sv39, PagingFormat::La48, PagingFormat::Sv57] {
            let (result, note) = run(trace.clone(), format);
            assert_eq!(result.expect("fits").accesses(), trace.accesses(), "{format}");
            assert_eq!(note, None);
        }
    }

    #[test]
    fn valgrinds_stack_moves_and_the_rest_stays() {
        let trace = Recorded::new(
            vec![access(0x10_8000), access(0x1f_feff_e7e0), access(0x483_5000), access(0x1f_ff00_0123)],
            Vec::new(),
        );
        let (result, note) = run(trace, PagingFormat::Sv32);
        let placed: Vec<_> = result.expect("fits").accesses().iter().map(|a| a.va.0).collect();
        assert_eq!((placed[0], placed[2]), (0x10_8000, 0x483_5000));
        assert_eq!(placed[3] - placed[1], 0x1f_ff00_0123 - 0x1f_feff_e7e0);
        assert!(placed[3] < 1 << 32);
        assert!(note.expect("it moved").starts_with("addresses that sv32 cannot hold were re-based below"));
    }

    #[test]
    fn the_upper_half_stays_where_the_format_has_one() {
        let vsyscall = 0xffff_ffff_ff60_0000;
        let trace = Recorded::new(vec![access(0x1000), access(vsyscall)], Vec::new());
        let (result, _) = run(trace.clone(), PagingFormat::Sv39);
        assert_eq!(result.expect("fits").accesses()[1].va.0, vsyscall);
        let (result, _) = run(trace, PagingFormat::X86Pae);
        assert!(result.expect("fits").accesses()[1].va.0 < 1 << 32);
    }

    fn map_at(at: u64, bytes: u64) -> Event {
        let map = MapRequest { at: VirtAddr(at), bytes, ..MapRequest::default() };
        Event::Syscall { pid: 1, call: Syscall::Map(map), outcome: SyscallOutcome::Success, line: 1 }
    }

    #[test]
    fn system_calls_move_with_their_memory() {
        let at = 0x7f00_0000_0000;
        let trace = Recorded::new(vec![access(at + 0x5000)], vec![(0, map_at(at, 0x10_0000))]);
        let (result, _) = run(trace, PagingFormat::X86Legacy);
        let result = result.expect("fits");
        let Event::Syscall { call: Syscall::Map(map), .. } = result.events()[0].1 else { panic!() };
        assert_eq!(map.bytes, 0x10_0000);
        assert_eq!(result.accesses()[0].va.0, map.at.0 + 0x5000);
    }

    #[test]
    fn a_reservation_larger_than_the_space_is_shortened() {
        let at = 0x7f00_0000_0000;
        let trace = Recorded::new(vec![access(at + (32 << 30))], vec![(0, map_at(at, 64 << 30))]);
        let (result, note) = run(trace, PagingFormat::Sv32);
        let result = result.expect("fits");
        let Event::Syscall { call: Syscall::Map(map), .. } = result.events()[0].1 else { panic!() };
        let image = result.accesses()[0].va.0;
        assert!((map.at.0..map.at.0 + map.bytes).contains(&image), "inside stays inside");
        assert!(note.expect("it moved").contains("1 system calls' ranges were shortened"));
    }

    #[test]
    fn a_full_address_space_ends_the_trace_after_what_fits() {
        let accesses: Vec<_> = (0..1200u64).map(|n| access(0x7f00_0000_0000 + (n << 22))).collect();
        let mut rebase = Rebase::new(Recorded::new(accesses, Vec::new()).into_replay(), PagingFormat::Sv32);
        let mut block = Vec::with_capacity(4096);
        let error = rebase.next_block(&mut block).expect_err("4.7 GiB do not fit");
        assert_eq!(
            error.to_string(),
            "line 0: address 0x7f0010000000 finds no room: the regions on both sides have grown together in the \
             0x100000000 bytes of user addresses of sv32; choose a format with a larger address space, such as sv48 or la48, or end before \
             with --limit"
        );
        assert!(!block.is_empty());
        assert!(matches!(rebase.next_block(&mut block), Ok(Boundary::End)));
        assert!(block.is_empty());
    }
}

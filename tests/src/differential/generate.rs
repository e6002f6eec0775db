//! Random sequences from a seed. Owns the odds. Calls fall into a field of a few dozen pages, so that they meet; each
//! sequence draws the few kinds of memory and rights that it works with, so that neighbours could merge; most touches
//! are legal, and most calls succeed.

use super::step::{Action, Advice, MapFlags, Object, Sequence, Span, Step, Target};
use super::{FILE_PAGES, Linux, PROCESSES_MAX};
use pagewalk_arch::SplitMix64;
use pagewalk_trace::Protection;

/// Pages that a sequence works on.
const FIELD_PAGES: u64 = 40;
/// Where fields begin: at the arena's start, and across the border between two page tables.
const FIELDS: [u64; 2] = [0, 236];
/// Fewest and most steps of a sequence.
const STEPS: std::ops::RangeInclusive<u32> = 10..=30;

/// What a machine does not allow to be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Pages can be swapped out here, which the model does not do: COLD and PAGEOUT are left out.
    pub has_swap: bool,
    /// Equal pages are merged here, which the model does not do: MERGEABLE is left out.
    pub has_ksm: bool,
    /// Less may be locked than the agent and the arena have: calls that lock are left out.
    pub locks_little: bool,
}

/// Bytes that a process of the agent may come to lock: its image, with a dynamic libc, and the arena.
const LOCKED_BYTES_MAX: u64 = 8 << 20;

/// Whether `limits` (`/proc/PID/limits`) and the capabilities of `status` (`/proc/PID/status`) allow it to lock that.
fn may_lock(limits: &str, status: &str) -> bool {
    const CAP_IPC_LOCK: u64 = 1 << 14;
    let field = |text: &str, name: &str, at: usize| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.split_whitespace().nth(at)?.to_owned())
    };
    let capabilities = field(status, "CapEff:", 0).and_then(|bits| u64::from_str_radix(&bits, 16).ok());
    let hard = field(limits, "Max locked memory", 1).unwrap_or_default();
    capabilities.unwrap_or(0) & CAP_IPC_LOCK != 0
        || hard == "unlimited"
        || hard.parse::<u64>().is_ok_and(|bytes| bytes >= LOCKED_BYTES_MAX)
}

impl Scope {
    /// That of the Linux that is asked: of this machine, or everything, which another one has to offer.
    pub fn of_the_asked() -> Self {
        if Linux::is_elsewhere() { Self::default() } else { Self::of_this_machine() }
    }

    fn of_this_machine() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            has_swap: read("/proc/swaps").lines().count() > 1,
            has_ksm: read("/sys/kernel/mm/ksm/run").trim() == "1",
            locks_little: !may_lock(&read("/proc/self/limits"), &read("/proc/self/status")),
        }
    }

    /// The steps that are left out for it, and why; empty where none are.
    pub fn left_out(self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        if self.has_swap {
            found.push((
                "madvise COLD and PAGEOUT",
                "swapoff: with swap, Linux takes pages that the model keeps",
            ));
        }
        if self.has_ksm {
            found.push(("madvise MERGEABLE", "echo 0 > /sys/kernel/mm/ksm/run: it merges equal pages"));
        }
        if self.locks_little {
            found.push(("mlock, mlockall and MAP_LOCKED", "raise the hard limit of locked memory to 8 MiB"));
        }
        found
    }

    /// Whether `action` is left out.
    pub fn excludes(self, action: &Action) -> bool {
        match action {
            Action::Advise(_, Advice { name: "COLD" | "PAGEOUT", .. }) => self.has_swap,
            Action::Advise(_, Advice { name: "MERGEABLE", .. }) => self.has_ksm,
            Action::Map { flags: MapFlags { locked: true, .. }, .. }
            | Action::Lock { .. }
            | Action::LockAll { .. } => self.locks_little,
            _ => false,
        }
    }
}

/// What the generator believes about one page of one process.
#[derive(Clone, Copy)]
struct Cell {
    protection: Protection,
}

struct Process {
    number: usize,
    cells: Vec<Option<Cell>>,
}

struct Generator {
    rng: SplitMix64,
    scope: Scope,
    field: u64,
    objects: Vec<Object>,
    rights: Vec<Protection>,
    processes: Vec<Process>,
    made: usize,
    /// Ranges that were mapped: others fall beside, into and over them.
    earlier: Vec<(u64, u64)>,
}

/// Sequence number `index` of `seed`.
pub fn sequence(seed: u64, index: u64, scope: Scope) -> Sequence {
    let mut rng = SplitMix64(seed ^ index.wrapping_mul(0x9e6c_63d0_876a_6a9b));
    let field = FIELDS[rng.below(2) as usize];
    let mut generator = Generator {
        rng,
        scope,
        field,
        objects: Vec::new(),
        rights: Vec::new(),
        processes: vec![Process { number: 0, cells: vec![None; FIELD_PAGES as usize] }],
        made: 1,
        earlier: Vec::new(),
    };
    generator.draw_palette();
    let count = STEPS.start() + generator.rng.below(STEPS.end() - STEPS.start() + 1);
    let steps = (0..count).map(|at| generator.step(at)).collect();
    Sequence { steps }
}

const fn rights(bits: u32) -> Protection {
    Protection { read: bits & 1 != 0, write: bits & 2 != 0, execute: bits & 4 != 0 }
}

const READ_WRITE: Protection = rights(3);

/// Advice and how often it is given.
const ADVICE_ODDS: &[(u32, &str)] = &[
    (10, "DONTNEED"),
    (6, "FREE"),
    (3, "COLD"),
    (5, "PAGEOUT"),
    (6, "POPULATE_READ"),
    (6, "POPULATE_WRITE"),
    (4, "DONTFORK"),
    (2, "DOFORK"),
    (4, "WIPEONFORK"),
    (2, "KEEPONFORK"),
    (3, "REMOVE"),
    (3, "DONTNEED_LOCKED"),
    (8, "GUARD_INSTALL"),
    (5, "GUARD_REMOVE"),
    (2, "RANDOM"),
    (2, "SEQUENTIAL"),
    (2, "NORMAL"),
    (2, "WILLNEED"),
    (2, "DONTDUMP"),
    (1, "DODUMP"),
    (1, "HUGEPAGE"),
    (1, "NOHUGEPAGE"),
    (1, "MERGEABLE"),
    (1, "UNMERGEABLE"),
    (1, "UNKNOWN"),
];

impl Generator {
    fn percent(&mut self, odds: u32) -> bool {
        self.rng.below(100) < odds
    }

    fn weighted<T: Copy>(&mut self, choices: &[(u32, T)]) -> T {
        let total = choices.iter().map(|(weight, _)| weight).sum();
        let mut draw = self.rng.below(total);
        for &(weight, choice) in choices {
            if draw < weight {
                return choice;
            }
            draw -= weight;
        }
        unreachable!("the draw is below the sum")
    }

    fn draw_palette(&mut self) {
        for _ in 0..1 + self.rng.below(3) {
            let file = self.rng.below(FILE_PAGES.len() as u32) as usize;
            let object = self.weighted(&[
                (10, Object::Anonymous),
                (4, Object::SharedAnonymous),
                (3, Object::File { file, shared: false, page_offset: 0 }),
                (3, Object::File { file, shared: true, page_offset: 0 }),
            ]);
            self.objects.push(object);
        }
        self.rights.push(READ_WRITE);
        for _ in 0..self.rng.below(3) {
            // Execution alone is left out: whether it can be read depends on the host's protection keys.
            let any = self.weighted(&[(6, 1), (3, 3), (3, 0), (2, 5), (1, 7), (1, 2), (1, 6)]);
            self.rights.push(rights(any));
        }
    }

    /// Pages of the field, mostly few.
    fn range(&mut self) -> (u64, u64) {
        if !self.earlier.is_empty() && self.percent(35) {
            // Beside, in, over an earlier one.
            let at = self.rng.below(self.earlier.len() as u32) as usize;
            let (start, pages) = self.earlier[at];
            let length = 1 + u64::from(self.rng.below(6));
            let (start, pages) = match self.rng.below(5) {
                0 => (start, pages),
                1 => (start + pages, length),
                2 => (start.saturating_sub(length).max(self.field), length),
                3 => (start, (pages / 2).max(1)),
                _ => (start + pages / 2, pages.div_ceil(2)),
            };
            return self.clipped(start, pages);
        }
        let start = self.field + u64::from(self.rng.below(FIELD_PAGES as u32));
        let longest = if self.percent(20) { 16 } else { 6 };
        let pages = 1 + u64::from(self.rng.below(longest));
        self.clipped(start, pages)
    }

    fn clipped(&self, start: u64, pages: u64) -> (u64, u64) {
        let end = self.field + FIELD_PAGES;
        let start = start.min(end - 1);
        (start, pages.clamp(1, end - start))
    }

    fn span(&mut self) -> Span {
        let (start, pages) = self.range();
        let mut span = Span::pages(start, pages);
        match self.rng.below(100) {
            0 => span.at += 100,
            1 => span.bytes += 100,
            2 => span.bytes = 0,
            _ => {}
        }
        span
    }

    fn cells(&mut self, process: usize, start: u64, pages: u64) -> &mut [Option<Cell>] {
        let from = (start.saturating_sub(self.field) as usize).min(FIELD_PAGES as usize);
        let to = (from + pages as usize).min(FIELD_PAGES as usize);
        &mut self.processes[process].cells[from..to]
    }

    fn step(&mut self, at: u32) -> Step {
        let process = self.rng.below(self.processes.len() as u32) as usize;
        let number = self.processes[process].number;
        let action = self.action(process, at);
        Step { process: number, action }
    }

    fn action(&mut self, process: usize, at: u32) -> Action {
        let empty = self.processes[process].cells.iter().all(Option::is_none);
        let kind = if at == 0 || empty { 0 } else { self.rng.below(100) };
        match kind {
            0..=15 => self.map(process),
            16..=45 => self.touch(process),
            46..=51 => {
                let span = self.span();
                self.set(process, span, |_| None);
                Action::Unmap(span)
            }
            52..=60 => {
                let span = self.span();
                let at = self.rng.below(self.rights.len() as u32) as usize;
                let protection = self.rights[at];
                self.set(process, span, |cell| cell.map(|_| Cell { protection }));
                Action::Protect(span, protection)
            }
            61..=75 => self.advise(),
            76..=87 => self.remap(process),
            88..=90 => self.lock(),
            91..=95 if self.made < PROCESSES_MAX => {
                let child = self.made;
                self.made += 1;
                let cells = self.processes[process].cells.clone();
                self.processes.push(Process { number: child, cells });
                Action::Fork(child)
            }
            96..=97 if self.processes.len() > 1 => {
                self.processes.remove(process);
                Action::Exit
            }
            98 if self.percent(40) => {
                self.processes[process].cells.fill(None);
                Action::Exec
            }
            98..=99 => self.file_call(),
            _ => self.touch(process),
        }
    }

    fn set(&mut self, process: usize, span: Span, change: impl Fn(Option<Cell>) -> Option<Cell>) {
        if span.at.is_multiple_of(pagewalk_arch::FRAME_BYTES) {
            let pages = span.bytes.div_ceil(pagewalk_arch::FRAME_BYTES);
            let start = span.at / pagewalk_arch::FRAME_BYTES;
            self.cells(process, start, pages).iter_mut().for_each(|cell| *cell = change(*cell));
        }
    }

    fn map(&mut self, process: usize) -> Action {
        let span = self.span();
        let at = self.rng.below(self.objects.len() as u32) as usize;
        let mut object = self.objects[at];
        if let Object::File { page_offset, .. } = &mut object {
            // Mostly so that neighbours continue each other; sometimes not, sometimes beyond the end.
            let natural = (span.at / pagewalk_arch::FRAME_BYTES).saturating_sub(self.field);
            *page_offset = if self.percent(75) { natural } else { u64::from(self.rng.below(30)) };
        }
        let at = self.rng.below(self.rights.len() as u32) as usize;
        let protection = if self.percent(70) { READ_WRITE } else { self.rights[at] };
        let flags = MapFlags {
            populate: self.percent(8),
            locked: self.percent(4) && !self.scope.locks_little,
            noreserve: self.percent(4),
            grows_down: self.percent(3),
        };
        self.set(process, span, |_| Some(Cell { protection }));
        self.earlier
            .push((span.at / pagewalk_arch::FRAME_BYTES, span.bytes.div_ceil(pagewalk_arch::FRAME_BYTES)));
        Action::Map { span, protection, object, flags }
    }

    fn touch(&mut self, process: usize) -> Action {
        let writes = self.percent(65);
        let (mut start, mut pages) = self.range();
        let fits = |cell: &Option<Cell>| {
            cell.is_some_and(|cell| {
                if writes { cell.protection.write } else { cell.protection != Protection::default() }
            })
        };
        // Some places are tried, so that most touches are legal.
        for _ in 0..8 {
            let legal = self.cells(process, start, pages).iter().take_while(|cell| fits(cell)).count() as u64;
            if legal > 0 {
                pages = if self.rng.below(100) < 92 { legal } else { pages };
                break;
            }
            (start, pages) = self.range();
        }
        let span = Span::pages(start, pages);
        if writes { Action::Write(span) } else { Action::Read(span) }
    }

    fn advise(&mut self) -> Action {
        let span = self.span();
        loop {
            let name = self.weighted(ADVICE_ODDS);
            let action = Action::Advise(span, Advice::named(name).expect("the table names what there is"));
            if !self.scope.excludes(&action) {
                return action;
            }
        }
    }

    fn remap(&mut self, process: usize) -> Action {
        let from = self.span();
        let (to, _) = self.range();
        let field_end = self.field + FIELD_PAGES;
        let pages = from.bytes / pagewalk_arch::FRAME_BYTES;
        let grown = match self.rng.below(10) {
            0..=4 => pages,
            5..=7 => pages + 1 + u64::from(self.rng.below(6)),
            _ => pages.saturating_sub(1 + u64::from(self.rng.below(4))),
        };
        let cell = self.cells(process, from.at / pagewalk_arch::FRAME_BYTES, 1).first().copied().flatten();
        let from = if self.percent(6) { Span { bytes: 0, ..from } } else { from };
        if self.percent(35) {
            let pages = grown.min(field_end.saturating_sub(from.at / pagewalk_arch::FRAME_BYTES)).max(1);
            let bytes = pages * pagewalk_arch::FRAME_BYTES;
            self.set(process, Span { bytes, ..from }, |old| old.or(cell));
            return Action::Remap { from, target: Target::InPlace, bytes };
        }
        let dont_unmap = self.percent(15);
        let grown = if dont_unmap && self.percent(90) { pages } else { grown };
        let bytes = grown.min(field_end - to) * pagewalk_arch::FRAME_BYTES;
        let target = Target::Fixed { at: to * pagewalk_arch::FRAME_BYTES, dont_unmap };
        if !dont_unmap {
            self.set(process, from, |_| None);
        }
        self.set(process, Span { at: to * pagewalk_arch::FRAME_BYTES, bytes }, |_| cell);
        self.earlier.push((to, grown.max(1)));
        Action::Remap { from, target, bytes }
    }

    /// Calls on the files that the sequence maps.
    fn file_call(&mut self) -> Action {
        let file = match self.objects.iter().find(|object| matches!(object, Object::File { .. })) {
            Some(&Object::File { file, .. }) => file,
            _ => return self.lock(),
        };
        if self.percent(50) {
            return Action::Truncate { file, pages: u64::from(self.rng.below(40)) };
        }
        Action::RemapFilePages { span: self.span(), page_offset: u64::from(self.rng.below(30)) }
    }

    fn lock(&mut self) -> Action {
        let span = self.span();
        match self.rng.below(10) {
            _ if self.scope.locks_little => Action::Unlock(span),
            0..=3 => Action::Lock { span, on_fault: false },
            4..=5 => Action::Lock { span, on_fault: true },
            6..=7 => Action::Unlock(span),
            8 => Action::LockAll {
                current: self.percent(50),
                future: self.percent(60),
                on_fault: self.percent(30),
            },
            _ => Action::UnlockAll,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_sequence_is_possible_and_follows_from_its_seed() {
        for index in 0..2000 {
            let drawn = sequence(7, index, Scope::default());
            assert!(drawn.is_possible(), "{drawn}");
            assert_eq!(drawn, sequence(7, index, Scope::default()));
            assert_ne!(drawn, sequence(8, index, Scope::default()));
        }
    }

    #[test]
    fn every_kind_of_step_is_drawn() {
        let drawn = (0..2000).flat_map(|index| sequence(7, index, Scope::default()).steps);
        let kinds: BTreeSet<String> = drawn.map(|step| step.action.kind()).collect();
        for kind in [
            "read",
            "write",
            "mmap",
            "mmap POPULATE",
            "mmap LOCKED",
            "munmap",
            "mprotect",
            "mremap",
            "fork",
            "mremap in place",
            "mremap DONTUNMAP",
            "mremap of nothing",
            "mlock",
            "mlock2 ONFAULT",
            "munlock",
            "mlockall",
            "munlockall",
            "execve",
            "exit_group",
            "ftruncate",
            "remap_file_pages",
        ] {
            assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
        }
        for (_, advice) in ADVICE_ODDS {
            assert!(kinds.contains(&format!("madvise {advice}")), "no {advice}");
        }
    }

    #[test]
    fn what_the_machine_does_not_allow_is_not_drawn() {
        let scope = Scope { has_swap: true, has_ksm: true, locks_little: true };
        for index in 0..500 {
            assert!(sequence(7, index, scope).steps.iter().all(|step| !scope.excludes(&step.action)));
        }
        assert_eq!(scope.left_out().len(), 3);
        assert_eq!(Scope::default().left_out(), []);
    }
    #[test]
    fn who_may_lock_is_read_from_proc() {
        let limits =
            |hard| format!("Max processes 1 1 processes\nMax locked memory         65536  {hard}  bytes\n");
        let status = |bits| format!("Name:\tx\nCapEff:\t{bits}\n");
        assert!(may_lock(&limits("8388608"), &status("0")));
        assert!(may_lock(&limits("unlimited"), &status("0")));
        assert!(!may_lock(&limits("65536"), &status("0")));
        assert!(may_lock(&limits("65536"), &status("000001ffffffffff")));
        assert!(!may_lock("", ""));
    }
}

//! What a scenario may say and this model does not do, each told once, where it is first asked for.
//!
//! Owns the list; the documentation has it too (`sim/machine/workloads.md`).

use super::World;
use pagewalk_kernel::workload::{Action, Advice, Command, HugePages, MachineLine, RangeVerb};

const HUGE_PAGES: &str = "transparent huge pages: every page is one of 4 KiB";
const POOL: &str = "huge pages of the pool: it is empty";
const MGLRU: &str = "the multi-generational LRU: reclaim has two lists";
const OTHER_FILES: &str = "files of sysfs";

/// Whose files lie where.
const FILES: [(&str, &str); 8] = [
    ("/sys/kernel/mm/lru_gen", MGLRU),
    ("/sys/kernel/mm/transparent_hugepage", HUGE_PAGES),
    ("/sys/kernel/mm/hugepages", POOL),
    ("/sys/kernel/mm/ksm", "KSM"),
    ("/sys/module/zswap", "zswap"),
    ("/sys/block/zram", "zram"),
    ("/sys/fs/cgroup", "memory cgroups"),
    ("/proc/pressure", "PSI: the files of /proc/pressure"),
];

/// What the file at `path` belongs to, where it is known and not modelled.
fn of_file(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(prefix, _)| path.starts_with(prefix)).map(|&(_, subject)| subject)
}

/// What the machine's lines ask for in vain.
pub(super) fn of_machine(machine: &MachineLine) -> Vec<String> {
    let given = |key: &str| machine.given.iter().find(|(given, _)| given == key).map(|(_, value)| value);
    let mut all = Vec::new();
    if machine.huge_pages != HugePages::Never {
        all.push(format!("thp={}: {HUGE_PAGES}", machine.huge_pages.name()));
    }
    if let Some(words) = given("append") {
        all.push(format!("append={words}: the kernel's command line"));
    }
    all
}

/// What a step asks for in vain, whatever it is answered.
pub(super) fn of_step(machine: &MachineLine, action: &Action) -> Option<&'static str> {
    match action {
        Action::Sysfs { path, .. } => Some(of_file(path).unwrap_or(OTHER_FILES)),
        Action::Cat(path) | Action::Until { path, .. } => of_file(path),
        Action::Sysctl { name, .. } if name.ends_with("hugepages") => Some(POOL),
        Action::Worker { command, .. } => match command {
            Command::MemoryPolicy { .. } => {
                Some("memory policies: a page comes from the nearest node that has one")
            }
            Command::Map(map) if map.hugetlb => Some(POOL),
            Command::Range { verb: RangeVerb::Advise(advice), .. } => match advice {
                Advice::Collapse => Some(HUGE_PAGES),
                Advice::HugePage if machine.huge_pages != HugePages::Never => Some(HUGE_PAGES),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

impl World<'_> {
    /// Says of the machine what it does not have.
    pub(super) fn note_machine(&mut self) {
        let all = of_machine(&self.workload.scenario.machine);
        self.report.notes.extend(all.into_iter().map(|what| format!("not modelled: machine {what}")));
    }

    /// Says that the present step sets a knob that nothing heeds.
    pub(super) fn note_knob(&mut self, name: &str) {
        if !name.ends_with("hugepages") {
            self.note_unmodelled(&format!("{name}: its value is kept, and nothing heeds it"));
        }
    }

    /// Says that the present step asks for `subject`, unless one before it did.
    pub(super) fn note_unmodelled(&mut self, subject: &str) {
        let end = format!("not modelled: {subject}");
        if !self.report.notes.iter().any(|note| note.ends_with(&end)) {
            self.report.notes.push(format!("step {} ({}): {end}", self.step.n, self.step.line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_kernel::workload::Scenario;

    fn noted(text: &str) -> Vec<String> {
        let scenario = Scenario::parse(text).expect("a scenario");
        let machine = &scenario.machine;
        let steps = scenario.steps.iter().filter_map(|step| of_step(machine, &step.action));
        of_machine(machine).into_iter().chain(steps.map(str::to_owned)).collect()
    }

    #[test]
    fn what_is_modelled_is_not_noted() {
        let text = "machine mem=512M swap=64M numa=2 smp=2 quantum=50 thp=never\nsysctl vm.swappiness=10\nproc A\nA mmap r 1M\n\
                    A madvise r hugepage\nA madvise r free\nA cpu 1\ncat /proc/meminfo\n";
        assert_eq!(noted(text), Vec::<String>::new());
    }

    #[test]
    fn each_of_the_rest_is_noted() {
        for (text, expected) in [
            ("machine thp=always", "thp=always"),
            ("machine append=nokaslr", "append=nokaslr"),
            ("sysfs /sys/kernel/mm/lru_gen/enabled 7", "the multi-generational LRU"),
            ("sysfs /sys/kernel/mm/ksm/run 1", "KSM"),
            ("sysfs /sys/module/zswap/parameters/enabled Y", "zswap"),
            ("sysfs /sys/block/zram0/disksize 64M", "zram"),
            ("sysfs /sys/fs/cgroup/a/memory.max 64M", "memory cgroups"),
            ("sysfs /sys/elsewhere 1", "files of sysfs"),
            ("cat /proc/pressure/memory", "PSI"),
            ("sysctl vm.nr_hugepages=4", "huge pages of the pool"),
            ("proc A\nA mmap r 2M hugetlb", "huge pages of the pool"),
            ("proc A\nA madvise r collapse", "transparent huge pages"),
            ("proc A\nA mempolicy bind 1", "memory policies"),
        ] {
            let notes = noted(text);
            assert!(notes.len() == 1 && notes[0].starts_with(expected), "{text}: {notes:?}");
        }
    }
}

//! The bundled trace: its facts, and that every format sees the same pages of it.

use pagewalk_arch::PagingFormat;
use pagewalk_trace::TraceSource;
use pagewalk_trace::{self as trace, Rebase, Relocation, TraceOptions};
use std::io::Read;

/// The facts of traces/README.md, as the commands there print them.
#[test]
fn the_bundled_trace_is_what_its_description_says() {
    let readme = include_str!("../traces/README.md");
    let fact = |name: &str| -> u64 {
        let row = readme.lines().find(|line| line.starts_with(&format!("| {name} |"))).expect(name);
        row.split('|').nth(2).expect("a value").trim().parse().expect("a number")
    };
    let mut text = Vec::new();
    trace::bundled_input().expect("bundled").read_to_end(&mut text).expect("whole");
    let lines = |prefix: &[u8]| text.split(|&b| b == b'\n').filter(|l| l.starts_with(prefix)).count() as u64;
    assert_eq!(text.iter().filter(|&&byte| byte == b'\n').count() as u64, fact("lines of text"));
    assert_eq!(lines(b"I  "), fact("fetches"));
    let info = trace::info(&mut trace::bundled(TraceOptions::default()).expect("bundled")).expect("whole");
    // The reader splits at page borders, so it counts at least the lines.
    assert!(info.instructions >= fact("fetches"));
    assert!(info.loads >= fact("loads") + fact("modifies (load and store)"));
    assert!(info.stores >= fact("stores") + fact("modifies (load and store)"));
    assert!(info.pages >= fact("pages of 4 KiB that accesses begin in"));
    assert_eq!(info.syscalls.values().sum::<u64>(), fact("system calls (asynchronous ones take two lines)"));
}

#[test]
fn the_bundled_trace_has_the_same_pages_in_every_format() {
    let load = |fit| {
        let options = TraceOptions { fit, limit: Some(3_000_000) };
        trace::load(&mut trace::bundled(options).expect("bundled")).expect("whole")
    };
    let original = load(None);
    for format in PagingFormat::ALL {
        let fitted = load(Some(format));
        assert_eq!(fitted.events().len(), original.events().len());
        let mut images = std::collections::BTreeMap::new();
        for (from, to) in original.accesses().iter().zip(fitted.accesses()) {
            assert!(format.spec().is_canonical(to.va), "{format}");
            assert_eq!(
                (from.va.page_offset(), from.kind, from.line),
                (to.va.page_offset(), to.kind, to.line)
            );
            assert_eq!(
                *images.entry(from.va.page_number()).or_insert(to.va.page_number()),
                to.va.page_number(),
                "{format}: one image"
            );
        }
        let pairs: Vec<_> = images.into_iter().collect();
        for pair in pairs.windows(2) {
            assert!(pair[0].1 < pair[1].1, "{format}: order");
            assert!(pair[1].0 != pair[0].0 + 1 || pair[1].1 == pair[0].1 + 1, "{format}: adjacency");
        }
    }
}

#[test]
fn a_trace_that_fits_passes_unchanged() {
    let options = TraceOptions { limit: Some(100_000), ..TraceOptions::default() };
    let mut plain = trace::bundled(options).expect("bundled");
    let mut fitted = Rebase::new(trace::bundled(options).expect("bundled"), PagingFormat::Sv48);
    let (mut a, mut b) = (Vec::with_capacity(4096), Vec::with_capacity(4096));
    loop {
        let (x, y) = (plain.next_block(&mut a).expect("whole"), fitted.next_block(&mut b).expect("whole"));
        assert_eq!((&x, &a), (&y, &b));
        if x == pagewalk_trace::Boundary::End {
            break;
        }
    }
    assert_eq!(fitted.note(), None);
    assert_eq!(Relocation::new(1 << 38, 0x1000).region_count(), 1);
}

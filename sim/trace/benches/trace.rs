//! How fast lackey text is read, beside what only finding its lines costs. `cargo bench --package pagewalk-trace`;
//! takes the bundled trace, or the plain-text trace named by `TRACE=`.

use divan::Bencher;
use divan::counter::BytesCount;
use pagewalk_arch::PagingFormat;
use pagewalk_trace::input::Input;
use pagewalk_trace::{self as trace, BLOCK_ACCESSES, Rebase, Trace, TraceOptions};
use pagewalk_trace::{Boundary, TraceSource};
use std::hint::black_box;
use std::io::Read;
use std::sync::LazyLock;

/// The text that is read.
static TEXT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let input = match std::env::var("TRACE") {
        Ok(path) => Input::new(&path, std::fs::File::open(&path).expect("a trace"), None),
        Err(_) => trace::bundled_input(),
    };
    let mut text = Vec::new();
    input.expect("a trace").read_to_end(&mut text).expect("a whole trace");
    text
});

fn main() {
    divan::main();
}

/// Measures `work` in bytes of text.
fn measure<T>(bencher: Bencher<'_, '_>, work: impl Fn(&'static [u8]) -> T + Sync) {
    let text = TEXT.as_slice();
    bencher.counter(BytesCount::of_slice(text)).bench(|| work(black_box(text)));
}

fn open(text: &'static [u8]) -> Box<dyn Trace> {
    trace::read(Input::from_bytes("text", text).expect("text"), TraceOptions::default()).expect("lackey")
}

fn count(source: &mut impl TraceSource) -> usize {
    let mut block = Vec::with_capacity(BLOCK_ACCESSES);
    let mut accesses = 0;
    while !matches!(source.next_block(&mut block).expect("a whole trace"), Boundary::End) {
        accesses += black_box(&block).len();
    }
    accesses + block.len()
}

/// The floor: finding the ends of lines.
#[divan::bench]
fn a_count_lines(bencher: Bencher<'_, '_>) {
    measure(bencher, |text| memchr::memchr_iter(b'\n', text).count());
}

/// Through the window, without parsing.
#[divan::bench]
fn b_copy(bencher: Bencher<'_, '_>) {
    measure(bencher, |text| {
        let mut input = Input::from_bytes("text", text).expect("plain text");
        let mut buffer = vec![0; 256 << 10];
        std::iter::from_fn(|| input.read(&mut buffer).ok().filter(|&n| n > 0)).sum::<usize>()
    });
}

#[divan::bench]
fn c_read(bencher: Bencher<'_, '_>) {
    measure(bencher, |text| count(&mut open(text)));
}

#[divan::bench]
fn d_read_and_rebase_to_sv32(bencher: Bencher<'_, '_>) {
    measure(bencher, |text| count(&mut Rebase::new(open(text), PagingFormat::Sv32)));
}

#[divan::bench]
fn e_read_from_zstd(bencher: Bencher<'_, '_>) {
    static PACKED: LazyLock<Vec<u8>> =
        LazyLock::new(|| zstd::stream::encode_all(TEXT.as_slice(), 3).expect("in memory"));
    let packed = PACKED.as_slice();
    measure(bencher, |_| count(&mut open(packed)));
}

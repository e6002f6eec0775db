//! How fast lackey text is read, beside what only finding its lines costs. `cargo bench --package pagewalk
//! --bench trace`; takes the bundled trace, or the plain-text trace named by `TRACE=`.

use pagewalk_arch::{Boundary, PagingFormat, TraceSource};
use pagewalk_trace::input::Input;
use pagewalk_trace::{self as trace, BLOCK_ACCESSES, Rebase, TraceOptions};
use std::hint::black_box;
use std::io::Read;
use std::time::Instant;

/// Runs of each measurement; the median counts.
const RUNS: usize = 7;

fn main() {
    let text = text();
    let megabytes = text.len() as f64 / 1e6;
    let text: &'static [u8] = text.leak();
    println!("{megabytes:.1} MB of lackey text, median of {RUNS} runs, one core");

    let lines = measure("count lines (memchr)", megabytes, None, || memchr::memchr_iter(b'\n', text).count());
    measure("copy through the window (no parsing)", megabytes, Some(lines), || {
        let mut input = Input::from_bytes("text", text).expect("plain text");
        let mut buffer = vec![0; 256 << 10];
        std::iter::from_fn(|| input.read(&mut buffer).ok().filter(|&n| n > 0)).sum()
    });
    let open = || {
        trace::read(Input::from_bytes("text", text).expect("text"), TraceOptions::default()).expect("lackey")
    };
    measure("read", megabytes, Some(lines), || count(&mut open()));
    measure("read and re-base to sv32", megabytes, Some(lines), || {
        count(&mut Rebase::new(open(), PagingFormat::Sv32))
    });
    let mut packed = Vec::new();
    zstd::stream::copy_encode(text, &mut packed, 3).expect("in memory");
    let packed: &'static [u8] = packed.leak();
    measure("read from zstd", megabytes, Some(lines), || {
        count(
            &mut trace::read(Input::from_bytes("zstd", packed).expect("zstd"), TraceOptions::default())
                .expect("lackey"),
        )
    });
}

fn text() -> Vec<u8> {
    let input = match std::env::var("TRACE") {
        Ok(path) => Input::open(&path),
        Err(_) => trace::bundled_input(),
    };
    let mut text = Vec::new();
    input.expect("a trace").read_to_end(&mut text).expect("a whole trace");
    text
}

fn count(source: &mut impl TraceSource) -> usize {
    let mut block = Vec::with_capacity(BLOCK_ACCESSES);
    let mut accesses = 0;
    while !matches!(source.next_block(&mut block).expect("a whole trace"), Boundary::End) {
        accesses += black_box(&block).len();
    }
    accesses + block.len()
}

/// Prints a row; returns the rate in MB/s.
fn measure(what: &str, megabytes: f64, lines: Option<f64>, mut run: impl FnMut() -> usize) -> f64 {
    let mut seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let rate = megabytes / seconds[RUNS / 2];
    let items = run() as f64 / seconds[RUNS / 2] / 1e6;
    let ratio =
        lines.map_or(String::new(), |lines| format!("{:>7.1} % of line counting", 100.0 * rate / lines));
    println!("{what:<40}{rate:>8.0} MB/s{items:>9.1} M items/s{ratio}");
    rate
}

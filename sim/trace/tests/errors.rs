//! What a user is told about a trace that cannot be read: the exact line, and that what came before it was
//! used.

use pagewalk_trace::input::Input;
use pagewalk_trace::{self as trace, TraceOptions};
use pagewalk_trace::{Boundary, TraceSource};
use std::io::Write;

const REMEDY: &str = "record with valgrind --tool=lackey --trace-mem=yes --trace-syscalls=yes --log-file=FILE, one file per \
                      process, or with `pagewalk record`";
const KNOWN: &str = "expected lackey (Valgrind lackey text, lines such as `I  0401ab70,3` and ` L 1ffeffe7e0,8`); \
                     `pagewalk record` makes one";
const GOOD: &str = "I  0401ab70,3\n S 1fff000d38,8\n";

/// Reads `text` as the file `t`; the accesses before the error, and the error.
fn error_of(text: &[u8]) -> (usize, String) {
    let input = Input::from_bytes("t", text.to_vec()).expect("in memory");
    let mut source = match trace::read(input, TraceOptions::default()) {
        Ok(source) => source,
        Err(error) => return (0, error.to_string()),
    };
    let (mut accesses, mut block) = (0, Vec::with_capacity(4096));
    loop {
        let boundary = source.next_block(&mut block);
        accesses += block.len();
        match boundary {
            Ok(Boundary::End) => panic!("no error in {:?}", String::from_utf8_lossy(text)),
            Ok(_) => {}
            Err(error) => {
                assert!(matches!(source.next_block(&mut block), Ok(Boundary::End)), "only the end follows");
                assert!(block.is_empty());
                return (accesses, error.to_string());
            }
        }
    }
}

fn after_good(rest: &str) -> String {
    let (accesses, error) = error_of(format!("{GOOD}{rest}").as_bytes());
    assert_eq!(accesses, 2, "{error}");
    error
}

#[test]
fn empty() {
    assert_eq!(error_of(b""), (0, format!("t: is empty; {KNOWN}")));
}

#[test]
fn binary() {
    let expected =
        format!("t: byte 0: binary data of no known trace format (`\\x7fELF\\x02\\x01\\x01\\x00`); {KNOWN}");
    assert_eq!(error_of(b"\x7fELF\x02\x01\x01\x00\x00\x00"), (0, expected));
}

#[test]
fn another_text() {
    let expected = format!("t: line 2: text of no known trace format (`ip,address,kind`); {KNOWN}");
    assert_eq!(error_of(b"\nip,address,kind\n1,2,R\n"), (0, expected));
}

#[test]
fn cut_off_within_the_last_line() {
    let expected = "t: line 3, byte 30: expected a newline after the last line, found ` L 1ffeff`; the trace is cut off \
                    here, what came before was used; record it again, or end the last line with a newline if it is \
                    complete";
    assert_eq!(after_good(" L 1ffeff"), expected);
}

#[test]
fn a_line_that_is_none() {
    let expected = format!(
        "t: line 3, byte 30: expected an access (`I  0401ab70,3`, ` L …`, ` S …`, ` M …`), SYSCALL[…] or ==…==, found \
         `Hello, world`; {REMEDY}"
    );
    assert_eq!(after_good("Hello, world\n"), expected);
}

#[test]
fn an_address_that_is_none() {
    let expected = format!(
        "t: line 3, byte 30: expected hexadecimal address, comma and decimal size, found ` L 04zz,8`; {REMEDY}"
    );
    assert_eq!(after_good(" L 04zz,8\n"), expected);
    let (accesses, error) = error_of(format!("{GOOD}I  04I  0011adc0,6\n").as_bytes());
    assert_eq!(accesses, 3, "the access that cut into another is whole");
    assert!(error.contains("line 3, byte 30: expected hexadecimal address"), "{error}");
}

#[test]
fn a_size_that_is_none() {
    for line in [" L 04000000,0", " L 04000000,5000", " L ffffffffffffffff,2"] {
        let expected = format!(
            "t: line 3, byte 30: expected an access of 1 to 4096 bytes within the address space, found `{line}`; {REMEDY}"
        );
        assert_eq!(after_good(&format!("{line}\n")), expected);
    }
}

#[test]
fn messages_without_a_trace() {
    let expected = format!("t: holds Valgrind's messages but no accesses; {REMEDY}");
    assert_eq!(error_of(b"==9== Lackey, an example Valgrind tool\n==9== \n"), (0, expected));
}

#[test]
fn an_endless_line() {
    let (accesses, error) = error_of(format!("{GOOD}{}", "=".repeat(1 << 20)).as_bytes());
    assert_eq!(accesses, 2);
    assert!(
        error.starts_with("t: line 3, byte 30: expected a line of at most 256 KiB, found `=="),
        "{error}"
    );
}

#[test]
fn compressed_data_that_is_cut_off() {
    let text = GOOD.repeat(100_000);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).expect("in memory");
    let mut packed = packed.finish().expect("in memory");
    packed.truncate(packed.len() / 2);
    let (accesses, error) = error_of(&packed);
    assert!(accesses > 10_000, "{accesses}");
    let start = format!("t: gzip data is damaged or cut off near byte {}, byte ", packed.len());
    assert!(error.starts_with(&start), "{error}");
    assert!(error.ends_with("; what came before was used; copy or record the file again"), "{error}");
}

#[test]
fn an_unknown_compressed_format() {
    let packed = zstd::encode_all(&b"col1 col2\n"[..], 1).expect("in memory");
    assert_eq!(
        error_of(&packed).1,
        format!("t: line 1: text of no known trace format (`col1 col2`); {KNOWN}")
    );
}

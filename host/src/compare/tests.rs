//! Aligned files of translations: what is the same, what differs, and how it is told.

use super::*;
use pagewalk_trace::input::Input;

fn reader(name: &str, text: &str) -> Reader {
    Reader::new(Input::from_bytes(name, text.as_bytes().to_vec()).unwrap(), &FileOptions::default()).unwrap()
}

fn compared(a: &str, b: &str, options: &CompareOptions) -> Comparison {
    compare([reader("a", a), reader("b", b)], options, &|| true).unwrap_or_else(|error| panic!("{error}"))
}

/// A file of rows `va,pa,fault,cycles`.
fn file(rows: &[(u64, u64, &str, u64)]) -> String {
    rows.iter().fold("va,pa,fault,cycles\n".to_owned(), |text, (va, pa, fault, cycles)| {
        text + &format!("{va:#x},{pa:#x},{fault},{cycles}\n")
    })
}

/// Rows of one address after the other.
fn march(vas: impl Iterator<Item = u64>) -> String {
    file(&vas.map(|va| (va << 12, va << 13, "none", 1)).collect::<Vec<_>>())
}

#[test]
fn equal_files_agree_and_cycles_are_information() {
    let a = file(&[(0x1000, 0x5000, "none", 1), (0x2000, 0, "page", 1)]);
    let b = file(&[(0x1000, 0x5000, "none", 9), (0x2000, 0, "page", 1)]);
    let result = compared(&a, &b, &CompareOptions::default());
    assert_eq!((result.differences(), result.aligned, result.first), (0, 2, None));
    assert_eq!(result.compared, [(Field::Pa, 0), (Field::Fault, 0)]);
    assert_eq!((result.informative, result.cycles), (vec![(Field::Cycles, 1)], Some([2, 10])));
    assert_eq!(result.absent, [Field::Kind, Field::PageBytes, Field::MemoryType]);
    let with_cycles =
        CompareOptions { fields: FieldChoice::Named(vec![Field::Cycles]), ..CompareOptions::default() };
    let result = compared(&a, &b, &with_cycles);
    assert_eq!(result.first.unwrap().what, "cycles 1 against 9");
    let all = CompareOptions { fields: FieldChoice::All, ..CompareOptions::default() };
    let result = compared(&a, &b, &all);
    assert_eq!(result.compared, [(Field::Pa, 0), (Field::Fault, 0), (Field::Cycles, 1)]);
}

#[test]
fn the_first_difference_is_told_with_what_came_before() {
    let a = file(&[(0x1000, 0x5000, "none", 1), (0x2000, 0x6000, "none", 1), (0x3000, 0x7000, "none", 1)]);
    let b = file(&[(0x1000, 0x5000, "none", 1), (0x2000, 0x6008, "none", 1), (0x3000, 0, "page", 1)]);
    let result = compared(&a, &b, &CompareOptions::default());
    assert_eq!((result.differences(), &result.compared[..]), (2, &[(Field::Pa, 1), (Field::Fault, 1)][..]));
    let first = result.first.unwrap();
    assert_eq!((first.what.as_str(), first.number), ("pa 0x6000 against 0x6008", 2));
    assert_eq!(first.rows.map(|row| row.map(|row| row.line)), [Some(3), Some(3)]);
    assert_eq!(first.recent.len(), 1);
}

#[test]
fn a_row_without_an_address_faulted() {
    let a = "va,pa\n0x1000,\n0x2000,0x1000\n";
    let b = file(&[(0x1000, 0, "access", 1), (0x2000, 0x1000, "none", 1)]);
    assert_eq!(compared(a, &b, &CompareOptions::default()).differences(), 0);
    let c = file(&[(0x1000, 0, "none", 1), (0x2000, 0x1000, "none", 1)]);
    let first = compared(a, &c, &CompareOptions::default()).first.unwrap();
    assert_eq!(first.what, "fault fault against none");
}

#[test]
fn missing_and_additional_rows_are_found_and_the_rest_still_compared() {
    let a = march(0..3000);
    let b = march((0..3000).filter(|va| !(100..110).contains(va) && *va != 2000));
    let result = compared(&a, &b, &CompareOptions::default());
    assert_eq!((result.only, result.unaligned, result.differing), ([11, 0], [0, 0], 0));
    assert_eq!((result.rows, result.aligned), ([3000, 2989], 2989));
    let result = compared(&b, &a, &CompareOptions::default());
    assert_eq!(result.only, [0, 11]);
    assert_eq!(result.first.unwrap().what, "only the second file has the access");
}

#[test]
fn different_lengths_are_a_difference() {
    let result = compared(&march(0..5000), &march(0..4990), &CompareOptions::default());
    assert_eq!((result.only, result.differences()), ([10, 0], 10));
    let limited = CompareOptions { limit: Some(4990), ..CompareOptions::default() };
    assert_eq!(compared(&march(0..5000), &march(0..4990), &limited).differences(), 0);
}

#[test]
fn files_with_nothing_in_common_end_soon() {
    let result = compared(&march(0..5000), &march(10_000..15_000), &CompareOptions::default());
    assert_eq!((result.aligned, result.unaligned), (0, [5000, 5000]));
    assert_eq!(result.differences(), 5000);
}

#[test]
fn another_numbering_of_frames_is_accepted_on_request() {
    let a = file(&[(0x1000, 0x5abc, "none", 1), (0x2000, 0x6000, "none", 1), (0x1000, 0x5000, "none", 1)]);
    let b = file(&[(0x1000, 0x9abc, "none", 1), (0x2000, 0x5000, "none", 1), (0x1000, 0x9000, "none", 1)]);
    let frames = CompareOptions { frames: true, ..CompareOptions::default() };
    let result = compared(&a, &b, &frames);
    assert_eq!((result.differences(), result.frames), (0, Some((2, 0))));
    assert_eq!(compared(&a, &b, &CompareOptions::default()).differences(), 3);
    // One frame of the second file for two of the first.
    let c = file(&[(0x1000, 0x9abc, "none", 1), (0x2000, 0x9000, "none", 1), (0x1000, 0x9000, "none", 1)]);
    let first = compared(&a, &c, &frames).first.unwrap();
    assert_eq!(first.what, "pa 0x5000 against 0x9000 (no one-to-one numbering)");
}

#[test]
fn a_field_that_a_file_lacks_is_refused() {
    let options =
        CompareOptions { fields: FieldChoice::Named(vec![Field::Served]), ..CompareOptions::default() };
    let error = compare([reader("a", &march(0..1)), reader("b", &march(0..1))], &options, &|| true);
    assert!(error.unwrap_err().to_string().starts_with("a: states no served: name its column"));
    let only_va = || [reader("a", "va\n1\n"), reader("b", "va\n1\n")];
    let error = compare(only_va(), &CompareOptions::default(), &|| true).unwrap_err().to_string();
    assert!(error.starts_with("a: nothing but addresses is stated by both files"), "{error}");
}

#[test]
fn a_broken_line_ends_it() {
    let broken = march(0..3000) + "0x1000,oops,none,1\n";
    let error =
        compare([reader("a", &march(0..3000)), reader("b", &broken)], &CompareOptions::default(), &|| true);
    assert!(error.unwrap_err().to_string().starts_with("b: line 3002: pa is `oops`"));
}

#[test]
fn numbers_tell_which_of_several_accesses_to_one_address_is_missing() {
    let numbered = |numbers: &[u64]| {
        numbers.iter().fold("number,va,pa\n".to_owned(), |text, number| {
            text + &format!("{number},0x1000,{:#x}\n", 0xa0000 + number * 0x1000)
        })
    };
    let a = numbered(&[1, 2, 3, 4, 5]);
    let result = compared(&a, &numbered(&[1, 3, 4, 5]), &CompareOptions::default());
    let first = result.first.as_ref().expect("one is missing");
    assert_eq!((result.differences(), first.number, first.rows[1]), (1, 2, None));
    let result = compared(&numbered(&[1, 2, 4, 5]), &a, &CompareOptions::default());
    assert_eq!((result.differences(), result.first.expect("one is missing").number), (1, 3));
    // Files that begin to count elsewhere have nothing missing.
    let elsewhere = a.replace("\n1,", "\n11,").replace("\n2,", "\n12,").replace("\n3,", "\n13,");
    let elsewhere = elsewhere.replace("\n4,", "\n14,").replace("\n5,", "\n15,");
    assert_eq!(compared(&a, &elsewhere, &CompareOptions::default()).differences(), 0);
}

#[test]
fn a_field_has_one_column() {
    let text = "va,pa,va\n0x1000,0x2000,0x3000\n";
    let input = Input::from_bytes("twice.csv", text.as_bytes().to_vec()).unwrap();
    let error = Reader::new(input, &FileOptions::default()).err().expect("two columns").to_string();
    assert!(error.contains("has two columns `va`: say which is meant with --columns"), "{error}");
}

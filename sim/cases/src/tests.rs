//! The text format and the comparison: each error has its line, each wrong expectation is noticed.

use super::*;
use pagewalk_arch::{AccessKind, Uniprocessor};
use pagewalk_golden::Golden;

const TABLES: &str = "format sv39\n\
    case T-1 four kibibytes for {V}\n\
    for V in 0x4000_5678\n\
    map {V} = leaf 0x80000000 RWXUAD\n";

fn check(answer: &str) -> Result<(), String> {
    let text = format!("{TABLES}{answer}\n");
    let cases = parse("text", &text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((cases.len(), cases[0].title.as_str()), (1, "four kibibytes for 0x4000_5678"));
    let mut golden = Uniprocessor::new(Golden::new(&cases[0].config).unwrap(), 1 << 40);
    cases[0].check(&mut golden, Ability::Exact)
}

#[test]
fn a_right_expectation_passes_and_every_wrong_part_of_it_does_not() {
    let right = "load u 0x40005678 -> ok 0x80000678 4KiB type 0 walk reads 3 writes 0 latency 31";
    check(right).unwrap();
    for (from, to) in [
        ("0x80000678", "0x80000679"),
        ("4KiB", "2MiB"),
        ("type 0", "type 1"),
        ("walk", "hit"),
        ("reads 3", "reads 2"),
        ("writes 0", "writes 1"),
        ("latency 31", "latency 30"),
        ("ok 0x80000678 4KiB type 0", "page-fault 13"),
    ] {
        let wrong = right.replace(from, to);
        assert_ne!(wrong, right);
        let problem = check(&wrong).expect_err(&wrong);
        assert!(problem.starts_with("line 5: "), "{problem}");
    }
    check("@0x40005678:0 == leaf 0x80000000 RWXUAD").unwrap();
    check("@0x40005678:0 == same -6").unwrap_err();
}

#[test]
fn lines_become_what_they_say() {
    let cases = parse(
        "text",
        "format x86-32 preset small physical-bits 36\n\
         mode pse wp\n\
         case T-2 a large page, bit {B}\n\
         for B in 1..2 6\n\
         0x1000[1] = leaf 0xa_0040_0000 PS PAT +{B}\n\
         store s 0x400000 -> #PF P W writes 1   # comment\n\
         invlpg 0x400000\n\
         0x1000[1] == same -0\n",
    )
    .unwrap();
    assert_eq!(cases.len(), 3);
    let case = &cases[2];
    assert_eq!((case.title.as_str(), case.config.physical_bits), ("a large page, bit 6", 36));
    let pde = 0x0040_0000 | 0xa << 13 | 1 << 12 | 1 << 7 | 1 << 6 | 1;
    assert_eq!(case.steps[0], (5, Step::Store(PhysAddr(0x1004), pde)));
    let Step::Context(context) = &case.steps[1].1 else { panic!("{:?}", case.steps) };
    assert!(context.mode.pse && context.mode.wp && !context.mode.pge);
    let verdict = Verdict::Fault { kind: FaultKind::Page, code: 0b11 };
    let Step::Access(access, expectation) = &case.steps[2].1 else { panic!("{:?}", case.steps) };
    assert_eq!((access.kind, expectation.verdict, expectation.writes), (AccessKind::Store, verdict, 1));
    assert_eq!(case.steps[4], (8, Step::Holds(PhysAddr(0x1004), pde & !1)));
}

#[test]
fn errors_name_the_line() {
    let body = |line: &str| format!("format la48\ncase T-3 title\nload u 0x0 -> #PF U\n{line}\n");
    let wrong = [
        ("case T-1 title\n".to_owned(), "text:1: a file begins with `format NAME`"),
        ("format sv40\n".to_owned(), "text:1: unknown page-table format `sv40`"),
        ("format sv39 preset huge\n".to_owned(), "text:1: no preset is called `huge`"),
        ("format la48 physical-bits 53\n".to_owned(), "text:1: configuration: physical_bits = 53"),
        ("format sv39\nmode fast\n".to_owned(), "text:2: `fast` is no mode bit"),
        ("format sv39\nload u 0 -> ok 0\n".to_owned(), "text:2: before the first `case`"),
        ("format sv39\ncase T-1\n".to_owned(), "text:2: write `case RULE"),
        ("format sv39\ncase T-1 title\n0x1000 = 1\n".to_owned(), "text:2: the case checks nothing"),
        (body("sfence.vma x0 x0"), "text:4: `sfence.vma x0 x0` is no line of a case"),
        (body("load u 0x0 -> page-fault 13"), "text:4: `page-fault` is no answer of la48"),
        (body("load x 0x0 -> #GP"), "text:4: `x`: accesses are made as"),
        (body("load u 0x0"), "text:4: write `load|store|fetch"),
        (body("load u 0x0 -> ok 0x1000 512GiB"), "text:4: `512GiB` says nothing"),
        (body("0x1004 = 1"), "text:4: 0x1004 is no place of a 8-byte entry"),
        (body("0x1000[512] = 1"), "text:4: index 512 is beyond"),
        (body("0x1000[0] = leaf 0x1234"), "text:4: 0x1234 is no frame address"),
        (body("0x1000[0] = leaf 0x1000 RX"), "text:4: `RX` is none of the bits"),
        (body("0x1000[0] = same +1"), "text:4: `same`, but nothing"),
        (body("0x1000[0] = 0 +64"), "text:4: `64` is no bit number below 64"),
        (body("0x1000[0] = 12q"), "text:4: `12q` is no number"),
        (body("@0x0:2 = 0"), "text:4: `@0x0:2`: no table"),
        (body("map 0x0 level 4 = 0"), "text:4: la48 has no level 4"),
        (body("poison 0x1001"), "text:4: 0x1001 is no address of a frame"),
        (body("0x1000 = {B}"), "text:4: a name in braces"),
        (body("for B in 9..3"), "text:4: 9..3 is no range"),
    ];
    for (text, expected) in wrong {
        let error = parse("text", &text).expect_err(expected).to_string();
        assert!(error.starts_with(expected), "{error}\nexpected {expected}");
    }
}

#[test]
fn an_engine_without_tlbs_is_spared_what_it_cannot_know() {
    let text = format!("{TABLES}tlb\nload u 0x40005678 -> page-fault 13\n");
    let case = &parse("text", &text).unwrap()[0];
    let mut bare = Uniprocessor::new(Golden::bare(&case.config).unwrap(), 1 << 40);
    case.check(&mut bare, Ability::ArchitectureOnly).unwrap();
    case.check(&mut bare, Ability::Exact).unwrap_err();
}

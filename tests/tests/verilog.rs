//! The generated Verilog as a text that other tools read: what it looks like, and who takes it without a complaint.
//!
//! Two designs stand in `tests/tests/verilog` and are reviewed as code; of every format and preset, `digests.txt` there has
//! the SHA-256. `cargo xtask bless` rewrites them after an intended change. Verilator, Icarus Verilog and Yosys lint every format and preset, and random configurations (the first
//! from `PAGEWALK_SEED`, `PAGEWALK_DESIGNS` of them), or a share of these (`PAGEWALK_SHARE`); `PAGEWALK_IVERILOG` and `PAGEWALK_YOSYS` name other programs than
//! those of this machine. Every tool must also refuse a text with the defect that it is asked about: a checker that takes
//! anything proves nothing.

use pagewalk_arch::{MmuConfig, PagingFormat, Preset};
use pagewalk_rtl::TOP;
use pagewalk_tests::configurations::{Sample, number, options, share};
use pagewalk_tests::linters;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The designs whose whole text is kept: both structures, both kinds of tables' roots.
const EXPECTED: [(PagingFormat, &str); 2] =
    [(PagingFormat::Sv39, "balanced"), (PagingFormat::X86Pae, "associative")];

/// What each of the other texts must be: `SHA-256  FORMAT-PRESET` in each line, as `sha256sum` writes it.
const DIGESTS: &str = "digests.txt";

/// Codes of `verilator -Wall` that are not heeded, each with its reason.
const WAIVED: [(&str, &str); 1] =
    [("DECLFILENAME", "all modules are in one text, of which only one can bear the file's name")];

/// What Yosys is to find in a design: no storage but flip-flops and memories, one driver for each net, no loop of
/// logic within or across modules.
const YOSYS_CHECKS: &str = "hierarchy -check -top pagewalk_mmu; proc; \
    select -assert-none t:$dlatch t:$adlatch t:$dlatchsr t:$_DLATCH_* t:$sr; check -assert; flatten; check -assert";

fn text(config: &MmuConfig) -> String {
    pagewalk_rtl::generate(config).unwrap_or_else(|error| panic!("{error}")).verilog
}

/// Random designs among [`designs`] by default.
const RANDOM_DESIGNS: u64 = 24;

/// Every format with every preset, and random configurations: the name of a file, what tells people which it is, and
/// the text.
fn designs() -> impl ParallelIterator<Item = (String, String, String)> {
    let first = number("PAGEWALK_SEED", 1);
    let random = first..first + number("PAGEWALK_DESIGNS", RANDOM_DESIGNS);
    let random = random.into_par_iter().map(|seed| {
        let config = Sample::draw(seed).config;
        (format!("random-{seed}"), options(&config), text(&config))
    });
    let presets: Vec<_> = presets().collect();
    let presets = share(presets).into_par_iter().map(|(name, text)| (name.clone(), name, text));
    presets.chain(random)
}

/// An empty directory of one test's own.
fn scratch(test: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verilog").join(test);
    if directory.exists() {
        fs::remove_dir_all(&directory).expect("the directory of an earlier run can be removed");
    }
    fs::create_dir_all(&directory).expect("the target directory is writable");
    directory
}

/// Runs `command` on `verilog`, saved as `NAME.v` in `directory`, which becomes the working directory; the file is
/// the last argument. The error is what the tool said.
fn judge(mut command: Command, directory: &Path, name: &str, verilog: &str) -> Result<(), String> {
    let file = format!("{name}.v");
    fs::write(directory.join(&file), verilog).expect("the directory is writable");
    let output = command.arg(&file).current_dir(directory).output().map_err(|error| error.to_string())?;
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    if output.status.success() && said.trim().is_empty() { Ok(()) } else { Err(format!("{name}: {said}")) }
}

/// Judges all designs, and fails with everything that was said.
fn judge_all(test: &str, command: impl Fn() -> Command + Sync) {
    let directory = scratch(test);
    let complaint = |(name, about, verilog): (String, String, String)| {
        let said = judge(command(), &directory, &name, &verilog).err()?;
        Some(format!("{about}\n{said}"))
    };
    let complaints: Vec<String> = designs().filter_map(complaint).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// A module called like the top module, with nothing but `body` and the ports that the bodies below need.
fn module_of(body: &str) -> String {
    format!(
        "module {TOP} (input wire clock, input wire a, input wire [3:0] wide, output reg q, output wire r);\n\
         {body}\nendmodule\n"
    )
}

const SOUND: &str = "always @(posedge clock) q <= a; assign r = |wide;";
const LATCH: &str = "always @* if (a) q = clock; assign r = |wide;";
const LOOP: &str = "always @(posedge clock) q <= a; assign r = !r ^ (|wide);";
const TWO_DRIVERS: &str = "always @(posedge clock) q <= a; assign r = |wide; assign r = clock;";
const WIDTH: &str = "always @(posedge clock) q <= a; assign r = wide;";
/// No simulator ever runs the block, while synthesis makes a constant of it.
const READS_NOTHING: &str = "always @(posedge clock) q <= a; reg [1:0] x; always @* begin x = 0; x[0] = 1; end assign r = |wide && x[0];";
const OUT_OF_RANGE: &str = "always @(posedge clock) q <= a; assign r = |wide && wide[5];";
const UNDECLARED: &str = "always @(posedge clock) q <= a && unknown_name[0]; assign r = |wide;";

/// Every format with every preset: its name and the text.
fn presets() -> impl ParallelIterator<Item = (String, String)> {
    let of_format = |format| Preset::ALL.map(|preset| (format, preset));
    let all: Vec<_> = PagingFormat::ALL.into_iter().flat_map(of_format).collect();
    all.into_par_iter()
        .map(|(format, preset)| (format!("{format}-{}", preset.name), text(&preset.config(format))))
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn texts_equal_what_is_expected() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verilog");
    let bless = env::var_os("PAGEWALK_BLESS").is_some_and(|value| value == "1");
    let texts: BTreeMap<String, String> = presets().collect();
    let digests: String = texts.iter().map(|(name, text)| format!("{}  {name}\n", digest(text))).collect();
    let whole = EXPECTED.map(|(format, preset)| {
        let name = format!("{format}-{preset}");
        (directory.join(format!("{name}.v")), texts[&name].as_str())
    });
    let mut complaints = Vec::new();
    for (path, generated) in whole.into_iter().chain([(directory.join(DIGESTS), digests.as_str())]) {
        if bless {
            fs::write(&path, generated).expect("the source tree is writable");
        }
        match fs::read_to_string(&path) {
            Err(error) => complaints.push(format!("{}: {error}", path.display())),
            Ok(expected) => complaints.extend(differences(&path, &expected, generated)),
        }
    }
    assert!(
        complaints.is_empty(),
        "{}\n`cargo xtask bless` takes the generated texts as the expected ones: review what that changes",
        complaints.join("\n")
    );
}

/// The first difference of a whole text, every one of the table of digests.
fn differences(path: &Path, expected: &str, generated: &str) -> Vec<String> {
    if expected == generated {
        return vec![];
    }
    if !path.ends_with(DIGESTS) {
        return vec![first_difference(path, expected, generated)];
    }
    let rows = |table: &str| -> BTreeMap<String, String> {
        let pair =
            |line: &str| line.split_once("  ").map(|(digest, name)| (name.to_owned(), digest.to_owned()));
        table.lines().filter_map(pair).collect()
    };
    let (old, new) = (rows(expected), rows(generated));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    let mut told: Vec<String> =
        changed.map(|name| format!("{}: the text of {name} is another one", path.display())).collect();
    if told.is_empty() {
        told.push(format!("{}: not as it is written", path.display()));
    }
    told
}

#[test]
fn a_changed_text_is_found() {
    let path = Path::new(DIGESTS);
    let table = format!("{}  a\n{}  b\n", digest("one"), digest("two"));
    assert_eq!(differences(path, &table, &table), Vec::<String>::new());
    for changed in [table.replace(&digest("two"), &digest("three")), format!("{}  a\n", digest("one"))] {
        let told = differences(path, &table, &changed);
        assert!(matches!(&told[..], [one] if one.contains("the text of b")), "{told:?}");
    }
    assert_eq!(differences(path, &table, &format!("{table}\n")).len(), 1);
    let told = differences(Path::new("a.v"), "x\ny\n", "x\nz\n");
    assert!(matches!(&told[..], [one] if one.starts_with("a.v:2:")), "{told:?}");
}

fn first_difference(path: &Path, expected: &str, verilog: &str) -> String {
    let (mut old, mut new) = (expected.lines(), verilog.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (old.next(), new.next()) {
            (None, None) => return format!("{}: only line ends differ", path.display()),
            (old, new) if old == new => {}
            (old, new) => {
                let show = |line: Option<&str>| line.unwrap_or("(end of file)").to_owned();
                let path = path.display();
                return format!("{path}:{number}:\n  expected  {}\n  generated {}", show(old), show(new));
            }
        }
    }
}

/// The Verilator that the suites build with, its style warnings waived by `waived`.
fn verilator(waived: &[&str]) -> Command {
    let mut command = linters::verilator();
    command.args(["--lint-only", "-Wall", "--top-module", TOP]);
    command.args(waived.iter().map(|code| format!("-Wno-{code}")));
    command
}

#[test]
fn verilator_lints_every_design() {
    judge_all("verilator", || verilator(&WAIVED.map(|(code, _)| code)));
}

#[test]
fn waived_codes_are_needed() {
    let directory = scratch("waived");
    let verilog = text(&MmuConfig::default());
    for (code, reason) in WAIVED {
        let others: Vec<&str> = WAIVED.iter().map(|(code, _)| *code).filter(|other| *other != code).collect();
        let said = judge(verilator(&others), &directory, "design", &verilog).expect_err(reason);
        assert!(
            said.contains(&format!("-{code}:")),
            "{code} is waived for another reason than {reason}: {said}"
        );
    }
}

#[test]
fn verilator_refuses_defects() {
    let directory = scratch("verilator-defects");
    let command = || verilator(&WAIVED.map(|(code, _)| code));
    judge(command(), &directory, "sound", &module_of(SOUND)).expect("there is no defect");
    for (code, body) in [("LATCH", LATCH), ("UNOPTFLAT", LOOP), ("WIDTH", WIDTH)] {
        let said = judge(command(), &directory, "defect", &module_of(body)).expect_err(code);
        assert!(said.contains(code), "instead of {code}: {said}");
    }
}

/// Icarus Verilog as a judge of the language of `standard`.
fn icarus(standard: &str) -> Option<impl Fn() -> Command + Sync> {
    let program = linters::icarus("iverilog", "Icarus Verilog takes every design")?;
    let standard = format!("-g{standard}");
    Some(move || {
        let mut command = Command::new(&program);
        command.args([&standard, "-Wall", "-Wno-timescale", "-t", "null"]);
        command
    })
}

#[test]
fn icarus_takes_every_design_as_verilog_2001() {
    let Some(command) = icarus("2001") else { return };
    judge_all("icarus-2001", command);
}

/// Tools that read everything as SystemVerilog must not stumble over a name that became a keyword.
#[test]
fn icarus_takes_every_design_as_systemverilog_2012() {
    let Some(command) = icarus("2012") else { return };
    judge_all("icarus-2012", command);
}

#[test]
fn icarus_refuses_defects() {
    let directory = scratch("icarus-defects");
    for (standard, body) in
        [("2001", UNDECLARED), ("2012", "wire global;"), ("2001", READS_NOTHING), ("2001", OUT_OF_RANGE)]
    {
        let Some(command) = icarus(standard) else { return };
        judge(command(), &directory, "sound", &module_of(SOUND)).expect("there is no defect");
        assert!(judge(command(), &directory, "defect", &module_of(body)).is_err(), "{standard}: {body}");
    }
}

/// Yosys with [`YOSYS_CHECKS`].
fn yosys() -> Option<impl Fn() -> Command + Sync> {
    let yosys = linters::yosys("Yosys finds no latch, loop or second driver")?;
    Some(move || {
        let mut command = yosys.command();
        command.args(["-q", "-p", YOSYS_CHECKS]);
        command
    })
}

#[test]
fn yosys_finds_no_latch_loop_or_second_driver() {
    let Some(command) = yosys() else { return };
    judge_all("yosys", command);
}

#[test]
fn yosys_refuses_defects() {
    let Some(command) = yosys() else { return };
    let directory = scratch("yosys-defects");
    judge(command(), &directory, "sound", &module_of(SOUND)).expect("there is no defect");
    for body in [LATCH, LOOP, TWO_DRIVERS, OUT_OF_RANGE] {
        assert!(judge(command(), &directory, "defect", &module_of(body)).is_err(), "not refused: {body}");
    }
}

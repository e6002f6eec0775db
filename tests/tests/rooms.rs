//! The rooms of the house: no import points upwards in README.md's table, no file outside the one that may has `unsafe`,
//! and no two files of a crate import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The one file that calls foreign code.
const UNSAFE_FILE: &str = "sim/verilator/src/ffi.rs";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rooms that are crates, in the order of README.md's table.
fn rooms() -> Vec<String> {
    let readme = text(&root().join("README.md"));
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let rooms = rows.map(|(room, _)| room.to_owned());
    let rooms: Vec<_> = rooms.filter(|room| root().join(room).join("Cargo.toml").exists()).collect();
    assert!(rooms.len() >= 10, "the table of rooms is not found: {rooms:?}");
    rooms
}

/// The rooms among the dependencies of kind `table` of the crate in `room`.
fn imports(room: &str, table: &str) -> BTreeSet<String> {
    let manifest: toml::Table = text(&root().join(room).join("Cargo.toml")).parse().expect("a manifest");
    let workspace: toml::Table = text(&root().join("Cargo.toml")).parse().expect("a manifest");
    let Some(names) = manifest.get(table).and_then(toml::Value::as_table) else { return BTreeSet::new() };
    let path = |name: &String| {
        let dependency = workspace["workspace"]["dependencies"].get(name)?;
        Some(dependency.get("path")?.as_str()?.to_owned())
    };
    names.keys().filter_map(path).collect()
}

/// What points upwards, or to a room that the table lacks. Test dependencies may point anywhere but to themselves.
fn upward(rooms: &[String], imports: impl Fn(&str) -> BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (at, room) in rooms.iter().enumerate() {
        for import in imports(room) {
            if !rooms[..at].contains(&import) && !import.starts_with("tests/") {
                wrong.push(format!("{room} imports {import}"));
            }
        }
    }
    wrong
}

#[test]
fn no_import_points_upwards() {
    let rooms = rooms();
    let members = text(&root().join("Cargo.toml"));
    let members: toml::Table = members.parse().expect("a manifest");
    for member in members["workspace"]["members"].as_array().expect("members") {
        let member = member.as_str().expect("a path");
        let known = rooms.iter().any(|room| room == member) || member.starts_with("tests/");
        assert!(known, "{member} is no room of README.md's table");
    }
    assert_eq!(upward(&rooms, |room| imports(room, "dependencies")), Vec::<String>::new());
}

#[test]
fn an_import_that_points_upwards_is_found() {
    let rooms = ["a", "b"].map(str::to_owned);
    let both = |room: &str| BTreeSet::from([if room == "a" { "b" } else { "a" }.to_owned()]);
    assert_eq!(upward(&rooms, both), ["a imports b"]);
}

#[test]
fn golden_and_hardware_never_import_each_other() {
    for (one, other) in [("sim/golden", "hdl/rtl"), ("hdl/rtl", "sim/golden"), ("sim/driver", "sim/golden")] {
        for table in ["dependencies", "dev-dependencies"] {
            assert!(!imports(one, table).contains(other), "{one} imports {other}");
        }
    }
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            found.push(path);
        }
    }
}

fn sources_of(room: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    sources(&root().join(room).join("src"), &mut found);
    found.sort();
    found
}

/// The code of a line: no comment, no string.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

#[test]
fn unsafe_stands_in_one_file() {
    let mut holders = BTreeSet::new();
    for room in rooms() {
        for path in sources_of(&room) {
            let holds = |line: &str| {
                code(line).split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == "unsafe")
            };
            if text(&path).lines().any(holds) {
                holders.insert(path.strip_prefix(root()).expect("below the root").display().to_string());
            }
        }
    }
    assert_eq!(holders, BTreeSet::from([UNSAFE_FILE.to_owned()]));
}

/// Whether a line of code opens a file, reads standard input or writes to the terminal.
fn touches_the_system(line: &str) -> bool {
    let words = [
        "std::fs",
        "File::",
        "stdin()",
        "stdout()",
        "stderr()",
        "print!(",
        "println!(",
        "eprint!(",
        "eprintln!(",
    ];
    words.iter().any(|word| code(line).contains(word))
}

/// The command line's; and the rooms whose work is files: Verilator is a program that reads and writes them.
#[test]
fn files_and_the_terminal_are_the_hosts() {
    let mut holders = BTreeSet::new();
    for room in rooms().iter().filter(|room| !["host", "sim/verilator", "tests"].contains(&room.as_str())) {
        for path in sources_of(room) {
            let whole = text(&path);
            let before_tests = whole.split("#[cfg(test)]").next().unwrap_or_default();
            if before_tests.lines().any(touches_the_system) {
                holders.insert(path.strip_prefix(root()).expect("below the root").display().to_string());
            }
        }
    }
    assert_eq!(holders, BTreeSet::new());
}

#[test]
fn a_line_that_touches_the_system_is_found() {
    assert!(touches_the_system("    let text = std::fs::read_to_string(path)?;"));
    assert!(touches_the_system("    println!(\"{total:?}\");"));
    assert!(!touches_the_system("    // println!() would tell it"));
}

/// The module of a file, as a path from its crate's root.
fn module(crate_sources: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(crate_sources).expect("below src").with_extension("");
    let mut parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts.join("::")
}

/// Which files of a crate name which: by `use crate::…`, `use super::…` outside of tests.
fn links(room: &str) -> BTreeMap<String, BTreeSet<String>> {
    let directory = root().join(room).join("src");
    let paths = sources_of(room);
    let modules: BTreeSet<String> = paths.iter().map(|path| module(&directory, path)).collect();
    let mut links = BTreeMap::new();
    for path in &paths {
        let own = module(&directory, path);
        let whole = text(path);
        let before_tests = whole.split("#[cfg(test)]").next().unwrap_or_default();
        let mut named = BTreeSet::new();
        for statement in before_tests.split(';') {
            let Some(at) = statement.find("use ") else { continue };
            let target = statement[at + 4..].trim();
            let (mut base, mut rest): (Vec<&str>, &str) = match target.split_once("::") {
                Some(("crate", rest)) => (Vec::new(), rest),
                Some(("super", rest)) => {
                    let mut base: Vec<&str> = own.split("::").filter(|part| !part.is_empty()).collect();
                    base.pop();
                    (base, rest)
                }
                _ => continue,
            };
            while let Some(after) = rest.strip_prefix("super::") {
                base.pop();
                rest = after;
            }
            for word in rest.split(['{', ',', '}']).map(str::trim).filter(|word| !word.is_empty()) {
                let parts = base.iter().copied().chain(word.split("::"));
                let mut path = String::new();
                let mut longest = None;
                for part in parts {
                    if !path.is_empty() {
                        path.push_str("::");
                    }
                    path.push_str(part);
                    if modules.contains(&path) {
                        longest = Some(path.clone());
                    }
                }
                named.extend(longest.filter(|longest| *longest != own));
            }
        }
        links.insert(own, named);
    }
    links
}

/// Whether `to` can be come to from `from`.
fn reaches(links: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let (mut seen, mut left) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(at) = left.pop() {
        for next in links.get(&at).into_iter().flatten() {
            if next == to {
                return true;
            }
            if seen.insert(next.clone()) {
                left.push(next.clone());
            }
        }
    }
    false
}

fn in_circles(links: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    // A module and what it is made of are one room: a child may name its parent.
    let related = |a: &str, b: &str| a.starts_with(&format!("{b}::")) || b.starts_with(&format!("{a}::"));
    let strict: BTreeMap<String, BTreeSet<String>> = links
        .iter()
        .map(|(from, all)| (from.clone(), all.iter().filter(|to| !related(from, to)).cloned().collect()))
        .collect();
    strict.keys().filter(|module| reaches(&strict, module, module)).cloned().collect()
}

#[test]
fn a_circle_is_found() {
    let link = |from: &str, to: &[&str]| (from.to_owned(), to.iter().map(|&to| to.to_owned()).collect());
    let tree = BTreeMap::from([link("a", &["b"]), link("b", &["c"]), link("c", &[]), link("c::d", &["c"])]);
    assert_eq!(in_circles(&tree), Vec::<String>::new());
    let circle = BTreeMap::from([link("a", &["b"]), link("b", &["c"]), link("c", &["a"]), link("d", &["a"])]);
    assert_eq!(in_circles(&circle), ["a", "b", "c"]);
}

#[test]
fn files_do_not_import_in_circles() {
    let circles = rooms().into_iter().flat_map(|room| {
        let found = in_circles(&links(&room));
        found.into_iter().map(move |module| format!("{room}: {module}"))
    });
    assert_eq!(circles.collect::<Vec<_>>(), Vec::<String>::new());
}

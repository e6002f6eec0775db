//! Checks that could not run: said when they are skipped, and once more in one list when all tests have ended.
//!
//! A test whose tool is missing calls [`check`] and returns. `cargo test` runs many programs, each of which forgets
//! what the others did, so that the record is a file. It bears the name of the process that started them all, Cargo:
//! it begins with that process, whatever other runs there are, and needs no one to clear it. The last program that
//! Cargo starts (`zz_skipped` of the package `xtask`) calls [`take`] and prints the list.
//!
//! Owns the record. Does not own what is done about it, nor who has which tool.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A check that could not run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// What would have been checked, such as `record: a program's memory accesses`.
    pub check: String,
    /// What to install, or to do, to have it checked.
    pub remedy: String,
}

/// Records that `check` is skipped on this machine and what is missing, such as `install valgrind`.
///
/// # Panics
/// If the record cannot be written: a check must not be lost in silence.
pub fn check(check: &str, remedy: &str) {
    // Not by `eprintln!`, which the test harness keeps to itself when a test passes.
    let _ = writeln!(io::stderr(), "skipped: {check}: {remedy}");
    let path = record();
    if let Err(error) = append(&path, check, remedy) {
        panic!("skipped {check} ({remedy}), but cannot record it in {}: {error}", path.display());
    }
}

/// What the programs started by the same process have skipped so far, each check once. The record is gone afterwards.
///
/// # Errors
/// If there is a record that cannot be read.
pub fn take() -> io::Result<Vec<Skipped>> {
    take_from(&record())
}

/// The list for people, and whether it is as it must be: empty, where all checks are `required`.
pub fn list(skipped: &[Skipped], required: bool) -> (String, bool) {
    if skipped.is_empty() {
        return ("skipped checks: none".to_owned(), true);
    }
    let mut text = format!("skipped checks: {}", skipped.len());
    for Skipped { check, remedy } in skipped {
        text += &format!("\n  {check}: {remedy}");
    }
    if required {
        text += "\nPAGEWALK_REQUIRE_ALL_CHECKS is 1: none may be skipped";
    }
    (text, !required)
}

fn append(path: &Path, check: &str, remedy: &str) -> io::Result<()> {
    let one_line = |text: &str| text.replace(['\t', '\n'], " ");
    let line = format!("{}\t{}\n", one_line(check), one_line(remedy));
    fs::create_dir_all(path.with_file_name(""))?;
    // One write to a file opened for appending: lines of programs that run side by side do not mix.
    File::options().create(true).append(true).open(path)?.write_all(line.as_bytes())
}

fn take_from(path: &Path) -> io::Result<Vec<Skipped>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    fs::remove_file(path)?;
    let checks: BTreeSet<Skipped> = text
        .lines()
        .map(|line| {
            let (check, remedy) = line.split_once('\t').unwrap_or((line, ""));
            Skipped { check: check.to_owned(), remedy: remedy.to_owned() }
        })
        .collect();
    Ok(checks.into_iter().collect())
}

/// The record of the tests that this program's parent has started.
fn record() -> PathBuf {
    let parent = std::os::unix::process::parent_id();
    // Numbers of processes are used again; with the time of their start they are not. Where there is no /proc, the
    // number must do.
    let stat = fs::read_to_string(format!("/proc/{parent}/stat")).unwrap_or_default();
    // proc(5): the second field is a name in parentheses, which may hold anything; the 22nd is the start time.
    let started =
        stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(19)).unwrap_or("0");
    std::env::temp_dir().join("pagewalk-skipped").join(format!("{parent}-{started}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_listed_once_and_then_gone() {
        let path = record().with_extension("test");
        append(&path, "b: two\nlines", "install b").unwrap();
        append(&path, "a", "install a").unwrap();
        append(&path, "a", "install a").unwrap();
        let skipped = |check: &str, remedy: &str| Skipped { check: check.into(), remedy: remedy.into() };
        let expected = [skipped("a", "install a"), skipped("b: two lines", "install b")];
        assert_eq!(take_from(&path).unwrap(), expected);
        assert_eq!(take_from(&path).unwrap(), []);
    }

    #[test]
    fn a_skipped_check_fails_only_where_all_are_required() {
        assert_eq!(list(&[], true), ("skipped checks: none".to_owned(), true));
        let skipped = [Skipped { check: "a".into(), remedy: "install a".into() }];
        let (text, allowed) = list(&skipped, false);
        assert_eq!((text.as_str(), allowed), ("skipped checks: 1\n  a: install a", true));
        let (text, allowed) = list(&skipped, true);
        assert!(text.contains("a: install a") && !allowed, "{text}");
    }
}

//! The house rules that can be read off a text, one row each. What a compiler, clippy or `cargo fmt` checks is not
//! repeated here; imports between rooms are a test (`tests/tests/rooms.rs`).

use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest Rust file.
const LINES_MAX: usize = 600;

/// Files that are longer, each with its reason.
const LONG: &[(&str, &str)] = &[];

/// Names that say nothing of what a file owns.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "common", "helper", "helpers", "manager"];

/// A file as the rules see it.
struct File<'a> {
    /// Below the root, with `/`.
    path: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// A rule: its words, and what is wrong with a file, by line (0: the whole file).
struct Rule {
    name: &'static str,
    broken_at: fn(&File<'_>) -> Vec<usize>,
}

const RULES: [Rule; 5] = [
    Rule {
        name: "a Rust file opens with `//!`: what it owns and does not",
        broken_at: |file| whole(file.is_rust() && !file.text.starts_with("//!")),
    },
    Rule {
        name: "a Rust file over 600 lines needs a reason, in the list LONG of tests/xtask/src/tidy.rs",
        broken_at: |file| {
            let excused = LONG.iter().any(|(path, _)| *path == file.path);
            whole(file.is_rust() && file.text.lines().count() > LINES_MAX && !excused)
        },
    },
    Rule {
        name: "a name says what is owned: no util, common, helper, manager",
        broken_at: |file| {
            let mut parts = file.path.split('/').map(|part| part.split('.').next().unwrap_or_default());
            whole(parts.any(|part| EMPTY_NAMES.contains(&part)))
        },
    },
    Rule {
        name: "no path of one person's machine",
        // Put together, so that this file keeps the rule.
        broken_at: |file| {
            lines(file, |line| line.contains(concat!("/ro", "ot/")) || line.contains(concat!("/wo", "rk/")))
        },
    },
    Rule {
        name: "no blanks at the end of a line",
        // Of Rust, `cargo fmt` sees to it; its strings may end a line as they like.
        broken_at: |file| {
            if file.is_rust() { vec![] } else { lines(file, |line| line.ends_with([' ', '\t'])) }
        },
    },
];

fn whole(broken: bool) -> Vec<usize> {
    if broken { vec![0] } else { vec![] }
}

fn lines(file: &File<'_>, broken: fn(&str) -> bool) -> Vec<usize> {
    let numbered = file.text.lines().zip(1..);
    numbered.filter(|(line, _)| broken(line)).map(|(_, number)| number).collect()
}

/// What is in the repository, without what is ignored.
///
/// # Errors
/// There is no Git, or no repository.
pub fn tracked_files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let output = git.output().map_err(|error| format!("cannot run git, which lists the files: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
}

/// Every rule that a file breaks, as `FILE:LINE: rule`.
pub fn complaints(root: &Path, files: &[PathBuf]) -> Vec<String> {
    let mut found = Vec::new();
    for path in files {
        // What is no text has no rules; what was deleted and not yet committed is no file.
        let Ok(text) = std::fs::read_to_string(root.join(path)) else { continue };
        let path = path.to_string_lossy();
        found.extend(broken(&File { path: &path, text: &text }));
    }
    found
}

fn broken(file: &File<'_>) -> Vec<String> {
    let told = |rule: &Rule| {
        let at = |line| if line == 0 { file.path.to_owned() } else { format!("{}:{line}", file.path) };
        (rule.broken_at)(file)
            .into_iter()
            .map(|line| format!("{}: {}", at(line), rule.name))
            .collect::<Vec<_>>()
    };
    RULES.iter().flat_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_broken_by_what_breaks_it_and_by_that_alone() {
        let long = format!("//! Owns.\n{}", "//\n".repeat(LINES_MAX));
        let paths = ["ro", "wo"]
            .map(|part| format!("//! Owns.\n// /{part}{}/x\n", if part == "ro" { "ot" } else { "rk" }));
        let wrong: [(&str, &str, usize); 7] = [
            ("a/b.rs", "use x;\n", 0),
            ("a/b.rs", &long, 1),
            ("a/common/b.rs", "//! Owns.\n", 2),
            ("a/helpers.rs", "//! Owns.\n", 2),
            ("a/b.rs", &paths[0], 3),
            ("a/b.rs", &paths[1], 3),
            ("a/b.md", "word \n", 4),
        ];
        for (path, text, rule) in wrong {
            let said = broken(&File { path, text });
            assert_eq!(said.len(), 1, "{path}: {said:?}");
            assert!(said[0].ends_with(RULES[rule].name), "{said:?}");
        }
        assert_eq!(broken(&File { path: "a/uncommon.rs", text: "//! Owns.\n" }), Vec::<String>::new());
    }

    #[test]
    fn excuses_are_of_files_that_need_them() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (path, reason) in LONG {
            let text =
                std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(text.lines().count() > LINES_MAX, "{path} needs no excuse any more: {reason}");
        }
    }
}

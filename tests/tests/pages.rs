//! The pages of the repository name files that exist: README, CONTRIBUTING, and the pages in the rooms.

use std::path::{Path, PathBuf};

/// What a path in a page begins with.
const ROOMS: [&str; 6] = ["hdl/", "sim/", "host/", "tests/", "constraints/", ".ci/"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

fn pages(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("a directory entry").path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !is_hidden && !path.ends_with("target") {
            pages(&path, found);
        } else if path.extension().is_some_and(|suffix| suffix == "md") {
            found.push(path);
        }
    }
}

/// The paths that a page names in code spans: those that begin with a room and have no placeholder in capitals.
fn named(page: &str) -> Vec<&str> {
    let spans = page.split('`').skip(1).step_by(2);
    let is_path = |span: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        ROOMS.iter().any(|room| span.starts_with(room)) && span.chars().all(plain) && !span.contains("NAME")
    };
    spans.filter(is_path).collect()
}

#[test]
fn files_that_pages_name_exist() {
    let mut found = Vec::new();
    pages(&root(), &mut found);
    assert!(found.len() >= 8, "pages: {found:?}");
    let mut missing = Vec::new();
    for path in found {
        let page =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lost = named(&page).into_iter().filter(|name| !root().join(name).exists());
        missing.extend(lost.map(|name| format!("{}: {name}", path.display())));
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_path_is_told_from_other_code() {
    let page = "`hdl/arch` and `hdl/arch/src/x.rs`, `sim/NAME/a.rs`, `cargo test`, `host/src/{a,b}.rs`";
    assert_eq!(named(page), ["hdl/arch", "hdl/arch/src/x.rs"]);
}

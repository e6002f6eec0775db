//! What `hdl_gen` drops before the emitter can see it must not occur in any kernel of this package.

use std::path::{Path, PathBuf};

/// The bodies of the functions marked `#[hdl_gen]`, with the comments taken out.
fn kernels(source: &str) -> Vec<String> {
    let source: Vec<&str> = source.lines().map(|line| line.split("//").next().unwrap_or("")).collect();
    let source = source.join("\n");
    let mut kernels = vec![];
    for (at, _) in source.match_indices("#[hdl_gen]") {
        let mut depth = 0usize;
        let body = source[at..].chars().skip_while(|c| *c != '{').take_while(|c| {
            depth += usize::from(*c == '{');
            depth -= usize::from(*c == '}');
            depth > 0
        });
        kernels.push(body.collect());
    }
    kernels
}

/// What is wrong with a kernel, if anything.
fn mistake(kernel: &str) -> Option<String> {
    if kernel.contains("..=") {
        return Some("`..=` counts like `..`".to_string());
    }
    for (at, _) in kernel.match_indices("=>") {
        let pattern = kernel[..at].rsplit(['{', '}', ';', ',']).next().unwrap_or("");
        if pattern.split_whitespace().any(|word| word == "if") {
            return Some(format!("the guard vanishes: {}", pattern.trim()));
        }
    }
    let words = |c: char| !c.is_alphanumeric() && c != '_';
    for (at, _) in kernel.match_indices('(') {
        let name = kernel[..at].rsplit(words).next().unwrap_or("");
        let is_method = kernel[..at].trim_end_matches(name).ends_with('.');
        let is_cast = name.to_lowercase().starts_with("bits");
        if is_cast && !is_method && !["bits_w", "bits_b"].contains(&name) {
            return Some(format!("`{name}` counts as a cast of its first argument"));
        }
    }
    None
}

/// The Rust files under `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).expect("the sources are here") {
        let path = entry.expect("the sources are here").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn kernels_avoid_what_hdl_gen_drops() {
    let mut kernel_count = 0;
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        for kernel in kernels(&std::fs::read_to_string(&path).expect("a source is text")) {
            kernel_count += 1;
            assert_eq!(mistake(&kernel), None, "{}", path.display());
        }
    }
    assert!(kernel_count >= 8, "only {kernel_count} kernels were found: does the scan still work?");
}

#[test]
fn the_scan_sees_each_mistake() {
    let kernel = |body: &str| {
        kernels(&format!("#[hdl_gen]\nfn update(&mut self) {{ {body}\n}}\nfn after() {{ 0..=3 }}"))
    };
    let verdict = |body: &str| kernel(body).iter().find_map(|kernel| mistake(kernel));
    assert!(verdict("for i in 0..=3 {}").is_some());
    assert!(verdict("match x {\n 1 if self.bit.val() => {}\n _ => {} }").is_some());
    assert!(verdict("self.x.next = bits_of_pte(self.y.val());").is_some());
    assert!(verdict("self.x.next = bits_w(self.y.val(), self._w); // 0..=3").is_none());
    assert!(verdict("if a { match x { 0 => {} _ => {} } }").is_none());
}

//! Which caches a kernel has and what it holds in them when it is up: read from a table.

use std::fmt;

/// A cache that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSpec {
    /// Its name in `/proc/slabinfo`.
    pub name: String,
    /// Size of its objects.
    pub object_bytes: u64,
    /// Its objects can be had back by asking.
    pub is_reclaimable: bool,
    /// Its objects are the model's own: what is held grows with what programs do.
    pub is_models: bool,
    /// Objects that are held before programs run.
    pub held: u64,
}

impl CacheSpec {
    /// A cache of which nothing is held.
    pub fn new(name: &str, object_bytes: u64) -> Self {
        Self { name: name.to_owned(), object_bytes, is_reclaimable: false, is_models: false, held: 0 }
    }

    /// Those of Debian's Linux 6.1 on a small PC.
    pub fn linux_6_1() -> Vec<Self> {
        parse_baseline(include_str!("linux-6.1.caches")).unwrap_or_default()
    }
}

/// A line of a table of caches that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineError {
    /// Number of the line, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
}

impl fmt::Display for BaselineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: expected `name bytes kind held`, not `{}`", self.line, self.text)
    }
}

impl std::error::Error for BaselineError {}

/// Reads a table of caches: lines of name, object size in bytes, kind (`r-`: reclaimable, `-m`: the model's own, `rm`,
/// `--`) and objects held; `#` begins a comment.
///
/// # Errors
/// The first line that is not of this form.
pub fn parse_baseline(text: &str) -> Result<Vec<CacheSpec>, BaselineError> {
    let lines =
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let parsed = lines.map(|(number, line)| {
        parse_line(line).ok_or_else(|| BaselineError { line: number + 1, text: line.to_owned() })
    });
    parsed.collect()
}

fn parse_line(line: &str) -> Option<CacheSpec> {
    let words: Vec<_> = line.split_whitespace().collect();
    let &[name, bytes, kind, held] = words.as_slice() else { return None };
    let (is_reclaimable, is_models) = match kind {
        "--" => (false, false),
        "r-" => (true, false),
        "-m" => (false, true),
        "rm" => (true, true),
        _ => return None,
    };
    let object_bytes = bytes.parse().ok().filter(|&bytes| bytes > 0)?;
    Some(CacheSpec {
        name: name.to_owned(),
        object_bytes,
        is_reclaimable,
        is_models,
        held: held.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measured_table_can_be_read() {
        let specs = parse_baseline(include_str!("linux-6.1.caches")).unwrap();
        assert_eq!(specs.len(), 156);
        assert_eq!(specs[0].name, "kmem_cache");
        let dentry = specs.iter().find(|spec| spec.name == "dentry").unwrap();
        assert_eq!((dentry.object_bytes, dentry.is_reclaimable, dentry.held), (192, true, 10_416));
    }

    #[test]
    fn errors_name_the_line() {
        for bad in ["dentry", "dentry 192 r- x", "dentry 0 r- 1", "dentry 192 x- 1", "dentry 192 r- 1 2"] {
            let error = parse_baseline(&format!("# caches\n\n{bad}\n")).unwrap_err();
            assert_eq!(error, BaselineError { line: 3, text: bad.to_owned() });
        }
    }
}

//! `--proc DIR`: the kernel model's `/proc` written down as files, for Debian's own `free`, `vmstat`, `ps` and `sar` to
//! read once it lies where they look.
//!
//! Owns the writing. What the files say is the kernel model's.

use anyhow::{Context, Result, ensure};
use pagewalk_kernel::{ProcNode, ProcTree};
use std::fs;
use std::path::Path;

/// The file that marks a directory as one that this program has made, and may replace.
const MARK: &str = ".pagewalk";

/// Writes `tree` into the directory `to`, in place of what was written there before.
///
/// # Errors
/// Something lies there that this program has not made, or the disk refuses.
pub fn write(tree: &ProcTree, to: &Path) -> Result<()> {
    clear(to)?;
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let put = |path: &str, text: &str| {
        let file = to.join(path);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    };
    put(MARK, "")?;
    for (path, node) in tree.iter() {
        match node {
            ProcNode::Directory => {
                let directory = to.join(path);
                fs::create_dir_all(&directory)
                    .with_context(|| format!("cannot make {}", directory.display()))?;
            }
            ProcNode::File(text) => put(path, text)?,
        }
    }
    Ok(())
}

/// Whether [`write()`] may have the directory `to`. Changes nothing.
///
/// # Errors
/// Something lies there that this program has not made.
pub fn check(to: &Path) -> Result<()> {
    let is_other = to.exists() && !to.is_dir();
    ensure!(!is_other, "{} is no directory; choose one for --proc", to.display());
    let is_empty = fs::read_dir(to).map_or(true, |mut entries| entries.next().is_none());
    ensure!(
        is_empty || to.join(MARK).is_file(),
        "{} is not empty, and was not written by --proc; choose a directory of its own",
        to.display()
    );
    Ok(())
}

/// Empties what an earlier run has written. Removes nothing that it did not write.
fn clear(to: &Path) -> Result<()> {
    check(to)?;
    let Ok(entries) = fs::read_dir(to) else { return Ok(()) };
    let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
    for entry in entries {
        let path = entry.path();
        let removed =
            if entry.file_type()?.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::{MmuConfig, PagingFormat, Uniprocessor};
    use pagewalk_golden::Golden;
    use pagewalk_kernel::{Kernel, KernelConfig};

    fn tree() -> ProcTree {
        let mmu = MmuConfig::of(PagingFormat::La48);
        let mut kernel = Kernel::new(KernelConfig::default(), &mmu).expect("a kernel");
        let mut machine = Uniprocessor::new(Golden::new(&mmu).expect("an MMU"), 1 << 40);
        kernel.boot(&mut machine);
        kernel.proc_tree(&machine, 1.0, None)
    }

    #[test]
    fn a_tree_is_written_again_and_nothing_else_is_touched() {
        let place = tempfile::tempdir().expect("a directory");
        let to = place.path().join("proc");
        let tree = tree();
        write(&tree, &to).expect("it can be written");
        assert_eq!(fs::read_to_string(to.join("meminfo")).ok().as_deref(), tree.file("meminfo"));
        fs::create_dir(to.join("99")).expect("a process that is gone");
        write(&tree, &to).expect("it can be written again");
        assert!(!to.join("99").exists());
        fs::write(place.path().join("mine"), "").expect("a file");
        let error = write(&tree, place.path()).expect_err("it is not ours").to_string();
        assert!(error.contains("is not empty"), "{error}");
        assert!(place.path().join("mine").exists());
    }
}

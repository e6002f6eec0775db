//! A scenario as the user names it: its file, and the image that it names.

use super::CliError;
use pagewalk_kernel::workload::Scenario;
use pagewalk_machine::workload::{Image, Workload};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Reads the scenario in the file called `name`; `-` is standard input.
///
/// # Errors
/// A file that cannot be read, and the first line that is no line of a scenario.
pub fn open(name: &str) -> Result<Workload, CliError> {
    let path = Path::new(name);
    let text = read(path)?;
    let scenario = Scenario::parse(&text).map_err(|error| wrong(name, &error))?;
    let image = match &scenario.machine.image {
        None => Image::default(),
        Some(image) => {
            let path = beside(path, image);
            Image::parse(&read(&path)?).map_err(|error| wrong(&path.display().to_string(), &error))?
        }
    };
    let stem = path.file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned());
    let name = if name == "-" { "standard input".to_owned() } else { stem };
    Ok(Workload { name, scenario, image, checks: false })
}

fn wrong(file: &str, error: &dyn std::fmt::Display) -> CliError {
    CliError::Workload { file: file.to_owned(), problem: error.to_string() }
}

/// `image` as seen from the folder of the scenario.
fn beside(scenario: &Path, image: &str) -> PathBuf {
    scenario.parent().map_or_else(|| PathBuf::from(image), |folder| folder.join(image))
}

fn read(path: &Path) -> Result<String, CliError> {
    let read = match path.to_str() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        _ => std::fs::read_to_string(path),
    };
    read.map_err(|reason| CliError::Read { path: path.to_owned(), reason })
}

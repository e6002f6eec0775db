//! What a Linux that is seldom at hand answered to the cases: a text for people that the model can be held against
//! without it. Which pages share a frame is not in it.
//!
//! ```text
//! linux 6.1.0-56-cloud-amd64
//! == a case, named by its rule
//! P0: mmap 0,4 RW anon LOCKED: 4 faults, result 0xffff00000
//!       P0 [0,4 RW anon] 4 [0-3]
//! ```

use super::judge::{Narrated, narrate};
use super::linux::version_of;
use super::{Answer, Case, Model, Step};
use pagewalk_kernel::{KernelConfig, LinuxVersion};
use std::fmt::Write as _;

/// One Linux's answers to the cases, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// `uname -r`.
    pub release: String,
    cases: Vec<(String, Vec<String>)>,
}

impl Recording {
    /// No answers yet of this Linux.
    pub fn new(release: &str) -> Self {
        Self { release: release.into(), cases: Vec::new() }
    }

    /// Adds what it answered to `case`.
    pub fn add(&mut self, case: &Case, told: &[Answer]) {
        let steps = case.sequence.steps.iter().zip(told);
        let answers = steps.map(|(step, answer)| narrated(step, answer)).collect();
        self.cases.push((case.name.clone(), answers));
    }

    /// Reads what its `Display` wrote; `None` where it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut recording = Self::new(lines.next()?.strip_prefix("linux ")?);
        for line in lines {
            if let Some(name) = line.strip_prefix("== ") {
                recording.cases.push((name.into(), Vec::new()));
            } else if line.starts_with(' ') {
                let answer = recording.cases.last_mut()?.1.last_mut()?;
                let _ = writeln!(answer, "{line}");
            } else if !line.is_empty() {
                recording.cases.last_mut()?.1.push(format!("{line}\n"));
            }
        }
        Some(recording)
    }

    /// The version of the kernel's table that this Linux is.
    pub fn version(&self) -> Option<LinuxVersion> {
        let number = version_of(&self.release)?;
        LinuxVersion::ALL.into_iter().find(|version| version.number() == number)
    }

    /// Where a model of `linux` first answers `case` otherwise; `None` where it does not.
    pub fn difference(&self, case: &Case, linux: LinuxVersion) -> Option<String> {
        let Case { name, sequence } = case;
        let anew = |why: &str| Some(format!("{name}: {why}; record the answers of {} anew", self.release));
        let Some((_, answers)) = self.cases.iter().find(|(other, _)| other == name) else {
            return anew("not among the recorded cases");
        };
        if answers.len() != sequence.steps.len() {
            return anew("recorded with other steps");
        }
        let headers = sequence.steps.iter().zip(answers).map(|(step, answer)| Narrated::parse(step, answer));
        let Some(headers) = headers.collect::<Option<Vec<_>>>() else {
            return anew("recorded with other steps");
        };
        let told: Vec<Answer> = headers.iter().map(Narrated::answer).collect();
        let config = KernelConfig { linux, ..KernelConfig::default() };
        let model = Model::new(config).run(sequence, &told);
        let steps = sequence.steps.iter().zip(answers).zip(model);
        for ((step, recorded), model) in steps {
            let model = match model {
                Ok(model) => narrated(step, &model),
                Err(error) => format!("{error}\n"),
            };
            if model != *recorded {
                return Some(format!(
                    "{name}\nLinux {}:\n{recorded}model of {linux}:\n{model}",
                    self.release
                ));
            }
        }
        None
    }
}

fn narrated(step: &Step, answer: &Answer) -> String {
    narrate(std::iter::once((step, answer)))
}

impl std::fmt::Display for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "linux {}", self.release)?;
        for (name, answers) in &self.cases {
            write!(f, "\n== {name}\n{}", answers.concat())?;
        }
        Ok(())
    }
}

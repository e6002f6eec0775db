//! Linux and the model side by side: one sequence after the other is put to both. Owns which version the model is given
//! and what a case file holds.

use super::shrink::shrink;
use super::text::SyntaxError;
use super::{Answer, Frame, Linux, LinuxError, Model, Sequence, Verdict, compare};
use pagewalk_kernel::{KernelConfig, LinuxVersion};
use std::path::Path;

/// The two, ready to be asked.
pub struct SideBySide {
    linux: Linux,
    config: KernelConfig,
    shows_frames: bool,
}

/// A sequence with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The rule that it is about.
    pub name: String,
    /// The steps.
    pub sequence: Sequence,
}

impl SideBySide {
    /// Builds the agent in `directory`. The model is the version in the kernel's table that is nearest to this Linux.
    ///
    /// # Errors
    /// As [`Linux::start`].
    pub fn start(directory: &Path) -> Result<Self, LinuxError> {
        let linux = Linux::start(directory)?;
        let (major, minor) = linux.version().unwrap_or_default();
        let config = KernelConfig { linux: LinuxVersion::nearest(major, minor), ..KernelConfig::default() };
        Ok(Self { linux, config, shows_frames: false })
    }

    /// `uname -r`.
    pub fn release(&self) -> &str {
        self.linux.release()
    }
    /// The version that the model behaves like.
    pub fn version(&self) -> LinuxVersion {
        self.config.linux
    }
    /// Whether this Linux is of a version in the kernel's table, so that a difference is the model's fault.
    pub fn is_in_table(&self) -> bool {
        self.linux.version() == Some(self.config.linux.number())
    }
    /// Whether Linux has shown a frame's number so far, as it does to root.
    pub fn shows_frames(&self) -> bool {
        self.shows_frames
    }

    /// What Linux says.
    ///
    /// # Panics
    /// Where the agent ends: nothing can be said of the model then.
    pub fn ask_linux(&mut self, sequence: &Sequence) -> Vec<Answer> {
        let told = self.linux.run(sequence).unwrap_or_else(|error| panic!("{error}\n{sequence}"));
        let spaces = told.iter().flat_map(|answer| &answer.spaces);
        self.shows_frames |=
            spaces.flat_map(|(_, state)| &state.present).any(|&(_, frame)| frame != Frame::HIDDEN);
        told
    }

    /// Puts `sequence` to both.
    pub fn judge(&mut self, sequence: &Sequence) -> Verdict {
        let told = self.ask_linux(sequence);
        self.judge_as_told(sequence, &told)
    }

    /// Puts `sequence` to the model and compares with what Linux is said to have answered.
    pub fn judge_as_told(&self, sequence: &Sequence, told: &[Answer]) -> Verdict {
        let model = Model::new(self.config).run(sequence, told);
        compare(sequence, told, &model)
    }

    /// The smallest sequence found that differs in the same way as `sequence`.
    pub fn smallest(&mut self, sequence: &Sequence) -> Sequence {
        let Some(difference) = self.judge(sequence).difference else { return sequence.clone() };
        let steps = sequence.steps[..=difference.step].to_vec();
        let same = |candidate: &Sequence| {
            self.judge(candidate).difference.is_some_and(|found| found.class() == difference.class())
        };
        shrink(&Sequence { steps }, same)
    }
}

impl Case {
    /// The cases of a file: each begins with `== NAME`. A file without such a line is one case.
    ///
    /// # Errors
    /// Where a line is no step; its number counts from the beginning of the text.
    pub fn all(text: &str) -> Result<Vec<Case>, SyntaxError> {
        let mut cases = Vec::new();
        // Lines of other cases stay as empty lines, so that errors name the right one.
        let mut name = String::new();
        let mut steps = String::new();
        for line in text.lines() {
            if let Some(next) = line.strip_prefix("== ") {
                let sequence: Sequence = steps.parse()?;
                if !sequence.steps.is_empty() {
                    cases.push(Case { name, sequence });
                }
                name = next.trim().into();
                steps = "\n".repeat(steps.lines().count());
                steps.push('\n');
            } else {
                steps.push_str(line);
                steps.push('\n');
            }
        }
        let sequence = steps.parse()?;
        cases.push(Case { name, sequence });
        Ok(cases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_cases_by_name() {
        let cases = Case::all("# Says what.\n== one\nP0: read 0,1\n\n== two\nP0: exit\n").unwrap();
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["one", "two"]);
        assert_eq!(cases[1].sequence.to_string(), "P0: exit\n");
        assert_eq!(Case::all("P0: exit").unwrap().len(), 1);
    }

    #[test]
    fn a_wrong_line_is_named_by_its_number() {
        let error = Case::all("== one\nP0: read 0,1\n== two\nP0: reed 0,1\n").unwrap_err();
        assert_eq!(error.line, 4);
        assert!(error.to_string().starts_with("line 4: \"P0: reed 0,1\" is not a step: "), "{error}");
    }
}

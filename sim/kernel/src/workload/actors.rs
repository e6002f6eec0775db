//! Who does what a trace recorded, who does what steps say, and what is left at work: followed from line to line.
//!
//! Owns which commands go with which, and what must follow.

use super::words::Word;
use super::{Action, Command, ScenarioError};
use std::collections::BTreeSet;

/// The word that leaves a step at work.
pub(super) const AT_WORK: &str = "&";

/// What is known as far as lines have been read.
#[derive(Debug, Default)]
pub(super) struct Actors<'a> {
    /// Those who do what a trace recorded.
    recorded: BTreeSet<String>,
    /// The word that left a step at work last, for which no line waits yet.
    left: Option<Word<'a>>,
}

/// The step of a worker that is left at work where `mark` says so.
///
/// # Errors
/// It is none that takes long.
pub(super) fn left_at_work(action: Action, mark: Word<'_>) -> Result<Action, ScenarioError> {
    match action {
        Action::Worker {
            who,
            command:
                command @ (Command::Touch { .. }
                | Command::Verify { .. }
                | Command::Pattern { .. }
                | Command::Run { .. }),
        } => Ok(Action::Begin { who, command }),
        _ => {
            Err(mark
                .error(format!("`{AT_WORK}` leaves touch, verify, pattern or run at work, and nothing else")))
        }
    }
}

/// What one who does what a trace recorded may be told besides.
fn goes_with_a_trace(command: &Command) -> bool {
    matches!(command, Command::Run { .. } | Command::OomScoreAdj(_) | Command::SetUid(_) | Command::Cpu(_))
}

impl<'a> Actors<'a> {
    /// Takes note of the next step, whose line has these `words`.
    ///
    /// # Errors
    /// Who acts has a trace and is told what only workers without do, or the reverse.
    pub(super) fn follow(&mut self, action: &Action, words: &[Word<'a>]) -> Result<(), ScenarioError> {
        match action {
            Action::Proc { who, trace: Some(_), .. } => {
                self.recorded.insert(who.clone());
            }
            Action::Proc { who, trace: None, .. } => {
                self.recorded.remove(who);
            }
            Action::Wait { .. } => self.left = None,
            Action::Worker { who, command } | Action::Begin { who, command } => {
                if matches!(action, Action::Begin { .. }) {
                    self.left = words.last().copied();
                }
                let verb = words[1];
                match (self.recorded.contains(who), command) {
                    (true, command) if !goes_with_a_trace(command) => {
                        return Err(verb.error(format!(
                            "`{who}` does what its trace says and cannot be told to {}: choose one of run, \
                             oom_score_adj, setuid, cpu",
                            verb.text
                        )));
                    }
                    (false, Command::Run { .. }) => {
                        return Err(verb.error(format!(
                            "`{who}` has no trace to run: begin it with `proc {who} trace=FILE`"
                        )));
                    }
                    (_, Command::Fork(child)) => {
                        self.recorded.remove(child);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// All lines have been read.
    ///
    /// # Errors
    /// Something is left at work for which no line waits.
    pub(super) fn end(&self) -> Result<(), ScenarioError> {
        match self.left {
            None => Ok(()),
            Some(mark) => {
                Err(mark.error("what is left at work here goes on in a later `wait`: there is none"))
            }
        }
    }
}

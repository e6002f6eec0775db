//! Makes a failing sequence small: steps are left out and numbers made smaller as long as it still fails in the same
//! way. Owns what "smaller" means; whether a candidate fails is the caller's to say.

use super::step::{Action, Object, Sequence, Span, Target};
use super::text::rights_name;
use pagewalk_arch::FRAME_BYTES;
use pagewalk_trace::Protection;

/// Most candidates tried: a shrunk sequence need not be the smallest.
const ATTEMPTS_MAX: usize = 3000;

/// The smallest sequence found for which `fails` holds, as it does for `sequence`.
pub fn shrink(sequence: &Sequence, mut fails: impl FnMut(&Sequence) -> bool) -> Sequence {
    let mut best = sequence.clone();
    let mut attempts = 0;
    let mut try_it = |best: &mut Sequence, candidate: Sequence| {
        attempts += 1;
        let smaller = attempts <= ATTEMPTS_MAX && candidate.is_possible() && fails(&candidate);
        if smaller {
            *best = candidate;
        }
        smaller
    };
    loop {
        let mut progress = false;
        let mut chunk = best.steps.len().div_ceil(2);
        while chunk > 0 {
            let mut at = best.steps.len();
            while at > 0 {
                at = at.saturating_sub(chunk);
                let mut candidate = best.clone();
                candidate.steps.drain(at..(at + chunk).min(best.steps.len()));
                progress |= !candidate.steps.is_empty() && try_it(&mut best, candidate);
                at = at.min(best.steps.len());
            }
            chunk /= 2;
        }
        for at in 0..best.steps.len() {
            for action in simpler(&best.steps[at].action) {
                let mut candidate = best.clone();
                candidate.steps[at].action = action;
                progress |= try_it(&mut best, candidate);
            }
        }
        progress |= lower_everything(&mut best, &mut try_it);
        if !progress {
            return best;
        }
    }
}

/// Moves all spans down together, which no change of one step could.
fn lower_everything(best: &mut Sequence, try_it: &mut impl FnMut(&mut Sequence, Sequence) -> bool) -> bool {
    let lowest = best.steps.iter().flat_map(|step| positions(&step.action)).min().unwrap_or(0);
    if lowest == 0 {
        return false;
    }
    let mut candidate = best.clone();
    for step in &mut candidate.steps {
        step.action = moved(&step.action, lowest);
    }
    try_it(best, candidate)
}

fn positions(action: &Action) -> Vec<u64> {
    match action {
        Action::Remap { from, target: Target::Fixed { at, .. }, .. } => vec![from.at, *at],
        other => span_of(other).map(|span| span.at).into_iter().collect(),
    }
}

fn moved(action: &Action, down: u64) -> Action {
    let mut action = action.clone();
    if let Some(span) = span_mut(&mut action) {
        span.at -= down;
    }
    if let Action::Remap { target: Target::Fixed { at, .. }, .. } = &mut action {
        *at -= down;
    }
    action
}

fn span_of(action: &Action) -> Option<Span> {
    span_mut(&mut action.clone()).copied()
}

fn span_mut(action: &mut Action) -> Option<&mut Span> {
    match action {
        Action::Read(span)
        | Action::Write(span)
        | Action::Map { span, .. }
        | Action::Unmap(span)
        | Action::Protect(span, _)
        | Action::Advise(span, _)
        | Action::Remap { from: span, .. }
        | Action::Lock { span, .. }
        | Action::Unlock(span)
        | Action::RemapFilePages { span, .. } => Some(span),
        _ => None,
    }
}

/// Steps to try in place of `action`, the boldest first.
fn simpler(action: &Action) -> Vec<Action> {
    let mut found = Vec::new();
    if let Some(span) = span_of(action) {
        for smaller in smaller_spans(span) {
            let mut candidate = action.clone();
            *span_mut(&mut candidate).expect("it has one") = smaller;
            found.push(candidate);
        }
    }
    match *action {
        Action::Map { span, protection, object, flags } => {
            let plain = super::step::MapFlags::default();
            let read_write = Protection { read: true, write: true, execute: false };
            if flags != plain {
                found.push(Action::Map { span, protection, object, flags: plain });
            }
            if rights_name(protection) != "RW" {
                found.push(Action::Map { span, protection: read_write, object, flags });
            }
            if let Object::File { file, shared, page_offset } = object {
                let simple = if shared { Object::SharedAnonymous } else { Object::Anonymous };
                found.push(Action::Map { span, protection, object: simple, flags });
                if page_offset > 0 || file > 0 {
                    let object = Object::File { file: 0, shared, page_offset: 0 };
                    found.push(Action::Map { span, protection, object, flags });
                }
            } else if object == Object::SharedAnonymous {
                found.push(Action::Map { span, protection, object: Object::Anonymous, flags });
            }
        }
        Action::Remap { from, target, bytes } => {
            for pages in smaller_numbers(bytes) {
                found.push(Action::Remap { from, target, bytes: pages });
            }
            if from.bytes > FRAME_BYTES && bytes > FRAME_BYTES {
                let shorter = Span { bytes: from.bytes - FRAME_BYTES, ..from };
                found.push(Action::Remap { from: shorter, target, bytes: bytes - FRAME_BYTES });
            }
            if let Target::Fixed { at, dont_unmap } = target {
                for at in smaller_numbers(at) {
                    found.push(Action::Remap { from, target: Target::Fixed { at, dont_unmap }, bytes });
                }
                if dont_unmap {
                    found.push(Action::Remap {
                        from,
                        target: Target::Fixed { at, dont_unmap: false },
                        bytes,
                    });
                }
            }
        }
        _ => {}
    }
    found
}

fn smaller_spans(span: Span) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    if span.bytes > 0 {
        found.extend(smaller_numbers(span.bytes).into_iter().map(|bytes| Span { bytes, ..span }));
    }
    if span.bytes > FRAME_BYTES {
        found.push(Span { at: span.at + FRAME_BYTES, bytes: span.bytes - FRAME_BYTES });
    }
    found.extend(smaller_numbers(span.at).into_iter().map(|at| Span { at, ..span }));
    found
}

/// Fewer pages, odd bytes gone.
fn smaller_numbers(bytes: u64) -> Vec<u64> {
    let pages = bytes / FRAME_BYTES;
    let mut smaller = vec![pages / 2, pages.saturating_sub(1)];
    if !bytes.is_multiple_of(FRAME_BYTES) {
        smaller.insert(0, pages);
    }
    smaller.dedup();
    smaller.into_iter().map(|pages| pages * FRAME_BYTES).filter(|&other| other < bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differential::generate::{self, Scope};

    #[test]
    fn what_matters_stays_and_the_rest_goes() {
        let is_bad = |sequence: &Sequence| {
            let wide = |span: &Span| span.bytes >= 2 * FRAME_BYTES;
            sequence.steps.iter().any(|step| matches!(&step.action, Action::Write(span) if wide(span)))
        };
        let mut shrunk = 0;
        for index in 0..100 {
            let sequence = generate::sequence(3, index, Scope::default());
            if is_bad(&sequence) {
                let small = shrink(&sequence, is_bad);
                let text = small.to_string();
                assert!(text.ends_with(": write 0,2\n"), "{text}");
                shrunk += 1;
            }
        }
        assert!(shrunk > 50);
    }
}

//! Regular expressions with a bound on their work.
//!
//! A lazy DFA takes a nanosecond or two per byte. On text that makes it build a state for nearly every byte it gives
//! up, as it does where `\b` meets a character that is not ASCII; then each byte costs a step per state of the NFA.

use regex_automata::Input;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures, pikevm::PikeVM};
use regex_automata::util::pool::Pool;

use super::evaluation::Evaluation;
use crate::limits::{MAX_REGEX_LENGTH, MAX_REGEX_SIZE};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::source::Span;

/// The units of work per byte for the DFA, and per byte and state for the NFA.
const DFA_WORK: usize = 2;
const NFA_WORK: usize = 4;

#[derive(Debug)]
pub(in crate::policy) struct BoundedRegex {
    dfa: DFA,
    caches: Pool<Cache, Box<dyn Fn() -> Cache + Send + Sync>>,
}

impl BoundedRegex {
    /// Compiles a pattern, or returns the error for the pattern at `span`.
    pub(super) fn compile(pattern: &str, span: &Span) -> Result<Self, Diagnostic> {
        let bad = |message: &str, hint: &str| Diagnostic::error("bad-regex", span.clone(), message).with_hint(hint);
        let too_large = || {
            let hint = format!(
                "shorten it, or lower its repetitions: it may be {MAX_REGEX_LENGTH} bytes long and compile to {} KiB",
                MAX_REGEX_SIZE / 1024
            );
            bad("the regular expression is too large", &hint)
        };
        if pattern.len() > MAX_REGEX_LENGTH {
            return Err(too_large());
        }
        let hir = regex_syntax::parse(pattern).map_err(|error| {
            // The message draws the pattern with its own carets; only its last line says what is wrong.
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
            let hint = "patterns have no lookaround and no backreferences, so that they take linear time; `\\` before \
                        a character takes it literally";
            bad(&format!("the pattern is not a regular expression: {last}"), hint)
        })?;
        let config = thompson::Config::new().nfa_size_limit(Some(MAX_REGEX_SIZE)).which_captures(WhichCaptures::None);
        let nfa = thompson::Compiler::new().configure(config).build_from_hir(&hir).map_err(|_| too_large())?;
        let config = DFA::config()
            .unicode_word_boundary(true)
            .cache_capacity(MAX_REGEX_SIZE)
            .minimum_cache_clear_count(Some(3))
            .minimum_bytes_per_state(Some(1024));
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).map_err(|_| too_large())?;
        let for_caches = dfa.clone();
        Ok(Self { dfa, caches: Pool::new(Box::new(move || for_caches.create_cache())) })
    }

    /// Whether the pattern matches somewhere in the text; `None` if that would take too much work.
    pub(super) fn is_match(&self, text: &str, evaluation: &Evaluation<'_>) -> Option<bool> {
        evaluation.spend_work(text.len().saturating_mul(DFA_WORK))?;
        let input = Input::new(text).earliest(true);
        if let Ok(found) = self.dfa.try_search_fwd(&mut self.caches.get(), &input) {
            return Some(found.is_some());
        }
        let nfa = self.dfa.get_nfa();
        evaluation.spend_work(text.len().saturating_mul(nfa.states().len()).saturating_mul(NFA_WORK))?;
        let machine = PikeVM::new_from_nfa(nfa.clone()).ok()?;
        Some(machine.is_match(&mut machine.create_cache(), text))
    }
}

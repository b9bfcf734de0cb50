//! What a person is told of each strength: what asks, and what was measured.

use crate::policy::Strength;

/// What AgentDojo's tasks come to under a policy that `init` writes with what is recommended for each class: a test plays them.
/// That of strict is milder than the built-in one, because its reads and writes were looked at.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// Of 26 injections.
    held: u32,
    /// User tasks, of 97.
    unasked: u32,
    /// Calls of those tasks, of 339.
    asking: u32,
}

impl Figures {
    fn of(strength: Strength) -> Self {
        match strength {
            Strength::Strict => Self { held: 26, unasked: 44, asking: 82 },
            Strength::Balanced => Self { held: 26, unasked: 77, asking: 24 },
            Strength::Quiet => Self { held: 25, unasked: 81, asking: 17 },
        }
    }
}

/// Says in one line what asks a person, as the end of a sentence.
pub(crate) fn describe_strength(strength: Strength) -> &'static str {
    match strength {
        Strength::Strict => {
            "what runs or sends something, what pays and what reads any address asks a person, and what destroys is hidden"
        }
        Strength::Balanced => {
            "a person is asked where others may have written what a call reaches, where its arguments do not tell that, and about \
             what destroys"
        }
        Strength::Quiet => "a person is asked only where the session has read what others may have written",
    }
}

/// The figures in a line of a list: `26 injections held, 77 tasks unasked, 24 calls ask`.
pub(crate) fn list_figures(strength: Strength) -> String {
    let Figures { held, unasked, asking } = Figures::of(strength);
    format!("{held} injections held, {unasked} tasks unasked, {asking} calls ask")
}

/// The figures as a sentence.
pub(super) fn describe_figures(strength: Strength) -> String {
    let Figures { held, unasked, asking } = Figures::of(strength);
    format!(
        "{held} of 26 injections are held, {unasked} of 97 tasks go without a question, and {asking} of their 339 calls ask or are \
         refused"
    )
}

//! Globs for the names of tools outside a policy, read as a policy reads them.

use super::glob::{NamePattern, Pattern};

/// A tool's name or a glob.
#[derive(Clone, Debug)]
pub struct ToolGlob(NamePattern);

/// A text is neither a name nor a glob. The message says why and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {hint}")]
pub struct BadToolGlob {
    message: &'static str,
    hint: &'static str,
}

impl ToolGlob {
    /// Reads a name or glob as the keys under `tools` are read.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn parse(text: &str) -> Result<Self, BadToolGlob> {
        NamePattern::parse(text).map(Self).map_err(|bad| BadToolGlob { message: bad.message, hint: bad.hint })
    }

    /// Whether a tool of this name is meant.
    pub fn matches(&self, tool: &str) -> bool {
        self.0.matches(tool)
    }

    /// The one tool that is meant; `None` for a glob.
    pub(crate) fn exact_name(&self) -> Option<&str> {
        if let NamePattern::Exact(name) = &self.0 { Some(name) } else { None }
    }

    /// Whether every tool is meant.
    pub(crate) fn matches_all(&self) -> bool {
        self.0.matches_all()
    }

    /// How specific the pattern is that matches a tool; `None` for a name, and if no pattern but `*` matches.
    pub(crate) fn specificity(&self, tool: &str) -> Option<usize> {
        let NamePattern::Glob(patterns) = &self.0 else { return None };
        let matching = patterns.iter().filter(|pattern| pattern.matches(tool) && !pattern.is_star());
        matching.map(Pattern::literal_length).max()
    }

    /// Whether one tool is meant, this one, and no other.
    pub fn is_exactly(&self, tool: &str) -> bool {
        matches!(&self.0, NamePattern::Exact(name) if name == tool)
    }

    /// The key under `tools` that means this tool and no other; `None` if no key can.
    pub fn key_for(tool: &str) -> Option<String> {
        let special = |c| matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\');
        let key = tool.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect::<String>();
        Self::parse(&key).ok().filter(|glob| glob.is_exactly(tool)).map(|_| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_means_its_tool_and_no_other() {
        for (tool, key) in [
            ("get_lists", Some("get_lists")),
            ("a*", Some("a\\*")),
            ("{x,y}[0-9]?\\", Some("\\{x,y\\}\\[0-9\\]\\?\\\\")),
            ("with blank", Some("with blank")),
            (" edge", None),
            ("", None),
            ("esc\u{1b}[31m", None),
        ] {
            assert_eq!(ToolGlob::key_for(tool).as_deref(), key, "{tool}");
        }
        assert!(ToolGlob::parse("get_*").unwrap().matches("get_lists"));
        assert!(ToolGlob::parse("[a").unwrap_err().to_string().contains("; "));
    }
}

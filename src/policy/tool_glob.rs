//! Globs for tool names outside a policy, with the same syntax.

use super::glob::{BadToolGlob, NamePattern, Pattern, escape_wildcards};

/// A tool's name or a glob.
#[derive(Clone, Debug)]
pub struct ToolGlob(NamePattern);

impl ToolGlob {
    /// Parses a name or glob like the keys under `tools`.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn parse(text: &str) -> Result<Self, BadToolGlob> {
        NamePattern::parse(text).map(Self)
    }

    /// Whether the glob matches a tool of this name.
    pub fn matches(&self, tool: &str) -> bool {
        self.0.matches(tool)
    }

    pub(crate) fn exact_name(&self) -> Option<&str> {
        if let NamePattern::Exact(name) = &self.0 { Some(name) } else { None }
    }

    pub(crate) fn matches_all(&self) -> bool {
        self.0.matches_all()
    }

    /// How specific the matching pattern is; `None` for a name, and if only `*` or nothing matches.
    pub(crate) fn specificity(&self, tool: &str) -> Option<usize> {
        let NamePattern::Glob(patterns) = &self.0 else { return None };
        let matching = patterns.iter().filter(|pattern| pattern.matches(tool) && !pattern.is_star());
        matching.map(Pattern::literal_length).max()
    }

    /// Whether this is the exact name of the tool, not a glob.
    pub fn is_exactly(&self, tool: &str) -> bool {
        matches!(&self.0, NamePattern::Exact(name) if name == tool)
    }

    /// Returns the key under `tools` that means only this tool; `None` if no key can.
    pub fn key_for(tool: &str) -> Option<String> {
        let key = escape_wildcards(tool);
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

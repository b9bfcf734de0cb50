//! Entries of a document that match no tool of the server: they are misspelt, or the tools are gone.

use std::collections::BTreeMap;

use super::compile::Policy;

impl Policy {
    /// Returns the paths of the entries that match none of `tools`, with the tool's name if the path does not tell it.
    pub fn entries_without(&self, tools: &[&str]) -> Vec<(&str, Option<&str>)> {
        let mut found: BTreeMap<(&str, Option<&str>), bool> = BTreeMap::new();
        for (name, rule) in self.hidden.exact.iter().chain(&self.named.exact) {
            let key = (rule.path.as_str(), Some(name.as_str()).filter(|_| !rule.path.starts_with("tools")));
            *found.entry(key).or_default() |= tools.contains(&name.as_str());
        }
        for (pattern, rule) in self.hidden.globs.iter().chain(&self.named.globs) {
            *found.entry((&rule.path, None)).or_default() |= tools.iter().any(|tool| pattern.matches(tool));
        }
        let unmatched = found.into_iter().filter(|((path, _), matches)| !matches && !path.starts_with("builtin:"));
        unmatched.map(|(entry, _)| entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Server, ServerName, Source, load_policy};

    #[test]
    fn what_matches_nothing_is_told_once_and_what_is_built_in_never() {
        let unmatched = |text: &str, server: &str, tools: &[&str]| -> Vec<String> {
            let source = Source::new("p.toml", Format::Toml, text);
            let policy = load_policy(&source, &Server::by_name(&ServerName::parse(server).unwrap())).policy.unwrap();
            policy.entries_without(tools).iter().map(|(path, name)| format!("{path} {}", name.unwrap_or("-"))).collect()
        };
        let text = "version = \"1\"\ndefault = \"deny\"\nhide = [\"a\", \"b_{x,y}\", \"c_*\"]\n[classes.read]\n\
                    [tools.d]\n[tools.\"e_*\"]\n[tools.f]\nclass = \"read\"\n[tools.g]\n";
        assert_eq!(
            unmatched(text, "shop", &["b_y", "g"]),
            ["classes.read f", "hide[0] a", "hide[2] -", "tools.\"e_*\" -", "tools.d -"]
        );
        assert_eq!(unmatched(text, "shop", &["a", "b_x", "c_1", "d", "e_1", "f", "g"]), [""; 0]);
        let patch = "version = \"1\"\ndefault = \"deny\"\nhide = [\"cancel_export_jobs\"]\n";
        assert_eq!(unmatched(patch, "iterable", &[]), ["hide[0] cancel_export_jobs"]);
    }
}

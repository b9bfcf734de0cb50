//! Rewrites the examples of `--help`, which are written for a POSIX shell, for the shell of the operating system.

use clap::Command;

/// Returns the command line with examples for this operating system.
pub(super) fn adapt_examples(command: Command) -> Command {
    if cfg!(windows) { adapt_for_powershell(command) } else { command }
}

fn adapt_for_powershell(command: Command) -> Command {
    let after = command.get_after_help().map(|text| rewrite_examples(&text.to_string()));
    let command = match after {
        Some(text) => command.after_help(text),
        None => command,
    };
    command.mut_subcommands(adapt_for_powershell)
}

/// Rewrites examples for PowerShell. Explanations stay in their column if they fit.
fn rewrite_examples(text: &str) -> String {
    text.lines().map(rewrite_example).collect::<Vec<_>>().join("\n")
}

fn rewrite_example(line: &str) -> String {
    let Some(example) = line.strip_prefix("  ").filter(|example| !example.starts_with(' ')) else {
        return line.to_owned();
    };
    if !example.split(' ').any(|word| word == "policylayer") {
        return line.to_owned();
    }
    let end = example.find("  ").unwrap_or(example.len());
    let (command, rest) = example.split_at(end);
    let explanation = rest.trim_start();
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let words = command.split(' ').map(|word| match word.split_once('=') {
        Some((name, value)) if is_name(name) => format!("$env:{name} = '{value}';"),
        // PowerShell drops a bare `--` before the script that npm installs, and `@a` is its splatting operator.
        _ if word == "--" || word.starts_with('@') => format!("\"{word}\""),
        _ => word.to_owned(),
    });
    let command = words.collect::<Vec<_>>().join(" ");
    if explanation.is_empty() {
        return format!("  {command}");
    }
    let column = example.len() - explanation.len();
    let gap = column.saturating_sub(command.len()).max(2);
    format!("  {command}{}{explanation}", " ".repeat(gap))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn examples_are_what_powershell_takes() {
        for (posix, expected) in [
            ("  policylayer wrap -- npx -y @a/b   what runs", "  policylayer wrap \"--\" npx -y \"@a/b\"  what runs"),
            (
                "  policylayer check --server a        what it does",
                "  policylayer check --server a        what it does",
            ),
            (
                "  API_KEY=your-key policylayer inspect -- npx x",
                "  $env:API_KEY = 'your-key'; policylayer inspect \"--\" npx x",
            ),
            ("it starts `policylayer wrap -- COMMAND` instead", "it starts `policylayer wrap -- COMMAND` instead"),
            (
                "                        policylayer in front of -- it",
                "                        policylayer in front of -- it",
            ),
        ] {
            assert_eq!(rewrite_examples(posix), expected);
        }
    }

    #[test]
    fn every_subcommand_is_rewritten() {
        let mut waiting = vec![adapt_for_powershell(Cli::command())];
        let mut seen = 0;
        while let Some(command) = waiting.pop() {
            waiting.extend(command.get_subcommands().cloned());
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in text.lines().filter(|line| line.starts_with("  policylayer ")) {
                assert!(!line.contains(" -- ") && !line.contains(" @"), "{line}");
                seen += 1;
            }
            assert!(!text.contains("your-key policylayer"), "{text}");
        }
        assert!(seen > 20, "{seen}");
    }
}

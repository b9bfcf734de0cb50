//! Quotes commands that a person is told to run, for the shell of the system: a POSIX shell, or PowerShell on Windows,
//! in a form that the command prompt takes as well if possible.

use crate::visible::escape_invisible;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    Posix,
    PowerShell,
}

impl Shell {
    pub(crate) const fn current() -> Self {
        if cfg!(windows) { Self::PowerShell } else { Self::Posix }
    }

    /// Quotes a word of a command if the shell would not take it literally.
    pub(crate) fn quote_word(self, text: &str) -> String {
        let text = escape_invisible(text);
        match self {
            Self::Posix => quote_posix(text),
            Self::PowerShell => quote_powershell(text),
        }
    }

    /// Returns a command that runs another one in a directory.
    pub(crate) fn run_in(self, dir: &str, command: &str) -> String {
        let dir = self.quote_word(dir);
        match self {
            Self::Posix => format!("(cd {dir} && {command})"),
            Self::PowerShell => format!("cd {dir}; {command}"),
        }
    }

    pub(crate) fn set_variable(self, name: &str, value: &str) -> String {
        match self {
            Self::Posix => format!("export {name}={}", quote_posix(escape_invisible(value))),
            Self::PowerShell => format!("$env:{name} = {}", quote_single(&escape_invisible(value))),
        }
    }
}

fn quote_posix(text: String) -> String {
    // Shells treat `=` and `~` specially at the start of a word.
    let is_plain = |(at, c): (usize, char)| {
        c.is_ascii_alphanumeric() || "-_./@:+,%".contains(c) || (at > 0 && matches!(c, '=' | '~'))
    };
    if !text.is_empty() && text.char_indices().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn quote_powershell(text: String) -> String {
    // Without quotes, `-a.b` and `-a:b` become two arguments, `--%` stops PowerShell's parser, `@a` passes the members
    // of a variable, a comma makes a list, and the command prompt treats `=` as a space between the arguments of a
    // batch file.
    let is_option = text.starts_with('-');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_\\/+".contains(c) || (!is_option && ".:".contains(c));
    if !text.is_empty() && text != "--" && text.chars().all(is_plain) {
        return text;
    }
    // The characters that neither shell changes between double quotes.
    let is_quotable = |c: char| c.is_alphanumeric() || " -_\\/+.:@=,;~()[]{}#&'^<>|*?".contains(c);
    if text.chars().all(is_quotable) {
        // Backslashes before the closing quote are doubled, or the program would read the quote as part of the word.
        let slashes = text.len() - text.trim_end_matches('\\').len();
        return format!("\"{text}{}\"", "\\".repeat(slashes));
    }
    quote_single(&text)
}

/// PowerShell changes nothing between single quotes, and treats typographic quotes as single ones.
fn quote_single(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}

/// Quotes a word for the shell of this system, for commands that a person is told to run.
pub(crate) fn as_word(text: &str) -> String {
    Shell::current().quote_word(text)
}

#[cfg(test)]
mod tests {
    use super::Shell;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_make_more_of_it() {
        for (word, shown) in [
            ("--key=a", "--key=a"),
            ("--", "--"),
            ("@iterable/mcp@1.9.0", "@iterable/mcp@1.9.0"),
            ("/tmp/a~b+c,50%", "/tmp/a~b+c,50%"),
            ("my shop", "'my shop'"),
            ("", "''"),
            ("it's", r"'it'\''s'"),
            ("=ls", "'=ls'"),
            ("~root", "'~root'"),
            ("$(reboot)", "'$(reboot)'"),
            ("a*", "'a*'"),
            ("/Users/me/Library/Application Support/x.toml", "'/Users/me/Library/Application Support/x.toml'"),
        ] {
            assert_eq!(Shell::Posix.quote_word(word), shown);
        }
    }

    #[test]
    fn a_word_is_quoted_as_powershell_reads_it() {
        for (word, shown) in [
            ("iterable", "iterable"),
            ("--client", "--client"),
            ("-y", "-y"),
            (r"C:\tools\npx.cmd", r"C:\tools\npx.cmd"),
            (r"C:\Program Files\nodejs\npx.cmd", r#""C:\Program Files\nodejs\npx.cmd""#),
            (r"C:\my dir\", r#""C:\my dir\\""#),
            ("@iterable/mcp", r#""@iterable/mcp""#),
            ("-a.b", r#""-a.b""#),
            ("--%", "'--%'"),
            ("--", r#""--""#),
            ("--key=a", r#""--key=a""#),
            ("~", r#""~""#),
            ("a,b;c#d", r#""a,b;c#d""#),
            ("it's", r#""it's""#),
            ("", r#""""#),
            ("$(Stop-Computer)", "'$(Stop-Computer)'"),
            ("%USERNAME%", "'%USERNAME%'"),
            ("a`b", "'a`b'"),
            ("é ü", r#""é ü""#),
            ("$x's", "'$x''s'"),
            ("a\u{2019}; calc", "'a\u{2019}\u{2019}; calc'"),
            ("a\u{201d}; calc", "'a\u{201d}; calc'"),
            ("a\nb", "\"a\\u{a}b\""),
        ] {
            assert_eq!(Shell::PowerShell.quote_word(word), shown);
        }
    }

    #[test]
    fn a_variable_is_set_as_the_shell_does_it() {
        assert_eq!(Shell::Posix.set_variable("API_KEY", "your-key"), "export API_KEY=your-key");
        assert_eq!(Shell::PowerShell.set_variable("API_KEY", "your-key"), "$env:API_KEY = 'your-key'");
    }
}

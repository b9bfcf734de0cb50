//! JUnit XML, for CI. A file is a suite; one that was not run is a suite with an error.

use std::fmt::{self, Write as _};

use crate::report::policy_tests::{FailedCall, TestRun, TestedFile};
use crate::visible::is_invisible;

pub(crate) fn format_junit(run: &TestRun) -> String {
    let TestRun { passed, failed, not_run, files } = run;
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out.push_str(&format!(
        "<testsuites name=\"policylayer\" tests=\"{}\" failures=\"{failed}\" errors=\"{not_run}\">\n",
        passed + failed + not_run
    ));
    files.iter().for_each(|file| push_suite(file, &mut out));
    out.push_str("</testsuites>\n");
    out
}

fn push_suite(tested: &TestedFile, out: &mut String) {
    let errors = usize::from(tested.error.is_some());
    let tests = tested.cases.len() + errors;
    let (file, failed) = (Escaped(&tested.file), tested.count_failed());
    out.push_str(&format!(
        "  <testsuite name=\"{file}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"{errors}\" skipped=\"0\">\n"
    ));
    if let Some(error) = &tested.error {
        let message = Escaped(error.lines().next().unwrap_or_default());
        out.push_str(&format!("    <testcase classname=\"{file}\" name=\"the file can be run\">\n"));
        out.push_str(&format!("      <error message=\"{message}\">{}</error>\n", escape_content(error)));
        out.push_str("    </testcase>\n");
    }
    for case in &tested.cases {
        let (name, line) = (Escaped(&case.name), case.line);
        let open = format!("    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{line}\"");
        let Some(failure) = &case.failure else {
            out.push_str(&format!("{open}/>\n"));
            continue;
        };
        let details = describe_failure(failure);
        let message = Escaped(details.lines().nth(1).unwrap_or_default());
        let details = escape_content(&details);
        out.push_str(&format!("{open}>\n      <failure message=\"{message}\">{details}</failure>\n    </testcase>\n"));
    }
    out.push_str("  </testsuite>\n");
}

/// Describes the call, and each unexpected value on its own line.
fn describe_failure(failure: &FailedCall) -> String {
    let mut details = failure.description.clone();
    for part in failure.shown_parts().filter(|part| !part.matches) {
        details.push_str(&format!(
            "\n{}: expected {}, got {}",
            part.what,
            part.describe_expected(),
            part.describe_got()
        ));
    }
    details
}

/// Escapes text between tags, where line breaks may stay.
fn escape_content(text: &str) -> String {
    Escaped(text).to_string().replace("&#10;", "\n")
}

/// Text as XML holds it, between tags and between quotes. What XML cannot represent is written as an escape.
struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&apos;")?,
                // Otherwise an XML parser turns it into a space in an attribute.
                '\n' | '\r' | '\t' => write!(f, "&#{};", u32::from(c))?,
                '\u{fffe}' | '\u{ffff}' | '\0'..'\u{20}' => write!(f, "{}", c.escape_unicode())?,
                c if c.is_control() || is_invisible(c) => write!(f, "&#{};", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let text = "a<b>&\"'\n\r\té\u{0}\u{1b}\u{ffff}\u{202e}]]>";
        let escaped = "a&lt;b&gt;&amp;&quot;&apos;&#10;&#13;&#9;é\\u{0}\\u{1b}\\u{ffff}&#8238;]]&gt;";
        assert_eq!(Escaped(text).to_string(), escaped);
    }
}

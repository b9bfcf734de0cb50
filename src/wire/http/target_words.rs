//! The words for a server over HTTP, as a command has words: its address, `--header NAME=VARIABLE` as often as there are headers, and
//! `--bearer VARIABLE`.

use super::header_rule::{BadHeader, HeaderRule};

/// Why words name no server over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWord {
    /// A header is not complete.
    #[error("{0}")]
    Header(#[from] BadHeader),
    /// There is another word.
    #[error("behind the address of a server there can only be --header NAME=VARIABLE and --bearer VARIABLE")]
    Other,
}

/// The words for a server over HTTP, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetWords {
    /// The address.
    pub url: String,
    /// The values of `--header`.
    pub headers: Vec<String>,
    /// The value of `--bearer`.
    pub bearer: Option<String>,
}

impl TargetWords {
    /// Returns the words.
    pub fn words(&self) -> Vec<String> {
        let headers = self.headers.iter().flat_map(|header| ["--header", header]);
        let bearer = self.bearer.iter().flat_map(|bearer| ["--bearer", bearer]);
        [self.url.as_str()].into_iter().chain(headers).chain(bearer).map(str::to_owned).collect()
    }

    /// Takes the words apart, the address first.
    ///
    /// # Errors
    /// Returns an error if there is another word.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self, BadWord> {
        let mut words = words.iter().map(AsRef::as_ref);
        let mut target = Self { url: words.next().unwrap_or_default().to_owned(), ..Self::default() };
        while let Some(word) = words.next() {
            let (option, value) = match word.split_once('=') {
                Some((option @ ("--header" | "--bearer"), value)) => (option, Some(value)),
                _ => (word, None),
            };
            let mut value = || value.or_else(|| words.next()).map(str::to_owned).ok_or(BadHeader::Form);
            match option {
                "--header" => target.headers.push(value()?),
                "--bearer" => target.bearer = Some(value()?),
                _ => return Err(BadWord::Other),
            }
        }
        Ok(target)
    }

    /// Returns the headers, each with what stands before the value of its variable.
    ///
    /// # Errors
    /// With what is wrong with one.
    pub fn rules(&self) -> Result<Vec<(HeaderRule, &'static str)>, BadHeader> {
        let bearer = self.bearer.iter().map(|variable| (format!("Authorization={variable}"), "Bearer "));
        let headers = self.headers.iter().map(|header| (header.clone(), "")).chain(bearer);
        let rules = headers.map(|(rule, before)| Ok((HeaderRule::parse(&rule)?, before)));
        let rules: Vec<_> = rules.collect::<Result<_, BadHeader>>()?;
        let logins = rules.iter().filter(|(rule, _)| rule.name().eq_ignore_ascii_case("authorization"));
        match logins.count() {
            0 | 1 => Ok(rules),
            _ => Err(BadHeader::Twice("Authorization".to_owned())),
        }
    }
}

//! The words for a server over HTTP, as a command has words: its address, `--header NAME=VARIABLE` as often as there are headers, and
//! `--bearer VARIABLE`.

use super::header_rule::{BadHeader, BadToken, HeaderRule};

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
            let mut value = || value.or_else(|| words.next()).map(str::to_owned);
            match option {
                "--header" => target.headers.push(value().ok_or(BadHeader::Form)?),
                "--bearer" => target.bearer = Some(value().ok_or(BadHeader::Token(BadToken::Variable))?),
                _ => return Err(BadWord::Other),
            }
        }
        Ok(target)
    }

    /// Returns the headers.
    ///
    /// # Errors
    /// With what is wrong with one.
    pub fn rules(&self) -> Result<Vec<HeaderRule>, BadHeader> {
        let headers = self.headers.iter().map(|header| HeaderRule::parse(header));
        let bearer = self.bearer.iter().map(|variable| Ok(HeaderRule::parse_bearer(variable)?));
        let rules: Vec<_> = headers.chain(bearer).collect::<Result<_, BadHeader>>()?;
        match rules.iter().filter(|rule| rule.is_authorization()).count() {
            0 | 1 => Ok(rules),
            _ => Err(BadHeader::Twice("Authorization".to_owned())),
        }
    }
}

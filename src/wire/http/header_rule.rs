//! `--header NAME=VARIABLE` and `--bearer VARIABLE`: what is sent with each request to a server over HTTP.

/// A header whose value is in an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderRule {
    name: String,
    variable: String,
    /// What stands before the value of the variable; something for a token.
    before: &'static str,
}

/// Why a header cannot be sent. It quotes neither a value nor what may be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// It is not written as it must be.
    #[error("a header is written NAME=VARIABLE, such as Authorization=LINEAR_AUTHORIZATION")]
    Form,
    /// Its name is none.
    #[error("the name of a header has letters, digits and hyphens only, such as Authorization")]
    Name,
    /// The transport itself sends it.
    #[error("{0} is sent by policylayer itself, or would change how what is sent is read: it cannot be set")]
    Reserved(String),
    /// What stands for the variable is none.
    #[error(
        "behind {0}= there is the name of an environment variable, in letters, digits and underscores, and never the value itself: \
         other programs can read a command line"
    )]
    Variable(String),
    /// There is no such variable.
    #[error(
        "the environment variable that is named for {0} is not set, or is empty. It holds all of the header's value, such as \
         `Bearer …`"
    )]
    Unset(String),
    /// There is another one of this name, of which there can be one.
    #[error("{0} is named twice, and a server takes one of them: keep one --header for it, or --bearer")]
    Twice(String),
    /// Its value would not be one value.
    #[error(
        "the environment variable that is named for {0} has a line end, a character beyond ASCII, or blanks around the value, which \
         no header can have"
    )]
    Value(String),
    /// `--bearer` cannot be used.
    #[error(transparent)]
    Token(#[from] BadToken),
}

/// Why `--bearer` cannot be used. It quotes nothing of what may be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// What it names is no variable.
    #[error(
        "behind it there is the name of an environment variable, in letters, digits and underscores, and never the token itself: \
         other programs can read a command line"
    )]
    Variable,
    /// There is no such variable.
    #[error(
        "the environment variable that it names is not set, or is empty. It holds the token alone, without `Bearer`"
    )]
    Unset,
    /// It has more than a token.
    #[error(
        "the environment variable that it names has a line end, a character beyond ASCII, or a blank, and it holds the token alone, \
         without `Bearer`"
    )]
    Value,
}

impl BadHeader {
    /// The option that cannot be used.
    pub fn option(&self) -> &'static str {
        if matches!(self, Self::Token(_)) { "--bearer" } else { "A --header" }
    }

    /// Whether nothing is wrong but that a variable has no value.
    pub fn is_unset(&self) -> bool {
        matches!(self, Self::Unset(_) | Self::Token(BadToken::Unset))
    }
}

/// Headers that the transport sends, that frame a message, or that a proxy on the way reads.
const RESERVED: [&str; 17] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "last-event-id",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

impl HeaderRule {
    /// Reads a rule as it is written on the command line.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadHeader> {
        let (name, variable) = text.split_once('=').ok_or(BadHeader::Form)?;
        let is_name = |name: &str| {
            (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !is_name(name) {
            return Err(BadHeader::Name);
        }
        let lower = name.to_ascii_lowercase();
        if RESERVED.contains(&lower.as_str()) || lower.starts_with("mcp-") || lower.starts_with("proxy-") {
            return Err(BadHeader::Reserved(name.to_owned()));
        }
        if !is_variable(variable) {
            return Err(BadHeader::Variable(name.to_owned()));
        }
        Ok(Self { name: name.to_owned(), variable: variable.to_owned(), before: "" })
    }

    /// Reads what `--bearer` names.
    ///
    /// # Errors
    /// Returns an error if it is no name of a variable.
    pub fn parse_bearer(variable: &str) -> Result<Self, BadToken> {
        let name = "Authorization".to_owned();
        is_variable(variable)
            .then(|| Self { name, variable: variable.to_owned(), before: "Bearer " })
            .ok_or(BadToken::Variable)
    }

    /// The header's name, as written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The variable that has its value.
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// Whether it says who we are, and so comes before any login.
    pub fn is_authorization(&self) -> bool {
        self.name.eq_ignore_ascii_case("authorization")
    }

    /// Returns what is sent if the variable holds this; `None` if it is not set.
    ///
    /// # Errors
    /// Returns an error if it cannot be sent as one value.
    pub fn header_value(&self, value: Option<&str>) -> Result<String, BadHeader> {
        let (is_token, name) = (!self.before.is_empty(), || self.name.clone());
        let unset = || if is_token { BadToken::Unset.into() } else { BadHeader::Unset(name()) };
        let value = value.filter(|value| !value.is_empty()).ok_or_else(unset)?;
        let is_sent = |byte: u8| byte.is_ascii_graphic() || (!is_token && matches!(byte, b' ' | b'\t'));
        if value.bytes().all(is_sent) && value.trim() == value {
            return Ok(format!("{}{value}", self.before));
        }
        Err(if is_token { BadToken::Value.into() } else { BadHeader::Value(name()) })
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_a_header_that_may_be_set_and_a_variable() {
        let owned = str::to_owned;
        for (text, expected) in [
            ("Authorization=LINEAR_KEY", Ok(("Authorization", "LINEAR_KEY"))),
            ("X-Api-Key=_k1", Ok(("X-Api-Key", "_k1"))),
            ("Authorization", Err(BadHeader::Form)),
            ("Authorization: LINEAR_KEY", Err(BadHeader::Form)),
            ("=KEY", Err(BadHeader::Name)),
            ("X Y=KEY", Err(BadHeader::Name)),
            ("X\r\nHost=KEY", Err(BadHeader::Name)),
            ("Ünicode=KEY", Err(BadHeader::Name)),
            ("Host=KEY", Err(BadHeader::Reserved(owned("Host")))),
            ("content-LENGTH=KEY", Err(BadHeader::Reserved(owned("content-LENGTH")))),
            ("Transfer-Encoding=KEY", Err(BadHeader::Reserved(owned("Transfer-Encoding")))),
            ("Accept-Encoding=KEY", Err(BadHeader::Reserved(owned("Accept-Encoding")))),
            ("MCP-Session-Id=KEY", Err(BadHeader::Reserved(owned("MCP-Session-Id")))),
            ("Mcp-Param-Region=KEY", Err(BadHeader::Reserved(owned("Mcp-Param-Region")))),
            ("Proxy-Authorization=KEY", Err(BadHeader::Reserved(owned("Proxy-Authorization")))),
            ("Authorization=Bearer abc", Err(BadHeader::Variable(owned("Authorization")))),
            ("Authorization=", Err(BadHeader::Variable(owned("Authorization")))),
            ("Authorization=1KEY", Err(BadHeader::Variable(owned("Authorization")))),
            ("Authorization=$KEY", Err(BadHeader::Variable(owned("Authorization")))),
            ("Authorization=a-b", Err(BadHeader::Variable(owned("Authorization")))),
        ] {
            let read = HeaderRule::parse(text);
            let read = read.as_ref().map(|rule| (rule.name(), rule.variable())).map_err(Clone::clone);
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn a_value_is_one_value_and_is_never_quoted() {
        let rule = HeaderRule::parse("Authorization=KEY").unwrap();
        let (unset, wrong) = (BadHeader::Unset("Authorization".into()), BadHeader::Value("Authorization".into()));
        for (value, expected) in [
            (Some("Bearer s3cret"), Ok("Bearer s3cret".to_owned())),
            (None, Err(unset.clone())),
            (Some(""), Err(unset)),
            (Some("s3cret\n"), Err(wrong.clone())),
            (Some("s3cret\r\nHost: x"), Err(wrong.clone())),
            (Some(" s3cret"), Err(wrong.clone())),
            (Some("s3crét"), Err(wrong.clone())),
            (Some("s3cret\0"), Err(wrong)),
        ] {
            let checked = rule.header_value(value);
            assert_eq!(checked, expected);
            if let Err(error) = checked {
                assert!(!error.to_string().contains("s3cr"), "{error}");
            }
        }
        // A token is one alone: with its scheme before it, the server would get that twice.
        let token = HeaderRule::parse_bearer("KEY").unwrap();
        for (value, expected) in [
            (Some("s3cret"), Ok("Bearer s3cret".to_owned())),
            (None, Err(BadToken::Unset.into())),
            (Some(""), Err(BadToken::Unset.into())),
            (Some("Bearer s3cret"), Err(BadHeader::Token(BadToken::Value))),
            (Some("s3cret\n"), Err(BadHeader::Token(BadToken::Value))),
            (Some("s3crét"), Err(BadHeader::Token(BadToken::Value))),
        ] {
            assert_eq!(token.header_value(value), expected);
        }
        assert_eq!(HeaderRule::parse_bearer("s3-cret"), Err(BadToken::Variable));
        let error = HeaderRule::parse("Authorization=Bearer s3cret").unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

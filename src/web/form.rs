//! The fields of a form, or of a query.

/// Named values, in their order; a name may stand there several times.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads what a browser sends. Line breaks are `\n` in the result, whatever the browser writes.
    pub(super) fn parse(encoded: &[u8]) -> Self {
        let decoded = form_urlencoded::parse(encoded);
        Self(decoded.map(|(name, value)| (name.into_owned(), value.replace("\r\n", "\n"))).collect())
    }

    /// Returns the first value of a name, if it is not empty.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, value)| other == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Returns the first value of a name, also if it is empty.
    pub(super) fn written(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Returns every value of a name that is not empty.
    pub(super) fn all_values<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.iter().filter(move |(other, value)| *other == name && !value.is_empty()).map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Writes the query of a link.
pub(super) fn write_query(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

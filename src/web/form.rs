//! The fields of a form or a query, and how a form shows what was typed and what is wrong with it.

use maud::{Markup, html};

use super::page::in_code;
use crate::policy::{Diagnostic, Source};

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

/// What is wrong with what a person has sent.
#[derive(Default)]
pub(super) struct FormTrouble {
    pub(super) message: String,
    /// The field that it is about.
    pub(super) field: Option<String>,
    /// The document that is invalid, with its errors.
    pub(super) invalid: Option<Box<(Source, Vec<Diagnostic>)>>,
}

impl From<String> for FormTrouble {
    fn from(message: String) -> Self {
        Self { message, ..Self::default() }
    }
}

impl FormTrouble {
    /// Something that is wrong with one field.
    pub(super) fn in_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { message: message.into(), field: Some(field.into()), invalid: None }
    }
}

/// A form of a page, with what was typed into it and what is wrong with that.
#[derive(Clone, Copy)]
pub(super) struct FormState<'f> {
    /// What tells it from the other forms of its page.
    id: &'static str,
    fields: Option<&'f Fields>,
    trouble: Option<&'f FormTrouble>,
}

/// How a field looks that is not one of plain text without bounds.
#[derive(Clone, Copy, Default)]
pub(super) struct FieldLook<'l> {
    pub(super) size: usize,
    pub(super) placeholder: &'static str,
    /// The list of suggestions.
    pub(super) list: Option<&'l str>,
}

impl<'f> FormState<'f> {
    /// `fields` are those of the form that was sent, whichever it was.
    pub(super) fn new(id: &'static str, fields: &'f Fields, trouble: Option<&'f FormTrouble>) -> Self {
        let is_sent = fields.value("form").unwrap_or("tools") == id;
        Self { id, fields: is_sent.then_some(fields), trouble: trouble.filter(|_| is_sent) }
    }

    pub(super) fn value(&self, name: &str) -> &'f str {
        self.fields.and_then(|fields| fields.value(name)).unwrap_or_default()
    }

    /// The hidden field that says which form it is.
    pub(super) fn mark(&self) -> Markup {
        html! { input type="hidden" name="form" value=(self.id); }
    }

    pub(super) fn field_id(&self, name: &str) -> String {
        format!("{}-{name}", self.id)
    }

    pub(super) fn has_fault(&self, name: &str) -> bool {
        self.trouble.and_then(|trouble| trouble.field.as_deref()) == Some(name)
    }

    /// The identifier of what is wrong with a field.
    pub(super) fn fault_id(&self, name: &str) -> Option<String> {
        self.has_fault(name).then(|| format!("fault-{}", self.field_id(name)))
    }

    /// Shows what is wrong with a field beside it.
    pub(super) fn show_fault(&self, name: &str) -> Markup {
        let message = self.trouble.map(|trouble| trouble.message.as_str()).unwrap_or_default();
        html! { @if let Some(id) = self.fault_id(name) { span.bad.fault id=(id) { (in_code(message)) } } }
    }

    /// Shows a field for one line of text.
    pub(super) fn show_input(&self, label: &str, name: &str, look: FieldLook<'_>) -> Markup {
        let is_faulty = self.has_fault(name);
        html! {
            span.field {
                label for=(self.field_id(name)) { (label) }
                input id=(self.field_id(name)) name=(name) value=(self.value(name)) size=(look.size.max(1)) placeholder=(look.placeholder)
                    list=[look.list] autocomplete="off" aria-invalid=[is_faulty.then_some("true")] aria-describedby=[self.fault_id(name)]
                    autofocus[is_faulty];
                (self.show_fault(name))
            }
        }
    }

    /// Shows a choice of one of several values.
    pub(super) fn show_select<'c>(
        &self,
        label: &str,
        name: &str,
        chosen: &str,
        values: impl IntoIterator<Item = (&'c str, &'c str)>,
    ) -> Markup {
        let typed = self.value(name);
        let chosen = if typed.is_empty() { chosen } else { typed };
        let is_faulty = self.has_fault(name);
        html! {
            span.field {
                label for=(self.field_id(name)) { (label) }
                select id=(self.field_id(name)) name=(name) aria-invalid=[is_faulty.then_some("true")]
                    aria-describedby=[self.fault_id(name)] autofocus[is_faulty] {
                    @for (value, shown) in values { option value=(value) selected[value == chosen] { (shown) } }
                }
                (self.show_fault(name))
            }
        }
    }
}

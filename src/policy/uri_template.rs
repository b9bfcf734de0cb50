//! URIs in the forms in which they are compared, and the templates that they fit.

use super::glob::NamePattern;
use super::section::Section;
use crate::wire::uri;

/// A template of resources that a server has listed.
#[derive(Clone, Debug)]
pub struct UriTemplate {
    shape: NamePattern,
    folded: NamePattern,
}

impl UriTemplate {
    /// Reads a template (RFC 6570). What is no expression stands for itself, so this cannot fail.
    pub fn new(template: &str) -> Self {
        let shape = NamePattern::of_template(&uri::normalize(template));
        Self { folded: Section::Resources.fold_pattern(&shape), shape }
    }

    /// Whether a URI fits, however a server reads it.
    pub fn fits(&self, uri: &ComparedUri) -> bool {
        let [exact, folded] = &uri.0;
        self.shape.matches(exact) && self.folded.matches(folded)
    }
}

/// A URI in the forms in which it is compared, made once for many templates.
#[derive(Clone, Debug)]
pub struct ComparedUri([String; 2]);

impl ComparedUri {
    /// Makes the forms of a URI.
    pub fn new(uri: &str) -> Self {
        Self(Section::Resources.forms_of(uri))
    }
}

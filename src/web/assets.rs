//! The files of the page. Each has the digest of its content in its name.

use std::sync::LazyLock;

use super::answer::WebAnswer;
use crate::record::Digest;

/// A file of the page.
pub(super) struct Asset {
    text: &'static str,
    kind: &'static str,
    /// Its name below `/assets/`.
    name: String,
}

pub(super) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", include_str!("assets/style.css"), "text/css; charset=utf-8"));

pub(super) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("page", "js", include_str!("assets/page.js"), "text/javascript; charset=utf-8"));

impl Asset {
    fn new(stem: &str, ending: &str, text: &'static str, kind: &'static str) -> Self {
        let digest = Digest::of_text(text.as_bytes()).to_string();
        let name = format!("{stem}.{}.{ending}", digest.get(..16).unwrap_or(&digest));
        Self { text, kind, name }
    }

    pub(super) fn path(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// Returns the file with exactly this name.
pub(super) fn find_asset(name: &str) -> Option<WebAnswer> {
    let found = [&*STYLE, &*SCRIPT].into_iter().find(|asset| asset.name == name)?;
    Some(WebAnswer::asset(found.text, found.kind))
}

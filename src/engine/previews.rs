//! What a person is shown of the answer to a preview.

use std::borrow::Cow;

use super::approvals::SeenPreview;
use crate::limits::MAX_PREVIEW;
use crate::policy::Preview;
use crate::record::Digest;
use crate::visible::{escape_invisible, shorten};
use crate::wire::message::Answer;
use crate::wire::view::{self, find_member};

/// Describes the answer to a preview, in one line for each value; `None` is one that cannot be read. Nothing in it is
/// invisible, and a cut is marked.
pub(super) fn describe_preview(preview: &Preview, answer: Option<Answer<'_>>) -> SeenPreview {
    let tool = escape_invisible(preview.tool());
    let Some(answer) = answer else {
        return SeenPreview::missing(&format!("the answer of {tool} cannot be read"));
    };
    let is_error = |result| find_member(result, "isError") == Some("true");
    let Answer::Result(result) = answer else {
        return SeenPreview::missing(&format!("{tool} answered with an error"));
    };
    if is_error(result) {
        return SeenPreview::missing(&format!("{tool} answered with an error"));
    }
    let text = find_text(result);
    let answer = find_member(result, "structuredContent").map(str::to_owned).or(text).unwrap_or_default();
    let shown = preview.pick_shown(&answer);
    let (mut lines, mut whole, mut cut) = (Vec::new(), Vec::new(), 0);
    for (label, value) in &shown {
        whole.extend([label.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
        let left_out = value.chars().count().saturating_sub(MAX_PREVIEW);
        let value = match left_out {
            0 => Cow::Borrowed(value.as_str()),
            _ => format!("{} ({left_out} more characters are not shown)", shorten(value, MAX_PREVIEW)).into(),
        };
        cut += left_out;
        let text = if label.is_empty() { value.into_owned() } else { format!("{label}: {}", value.replace('\n', " ")) };
        lines.extend(text.lines().map(escape_invisible));
    }
    if lines.iter().all(String::is_empty) {
        return SeenPreview::missing(&format!("the answer of {tool} has nothing of what is to be shown"));
    }
    SeenPreview { text: lines.join("\n").into(), whole: Digest::of_text(&whole), cut }
}

/// Returns the text of a result's first text block.
fn find_text(result: &str) -> Option<String> {
    let content = find_member(result, "content")?;
    let texts = view::elements(content).filter_map(|block| find_member(content.get(block)?, "text"));
    texts.filter_map(view::decode_string).map(Into::into).next()
}

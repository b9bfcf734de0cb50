//! A policy in TOML with what it lacks. Nothing is changed but what has to be: comments and order stay.

use anyhow::Context as _;
use jiff::Zoned;
use toml_edit::{DocumentMut, InlineTable, Item, TableLike, Value};

use super::write::{self, Entry};
use crate::policy::edit::take_out;
use crate::policy::{Format, Mode, Policy, ServerName, Source, ToolGlob};
use crate::report::survey::{UsageSurvey, lacks_an_entry};

/// The document, in which what was used is no longer hidden by name, no longer denied by its own entry, and listed.
pub(super) fn with_entries(
    source: &Source,
    in_force: &Policy,
    survey: &UsageSurvey,
    server: &ServerName,
    now: &Zoned,
) -> anyhow::Result<String> {
    let mut document: DocumentMut =
        source.text().parse().with_context(|| format!("The policy {} cannot be edited", source.name()))?;
    let refused: Vec<&String> = survey.tools.keys().filter(|tool| survey.is_refused(tool)).collect();
    let mut is_edited = show(&mut document, &refused);
    is_edited |= allow(&mut document, survey, &refused);
    let mut text = if is_edited { document.to_string() } else { source.text().to_owned() };

    // What is refused all the same, for want of an entry.
    let edited = Source::new(source.name(), Format::Toml, text.as_str());
    let edited = super::loaded(&edited, server).map_err(|why| anyhow::anyhow!("{why}"))?;
    let lacks = |tool: &str| survey.is_refused(tool) && lacks_an_entry(&edited, tool);
    if !survey.tools.keys().any(|tool| lacks(tool)) {
        return Ok(text);
    }
    // With `tools` the document stands alone, so what the built-in policy let through has to be listed, too.
    let leaves_the_builtin = in_force.summary().mode == Mode::Patch;
    let is_hidden = |tool: &str| edited.decide(tool).rule.starts_with("hide[");
    let listed = || survey.tools.iter().filter(|(tool, _)| lacks(tool) || (leaves_the_builtin && !is_hidden(tool)));
    if let Some(tools) = document.get_mut("tools").and_then(Item::as_inline_table_mut) {
        for (tool, used) in listed() {
            if let Some(entry) = Entry::of(tool, used) {
                tools.insert(&entry.key, inline(&entry));
            }
        }
        return Ok(document.to_string());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let mut entries = write::entries(listed(), survey, now);
    if leaves_the_builtin {
        entries.insert_str(
            0,
            "\n# With `tools` this file stands alone: the built-in policy under it is no longer in force.",
        );
    }
    // As the rest of the file ends its lines.
    text.push_str(&if text.contains("\r\n") { entries.replace('\n', "\r\n") } else { entries });
    Ok(text)
}

fn inline(entry: &Entry) -> Value {
    let mut table = InlineTable::new();
    if let Some(action) = entry.action {
        table.insert("action", action.into());
    }
    table.insert("rate_limit", entry.rate_limit.as_str().into());
    table.into()
}

fn means(written: &str, tool: &str) -> bool {
    ToolGlob::parse(written).is_ok_and(|glob| glob.is_exactly(tool))
}

/// Takes the tools out of `hide` that stand there by name; says whether there was one.
fn show(document: &mut DocumentMut, tools: &[&String]) -> bool {
    let Some(hide) = document.get_mut("hide").and_then(Item::as_array_mut) else { return false };
    let is_meant = |item: &Value| item.as_str().is_some_and(|written| tools.iter().any(|tool| means(written, tool)));
    let mut is_edited = false;
    // From the last on, so that the places of the others stay.
    for at in (0..hide.len()).rev() {
        if hide.get(at).is_some_and(is_meant) {
            take_out(hide, at);
            is_edited = true;
        }
    }
    is_edited
}

/// Lets the tools through whose own entry denies or hides them; says whether there was one.
fn allow(document: &mut DocumentMut, survey: &UsageSurvey, refused: &[&String]) -> bool {
    let Some(tools) = document.get_mut("tools").and_then(Item::as_table_like_mut) else { return false };
    let mut is_edited = false;
    for (key, entry) in tools.iter_mut() {
        let Some(tool) = refused.iter().find(|tool| means(key.get(), tool)) else { continue };
        let class = survey.tools.get(*tool).and_then(|used| used.class.as_deref());
        is_edited |= entry.as_table_like_mut().is_some_and(|entry| set_action(entry, class));
    }
    is_edited
}

fn set_action(entry: &mut dyn TableLike, class: Option<&str>) -> bool {
    match entry.get_mut("action").and_then(Item::as_value_mut) {
        Some(action) if matches!(action.as_str(), Some("deny" | "hide")) => {
            let decor = action.decor().clone();
            *action = write::action(class).unwrap_or("allow").into();
            *action.decor_mut() = decor;
            true
        }
        _ => false,
    }
}

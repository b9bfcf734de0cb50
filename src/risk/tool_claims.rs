//! A tool as its server lists it, as far as it tells what the tool does. All of it is the server's own claim.

use std::borrow::Cow;

use serde_json::Value;

use super::classify::{Objects, SharedObjects};
use crate::wire::view;

/// A tool in a server's tools/list.
#[derive(Clone, Debug, Default)]
pub struct Listed<'l> {
    /// Its name.
    pub name: Cow<'l, str>,
    /// The title for people.
    pub title: Option<Cow<'l, str>>,
    /// What the server says it does.
    pub description: Option<Cow<'l, str>>,
    /// Its arguments, in the order of the schema.
    pub arguments: Vec<Argument<'l>>,
    /// The server's hints about its behaviour.
    pub annotations: Annotations,
    /// What the server's other tools show about the words of its name.
    pub objects: Objects,
}

/// An argument, as the input schema declares it at its top level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Argument<'l> {
    /// Its name.
    pub name: Cow<'l, str>,
    /// What the server says it is for.
    pub description: Option<Cow<'l, str>>,
    /// The values that the schema allows, if it lists them.
    pub values: Vec<Cow<'l, str>>,
}

/// The hints of `ToolAnnotations` (MCP, server/tools); `None` if the server does not give one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// `readOnlyHint`: the tool changes nothing.
    pub read_only: Option<bool>,
    /// `destructiveHint`: the tool may delete or overwrite something.
    pub destructive: Option<bool>,
    /// `openWorldHint`: the tool reaches things outside the server's own domain.
    pub open_world: Option<bool>,
}

impl<'l> Listed<'l> {
    /// Makes a tool about which only the name is known.
    pub fn with_name(name: impl Into<Cow<'l, str>>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Reads an item of tools/list, as its server wrote it; `None` if it is not an object with a name. A field of the
    /// wrong type counts as absent.
    pub fn parse(item: &'l str) -> Option<Self> {
        let (mut name, mut listed, mut other_title) = (None, Self::default(), None);
        for member in view::members(item) {
            let value = member.value;
            match &*member.key_lossy() {
                "name" => name = view::decode_lossy(value),
                "title" => listed.title = view::decode_lossy(value),
                "description" => listed.description = view::decode_lossy(value),
                "annotations" => other_title = listed.annotations.read(value),
                "inputSchema" => listed.arguments = read_arguments(value),
                _ => {}
            }
        }
        listed.title = listed.title.or(other_title);
        Some(Self { name: name?, ..listed })
    }

    /// Reads an item of tools/list that was parsed before.
    pub fn read(item: &Value) -> Option<Listed<'static>> {
        Listed::parse(&item.to_string()).map(Listed::into_owned)
    }

    /// Adds what the server's other tools show about the words of its name.
    #[must_use]
    pub fn among(mut self, objects: &SharedObjects) -> Self {
        self.objects = objects.of(&self.name);
        self
    }

    /// Returns the same tool without the borrow.
    pub fn into_owned(self) -> Listed<'static> {
        let owned = |text: Cow<'l, str>| Cow::Owned(text.into_owned());
        let argument = |argument: Argument<'l>| Argument {
            name: owned(argument.name),
            description: argument.description.map(owned),
            values: argument.values.into_iter().map(owned).collect(),
        };
        Listed {
            name: owned(self.name),
            title: self.title.map(owned),
            description: self.description.map(owned),
            arguments: self.arguments.into_iter().map(argument).collect(),
            annotations: self.annotations,
            objects: self.objects,
        }
    }
}

impl Annotations {
    /// Whether all hints are given, each with the value that holds without it.
    pub(super) fn are_defaults(self) -> bool {
        self == Self { read_only: Some(false), destructive: Some(true), open_world: Some(true) }
    }

    /// Reads the hints. Returns the title, which older revisions have here.
    fn read<'l>(&mut self, annotations: &'l str) -> Option<Cow<'l, str>> {
        let mut title = None;
        for member in view::members(annotations) {
            let hint = serde_json::from_str(member.value).ok();
            match &*member.key_lossy() {
                "readOnlyHint" => self.read_only = hint,
                "destructiveHint" => self.destructive = hint,
                "openWorldHint" => self.open_world = hint,
                "title" => title = view::decode_lossy(member.value),
                _ => {}
            }
        }
        title
    }
}

fn read_arguments(schema: &str) -> Vec<Argument<'_>> {
    let mut arguments = Vec::new();
    for property in members_of(schema, "properties") {
        arguments.push(read_argument(&property));
        // What the steps of a batch can be: its tools do no more and no less than these.
        for step in members_of(property.value, "items").filter(|items| items.key_lossy() == "properties") {
            for choice in view::members(step.value).filter(|choice| is_choice_of_step(&choice.key_lossy())) {
                let name = format!("{}.{}", property.key_lossy(), choice.key_lossy());
                let argument = Argument { name: name.into(), description: None, ..read_argument(&choice) };
                if !argument.values.is_empty() {
                    arguments.push(argument);
                }
            }
        }
    }
    arguments
}

/// The members of a schema's member of this name.
fn members_of<'l>(schema: &'l str, name: &'static str) -> impl Iterator<Item = view::Member<'l>> {
    let of_name = view::members(schema).filter(move |member| member.key_lossy() == name);
    of_name.flat_map(|member| view::members(member.value))
}

fn is_choice_of_step(name: &str) -> bool {
    matches!(name, "action" | "operation" | "op" | "method" | "command")
}

fn read_argument<'l>(property: &view::Member<'l>) -> Argument<'l> {
    let mut argument = Argument { name: property.key_lossy(), ..Argument::default() };
    let mut is_described = false;
    for member in view::members(property.value) {
        match &*member.key_lossy() {
            // Of several the first counts.
            "description" if !is_described => {
                is_described = true;
                argument.description = view::decode_lossy(member.value);
            }
            key => read_values(key, member.value, Alternatives::Inside, &mut argument.values),
        }
    }
    argument
}

/// Whether a schema's own alternatives are looked at as well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alternatives {
    Inside,
    Ignored,
}

/// Collects the texts that a schema allows by one of its members, if it lists them itself, for the items of a list, or as
/// alternatives.
fn read_values<'l>(key: &str, value: &'l str, alternatives: Alternatives, values: &mut Vec<Cow<'l, str>>) {
    let is_outer = alternatives == Alternatives::Inside;
    let elements = || view::elements(value).filter_map(|range| value.get(range));
    let mut read_inside = |schema| {
        view::members(schema)
            .for_each(|member| read_values(&member.key_lossy(), member.value, Alternatives::Ignored, values));
    };
    match key {
        "items" if is_outer => read_inside(value),
        "anyOf" | "oneOf" if is_outer => elements().for_each(read_inside),
        "enum" => values.extend(elements().filter_map(view::decode_lossy)),
        "const" => values.extend(view::decode_lossy(value)),
        _ => {}
    }
}

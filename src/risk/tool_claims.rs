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
    pub arguments: Vec<Argument>,
    /// The server's hints about its behaviour.
    pub annotations: Annotations,
    /// What the server's other tools show about the words of its name.
    pub objects: Objects,
}

/// An argument, as the input schema declares it at its top level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// What the server says it is for.
    pub description: Option<String>,
    /// The values that the schema allows, if it lists them.
    pub values: Vec<String>,
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
        Listed {
            name: owned(self.name),
            title: self.title.map(owned),
            description: self.description.map(owned),
            arguments: self.arguments,
            annotations: self.annotations,
            objects: self.objects,
        }
    }
}

impl Annotations {
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

fn read_arguments(schema: &str) -> Vec<Argument> {
    let properties = view::members(schema).filter(|member| member.key_lossy() == "properties");
    let argument = |property: view::Member<'_>| {
        let mut argument = Argument { name: property.key_lossy().into_owned(), ..Argument::default() };
        let description = view::find_member(property.value, "description").and_then(view::decode_lossy);
        argument.description = description.map(Cow::into_owned);
        read_values(property.value, Alternatives::Inside, &mut argument.values);
        argument
    };
    properties.flat_map(|properties| view::members(properties.value)).map(argument).collect()
}

/// Whether a schema's own alternatives are looked at as well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alternatives {
    Inside,
    Ignored,
}

/// Collects the texts that a schema allows, if it lists them itself, for the items of a list, or as alternatives.
fn read_values(schema: &str, alternatives: Alternatives, values: &mut Vec<String>) {
    let is_outer = alternatives == Alternatives::Inside;
    for member in view::members(schema) {
        let value = member.value;
        let elements = || view::elements(value).filter_map(|range| value.get(range));
        match &*member.key_lossy() {
            "enum" => values.extend(elements().filter_map(view::decode_lossy).map(Cow::into_owned)),
            "const" => values.extend(view::decode_lossy(value).map(Cow::into_owned)),
            "items" if is_outer => read_values(value, Alternatives::Ignored, values),
            "anyOf" | "oneOf" if is_outer => {
                elements().for_each(|schema| read_values(schema, Alternatives::Ignored, values));
            }
            _ => {}
        }
    }
}

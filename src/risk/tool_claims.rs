//! A tool as its server lists it, as far as it tells what the tool does. All of it is the server's own claim.

use std::borrow::Cow;

use serde_json::Value;

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

    /// Parses an item of tools/list; `None` if it is not an object with a name.
    pub fn parse(item: &str) -> Option<Listed<'static>> {
        Listed::read(&serde_json::from_str(item).ok()?).map(Listed::into_owned)
    }

    /// Reads an item of tools/list; `None` if it is not an object with a name. A field of the wrong type counts as
    /// absent.
    pub fn read(item: &'l Value) -> Option<Self> {
        let text = |key: &str| item.get(key).and_then(Value::as_str).map(Cow::Borrowed);
        let hint = |key: &str| item.get("annotations")?.get(key)?.as_bool();
        Some(Self {
            name: text("name")?,
            title: text("title").or_else(|| item.get("annotations")?.get("title")?.as_str().map(Cow::Borrowed)),
            description: text("description"),
            arguments: read_arguments(item),
            annotations: Annotations {
                read_only: hint("readOnlyHint"),
                destructive: hint("destructiveHint"),
                open_world: hint("openWorldHint"),
            },
        })
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
        }
    }
}

fn read_arguments(item: &Value) -> Vec<Argument> {
    let properties = item.get("inputSchema").and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    let argument = |(name, schema): (&String, &Value)| Argument {
        name: name.clone(),
        description: schema.get("description").and_then(Value::as_str).map(str::to_owned),
        values: read_values(schema),
    };
    properties.into_iter().flatten().map(argument).collect()
}

/// Returns the texts that a schema allows, if it lists them itself, for the items of a list, or as alternatives.
fn read_values(schema: &Value) -> Vec<String> {
    let alternatives = ["anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    let all = [Some(schema), schema.get("items")].into_iter().flatten().chain(alternatives);
    let named = all.flat_map(|schema| {
        schema.get("enum").and_then(Value::as_array).into_iter().flatten().chain(schema.get("const"))
    });
    named.filter_map(Value::as_str).map(str::to_owned).collect()
}

//! `policylayer catalogue`

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::Format;
use crate::policy::{ServerName, nearest_word};
use crate::risk::Catalogue;

#[derive(Debug, Args)]
#[command(after_help = CATALOGUE, args_conflicts_with_subcommands = true)]
pub(crate) struct CatalogueArgs {
    #[command(subcommand)]
    pub command: Option<CatalogueCommand>,
    /// The known server whose tools to print [default: list the known servers]
    #[arg(value_name = "SERVER", value_parser = find_catalogue)]
    pub server: Option<&'static Catalogue>,
    /// Output format: for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// What to do with the catalogues.
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogueCommand {
    /// Start a server and print the first version of its catalogue, to be filled in by a person
    Draft(DraftArgs),
}

#[derive(Debug, Args)]
#[command(override_usage = "policylayer catalogue draft [OPTIONS] -- <COMMAND> [ARGS]...", after_help = DRAFT)]
pub(crate) struct DraftArgs {
    /// The server's name in the catalogue, instead of the one that is derived from its command
    #[arg(long, value_name = "NAME", value_parser = ServerName::parse)]
    pub server: Option<ServerName>,
    /// The server's command and its arguments, after `--`
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Finds a known server by its name.
pub(super) fn find_catalogue(name: &str) -> Result<&'static Catalogue, String> {
    let name = name.to_ascii_lowercase();
    Catalogue::for_server(&name).ok_or_else(|| {
        match nearest_word(&name, Catalogue::all().iter().map(|known| known.server)) {
            Some(near) => format!("no known server has this name; did you mean `{near}`?"),
            None => "no known server has this name; `policylayer catalogue` lists them".to_owned(),
        }
    })
}

const CATALOGUE: &str = "\
Examples:
  policylayer catalogue                         the known servers
  policylayer catalogue github                  its tools, with the reasons
  policylayer catalogue github --format json | jq '.tools[] | select(.sends)'
  policylayer catalogue draft -- npx -y @acme/mcp

A server is known by what its command starts, never by its name: docs/catalogues.md.";

const DRAFT: &str = "\
Examples:
  policylayer catalogue draft -- npx -y @acme/mcp > config/catalogue/acme.json
  policylayer catalogue draft --server acme -- ./acme-mcp --all

The server is started, asked for its tools, and stopped; no tool is called. The classes are those of the classifier. What \
only a person can say is left empty, and a catalogue with anything empty is not accepted: docs/catalogues.md says how to \
fill it in.";

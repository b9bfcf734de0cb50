//! The command line of `policylayer login` and `policylayer logout`.

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use crate::clients::table;

#[derive(Debug, Args)]
#[command(
    override_usage = "policylayer login [OPTIONS] <SERVER>\n       policylayer login [OPTIONS] --url <URL>",
    after_help = LOGIN
)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub server: LoginServerArgs,
    /// Ask for these scopes, separated by blanks, instead of those that the server names
    #[arg(long, value_name = "SCOPES")]
    pub scope: Option<String>,
    /// The id of a client that the authorization server knows already, or the address of a document about one; without it,
    /// policylayer makes itself known there
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// The environment variable with the secret of that client, if it has one
    #[arg(long, value_name = "VARIABLE", requires = "client_id")]
    pub client_secret: Option<String>,
    /// The port of 127.0.0.1 that the browser comes back to; without it, a free one
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Where the login is kept
    #[arg(long, value_name = "PLACE", value_enum, default_value_t = LoginPlace::Keychain)]
    pub store: LoginPlace,
    /// Print the address, and open no browser
    #[arg(long)]
    pub no_open: bool,
}

/// Where a login is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoginPlace {
    /// In a file that is sealed with a key in the system's keychain, else in one that only your user can read.
    Keychain,
    /// In a file that only your user can read.
    File,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "policylayer logout [OPTIONS] <SERVER>\n       policylayer logout [OPTIONS] --url <URL>",
    after_help = "The login is taken away on this machine, and the authorization server is told, if it wants to hear of it."
)]
pub(crate) struct LogoutArgs {
    #[command(flatten)]
    pub server: LoginServerArgs,
}

/// Which server is meant.
#[derive(Debug, Args)]
pub(crate) struct LoginServerArgs {
    /// The server, by its key in the clients' files or by its name
    #[arg(value_name = "SERVER", required_unless_present = "url", conflicts_with = "url")]
    pub key: Option<String>,
    /// The address of the server, for one that no client has
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Only this client; may be repeated
    #[arg(
        long,
        value_name = "CLIENT",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(table::client_ids()),
        hide_possible_values = true,
        conflicts_with = "url"
    )]
    pub client: Vec<String>,
}

const LOGIN: &str = "\
Examples:
  policylayer login linear
  policylayer login --url https://mcp.linear.app/mcp

The browser is opened at the page of the server's authorization server. What
comes of it is kept in the state directory, sealed with a key in the keychain if
there is one, and is sent to that server by `wrap --url` and by nothing else. A
session that waits for the login goes on with its next request. docs/http.md
says what is checked.";

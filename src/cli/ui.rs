//! The command line of `policylayer ui`.

use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = UI)]
pub(crate) struct UiArgs {
    /// The port of 127.0.0.1 to serve the page at; without it, a free one
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Print the address, and open no browser
    #[arg(long)]
    pub no_open: bool,
}

const UI: &str = "\
The page is for the browser that opens the printed address, which is good once.
It is served to this machine alone, needs no network, and ends with ^C or once
nobody has used it for an hour. docs/ui.md says what it shows and how it is
guarded.";

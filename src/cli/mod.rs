//! The definitions of the command line.

mod approvals;
mod catalogue;
mod clients;
mod doctor;
mod edit;
mod explain;
mod history;
mod init;
mod inspect;
mod lock;
mod log;
mod login;
mod since;
mod system;
mod ui;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use approvals::{
    ApprovalsApproveArgs, ApprovalsArgs, ApprovalsCommand, ApprovalsDenyArgs, ApprovalsListArgs, ApprovalsShowArgs,
};
pub(crate) use catalogue::{CatalogueArgs, CatalogueCommand, DraftArgs};
pub(crate) use clients::{All, ClientsArgs, OnlyClients, RegisterArgs, StatusArgs, UnregisterArgs, Which};
pub(crate) use doctor::DoctorArgs;
pub(crate) use edit::{AddArgs, AskArgs, EditArgs, LimitArgs, ResetArgs, ToolsArgs};
pub(crate) use explain::{ExplainArgs, ExplainFormat};
pub(crate) use history::{ChangesArgs, HistoryArgs, UndoArgs};
pub(crate) use init::{InitArgs, PolicyFormat};
pub(crate) use inspect::InspectArgs;
pub(crate) use lock::{LockAcceptArgs, LockArgs, LockCommand, LockDiffArgs, LockTargetArgs};
pub(crate) use log::{
    Filters, Last, LogArgs, LogCommand, LogPolicyArgs, ReplayArgs, StatsArgs, SuggestArgs, VerifyArgs,
};
pub(crate) use login::{LoginArgs, LoginPlace, LoginServerArgs, LogoutArgs};
pub(crate) use ui::UiArgs;

use crate::limits::MIN_MESSAGE;
use crate::policy::ServerName;
use crate::record::Enforcement;
use crate::size::{BadSize, Size};
use crate::wire::http::target_words::TargetWords;

const EXAMPLES: &str = "\
Examples:
  policylayer status                         what is protected, what is not
  policylayer register iterable              put a policy in front of a server
  policylayer wrap -- npx -y @iterable/mcp   what the client then starts
  policylayer doctor iterable                does everything work?
  policylayer inspect -- npx -y @iterable/mcp
                                             what the agent would see
  policylayer init -- npx -y @iterable/mcp   a first policy for a server
  policylayer lock iterable                  hold it to what it has now
  policylayer login linear                   log in to a server over HTTP
  policylayer check --server iterable        what the policy in force does
  policylayer decide send_campaign           what would happen to a call
  policylayer explain send_campaign          what a tool does, how it is abused
  policylayer hide 'delete_*'                edit the policy; also allow, limit
  policylayer undo                           take back the last edit
  policylayer test iterable.test.toml        do the policy's tests pass?
  policylayer approvals watch                answer calls that wait for a person
  policylayer log --follow                   each decision as it is made
  policylayer ui                             all of that in a browser
  policylayer demo                           a policy at work; needs no account

Exit codes:
  0 done or allowed   1 something failed   2 wrong usage
  3 the policy, a policy test or config.toml is invalid
  4 refused or hidden (decide)   5 needs a person's approval (decide)
  wrap ends with the server's own code, 128 + N after signal N";

/// A local policy between an MCP client and its server: allow, deny or hide a tool before the call arrives.
#[derive(Debug, Parser)]
#[command(name = "policylayer", version, max_term_width = 110, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start an MCP server and enforce the policy on everything that passes between it and the client
    Wrap(WrapArgs),
    /// Show every client and server on one screen: what is protected, what is not, and what to do next
    Status(StatusArgs),
    /// List the MCP clients on this machine, their servers, and which of them are behind a policy
    Clients(ClientsArgs),
    /// Put a policy in front of a server in a client's configuration
    Register(RegisterArgs),
    /// Undo `register`: the client starts the server directly again
    Unregister(UnregisterArgs),
    /// Start a server as its client would, and check each step; for each that fails, say what to do
    Doctor(DoctorArgs),
    /// Start a server and print what an agent would see of it: each tool's class, decision and rule. No tool is called
    Inspect(InspectArgs),
    /// Lock a server: hold it to the tools, prompts, instructions and package that it has now
    Lock(LockArgs),
    /// Log in to a server over HTTP in the browser, so that `wrap --url` can reach it
    Login(LoginArgs),
    /// Take the login of a server away
    Logout(LogoutArgs),
    /// Write a policy for a server from what it lists, after asking about each class of tools
    Init(InitArgs),
    /// Load a policy and print its errors and warnings, each with its place and a fix
    Check(CheckArgs),
    /// Print what would happen to a call, and which rule decides. No tool is called and no limit is counted
    Decide(DecideArgs),
    /// Print what a tool does, how it is abused, which rule is recommended for it, and which one is in force
    Explain(ExplainArgs),
    /// List the servers that policylayer knows, or what it knows about the tools of one
    Catalogue(CatalogueArgs),
    /// Run policy tests: calls, and the decision that is expected for each
    Test(TestArgs),
    /// Allow tools: edit the policy so that they may be called
    #[command(after_help = edit::ALLOW)]
    Allow(ToolsArgs),
    /// Deny tools: edit the policy so that they stay visible and every call is refused
    #[command(after_help = edit::DENY)]
    Deny(ToolsArgs),
    /// Hide tools: edit the policy so that the agent does not see them and every call is refused
    #[command(after_help = edit::HIDE)]
    Hide(ToolsArgs),
    /// Limit tools: edit the policy so that only so many calls pass in a period
    #[command(after_help = edit::LIMIT)]
    Limit(LimitArgs),
    /// Ask a person: edit the policy so that each call of the tools needs an approval
    #[command(after_help = edit::ASK)]
    Ask(AskArgs),
    /// Remove what the policy says about tools by name, so that the rest of it decides
    #[command(after_help = edit::RESET)]
    Reset(ResetArgs),
    /// Merge a policy, or a part of one, into the policy in force
    #[command(after_help = edit::ADD)]
    Add(AddArgs),
    /// List the edits of policies that the subcommands above made: who, when, and what
    History(HistoryArgs),
    /// Undo the last edit of a policy by a subcommand
    Undo(UndoArgs),
    /// Print what another version of policylayer changes for a policy
    Changes(ChangesArgs),
    /// List and answer the calls that wait for a person's approval
    Approvals(ApprovalsArgs),
    /// Print the audit log: every decision and its outcome
    Log(Box<LogArgs>),
    /// Open a page in the browser that shows what your agents can do. It is served to this machine alone
    Ui(UiArgs),
    /// Suggest, from the audit log, the least policy that would have allowed what was used
    Suggest(SuggestArgs),
    /// Decide the recorded calls again under another policy and print which decisions change
    Replay(ReplayArgs),
    /// Print the JSON Schema of policy files, or of their tests, for editors
    Schema(SchemaArgs),
    /// Show what an agent sees, and what happens to its calls, while a policy is in force
    Demo(DemoArgs),
    /// Print the completion script for a shell
    Completions(CompletionsArgs),
}

impl Cli {
    /// Returns what stands below the status if there is no subcommand.
    pub(crate) fn short_help() -> String {
        let mut command = Self::command();
        let usage = command.render_usage().ansi().to_string();
        format!("{usage}\n`policylayer help` lists the commands.\n")
    }

    /// Reads the command line of this process. Its help has the examples of this operating system.
    pub(crate) fn parse_command_line() -> Result<Self, clap::Error> {
        let mut command = system::adapt_examples(Self::command());
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

#[derive(Debug, Args)]
#[command(
    override_usage = "policylayer wrap [OPTIONS] -- <COMMAND> [ARGS]...\n       policylayer wrap [OPTIONS] --url <URL>",
    after_help = "The policy is the first of: --policy, POLICYLAYER_POLICY, the one that config.toml names for the server, \
                  policies/SERVER.{toml,json,yaml,yml} in the configuration directory, the server's built-in policy. \
                  docs/configuration.md has every key of config.toml, which is read once, at the start."
)]
pub(crate) struct WrapArgs {
    /// The policy file (.toml, .json, .yaml or .yml), instead of the one found by the server's name; an absolute path
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The server's name, instead of the one that config.toml has for its command or that is derived from the command
    /// (`npx -y @iterable/mcp` is `iterable`)
    #[arg(long, value_name = "NAME", value_parser = ServerName::parse)]
    pub server: Option<ServerName>,
    /// Try a policy on real work: log what it would refuse, and refuse only what breaks the protocol. `policylayer log`
    /// shows the result, `policylayer suggest` turns it into a policy
    #[arg(long)]
    pub observe: bool,
    /// How much to say on stderr: `info` has a line for the start and one for each refusal
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,
    /// The longest message in either direction, such as 64MiB, 512KiB or 1000000 (bytes); at least 1KiB.
    /// A longer one is refused and the session goes on [default: `max_message` of config.toml, else 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_message_size)]
    pub max_message: Option<Size>,
    /// The address of a server over HTTP, instead of a command: https://, or http:// to this machine. docs/http.md
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// A header for each request to the server at --url, whose value is in an environment variable, such as
    /// Authorization=LINEAR_AUTHORIZATION; can be repeated
    #[arg(long, value_name = "NAME=VARIABLE", requires = "url")]
    pub header: Vec<String>,
    /// An environment variable with a token, which is sent to the server at --url as `Authorization: Bearer TOKEN`
    #[arg(long, value_name = "VARIABLE", requires = "url")]
    pub bearer: Option<String>,
    /// With --url: what the client's entry was before `register`, for `unregister`; nothing else reads it
    #[arg(long, value_name = "KEYS", requires = "url")]
    pub entry: Option<String>,
    /// The server's command and its arguments, after `--`. With --url: the bridge that was there before `register`, for `unregister`;
    /// it is not started
    #[arg(required_unless_present = "url", trailing_var_arg = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

impl WrapArgs {
    /// Reads a valid command line of `wrap`, without the program's name. It saves the client the time that the definitions of
    /// the other subcommands take. `None` is for [`Cli::read`], which reports what is wrong.
    pub(crate) fn parse_valid(line: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut line = line.into_iter();
        line.next().filter(|subcommand| subcommand == "wrap")?;
        let definition = Self::augment_args(clap::Command::new("wrap")).no_binary_name(true);
        Self::from_arg_matches(&definition.try_get_matches_from(line).ok()?).ok()
    }

    /// Returns the words that name the server: its command, or its address and headers.
    pub(crate) fn server_words(&self) -> Vec<OsString> {
        match &self.url {
            Some(url) => {
                let (url, headers, bearer) = (url.clone(), self.header.clone(), self.bearer.clone());
                TargetWords { url, headers, bearer }.words().into_iter().map(OsString::from).collect()
            }
            None => self.command.clone(),
        }
    }

    /// Whether the policy is enforced or only observed.
    pub(crate) fn enforcement_mode(&self) -> Enforcement {
        if self.observe { Enforcement::Observed } else { Enforcement::Enforced }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The policy file, or a server by its key in a client's file or by its name: then the policy that its wrapper uses;
    /// without it, config.toml and every policy in the configuration directory
    #[arg(value_name = "FILE|SERVER")]
    pub subject: Option<PathBuf>,
    /// The server that the policy is for; its known tools allow more checks
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// Output format: for a person, or for an editor or CI
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = DECIDE)]
pub(crate) struct DecideArgs {
    /// The tool's name, as in tools/list
    #[arg(value_name = "TOOL", required_unless_present_any = ["named_tool", "resource", "prompt", "method"])]
    pub tool: Option<String>,
    /// The same as TOOL
    #[arg(long = "tool", value_name = "NAME", hide = true, conflicts_with_all = ["tool", "resource", "prompt", "method"])]
    pub named_tool: Option<String>,
    /// Instead of a tool: the URI of a resource that is read
    #[arg(long, value_name = "URI", conflicts_with_all = ["tool", "args"])]
    pub resource: Option<String>,
    /// Instead of a tool: the name of a prompt that is fetched
    #[arg(long, value_name = "NAME", conflicts_with_all = ["tool", "resource"])]
    pub prompt: Option<String>,
    /// Instead of a tool: a method of the client that the protocol does not know, or a request of the server such as
    /// `sampling/createMessage`
    #[arg(long, value_name = "METHOD", conflicts_with_all = ["tool", "resource", "prompt"])]
    pub method: Option<String>,
    /// The arguments of the call or prompt, or the parameters of the method, as a JSON object, or `-` to read them from
    /// stdin; without it there are none
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    pub args: Option<String>,
    /// What the call answers to the server's questions (`inputResponses`, what conditions on `input.…` look at), as a JSON
    /// object; without it, nothing
    #[arg(long, value_name = "JSON", allow_hyphen_values = true, conflicts_with = "method")]
    pub input: Option<String>,
    /// A file with what the server answers, as a JSON object, or `-` for stdin: print also what `results` of the policy makes
    /// of it
    #[arg(long, value_name = "FILE")]
    pub result: Option<PathBuf>,
    /// A file with what the session has seen before, or `-` for stdin, of this server and of others: one result on each line, as a
    /// JSON object such as `{"server": "web", "tool": "read_page", "text": "…"}`; without it, nothing
    #[arg(long, value_name = "FILE")]
    pub seen: Option<PathBuf>,
    /// The policy file; without it, the policy that `wrap` would use for the server
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The server that has the tool, by its key in a client's file or by its name; without it, the one that the policy file
    /// is named after, else the only one with a policy in the configuration directory, else `iterable` if it has a tool of this
    /// name
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// Output format: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const DECIDE: &str = "\
Examples:
  policylayer decide get_campaigns --server iterable
  policylayer decide send_campaign --args '{\"campaignId\": 77}'
  policylayer decide --server files --resource file:///srv/reports/may.csv
  policylayer decide --policy new.toml create_list --args - < args.json
  policylayer decide get_user_by_email --result answer.json
  policylayer decide send_email --seen read.jsonl --args - < args.json

The call is judged as the first one of a session. A tool that is in no catalogue is judged as the lock of its \
server has it, and without a lock by its name alone: what the server lists about it may change its class. `policylayer test` tries several calls, and limits over time.

Exit codes:
  0 allowed   1 something failed   2 wrong usage   3 the policy is invalid
  4 refused, hidden, or its result withheld   5 needs a person's approval";

#[derive(Debug, Args)]
#[command(after_help = TEST)]
pub(crate) struct TestArgs {
    /// The test files (.test.toml, .test.json, .test.yaml or .test.yml), or servers by their keys in a client's file or by
    /// their names: then the tests beside their policies; without any, all in policies/ in the configuration directory
    #[arg(value_name = "FILE|SERVER")]
    pub files: Vec<PathBuf>,
    /// Output format: for a person, for a program, or for CI
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = TestFormat::Text)]
    pub format: TestFormat,
}

const TEST: &str = "\
A test file lives beside its policy: iterable.test.toml tests iterable.toml.

  [[case]]
  name = \"sends ask a person\"
  tool = \"send_campaign\"
  args = { campaignId = 77 }
  expect = \"require_approval\"

Instead of `tool`, a case may have `resource`, `prompt` or `method`.
docs/testing.md has every key, and how to test limits over time.

Exit codes:
  0 all passed   1 a case failed, or a file cannot be read   2 wrong usage
  3 a policy or a test file is invalid";

#[derive(Debug, Args)]
#[command(after_help = SCHEMA)]
pub(crate) struct SchemaArgs {
    /// Which files the schema is for
    #[arg(value_name = "FILES", value_enum, default_value_t = SchemaOf::Policy)]
    pub of: SchemaOf,
}

/// The files that a schema is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Policies.
    Policy,
    /// Tests of policies, such as iterable.test.toml.
    Test,
}

const SCHEMA: &str = "\
An editor that knows the schema completes keys and marks mistakes as you type. Save it beside your policies:

  policylayer schema > policy.schema.json
  policylayer schema test > test.schema.json

Then name it in the first line of a policy, or of a test file:
  TOML   #:schema ./policy.schema.json
  YAML   # yaml-language-server: $schema=./policy.schema.json
  JSON   \"$schema\": \"./policy.schema.json\", as a key

`policylayer check` checks more than a schema can express, and has the last word.";

#[derive(Debug, Args)]
#[command(override_usage = "policylayer demo [-- <COMMAND> [ARGS]...]")]
pub(crate) struct DemoArgs {
    /// A server to show instead of the built-in example, after `--`: its tools are listed and none is called
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// How much to say on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// What makes the session fail.
    Error,
    /// Also what a person should look into.
    Warn,
    /// Also the start, and each refused or dropped message.
    Info,
    /// Also the steps of a session's start and end.
    Debug,
    /// Everything.
    Trace,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person.
    #[value(alias = "table")]
    Text,
    /// For a program.
    Json,
}

/// How to print the results of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// For a person.
    Text,
    /// For a program: one JSON document.
    Json,
    /// For CI: JUnit XML.
    Junit,
}

fn parse_message_size(text: &str) -> Result<Size, String> {
    let size: Size = text.parse().map_err(|error: BadSize| error.to_string())?;
    if size.0 < MIN_MESSAGE { Err(format!("it must be at least {}", Size(MIN_MESSAGE))) } else { Ok(size) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::entry::{WRAP_FLAGS, WRAP_VALUES};

    #[test]
    fn a_handshake_must_fit_into_a_message() {
        assert_eq!(parse_message_size("1KiB"), Ok(Size(1024)));
        for text in ["1023", "64 parsecs"] {
            assert!(parse_message_size(text).is_err(), "{text}");
        }
    }

    /// What reads clients' entries tells by these whether `wrap` would start.
    #[test]
    fn the_options_of_wrap_are_those_that_entries_are_read_by() {
        let command = Cli::command();
        let wrap = command.find_subcommand("wrap").unwrap();
        let options = |has_value: bool| -> Vec<_> {
            let options = wrap.get_arguments().filter(|option| option.get_action().takes_values() == has_value);
            let mut names: Vec<_> = options.filter_map(|option| option.get_long()).collect();
            names.retain(|name| !matches!(*name, "help" | "version"));
            names.sort_unstable();
            names
        };
        let sorted = |names: &[&'static str]| -> Vec<_> {
            let mut names = names.to_vec();
            names.sort_unstable();
            names
        };
        assert_eq!(options(true), sorted(&WRAP_VALUES));
        assert_eq!(options(false), sorted(&WRAP_FLAGS));
    }

    #[test]
    fn wrap_alone_is_read_as_among_the_other_subcommands() {
        for line in [
            "wrap -- npx -y @iterable/mcp --help",
            "wrap --observe --policy p.toml --server x --log-level warn --max-message 2MiB -- cat -- -h",
            "wrap cat --policy of-the-server",
            "wrap",
            "wrap --help",
            "wrap -h -- cat",
            "wrap --version -- cat",
            "wrap --polisy p.toml -- cat",
            "check --server iterable",
            "",
        ] {
            let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
            let among = Cli::try_parse_from([OsString::from("policylayer")].into_iter().chain(words.clone()));
            let among = among.ok().and_then(|cli| match cli.command {
                Command::Wrap(args) => Some(args),
                _ => None,
            });
            assert_eq!(format!("{:?}", WrapArgs::parse_valid(words)), format!("{among:?}"), "{line}");
        }
    }

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }
}

//! policylayer stands between an MCP client and its server and lets through what a local policy allows.
//!
//! Bytes come in, decisions go out. The core is sans-IO: it never reads a file, a clock, a socket or the environment, so every
//! question of protocol and policy is tested by feeding lines to an [`Engine`](engine::Engine) and comparing its actions:
//!
//! ```
//! use std::sync::Arc;
//!
//! use policylayer::engine::limits::Memory;
//! use policylayer::engine::{Action, Engine, Now, Payload};
//! use policylayer::policy::{self, Format, Server, ServerName, Source};
//!
//! let source = Source::new("shop.toml", Format::Toml, "version = \"1\"\ndefault = \"allow\"\nhide = [\"drop_shop\"]\n");
//! let loaded = policy::load_policy(&source, &Server::by_name(&ServerName::parse("shop")?));
//! let policy = loaded.policy.expect("the policy is valid");
//! let mut engine = Engine::new(Arc::new(policy), Box::new(Memory::default()));
//! let mut actions = Vec::new();
//!
//! // A call that the policy allows goes to the server byte for byte.
//! let call = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_orders","arguments":{}}}"#;
//! engine.handle_client_line(call, Now::default(), &mut actions);
//! assert_eq!(actions, [Action::ToServer(Payload::Received)]);
//!
//! // A call of a hidden tool never reaches the server: the client gets an error.
//! actions.clear();
//! let call = br#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"drop_shop"}}"#;
//! engine.handle_client_line(call, Now::default(), &mut actions);
//! assert!(actions.iter().any(|action| matches!(action, Action::ToClient(Payload::Written(_)))));
//! assert!(!actions.iter().any(|action| matches!(action, Action::ToServer(_))));
//!
//! // And the list that the server sends reaches the client without that tool.
//! actions.clear();
//! let request = br#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#;
//! engine.handle_client_line(request, Now::default(), &mut actions);
//! assert_eq!(actions, [Action::ToServer(Payload::Received)]);
//! actions.clear();
//! let list = br#"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"get_orders"},{"name":"drop_shop"}]}}"#;
//! engine.handle_server_line(list, Now::default(), &mut actions);
//! let filtered = br#"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"get_orders"}]}}"#;
//! let filtered = [&filtered[..], b"\n"].concat();
//! assert_eq!(actions, [Action::ToClient(Payload::Written(filtered))]);
//! # Ok::<(), policylayer::policy::BadServerName>(())
//! ```
//!
//! # Modules
//!
//! Each module imports only those that stand before it:
//!
//! - The core: `block_bits` (which bytes of a block are of a kind), `limits` (every bound by its name), `unicode` (facts about characters), `visible` (foreign text made safe for a terminal), `size`, `wire` (lines and
//!   JSON-RPC messages), `risk` (facts about tools: classes, catalogues, the classifier, attack patterns), `lock` (what was agreed
//!   to of a server, and what changed), `content` (what stands inside texts), `provenance` (where values came
//!   from), `policy` (from a document to decisions), `record` (the log's lines), `engine` (a session: requests, lists, limits, approvals).
//! - Kept between sessions and around the program: `state` (what wrappers share), `exit` (the exit codes), `env` (the
//!   environment of the process), `shell` (commands that a person is advised to run), `lookup` (which file a command starts),
//!   `settings` (config.toml), `paths` (where configuration, policies, state and logs are), `package` (what a command starts, as its launcher's files
//!   tell), `audit` (the log's files).
//! - I/O: `clients` (the configuration files of MCP clients), `proxy` (the server's process, or the server over HTTP, the pumps, the signals), `probe`
//!   (starts a server and lists what it has).
//! - Answers and faces: `report` (one serializable type per question), `author` (writes policies), `term` (the terminal), `web`
//!   (the local page), `cli` (the command line), `cmd` (one module per subcommand), `program` (parse, run, report, exit code).
//!
//! # What semantic versioning covers
//!
//! First the program: its options, exit codes and `--format json`, the policy files and config.toml that it reads, and the lines
//! of its log. Of the library: [`engine`], [`policy`], [`record`], [`risk`] and [`size`], which is what an embedding of the engine
//! needs. All other modules are public for the program and its tests, and may change with any release.
//!
//! # Invariants
//!
//! Every change keeps these:
//!
//! 1. **Fail closed.** What is not understood is refused with a clear error; nothing is forwarded because something failed.
//! 2. **What is forwarded is what was judged**, byte for byte, and only when every reasonable JSON parser reads it alike.
//! 3. **stdout is the protocol.** Only whole JSON-RPC lines reach it; everything else goes to stderr.
//! 4. **Order holds** in each direction.
//! 5. **Every request gets exactly one answer**, also when the server dies.
//! 6. **No orphans.** When the wrapper ends, however it ends, the server's process tree ends.
//! 7. **The decision says why**: effect, rule, reason.
//! 8. **Bounded memory.** Every table and buffer has a limit, named in [`limits`].

pub mod audit;
pub mod author;
mod block_bits;
mod cli;
pub mod clients;
mod cmd;
pub mod content;
pub mod engine;
pub mod env;
pub mod exit;
pub mod limits;
pub mod lock;
pub mod lookup;
mod package;
pub mod paths;
pub mod policy;
pub mod probe;
#[doc(hidden)]
pub mod program;
pub mod provenance;
pub mod proxy;
pub mod record;
mod report;
pub mod risk;
pub mod settings;
mod shell;
pub mod size;
pub mod state;
mod term;
mod unicode;
mod visible;
mod web;
pub mod wire;

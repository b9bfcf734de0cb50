//! policylayer stands between an MCP client and its server and lets through what a local policy allows.
//!
//! Bytes come in, decisions go out. The core is sans-IO: it never reads a file, a clock, a socket or the environment, so that
//! every protocol and policy question is tested by feeding it lines and comparing actions. The rooms, each of which uses
//! only those before it:
//!
//! - The core: `limits` (every bound by its name), `visible` (text from elsewhere as a terminal may have it), `size`, `wire`
//!   (lines and JSON-RPC messages), `risk` (facts about tools: classes, catalogues, the classifier, attack patterns),
//!   `policy` (from a document to decisions), `engine` (a session: requests, lists, limits,
//!   approvals), `settings` (config.toml).
//! - What is kept: `state` (what wrappers share), `exit` (the exit codes), `env` (the environment of the process), `shell` (commands that a person is told to run), `lookup` (which
//!   file a command starts), `paths` (where
//!   configuration, policies, state and logs are), `audit` (the log; its records are part of the core).
//! - The I/O layer: `clients` (the configuration files of MCP clients), `proxy` (the server's process, the pumps, the signals),
//!   `probe` (what a server offers), `report` (answers to questions, each a serializable type), `author` (writing policies),
//!   `term` (the terminal), and the log's lines in `record`
//!   `cli` (the command line), `cmd` (a file a verb).
//!
//! The invariants that every change keeps:
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
pub mod cli;
pub mod clients;
pub mod cmd;
pub mod engine;
pub mod env;
pub mod exit;
pub mod limits;
pub mod lookup;
pub mod paths;
pub mod policy;
pub mod probe;
pub mod proxy;
pub mod record;
pub mod report;
pub mod risk;
pub mod settings;
mod shell;
pub mod size;
pub mod state;
pub mod term;
mod visible;
pub mod wire;

//! One program with every test that needs no process of its own: it is linked once, on each system.
//!
//! The modules are named after what they test; `support` is what they share.
//!
//! # What does not run everywhere
//! Every module runs on Linux, macOS and Windows. A test whose subject a system does not have is left out there, the test
//! alone, by the narrowest `cfg`, with the reason beside it:
//!
//! - `#[cfg(unix)]`: signals, modes, a pseudo-terminal (`support::terminal`), programs of the shell, a file that is
//!   replaced while another has it open;
//! - `#[cfg(target_os = "linux")]`: what /proc tells (memory, open files, the watcher, the processes behind npx), what is
//!   mounted or limited for one process, a library that is loaded before the system's own clock.
//!
//! What a test finds missing only when it runs is said on stderr, where the test runner does not hold it back:
//! `skipped: NAME: WHY` by `support::node::upstream` (no Node; a failure under `CI=true`), and `skipped in part: NAME: WHY`
//! by `support::system::may_link` (Windows lets few users make symbolic links).
//!
//! Who lives is seen by `support::processes::living`: on Linux every process of the home, elsewhere the stub servers, each
//! of which holds a lock on a file there until it ends.

mod agentdojo;
mod approval_rounds;
mod approvals;
mod approvals_bounds;
mod approvals_clients;
mod approvals_lasting;
mod approvals_late;
mod approvals_local;
mod approvals_rmcp;
mod approvals_store;
mod approvals_watch;
mod audit;
mod audit_files;
mod came_from;
mod catalogue;
mod check;
mod class_listing;
mod classifier;
mod client_places;
mod clients;
mod columns;
mod completions;
mod conditions;
mod conformance;
mod conformance_client;
mod counts;
mod decide;
mod demo;
mod detectors;
mod doctor;
mod documents;
mod edit;
mod edit_history;
mod edit_names;
mod edit_properties;
mod edit_sections;
mod everything;
mod explain;
mod faults;
mod http;
mod http_commands;
mod http_faults;
mod http_login;
mod http_secrets;
mod init;
mod inspect;
mod iterable;
mod journey;
#[path = "../laws/mod.rs"]
mod laws;
mod limits;
mod limits_store;
mod limits_windows;
mod listings;
mod lock_approvals;
mod lock_command;
mod lock_law;
#[cfg(unix)]
mod lock_npx;
mod lock_session;
mod log;
mod log_json;
mod macos;
mod man;
mod methods;
mod notifications;
mod policy;
mod policy_properties;
mod policy_tests;
mod previews;
mod properties;
mod provenance;
mod records;
mod reference_servers;
mod register;
mod register_all;
mod register_http;
mod reload;
mod replay;
#[cfg(target_os = "linux")]
mod report_json;
mod results;
mod rounds;
mod schema;
mod server_name;
mod settings;
mod stand_ins;
mod status;
mod stderr;
mod subscriptions;
mod suggest;
mod support;
mod tasks;
mod tidy;
mod ui;
mod vectors;
mod visible;
#[cfg(windows)]
mod windows;
mod windows_files;
mod wrap;

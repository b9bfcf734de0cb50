//! One program with every test that needs no process of its own: it is linked once, on each system.
//!
//! The modules are named after what they test; `support` is what they share.

mod approvals;
mod approvals_local;
mod approvals_rmcp;
mod approvals_watch;
mod audit;
mod audit_files;
mod check;
mod classifier;
mod clients;
mod completions;
mod conditions;
mod counts;
mod decide;
mod demo;
mod doctor;
mod edit;
mod edit_properties;
mod everything;
mod explain;
mod faults;
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
mod log;
mod macos;
mod man;
mod policy;
mod policy_properties;
mod policy_tests;
mod properties;
mod records;
mod register;
mod reload;
mod replay;
mod schema;
mod server_name;
mod settings;
mod stderr;
mod suggest;
mod support;
mod tidy;
mod vectors;
#[cfg(windows)]
mod windows;
mod windows_files;
mod wrap;

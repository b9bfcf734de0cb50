//! Which process is the client: the one that starts the wrapper, behind shells and launchers.
//!
//! Counts of the scope `client` are those of one such process. Where it cannot be told, all sessions of this user for which that is
//! so are counted together: that refuses more calls, never fewer.

use std::process;

/// Shells and programs that start another one and wait for it: they live as long as one session.
const PASSED_ON: [&str; 45] = [
    "arch",
    "ash",
    "bash",
    "bun",
    "bunx",
    "busybox",
    "caffeinate",
    "cmd",
    "corepack",
    "dash",
    "direnv",
    "disclaimer",
    "doas",
    "doppler",
    "dotenv",
    "env",
    "envmcp",
    "fish",
    "fnm",
    "infisical",
    "ksh",
    "mise",
    "nice",
    "nohup",
    "npm",
    "npx",
    "nu",
    "op",
    "pipx",
    "pnpm",
    "pnpx",
    "policylayer",
    "powershell",
    "pwsh",
    "setsid",
    "sh",
    "stdbuf",
    "su",
    "sudo",
    "timeout",
    "uv",
    "uvx",
    "volta",
    "yarn",
    "zsh",
];

/// What package runners are called where Node runs them.
const RUN_BY_NODE: [&str; 6] = ["npm-cli", "npx-cli", "pnpm", "pnpx", "yarn", "corepack"];

/// What stands above each session anew, and is no client: the ends of connections, and the first process of a container.
const NO_CLIENT: [&str; 11] = [
    "catatonit",
    "conmon",
    "docker-init",
    "dropbear",
    "dumb-init",
    "init",
    "sessionleader",
    "sshd",
    "sshd-auth",
    "sshd-session",
    "tini",
];

/// How many processes are looked at.
const MAX_ABOVE: usize = 32;

/// The name for all processes of which the client cannot be told.
const UNKNOWN: &str = "unknown";

/// A process as the system tells of it.
#[derive(Clone, Debug, Default)]
struct Process {
    parent: Option<u32>,
    /// In a unit of the system's: no two processes with the same number have it.
    started: u64,
    name: String,
    /// The first arguments.
    arguments: Vec<String>,
}

/// Returns a name for the process that is the client: no two processes that have ever run on this machine share one.
pub fn name_client_process() -> String {
    let client = find_client(process::id(), read_process);
    let name = client.map_or_else(|| UNKNOWN.to_owned(), |(id, started)| format!("{id}@{started}{}", boot()));
    tracing::debug!("Limits of the scope client count for the process {name}.");
    name
}

/// Whether the client with a name of [`name_client_process`] still runs; `None` if it is the name for those that cannot be told.
pub fn is_running(name: &str) -> Option<bool> {
    let (id, started) = name.split_once('@')?;
    let (started, boot_then) = started.split_once('@').map_or((started, ""), |(started, boot)| (started, boot));
    let now = id.parse().ok().and_then(read_process);
    let is_same = now.is_some_and(|now| now.started.to_string() == started);
    Some(is_same && boot().trim_start_matches('@') == boot_then)
}

/// Returns the number of the client's process, and when it started.
fn find_client(own: u32, read: impl Fn(u32) -> Option<Process>) -> Option<(u32, u64)> {
    let mut below = read(own)?;
    for _ in 0..MAX_ABOVE {
        let id = below.parent.filter(|id| *id > 1)?;
        // A number whose process has started later is another's by now.
        let above = read(id).filter(|above| above.started <= below.started)?;
        if above.is_no_client() {
            return None;
        }
        if !above.passes_on() {
            return Some((id, above.started));
        }
        below = above;
    }
    None
}

impl Process {
    fn is_no_client(&self) -> bool {
        let name = program_name(&self.name);
        // What WSL calls the end of a connection: `Relay(123)`.
        let name = name.split(':').next().unwrap_or_default();
        NO_CLIENT.contains(&name) || name.starts_with("relay(") || name.starts_with("containerd-shim")
    }

    fn passes_on(&self) -> bool {
        // npm writes what it does where its name and arguments were: `npm exec NAME`.
        let first = self.arguments.first().map(String::as_str).unwrap_or_default();
        let names = [&*self.name, first, first.split(' ').next().unwrap_or_default()].map(program_name);
        let is_node = names.iter().any(|name| name == "node");
        names.iter().any(|name| PASSED_ON.contains(&&**name))
            || self.name.starts_with("npm ")
            || is_node
                && self.arguments.iter().skip(1).find(|argument| !argument.starts_with('-')).is_some_and(|script| {
                    let name = program_name(script);
                    RUN_BY_NODE.contains(&&*name) || PASSED_ON.contains(&&*name)
                })
    }
}

/// The name of a program or script in lower case, without its folder and what says how it is run; a login shell's without its dash.
fn program_name(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path).to_lowercase();
    let name = name.strip_prefix('-').unwrap_or(&name);
    let plain = [".exe", ".cmd", ".bat", ".ps1", ".js", ".cjs", ".mjs"].iter().find_map(|end| name.strip_suffix(end));
    plain.unwrap_or(name).to_owned()
}

/// How many arguments are read.
const ARGUMENTS: usize = 3;

/// Reads from `/proc`: times since the start of the system, which no change of the clock moves.
#[cfg(target_os = "linux")]
fn read_process(id: u32) -> Option<Process> {
    let folder = std::path::Path::new("/proc").join(id.to_string());
    let status = std::fs::read(folder.join("stat")).ok()?;
    let status = String::from_utf8_lossy(&status);
    // The name stands in brackets, and may hold some itself.
    let (name, rest) = status.split_once('(')?.1.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok();
    let started = fields.nth(17)?.parse().ok()?;
    let line = std::fs::read(folder.join("cmdline")).unwrap_or_default();
    let arguments = line.split(|byte| *byte == 0).take(ARGUMENTS).map(|one| String::from_utf8_lossy(one).into_owned());
    Some(Process { parent, started, name: name.to_owned(), arguments: arguments.collect() })
}

#[cfg(not(target_os = "linux"))]
fn read_process(id: u32) -> Option<Process> {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};
    let id = Pid::from_u32(id);
    let mut system = System::new().ok()?;
    let what = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[id]), false, what);
    let process = system.process(id)?;
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    Some(Process {
        parent: process.parent().map(Pid::as_u32),
        started: process.start_time(),
        name: text(process.name()),
        arguments: process.cmd().iter().take(ARGUMENTS).map(|one| text(one)).collect(),
    })
}

/// What tells one start of the system from another, where times are counted from it.
fn boot() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    if boot.is_empty() { boot } else { format!("@{}", boot.trim_end()) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Finds the client above process 100, from lines such as `90 sh -c x`, nearest first; each started before those above it in
    /// the list.
    fn client_of(above: &[&str]) -> Option<u32> {
        let mut processes = HashMap::from([(100, Process { started: 100, ..Process::default() })]);
        let mut below = 100;
        for line in above {
            let (id, command) = line.split_once(' ').unwrap();
            let id = id.parse().unwrap();
            let arguments: Vec<String> = command.split(' ').map(str::to_owned).collect();
            let name = arguments[0].rsplit(['/', '\\']).next().unwrap().to_owned();
            processes.get_mut(&below).unwrap().parent = Some(id);
            processes.insert(id, Process { parent: None, started: id.into(), name, arguments });
            below = id;
        }
        find_client(100, |id| processes.get(&id).cloned()).map(|(id, _)| id)
    }

    #[test]
    fn the_client_is_the_first_that_is_no_shell_and_no_launcher() {
        for (above, client) in [
            (&["90 claude", "80 -zsh", "70 tmux"][..], Some(90)),
            (&["90 /bin/sh -c x", "80 claude"], Some(80)),
            (&["90 sh", "85 node /usr/bin/npx guard", "80 node /usr/lib/cli.js", "70 bash"], Some(80)),
            (&["90 node /usr/lib/node_modules/npm/bin/npx-cli.js guard", "80 Code"], Some(80)),
            (&["90 npm exec guard", "80 cursor"], Some(80)),
            (&["90 cmd.exe /c policylayer.exe", r"80 C:\Programs\Claude.exe"], Some(80)),
            (&["90 /Applications/Claude.app/Contents/Helpers/disclaimer", "80 Claude"], Some(80)),
            (&["90 op run --", "85 sudo x", "80 /opt/zed"], Some(80)),
            (&["90 python agent.py", "80 bash"], Some(90)),
            (&["90 node agent.js sh", "80 bash"], Some(90)),
            // Where it cannot be told.
            (&[], None),
            (&["1 systemd"], None),
            (&["90 bash", "1 init"], None),
            (&["90 bash", "80 sshd: me@pts", "70 sshd"], None),
            (&["90 bash", "80 sshd-session", "70 sshd"], None),
            (&["90 Relay(123)", "80 init"], None),
            (&["90 bash", "95 claude"], None),
        ] {
            assert_eq!(client_of(above), client, "{above:?}");
        }
    }

    #[test]
    fn a_chain_without_an_end_is_given_up() {
        let shell = |id: u32| Some(Process { parent: Some(id), name: "sh".to_owned(), ..Process::default() });
        assert_eq!(find_client(7, shell), None);
    }

    #[test]
    fn this_process_has_a_client_or_none_but_always_the_same() {
        let own = read_process(process::id()).unwrap();
        // One that Wine starts from Linux has no parent.
        assert!(own.started > 0 && !own.name.is_empty(), "{own:?}");
        assert_eq!(name_client_process(), name_client_process());
    }
}

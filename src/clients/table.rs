//! The clients: where each keeps its servers, and in which format. To add a client, add a row here, a fixture in
//! tests/clients/fixtures and a line in docs/clients.md.

use super::document::ClientFormat;

/// Whose configuration a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigScope {
    /// The user's, for every project.
    User,
    /// The user's, for one project: the servers are in the user's file under the project's directory.
    Directory,
    /// A project's, in its directory, shared by everybody who works on it.
    Project,
}

impl ConfigScope {
    /// Returns its name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Directory => "folder",
            Self::Project => "project",
        }
    }
}

/// What may be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its servers are changed, and new ones added.
    Add,
    /// Its servers are changed, and none added: the client has a better file for them.
    Change,
    /// It is only read, because a change would not last or is not this user's to make.
    Read(Keeper),
}

/// Who writes a file that is only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// An administrator, for every user.
    Administrator,
    /// The client, from an extension that it has unpacked.
    Extension,
    /// The client, from a plugin that it has fetched.
    Plugin,
}

/// How servers stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// By name, under the keys of the row.
    Named,
    /// The same, the words of a command in one list; under `servers` there are more.
    OpenCode,
    /// One server, under the keys of the row: the manifest of an extension.
    Extension,
    /// By name, under the keys of the row or at the top. The file of the row lists the plugins.
    Plugin,
}

/// A file of a client.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The client's id on the command line.
    pub id: &'static str,
    /// The client's name, as its users call it.
    pub name: &'static str,
    /// Whose file it is.
    pub scope: ConfigScope,
    /// The file on Linux, macOS and Windows. `~` is the home directory, `.` the working directory, and
    /// `$XDG_CONFIG_HOME` is `~/.config` if it is not set. The component after `Packages` stands for every package of
    /// that name, `*` for every directory, and `*.json` for every such file.
    pub files: [&'static str; 3],
    /// A variable that names another directory for the file, and the file's name there.
    pub moved_by: Option<(&'static str, &'static str)>,
    /// A directory that exists if the client is installed, unless that is the directory of the file.
    pub sign: Option<&'static str>,
    /// The file's format.
    pub format: ClientFormat,
    /// The keys that lead to the servers. `*` stands for the directory of a project.
    pub keys: &'static [&'static str],
    /// Members of a new entry besides its command and arguments, as JSON.
    pub extra: &'static [(&'static str, &'static str)],
    /// What may be done with it.
    pub access: Access,
    /// How servers stand in it.
    pub layout: Layout,
}

impl Row {
    /// Returns the key of a server's variables.
    pub fn env_key(&self) -> &'static str {
        if self.layout == Layout::OpenCode { "environment" } else { "env" }
    }

    /// Returns the `type` of a server that is started.
    pub fn stdio_type(&self) -> &'static str {
        let kind = self.extra.iter().find(|(key, _)| *key == "type").map(|(_, kind)| kind.trim_matches('"'));
        kind.unwrap_or("stdio")
    }
}

const fn everywhere(file: &'static str) -> [&'static str; 3] {
    [file, file, file]
}

const SERVERS: &[&str] = &["mcpServers"];

/// What most rows have in common.
const PLAIN: Row = Row {
    id: "",
    name: "",
    scope: ConfigScope::User,
    files: [""; 3],
    moved_by: None,
    sign: None,
    format: ClientFormat::Json,
    keys: SERVERS,
    extra: &[],
    access: Access::Add,
    layout: Layout::Named,
};

/// What the rows of one client have in common.
const CLAUDE_DESKTOP: Row = Row { id: "claude-desktop", name: "Claude Desktop", ..PLAIN };
const CLAUDE_CODE: Row = Row { id: "claude-code", name: "Claude Code", extra: &[("type", "\"stdio\"")], ..PLAIN };
const CURSOR: Row = Row { id: "cursor", name: "Cursor", ..PLAIN };
const VSCODE: Row = Row {
    id: "vscode",
    name: "VS Code",
    format: ClientFormat::Jsonc,
    keys: &["servers"],
    extra: &[("type", "\"stdio\"")],
    ..PLAIN
};
const VSCODE_SETTINGS: Row = Row { keys: &["mcp", "servers"], access: Access::Change, ..VSCODE };
const GEMINI_CLI: Row = Row { id: "gemini-cli", name: "Gemini CLI", format: ClientFormat::Jsonc, ..PLAIN };
const ANTIGRAVITY: Row = Row { id: "antigravity", name: "Antigravity", ..PLAIN };
const ZED: Row = Row {
    id: "zed",
    name: "Zed",
    format: ClientFormat::Jsonc,
    keys: &["context_servers"],
    extra: &[("source", "\"custom\"")],
    ..PLAIN
};
const CODEX: Row = Row { id: "codex", name: "Codex", format: ClientFormat::Toml, keys: &["mcp_servers"], ..PLAIN };
const COPILOT_CLI: Row =
    Row { id: "copilot-cli", name: "Copilot CLI", extra: &[("type", "\"local\""), ("tools", "[\"*\"]")], ..PLAIN };
const KIRO: Row = Row { id: "kiro", name: "Kiro", ..PLAIN };
const AMAZON_Q: Row = Row { id: "amazon-q", name: "Amazon Q", ..PLAIN };
const AMAZON_Q_AGENTS: Row = Row { name: "Amazon Q agent", access: Access::Change, ..AMAZON_Q };
const OPENCODE: Row = Row {
    id: "opencode",
    name: "OpenCode",
    format: ClientFormat::Jsonc,
    keys: &["mcp"],
    extra: &[("type", "\"local\"")],
    layout: Layout::OpenCode,
    ..PLAIN
};
const OPENCODE_MORE: Row = Row { access: Access::Change, ..OPENCODE };
const OPENCODE_PROJECT: Row = Row { scope: ConfigScope::Project, ..OPENCODE };
const OPENCODE_MANAGED: Row =
    Row { name: "OpenCode, managed", access: Access::Read(Keeper::Administrator), ..OPENCODE };
const EXTENSIONS: Row = Row {
    name: "Claude Desktop extension",
    keys: &["server", "mcp_config"],
    access: Access::Read(Keeper::Extension),
    layout: Layout::Extension,
    ..CLAUDE_DESKTOP
};
const ROO_CODE: Row = Row { id: "roo-code", name: "Roo Code", ..PLAIN };
const CLINE: Row = Row { id: "cline", name: "Cline", ..PLAIN };

/// Every file, the user's first for each client. A new server is added to the first of the user's files that exists.
pub const ROWS: &[Row] = &[
    // Installed as a Windows package (by its installer since 2026-02, the Microsoft Store, WinGet), the client sees its
    // own copy of %APPDATA%: https://github.com/anthropics/claude-code/issues/26073. Every package of this name is
    // read. Other systems have no such file.
    Row {
        files: [
            "",
            "",
            "%LOCALAPPDATA%/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json",
        ],
        ..CLAUDE_DESKTOP
    },
    // https://modelcontextprotocol.io/docs/develop/connect-local-servers documents macOS and Windows; the Linux path is
    // the one that @iterable/mcp 1.9 and others write. The client starts servers with a PATH of its own.
    Row {
        files: [
            "$XDG_CONFIG_HOME/Claude/claude_desktop_config.json",
            "~/Library/Application Support/Claude/claude_desktop_config.json",
            "%APPDATA%/Claude/claude_desktop_config.json",
        ],
        ..CLAUDE_DESKTOP
    },
    // Its extensions (.mcpb, before 2025-09 .dxt) are unpacked there, each with a manifest.json whose `server.mcp_config` starts
    // it: https://github.com/anthropics/mcpb/blob/main/MANIFEST.md. The client replaces them as they are updated, and keeps in
    // "Claude Extensions Settings/ID.json" which are switched on (`isEnabled`):
    // https://github.com/Northbeams-Labs/agentsurface (internal packages, desktopExtensions).
    Row {
        files: [
            "",
            "",
            "%LOCALAPPDATA%/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/Claude Extensions/*/manifest.json",
        ],
        ..EXTENSIONS
    },
    Row {
        files: [
            "$XDG_CONFIG_HOME/Claude/Claude Extensions/*/manifest.json",
            "~/Library/Application Support/Claude/Claude Extensions/*/manifest.json",
            "%APPDATA%/Claude/Claude Extensions/*/manifest.json",
        ],
        ..EXTENSIONS
    },
    // https://code.claude.com/docs/en/mcp (MCP installation scopes): `user` is the top of ~/.claude.json, `local` (the
    // default of `claude mcp add`) is under projects.DIRECTORY there, and `project` is .mcp.json. CLAUDE_CONFIG_DIR:
    // https://code.claude.com/docs/en/settings.
    Row {
        files: everywhere("~/.claude.json"),
        moved_by: Some(("CLAUDE_CONFIG_DIR", ".claude.json")),
        sign: Some("~/.claude"),
        ..CLAUDE_CODE
    },
    Row {
        scope: ConfigScope::Directory,
        files: everywhere("~/.claude.json"),
        moved_by: Some(("CLAUDE_CONFIG_DIR", ".claude.json")),
        sign: Some("~/.claude"),
        keys: &["projects", "*", "mcpServers"],
        ..CLAUDE_CODE
    },
    Row { scope: ConfigScope::Project, files: everywhere("./.mcp.json"), ..CLAUDE_CODE },
    // https://code.claude.com/docs/en/managed-mcp: what an administrator sets for every user. On Windows it was under
    // ProgramData before 2.1.75: https://code.claude.com/docs/en/settings.
    Row {
        name: "Claude Code, managed",
        files: [
            "/etc/claude-code/managed-mcp.json",
            "/Library/Application Support/ClaudeCode/managed-mcp.json",
            "%ProgramFiles%/ClaudeCode/managed-mcp.json",
        ],
        access: Access::Read(Keeper::Administrator),
        ..CLAUDE_CODE
    },
    // https://code.claude.com/docs/en/plugins-reference (MCP servers): each installed plugin may have `.mcp.json`, and
    // `mcpServers` or the names of more files in `.claude-plugin/plugin.json`, with ${CLAUDE_PLUGIN_ROOT}. installed_plugins.json
    // says where each is, `enabledPlugins` of settings.json which are enabled; an update fetches a plugin into another directory.
    Row {
        name: "Claude Code plugin",
        files: everywhere("~/.claude/plugins/installed_plugins.json"),
        moved_by: Some(("CLAUDE_CONFIG_DIR", "plugins/installed_plugins.json")),
        access: Access::Read(Keeper::Plugin),
        layout: Layout::Plugin,
        ..CLAUDE_CODE
    },
    // https://cursor.com/docs/context/mcp (Configuration locations).
    Row { files: everywhere("~/.cursor/mcp.json"), ..CURSOR },
    Row { scope: ConfigScope::Project, files: everywhere("./.cursor/mcp.json"), ..CURSOR },
    // https://code.visualstudio.com/docs/copilot/reference/mcp-configuration: `servers`, `inputs`, and `type` in each
    // entry; the default profile's directory: https://code.visualstudio.com/docs/configure/settings (Settings file
    // locations).
    Row {
        files: [
            "$XDG_CONFIG_HOME/Code/User/mcp.json",
            "~/Library/Application Support/Code/User/mcp.json",
            "%APPDATA%/Code/User/mcp.json",
        ],
        ..VSCODE
    },
    // The Insiders build has a directory of its own: https://code.visualstudio.com/docs/configure/settings.
    Row {
        name: "VS Code Insiders",
        files: [
            "$XDG_CONFIG_HOME/Code - Insiders/User/mcp.json",
            "~/Library/Application Support/Code - Insiders/User/mcp.json",
            "%APPDATA%/Code - Insiders/User/mcp.json",
        ],
        ..VSCODE
    },
    Row { scope: ConfigScope::Project, files: everywhere("./.vscode/mcp.json"), ..VSCODE },
    // Before mcp.json (1.102), servers were under `mcp` in the settings: https://code.visualstudio.com/updates/v1_102. Since then
    // VS Code moves those of the user's settings to mcp.json when it starts, as they are, with a wrapper if they have one:
    // src/vs/workbench/contrib/mcp/browser/mcpMigration.ts of microsoft/vscode.
    Row {
        name: "VS Code settings",
        files: [
            "$XDG_CONFIG_HOME/Code/User/settings.json",
            "~/Library/Application Support/Code/User/settings.json",
            "%APPDATA%/Code/User/settings.json",
        ],
        ..VSCODE_SETTINGS
    },
    Row {
        name: "VS Code settings",
        scope: ConfigScope::Project,
        files: everywhere("./.vscode/settings.json"),
        ..VSCODE_SETTINGS
    },
    // https://docs.windsurf.com/windsurf/cascade/mcp (mcp_config.json); remote servers have `serverUrl` or `url`.
    Row { id: "windsurf", name: "Windsurf", files: everywhere("~/.codeium/windsurf/mcp_config.json"), ..PLAIN },
    // https://geminicli.com/docs/tools/mcp-server and https://geminicli.com/docs/cli/configuration (Settings files); remote
    // servers have `httpUrl` or `url`. Comments are stripped before it is parsed.
    Row { files: everywhere("~/.gemini/settings.json"), ..GEMINI_CLI },
    Row { scope: ConfigScope::Project, files: everywhere("./.gemini/settings.json"), ..GEMINI_CLI },
    // https://antigravity.google/docs/mcp: `serverUrl` for remote servers. Later versions share this file with the
    // Antigravity CLI.
    Row { files: everywhere("~/.gemini/config/mcp_config.json"), ..ANTIGRAVITY },
    // The file of the first IDE versions, and the one that @iterable/mcp 1.9 writes.
    Row { files: everywhere("~/.gemini/antigravity/mcp_config.json"), ..ANTIGRAVITY },
    // https://zed.dev/docs/ai/mcp (As Custom Servers), before 2025-06 with `command: {path, args, env}`; the directory:
    // crates/paths/src/paths.rs (config_dir) of zed-industries/zed.
    Row {
        files: ["$XDG_CONFIG_HOME/zed/settings.json", "~/.config/zed/settings.json", "%APPDATA%/Zed/settings.json"],
        ..ZED
    },
    Row { scope: ConfigScope::Project, files: everywhere("./.zed/settings.json"), ..ZED },
    // https://developers.openai.com/codex/mcp: [mcp_servers.NAME] with command, args, env, cwd, enabled; remote servers
    // have `url`. A project's file is read if the project is trusted.
    Row { files: everywhere("~/.codex/config.toml"), moved_by: Some(("CODEX_HOME", "config.toml")), ..CODEX },
    Row { scope: ConfigScope::Project, files: everywhere("./.codex/config.toml"), ..CODEX },
    // https://docs.cline.bot/mcp/configuring-mcp-servers: the extension keeps it in VS Code's data directory.
    Row {
        files: [
            "$XDG_CONFIG_HOME/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            "~/Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            "%APPDATA%/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
        ],
        ..CLINE
    },
    // https://docs.cline.bot/cline-cli/configuration (Configuration directory): its command line uses the same file.
    Row { files: everywhere("~/.cline/data/settings/cline_mcp_settings.json"), ..CLINE },
    // https://docs.roocode.com/features/mcp/using-mcp-in-roo (Configuring MCP Servers); the extension's directory is that of
    // its id in the data directory of VS Code.
    Row {
        files: [
            "$XDG_CONFIG_HOME/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
            "~/Library/Application Support/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
            "%APPDATA%/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
        ],
        ..ROO_CODE
    },
    Row { scope: ConfigScope::Project, files: everywhere("./.roo/mcp.json"), ..ROO_CODE },
    // https://docs.github.com/en/copilot/how-tos/copilot-cli/customize-copilot/add-mcp-servers: `type` is `local` or
    // `stdio`, and `tools` says which are offered. It reads a project's .mcp.json (of Claude Code) as well.
    Row {
        files: everywhere("~/.copilot/mcp-config.json"),
        moved_by: Some(("COPILOT_HOME", "mcp-config.json")),
        ..COPILOT_CLI
    },
    Row { scope: ConfigScope::Project, files: everywhere("./.github/mcp.json"), ..COPILOT_CLI },
    // https://kiro.dev/docs/mcp/configuration (Configuration locations).
    Row { files: everywhere("~/.kiro/settings/mcp.json"), ..KIRO },
    Row { scope: ConfigScope::Project, files: everywhere("./.kiro/settings/mcp.json"), ..KIRO },
    // https://docs.aws.amazon.com/amazonq/latest/qdeveloper-ug/qdev-mcp.html: the IDEs keep them in the default agent, the
    // command line in mcp.json, which agents include with `useLegacyMcpJson`.
    Row { files: everywhere("~/.aws/amazonq/mcp.json"), sign: Some("~/.aws/amazonq"), ..AMAZON_Q },
    Row { files: everywhere("~/.aws/amazonq/agents/default.json"), access: Access::Change, ..AMAZON_Q },
    Row { scope: ConfigScope::Project, files: everywhere("./.amazonq/mcp.json"), ..AMAZON_Q },
    Row {
        scope: ConfigScope::Project,
        files: everywhere("./.amazonq/agents/default.json"),
        access: Access::Change,
        ..AMAZON_Q
    },
    // https://github.com/aws/amazon-q-developer-cli/blob/main/docs/agent-file-locations.md and agent-format.md beside it: each
    // agent of the command line has its own `mcpServers`.
    Row { files: everywhere("~/.aws/amazonq/cli-agents/*.json"), ..AMAZON_Q_AGENTS },
    Row { scope: ConfigScope::Project, files: everywhere("./.amazonq/cli-agents/*.json"), ..AMAZON_Q_AGENTS },
    // https://lmstudio.ai/docs/app/mcp: it follows Cursor's notation.
    Row { id: "lm-studio", name: "LM Studio", files: everywhere("~/.lmstudio/mcp.json"), ..PLAIN },
    // https://opencode.ai/docs/config (Locations, which are merged) and https://opencode.ai/docs/mcp-servers: `type: "local"`, the
    // words in `command`, `environment`. Version 2 has them under `mcp.servers` and reads both, as version 1 does:
    // packages/opencode/src/config/{paths,v2-compat}.ts of anomalyco/opencode. It looks under ~/.config on every system.
    Row { files: everywhere("$XDG_CONFIG_HOME/opencode/opencode.json"), ..OPENCODE },
    Row { files: everywhere("$XDG_CONFIG_HOME/opencode/opencode.jsonc"), ..OPENCODE },
    Row { files: everywhere("$XDG_CONFIG_HOME/opencode/config.json"), ..OPENCODE_MORE },
    Row { files: everywhere("~/.opencode/opencode.json"), ..OPENCODE_MORE },
    Row { files: everywhere("~/.opencode/opencode.jsonc"), ..OPENCODE_MORE },
    Row { files: everywhere("$OPENCODE_CONFIG_DIR/opencode.json"), ..OPENCODE_MORE },
    Row { files: everywhere("$OPENCODE_CONFIG_DIR/opencode.jsonc"), ..OPENCODE_MORE },
    Row { files: everywhere("./opencode.json"), ..OPENCODE_PROJECT },
    Row { files: everywhere("./opencode.jsonc"), ..OPENCODE_PROJECT },
    Row { files: everywhere("./.opencode/opencode.json"), ..OPENCODE_PROJECT },
    Row { files: everywhere("./.opencode/opencode.jsonc"), ..OPENCODE_PROJECT },
    Row {
        files: [
            "/etc/opencode/opencode.json",
            "/Library/Application Support/opencode/opencode.json",
            "%ProgramData%/opencode/opencode.json",
        ],
        ..OPENCODE_MANAGED
    },
    Row {
        files: [
            "/etc/opencode/opencode.jsonc",
            "/Library/Application Support/opencode/opencode.jsonc",
            "%ProgramData%/opencode/opencode.jsonc",
        ],
        ..OPENCODE_MANAGED
    },
];

/// What is not looked into, for those who look for a server there.
pub(crate) const NOT_LOOKED_INTO: [&str; 7] = [
    "Claude Desktop and Claude Code: connectors of an account (claude.ai), which run elsewhere",
    "Claude Code: plugins that only `--plugin-dir` or a marketplace's own list brings along, and servers of --mcp-config",
    "VS Code: profiles other than the default one, portable installations, remote machines, servers of extensions",
    "Kiro: agents with servers of their own",
    "Gemini CLI: extensions, and what an administrator sets",
    "OpenCode: what OPENCODE_CONFIG, OPENCODE_CONFIG_CONTENT or an organization's address gives, and files of directories above",
    "other clients: see docs/clients.md, By hand",
];

/// Returns what brings the command of an entry that has none, in a client where that is usual.
pub(crate) fn source_of_bare_entry(id: &str) -> Option<&'static str> {
    match id {
        // https://zed.dev/docs/extensions/mcp-extensions: the settings only have options for it.
        "zed" => Some("an extension of Zed"),
        // https://opencode.ai/docs/mcp-servers (Overriding remote defaults).
        "opencode" => Some("the configuration of an organization"),
        _ => None,
    }
}

/// Whether a client writes its file itself while it runs, and may write back what it had.
pub(crate) fn writes_while_it_runs(id: &str) -> bool {
    // Claude Desktop keeps preferences in it, and Claude Code its whole state.
    matches!(id, "claude-desktop" | "claude-code")
}

/// Returns the ids of the clients, each once, in the order of the table.
pub fn client_ids() -> Vec<&'static str> {
    let mut ids: Vec<_> = ROWS.iter().map(|row| row.id).collect();
    ids.dedup();
    ids
}

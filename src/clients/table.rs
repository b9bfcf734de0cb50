//! The clients: where each keeps its servers, and how it writes them down. Adding a client is a row here, a fixture in
//! tests/clients/fixtures and a line in docs/clients.md.

use super::document::Format;

/// Whose configuration a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The user's, for every project.
    User,
    /// The user's, for one project: the servers stand in the user's file under the project's folder.
    Folder,
    /// A project's, in its folder, shared by all who work on it.
    Project,
}

impl Scope {
    /// What it is called in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Folder => "folder",
            Self::Project => "project",
        }
    }
}

/// A file of a client.
#[derive(Debug)]
pub struct Row {
    /// The client, as on the command line.
    pub id: &'static str,
    /// The client, as its users call it.
    pub name: &'static str,
    /// Whose file it is.
    pub scope: Scope,
    /// The file on Linux, macOS and Windows. `~` is the home folder, `.` the working folder, `$XDG_CONFIG_HOME` is
    /// `~/.config` where it is not set. The part after `Packages` stands for every package of that name.
    pub files: [&'static str; 3],
    /// A variable that names the folder in which the file is instead, and the file's name there.
    pub moved_by: Option<(&'static str, &'static str)>,
    /// A folder that is there where the client is installed, where that is not the folder of the file.
    pub sign: Option<&'static str>,
    /// How the file is written.
    pub format: Format,
    /// The keys that lead to the servers. `*` stands for the folder of a project.
    pub keys: &'static [&'static str],
    /// Members that a new entry has besides its command and arguments.
    pub extra: &'static [(&'static str, &'static str)],
}

const fn everywhere(file: &'static str) -> [&'static str; 3] {
    [file, file, file]
}

const SERVERS: &[&str] = &["mcpServers"];

/// Every file, the user's first for each client. A new server is put in the first one of the user's that is there.
pub const ROWS: &[Row] = &[
    // Installed as a Windows package (by its installer since 2026-02, the Microsoft Store, WinGet), it sees its own copy of
    // %APPDATA%: https://github.com/anthropics/claude-code/issues/26073. Whatever package of this name is there is looked
    // into. Other systems have no such file.
    Row {
        id: "claude-desktop",
        name: "Claude Desktop",
        scope: Scope::User,
        files: [
            "",
            "",
            "%LOCALAPPDATA%/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json",
        ],
        moved_by: None,
        sign: None,
        format: Format::Json,
        keys: SERVERS,
        extra: &[],
    },
    // https://modelcontextprotocol.io/docs/develop/connect-local-servers has macOS and Windows; the Linux path is the one
    // that @iterable/mcp 1.9 and others write. It starts servers with a PATH of its own.
    Row {
        id: "claude-desktop",
        name: "Claude Desktop",
        scope: Scope::User,
        files: [
            "$XDG_CONFIG_HOME/Claude/claude_desktop_config.json",
            "~/Library/Application Support/Claude/claude_desktop_config.json",
            "%APPDATA%/Claude/claude_desktop_config.json",
        ],
        moved_by: None,
        sign: None,
        format: Format::Json,
        keys: SERVERS,
        extra: &[],
    },
    // https://code.claude.com/docs/en/mcp (MCP installation scopes): `user` is the top of ~/.claude.json, `local` (the
    // default of `claude mcp add`) stands there under projects.FOLDER, `project` is .mcp.json. CLAUDE_CONFIG_DIR:
    // https://code.claude.com/docs/en/settings.
    Row {
        id: "claude-code",
        name: "Claude Code",
        scope: Scope::User,
        files: everywhere("~/.claude.json"),
        moved_by: Some(("CLAUDE_CONFIG_DIR", ".claude.json")),
        sign: Some("~/.claude"),
        format: Format::Json,
        keys: SERVERS,
        extra: &[("type", "stdio")],
    },
    Row {
        id: "claude-code",
        name: "Claude Code",
        scope: Scope::Folder,
        files: everywhere("~/.claude.json"),
        moved_by: Some(("CLAUDE_CONFIG_DIR", ".claude.json")),
        sign: Some("~/.claude"),
        format: Format::Json,
        keys: &["projects", "*", "mcpServers"],
        extra: &[("type", "stdio")],
    },
    Row {
        id: "claude-code",
        name: "Claude Code",
        scope: Scope::Project,
        files: everywhere("./.mcp.json"),
        moved_by: None,
        sign: None,
        format: Format::Json,
        keys: SERVERS,
        extra: &[("type", "stdio")],
    },
    // https://cursor.com/docs/context/mcp (Configuration locations).
    Row {
        id: "cursor",
        name: "Cursor",
        scope: Scope::User,
        files: everywhere("~/.cursor/mcp.json"),
        moved_by: None,
        sign: None,
        format: Format::Json,
        keys: SERVERS,
        extra: &[],
    },
    Row {
        id: "cursor",
        name: "Cursor",
        scope: Scope::Project,
        files: everywhere("./.cursor/mcp.json"),
        moved_by: None,
        sign: None,
        format: Format::Json,
        keys: SERVERS,
        extra: &[],
    },
    // https://code.visualstudio.com/docs/copilot/reference/mcp-configuration: `servers`, `inputs`, and `type` in each
    // entry; the default profile's folder: https://code.visualstudio.com/docs/configure/settings (Settings file locations).
    Row {
        id: "vscode",
        name: "VS Code",
        scope: Scope::User,
        files: [
            "$XDG_CONFIG_HOME/Code/User/mcp.json",
            "~/Library/Application Support/Code/User/mcp.json",
            "%APPDATA%/Code/User/mcp.json",
        ],
        moved_by: None,
        sign: None,
        format: Format::Jsonc,
        keys: &["servers"],
        extra: &[("type", "stdio")],
    },
    // Its Insiders build has a directory of its own: https://code.visualstudio.com/docs/configure/settings.
    Row {
        id: "vscode",
        name: "VS Code Insiders",
        scope: Scope::User,
        files: [
            "$XDG_CONFIG_HOME/Code - Insiders/User/mcp.json",
            "~/Library/Application Support/Code - Insiders/User/mcp.json",
            "%APPDATA%/Code - Insiders/User/mcp.json",
        ],
        moved_by: None,
        sign: None,
        format: Format::Jsonc,
        keys: &["servers"],
        extra: &[("type", "stdio")],
    },
    Row {
        id: "vscode",
        name: "VS Code",
        scope: Scope::Project,
        files: everywhere("./.vscode/mcp.json"),
        moved_by: None,
        sign: None,
        format: Format::Jsonc,
        keys: &["servers"],
        extra: &[("type", "stdio")],
    },
    // https://docs.windsurf.com/windsurf/cascade/mcp (mcp_config.json); remote servers have `serverUrl` or `url`.
    Row {
        id: "windsurf",
        name: "Windsurf",
        scope: Scope::User,
        files: everywhere("~/.codeium/windsurf/mcp_config.json"),
        moved_by: None,
        sign: None,
        format: Format::Json,
        keys: SERVERS,
        extra: &[],
    },
    // https://geminicli.com/docs/tools/mcp-server and https://geminicli.com/docs/cli/configuration (Settings files); remote
    // servers have `httpUrl` or `url`. Comments are stripped before it is parsed.
    Row {
        id: "gemini-cli",
        name: "Gemini CLI",
        scope: Scope::User,
        files: everywhere("~/.gemini/settings.json"),
        moved_by: None,
        sign: None,
        format: Format::Jsonc,
        keys: SERVERS,
        extra: &[],
    },
    Row {
        id: "gemini-cli",
        name: "Gemini CLI",
        scope: Scope::Project,
        files: everywhere("./.gemini/settings.json"),
        moved_by: None,
        sign: None,
        format: Format::Jsonc,
        keys: SERVERS,
        extra: &[],
    },
    // https://antigravity.google/docs/mcp: `serverUrl` for remote servers. The file that later versions share with the
    // Antigravity CLI.
    Row {
        id: "antigravity",
        name: "Antigravity",
        scope: Scope::User,
        files: everywhere("~/.gemini/config/mcp_config.json"),
        moved_by: None,
        sign: None,
        format: Format::Json,
        keys: SERVERS,
        extra: &[],
    },
    // The file of the IDE's first versions, and the one that @iterable/mcp 1.9 writes.
    Row {
        id: "antigravity",
        name: "Antigravity",
        scope: Scope::User,
        files: everywhere("~/.gemini/antigravity/mcp_config.json"),
        moved_by: None,
        sign: None,
        format: Format::Json,
        keys: SERVERS,
        extra: &[],
    },
    // https://zed.dev/docs/ai/mcp (As Custom Servers), before 2025-06 with `command: {path, args, env}`; the folder:
    // crates/paths/src/paths.rs (config_dir) of zed-industries/zed.
    Row {
        id: "zed",
        name: "Zed",
        scope: Scope::User,
        files: ["$XDG_CONFIG_HOME/zed/settings.json", "~/.config/zed/settings.json", "%APPDATA%/Zed/settings.json"],
        moved_by: None,
        sign: None,
        format: Format::Jsonc,
        keys: &["context_servers"],
        extra: &[("source", "custom")],
    },
    Row {
        id: "zed",
        name: "Zed",
        scope: Scope::Project,
        files: everywhere("./.zed/settings.json"),
        moved_by: None,
        sign: None,
        format: Format::Jsonc,
        keys: &["context_servers"],
        extra: &[("source", "custom")],
    },
    // https://developers.openai.com/codex/mcp: [mcp_servers.NAME] with command, args, env, cwd, enabled; remote servers
    // have `url`. A project's file is read where the project is trusted.
    Row {
        id: "codex",
        name: "Codex",
        scope: Scope::User,
        files: everywhere("~/.codex/config.toml"),
        moved_by: Some(("CODEX_HOME", "config.toml")),
        sign: None,
        format: Format::Toml,
        keys: &["mcp_servers"],
        extra: &[],
    },
    Row {
        id: "codex",
        name: "Codex",
        scope: Scope::Project,
        files: everywhere("./.codex/config.toml"),
        moved_by: None,
        sign: None,
        format: Format::Toml,
        keys: &["mcp_servers"],
        extra: &[],
    },
    // https://docs.cline.bot/mcp/configuring-mcp-servers: the extension keeps it in VS Code's folder for its data.
    Row {
        id: "cline",
        name: "Cline",
        scope: Scope::User,
        files: [
            "$XDG_CONFIG_HOME/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            "~/Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            "%APPDATA%/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
        ],
        moved_by: None,
        sign: None,
        format: Format::Json,
        keys: SERVERS,
        extra: &[],
    },
    // https://docs.cline.bot/cline-cli/configuration (Configuration directory): the same file for its command line.
    Row {
        id: "cline",
        name: "Cline",
        scope: Scope::User,
        files: everywhere("~/.cline/data/settings/cline_mcp_settings.json"),
        moved_by: None,
        sign: None,
        format: Format::Json,
        keys: SERVERS,
        extra: &[],
    },
    // https://lmstudio.ai/docs/app/mcp: it follows Cursor's notation.
    Row {
        id: "lm-studio",
        name: "LM Studio",
        scope: Scope::User,
        files: everywhere("~/.lmstudio/mcp.json"),
        moved_by: None,
        sign: None,
        format: Format::Json,
        keys: SERVERS,
        extra: &[],
    },
];

/// The ids of the clients, each once, in the order of the table.
pub fn ids() -> Vec<&'static str> {
    let mut ids: Vec<_> = ROWS.iter().map(|row| row.id).collect();
    ids.dedup();
    ids
}

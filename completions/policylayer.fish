# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_policylayer_global_optspecs
    string join \n h/help V/version
end

function __fish_policylayer_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_policylayer_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_policylayer_using_subcommand
    set -l cmd (__fish_policylayer_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c policylayer -n "__fish_policylayer_needs_command" -s h -l help -d 'Print help'
complete -c policylayer -n "__fish_policylayer_needs_command" -s V -l version -d 'Print version'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "wrap" -d 'Start an MCP server and enforce the policy on everything that passes between it and the client'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "status" -d 'Show every client and server on one screen: what is protected, what is not, and what to do next'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "clients" -d 'List the MCP clients on this machine, their servers, and which of them are behind a policy'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "register" -d 'Put a policy in front of a server in a client\'s configuration'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "unregister" -d 'Undo `register`: the client starts the server directly again'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "doctor" -d 'Start a server as its client would, and check each step; for each that fails, say what to do'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "inspect" -d 'Start a server and print what an agent would see of it: each tool\'s class, decision and rule. No tool is called'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "lock" -d 'Lock a server: hold it to the tools, prompts, instructions and package that it has now'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "login" -d 'Log in to a server over HTTP in the browser, so that `wrap --url` can reach it'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "logout" -d 'Take the login of a server away'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "init" -d 'Write a policy for a server from what it lists, after asking about each class of tools'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "check" -d 'Load a policy and print its errors and warnings, each with its place and a fix'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "decide" -d 'Print what would happen to a call, and which rule decides. No tool is called and no limit is counted'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "explain" -d 'Print what a tool does, how it is abused, which rule is recommended for it, and which one is in force'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "catalogue" -d 'List the servers that policylayer knows, or what it knows about the tools of one'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "test" -d 'Run policy tests: calls, and the decision that is expected for each'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "allow" -d 'Allow tools: edit the policy so that they may be called'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "deny" -d 'Deny tools: edit the policy so that they stay visible and every call is refused'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "hide" -d 'Hide tools: edit the policy so that the agent does not see them and every call is refused'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "limit" -d 'Limit tools: edit the policy so that only so many calls pass in a period'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "ask" -d 'Ask a person: edit the policy so that each call of the tools needs an approval'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "reset" -d 'Remove what the policy says about tools by name, so that the rest of it decides'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "add" -d 'Merge a policy, or a part of one, into the policy in force'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "history" -d 'List the edits of policies that the subcommands above made: who, when, and what'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "undo" -d 'Undo the last edit of a policy by a subcommand'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "changes" -d 'Print what another version of policylayer changes for a policy'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "approvals" -d 'List and answer the calls that wait for a person\'s approval'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "log" -d 'Print the audit log: every decision and its outcome'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "ui" -d 'Open a page in the browser that shows what your agents can do. It is served to this machine alone'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "suggest" -d 'Suggest, from the audit log, the least policy that would have allowed what was used'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "replay" -d 'Decide the recorded calls again under another policy and print which decisions change'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "schema" -d 'Print the JSON Schema of policy files, or of their tests, for editors'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "demo" -d 'Show what an agent sees, and what happens to its calls, while a policy is in force'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "completions" -d 'Print the completion script for a shell'
complete -c policylayer -n "__fish_policylayer_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c policylayer -n "__fish_policylayer_using_subcommand wrap" -l policy -d 'The policy file (.toml, .json, .yaml or .yml), instead of the one found by the server\'s name; an absolute path' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand wrap" -l server -d 'The server\'s name, instead of the one that config.toml has for its command or that is derived from the command (`npx -y @iterable/mcp` is `iterable`)' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand wrap" -l log-level -d 'How much to say on stderr: `info` has a line for the start and one for each refusal' -r -f -a "error\t'What makes the session fail'
warn\t'Also what a person should look into'
info\t'Also the start, and each refused or dropped message'
debug\t'Also the steps of a session\'s start and end'
trace\t'Everything'"
complete -c policylayer -n "__fish_policylayer_using_subcommand wrap" -l max-message -d 'The longest message in either direction, such as 64MiB, 512KiB or 1000000 (bytes); at least 1KiB. A longer one is refused and the session goes on [default: `max_message` of config.toml, else 64MiB]' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand wrap" -l url -d 'The address of a server over HTTP, instead of a command: https://, or http:// to this machine. docs/http.md' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand wrap" -l header -d 'A header for each request to the server at --url, whose value is in an environment variable, such as Authorization=LINEAR_AUTHORIZATION; can be repeated' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand wrap" -l bearer -d 'An environment variable with a token, which is sent to the server at --url as `Authorization: Bearer TOKEN`' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand wrap" -l entry -d 'With --url: what the client\'s entry was before `register`, for `unregister`; nothing else reads it' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand wrap" -l observe -d 'Try a policy on real work: log what it would refuse, and refuse only what breaks the protocol. `policylayer log` shows the result, `policylayer suggest` turns it into a policy'
complete -c policylayer -n "__fish_policylayer_using_subcommand wrap" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand status" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand clients" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand clients" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -l client -d 'Only this client; may be repeated' -r -f -a "claude-desktop\t''
claude-code\t''
cursor\t''
vscode\t''
windsurf\t''
gemini-cli\t''
antigravity\t''
zed\t''
codex\t''
cline\t''
roo-code\t''
copilot-cli\t''
kiro\t''
amazon-q\t''
lm-studio\t''
opencode\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -l format -d 'With --all: the output format of the plan and the result' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -l server -d 'The server\'s name, which finds its policy, instead of the one that `wrap` derives from its command' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -l policy -d 'The policy file, instead of the one found by the server\'s name' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -l env -d 'A variable for the environment of a server that is added; the value is asked for, or read from stdin' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -l all-clients -d 'Every client that has the server; with a command for `register`, every installed client'
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -l all -d 'Every server of every client, or of the clients that --client names: shows the plan, and asks before it writes'
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -l yes -d 'With --all: do not ask'
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -l observe -d 'Only observe: log what the policy would refuse, and enforce nothing'
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -l enforce -d 'Enforce the policy of a server that was only observed'
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -l lock -d 'Lock the server as well, as `policylayer lock` does: it is started once'
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -l dry-run -d 'Print what would change, and write nothing'
complete -c policylayer -n "__fish_policylayer_using_subcommand register" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand unregister" -l client -d 'Only this client; may be repeated' -r -f -a "claude-desktop\t''
claude-code\t''
cursor\t''
vscode\t''
windsurf\t''
gemini-cli\t''
antigravity\t''
zed\t''
codex\t''
cline\t''
roo-code\t''
copilot-cli\t''
kiro\t''
amazon-q\t''
lm-studio\t''
opencode\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand unregister" -l format -d 'With --all: the output format of the plan and the result' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand unregister" -l all-clients -d 'Every client that has the server; with a command for `register`, every installed client'
complete -c policylayer -n "__fish_policylayer_using_subcommand unregister" -l all -d 'Every server of every client, or of the clients that --client names: shows the plan, and asks before it writes'
complete -c policylayer -n "__fish_policylayer_using_subcommand unregister" -l yes -d 'With --all: do not ask'
complete -c policylayer -n "__fish_policylayer_using_subcommand unregister" -l remove -d 'Take the server out of the file, too: `register -- COMMAND` has added it'
complete -c policylayer -n "__fish_policylayer_using_subcommand unregister" -l dry-run -d 'Print what would change, and write nothing'
complete -c policylayer -n "__fish_policylayer_using_subcommand unregister" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand doctor" -l client -d 'Only this client; may be repeated' -r -f -a "claude-desktop\t''
claude-code\t''
cursor\t''
vscode\t''
windsurf\t''
gemini-cli\t''
antigravity\t''
zed\t''
codex\t''
cline\t''
roo-code\t''
copilot-cli\t''
kiro\t''
amazon-q\t''
lm-studio\t''
opencode\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand doctor" -l timeout -d 'How many seconds a server may take to open a session, and again to list its tools' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand doctor" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand inspect" -l policy -d 'The policy file (.toml, .json, .yaml or .yml), instead of the one that `wrap` would find by the server\'s name' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand inspect" -l server -d 'With a command: the server\'s name, instead of the one that config.toml has for it or that is derived from it; otherwise the same as SERVER' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand inspect" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand inspect" -l client -d 'Only this client; may be repeated' -r -f -a "claude-desktop\t''
claude-code\t''
cursor\t''
vscode\t''
windsurf\t''
gemini-cli\t''
antigravity\t''
zed\t''
codex\t''
cline\t''
roo-code\t''
copilot-cli\t''
kiro\t''
amazon-q\t''
lm-studio\t''
opencode\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and not __fish_seen_subcommand_from diff accept help" -l server -d 'The server, by its key in the clients\' files or by its name; with a command, its name instead of the one derived from the command' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and not __fish_seen_subcommand_from diff accept help" -l client -d 'Only this client; may be repeated' -r -f -a "claude-desktop\t''
claude-code\t''
cursor\t''
vscode\t''
windsurf\t''
gemini-cli\t''
antigravity\t''
zed\t''
codex\t''
cline\t''
roo-code\t''
copilot-cli\t''
kiro\t''
amazon-q\t''
lm-studio\t''
opencode\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and not __fish_seen_subcommand_from diff accept help" -l policy -d 'The policy file that the lock is beside, instead of the one that `wrap` would find' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and not __fish_seen_subcommand_from diff accept help" -l timeout -d 'How many seconds the server may take to open a session, and again for its lists' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and not __fish_seen_subcommand_from diff accept help" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and not __fish_seen_subcommand_from diff accept help" -l check -d 'Write nothing, and exit with 1 if the server differs from its lock. It is started as `wrap` starts it: at the locked version'
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and not __fish_seen_subcommand_from diff accept help" -l yes -d 'Ask nothing: replace a lock that differs'
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and not __fish_seen_subcommand_from diff accept help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and not __fish_seen_subcommand_from diff accept help" -a "diff" -d 'Print what changed since the lock: first in terms of risk, then the text'
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and not __fish_seen_subcommand_from diff accept help" -a "accept" -d 'Print what changed since the lock, and accept it: all of it, or the named items only'
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and not __fish_seen_subcommand_from diff accept help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from diff" -l server -d 'The server, by its key in the clients\' files or by its name; with a command, its name instead of the one derived from the command' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from diff" -l client -d 'Only this client; may be repeated' -r -f -a "claude-desktop\t''
claude-code\t''
cursor\t''
vscode\t''
windsurf\t''
gemini-cli\t''
antigravity\t''
zed\t''
codex\t''
cline\t''
roo-code\t''
copilot-cli\t''
kiro\t''
amazon-q\t''
lm-studio\t''
opencode\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from diff" -l policy -d 'The policy file that the lock is beside, instead of the one that `wrap` would find' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from diff" -l timeout -d 'How many seconds the server may take to open a session, and again for its lists' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from diff" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from accept" -l server -d 'The server, by its key in the clients\' files or by its name; with a command, its name instead of the one derived from the command' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from accept" -l client -d 'Only this client; may be repeated' -r -f -a "claude-desktop\t''
claude-code\t''
cursor\t''
vscode\t''
windsurf\t''
gemini-cli\t''
antigravity\t''
zed\t''
codex\t''
cline\t''
roo-code\t''
copilot-cli\t''
kiro\t''
amazon-q\t''
lm-studio\t''
opencode\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from accept" -l policy -d 'The policy file that the lock is beside, instead of the one that `wrap` would find' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from accept" -l timeout -d 'How many seconds the server may take to open a session, and again for its lists' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from accept" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from accept" -l yes -d 'Ask nothing'
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from accept" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Print what changed since the lock: first in terms of risk, then the text'
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from help" -f -a "accept" -d 'Print what changed since the lock, and accept it: all of it, or the named items only'
complete -c policylayer -n "__fish_policylayer_using_subcommand lock; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c policylayer -n "__fish_policylayer_using_subcommand login" -l url -d 'The address of the server, for one that no client has' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand login" -l client -d 'Only this client; may be repeated' -r -f -a "claude-desktop\t''
claude-code\t''
cursor\t''
vscode\t''
windsurf\t''
gemini-cli\t''
antigravity\t''
zed\t''
codex\t''
cline\t''
roo-code\t''
copilot-cli\t''
kiro\t''
amazon-q\t''
lm-studio\t''
opencode\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand login" -l scope -d 'Ask for these scopes, separated by blanks, instead of those that the server names' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand login" -l client-id -d 'The id of a client that the authorization server knows already, or the address of a document about one; without it, policylayer makes itself known there' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand login" -l client-secret -d 'The environment variable with the secret of that client, if it has one' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand login" -l port -d 'The port of 127.0.0.1 that the browser comes back to; without it, a free one' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand login" -l store -d 'Where the login is kept' -r -f -a "keychain\t'In a file that is sealed with a key in the system\'s keychain, else in one that only your user can read'
file\t'In a file that only your user can read'"
complete -c policylayer -n "__fish_policylayer_using_subcommand login" -l no-open -d 'Print the address, and open no browser'
complete -c policylayer -n "__fish_policylayer_using_subcommand login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand logout" -l url -d 'The address of the server, for one that no client has' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand logout" -l client -d 'Only this client; may be repeated' -r -f -a "claude-desktop\t''
claude-code\t''
cursor\t''
vscode\t''
windsurf\t''
gemini-cli\t''
antigravity\t''
zed\t''
codex\t''
cline\t''
roo-code\t''
copilot-cli\t''
kiro\t''
amazon-q\t''
lm-studio\t''
opencode\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand logout" -s h -l help -d 'Print help'
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -l server -d 'With a command: the server\'s name, instead of the one that config.toml has for it or that is derived from it; otherwise the same as SERVER' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -l catalogue -d 'The known server that this is, if its command does not show it' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -s o -l output -d 'The file to write, `-` for stdout [default: where the server\'s policy is looked for: policies/SERVER.toml in the configuration directory]' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -l format -d 'The policy\'s format [default: as the file\'s extension says, else toml]' -r -f -a "toml\t'With comments'
json\t'JSON has no comments, so it says less'
yaml\t'With comments'"
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -l strength -d 'How strict it is, of a server without a catalogue: strict, balanced or quiet [default: as config.toml says, else strict]' -r -f -a "strict\t''
balanced\t''
quiet\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -l client -d 'Only this client; may be repeated' -r -f -a "claude-desktop\t''
claude-code\t''
cursor\t''
vscode\t''
windsurf\t''
gemini-cli\t''
antigravity\t''
zed\t''
codex\t''
cline\t''
roo-code\t''
copilot-cli\t''
kiro\t''
amazon-q\t''
lm-studio\t''
opencode\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -l force -d 'Replace a policy that is already there; the old one is kept beside the new one as SERVER.toml.before-init'
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -l lock -d 'Lock the server as well, as `policylayer lock` does'
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -l full -d 'Start nothing: write the whole built-in policy for the server'
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -l stand-ins -d 'Give personal data in results stand-ins, so that the model does not get it: docs/results.md'
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -l no-stand-ins -d 'Leave results as they come, without a question'
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -l yes -d 'Ask nothing: take what is recommended'
complete -c policylayer -n "__fish_policylayer_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand check" -l server -d 'The server that the policy is for; its known tools allow more checks' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand check" -l format -d 'Output format: for a person, or for an editor or CI' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand decide" -l tool -d 'The same as TOOL' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand decide" -l resource -d 'Instead of a tool: the URI of a resource that is read' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand decide" -l prompt -d 'Instead of a tool: the name of a prompt that is fetched' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand decide" -l method -d 'Instead of a tool: a method of the client that the protocol does not know, or a request of the server such as `sampling/createMessage`' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand decide" -l args -d 'The arguments of the call or prompt, or the parameters of the method, as a JSON object, or `-` to read them from stdin; without it there are none' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand decide" -l input -d 'What the call answers to the server\'s questions (`inputResponses`, what conditions on `input.…` look at), as a JSON object; without it, nothing' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand decide" -l result -d 'A file with what the server answers, as a JSON object, or `-` for stdin: print also what `results` of the policy makes of it' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand decide" -l seen -d 'A file with what the session has seen before, or `-` for stdin, of this server and of others: one result on each line, as a JSON object such as `{"server": "web", "tool": "read_page", "text": "…"}`; without it, nothing' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand decide" -l policy -d 'The policy file; without it, the policy that `wrap` would use for the server' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand decide" -l server -d 'The server that has the tool, by its key in a client\'s file or by its name; without it, the one that the policy file is named after, else the only one with a policy in the configuration directory, else `iterable` if it has a tool of this name' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand decide" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand decide" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand explain" -l server -d 'The same as SERVER' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand explain" -l policy -d 'The policy file; without it, the policy that `wrap` would use for the server' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand explain" -l format -d 'Output format: for a person, for a program, or as a section of a wiki page' -r -f -a "text\t'For a person'
json\t'For a program: one JSON document'
markdown\t'For a wiki: a section in Markdown'"
complete -c policylayer -n "__fish_policylayer_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand catalogue; and not __fish_seen_subcommand_from draft help" -l format -d 'Output format: for a person, or one JSON document' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand catalogue; and not __fish_seen_subcommand_from draft help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand catalogue; and not __fish_seen_subcommand_from draft help" -a "draft" -d 'Start a server and print the first version of its catalogue, to be filled in by a person'
complete -c policylayer -n "__fish_policylayer_using_subcommand catalogue; and not __fish_seen_subcommand_from draft help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c policylayer -n "__fish_policylayer_using_subcommand catalogue; and __fish_seen_subcommand_from draft" -l server -d 'The server\'s name in the catalogue, instead of the one that is derived from its command' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand catalogue; and __fish_seen_subcommand_from draft" -s h -l help -d 'Print help'
complete -c policylayer -n "__fish_policylayer_using_subcommand catalogue; and __fish_seen_subcommand_from help" -f -a "draft" -d 'Start a server and print the first version of its catalogue, to be filled in by a person'
complete -c policylayer -n "__fish_policylayer_using_subcommand catalogue; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c policylayer -n "__fish_policylayer_using_subcommand test" -l format -d 'Output format: for a person, for a program, or for CI' -r -f -a "text\t'For a person'
json\t'For a program: one JSON document'
junit\t'For CI: JUnit XML'"
complete -c policylayer -n "__fish_policylayer_using_subcommand test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand allow" -l reason -d 'What the agent is told if a call is refused' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand allow" -l server -d 'The server whose policy is edited, by its key in a client\'s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand allow" -l policy -d 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand allow" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand allow" -l anyway -d 'Also take a tool that nothing here knows of the server'
complete -c policylayer -n "__fish_policylayer_using_subcommand allow" -l dry-run -d 'Print what would change, and write nothing'
complete -c policylayer -n "__fish_policylayer_using_subcommand allow" -l new -d 'Write a policy for a server although nothing on this machine uses one of that name'
complete -c policylayer -n "__fish_policylayer_using_subcommand allow" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand deny" -l reason -d 'What the agent is told if a call is refused' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand deny" -l server -d 'The server whose policy is edited, by its key in a client\'s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand deny" -l policy -d 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand deny" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand deny" -l anyway -d 'Also take a tool that nothing here knows of the server'
complete -c policylayer -n "__fish_policylayer_using_subcommand deny" -l dry-run -d 'Print what would change, and write nothing'
complete -c policylayer -n "__fish_policylayer_using_subcommand deny" -l new -d 'Write a policy for a server although nothing on this machine uses one of that name'
complete -c policylayer -n "__fish_policylayer_using_subcommand deny" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand hide" -l reason -d 'What the agent is told if a call is refused' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand hide" -l server -d 'The server whose policy is edited, by its key in a client\'s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand hide" -l policy -d 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand hide" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand hide" -l anyway -d 'Also take a tool that nothing here knows of the server'
complete -c policylayer -n "__fish_policylayer_using_subcommand hide" -l dry-run -d 'Print what would change, and write nothing'
complete -c policylayer -n "__fish_policylayer_using_subcommand hide" -l new -d 'Write a policy for a server although nothing on this machine uses one of that name'
complete -c policylayer -n "__fish_policylayer_using_subcommand hide" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand limit" -l scope -d 'Which calls are counted together: those of a session, of all sessions that one process of a client starts, or of all sessions with the server [default: session]' -r -f -a "session\t'Those of one session'
client\t'Those of all sessions that one process of a client starts'
server\t'Those of all sessions with the server, across restarts'"
complete -c policylayer -n "__fish_policylayer_using_subcommand limit" -l reason -d 'What the agent is told if the limit is reached' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand limit" -l server -d 'The server whose policy is edited, by its key in a client\'s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand limit" -l policy -d 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand limit" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand limit" -l anyway -d 'Also take a tool that nothing here knows of the server'
complete -c policylayer -n "__fish_policylayer_using_subcommand limit" -l dry-run -d 'Print what would change, and write nothing'
complete -c policylayer -n "__fish_policylayer_using_subcommand limit" -l new -d 'Write a policy for a server although nothing on this machine uses one of that name'
complete -c policylayer -n "__fish_policylayer_using_subcommand limit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand ask" -l timeout -d 'How long a person has to answer: seconds, such as 90, or 90s, 10m or 2h' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand ask" -l reason -d 'What the agent is told if a call is refused' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand ask" -l server -d 'The server whose policy is edited, by its key in a client\'s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand ask" -l policy -d 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand ask" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand ask" -l anyway -d 'Also take a tool that nothing here knows of the server'
complete -c policylayer -n "__fish_policylayer_using_subcommand ask" -l dry-run -d 'Print what would change, and write nothing'
complete -c policylayer -n "__fish_policylayer_using_subcommand ask" -l new -d 'Write a policy for a server although nothing on this machine uses one of that name'
complete -c policylayer -n "__fish_policylayer_using_subcommand ask" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand reset" -l server -d 'The server whose policy is edited, by its key in a client\'s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand reset" -l policy -d 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand reset" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand reset" -l dry-run -d 'Print what would change, and write nothing'
complete -c policylayer -n "__fish_policylayer_using_subcommand reset" -l new -d 'Write a policy for a server although nothing on this machine uses one of that name'
complete -c policylayer -n "__fish_policylayer_using_subcommand reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand add" -l server -d 'The server whose policy is edited, by its key in a client\'s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand add" -l policy -d 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand add" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand add" -l dry-run -d 'Print what would change, and write nothing'
complete -c policylayer -n "__fish_policylayer_using_subcommand add" -l new -d 'Write a policy for a server although nothing on this machine uses one of that name'
complete -c policylayer -n "__fish_policylayer_using_subcommand add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand history" -s n -l limit -d 'Print the last N edits' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand history" -l format -d 'How to print: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand history" -l diff -d 'Also print what each edit changed'
complete -c policylayer -n "__fish_policylayer_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand undo" -l edit -d 'Put the file back as it was before this edit, by its number in `policylayer history`' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand undo" -l format -d 'How to print: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand undo" -l dry-run -d 'Print what would change, and write nothing'
complete -c policylayer -n "__fish_policylayer_using_subcommand undo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand changes" -l with -d 'The file of the other version of policylayer' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand changes" -l format -d 'How to print: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand changes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and not __fish_seen_subcommand_from list show approve deny watch help" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and not __fish_seen_subcommand_from list show approve deny watch help" -l all -d 'Also list what has expired; with `--format json`, everything, and not only what can be answered'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and not __fish_seen_subcommand_from list show approve deny watch help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and not __fish_seen_subcommand_from list show approve deny watch help" -a "list" -d 'List the calls that wait, those that timed out and can still be approved, and what was answered in the last day'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and not __fish_seen_subcommand_from list show approve deny watch help" -a "show" -d 'Print a call with its arguments in full'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and not __fish_seen_subcommand_from list show approve deny watch help" -a "approve" -d 'Approve a call'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and not __fish_seen_subcommand_from list show approve deny watch help" -a "deny" -d 'Deny a call and tell the agent why'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and not __fish_seen_subcommand_from list show approve deny watch help" -a "watch" -d 'Keep a list of the waiting calls open in this terminal, and answer with single keys'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and not __fish_seen_subcommand_from list show approve deny watch help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from list" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from list" -l all -d 'Also list what has expired; with `--format json`, everything, and not only what can be answered'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from show" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from approve" -l session -d 'Approve further calls of the tool as well, until the session ends: all of them, or, with `approval_scope = "arguments"` in the policy, those with the same arguments'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from deny" -l reason -d 'The reason that the agent gets, at most 500 characters' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from deny" -s h -l help -d 'Print help'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the calls that wait, those that timed out and can still be approved, and what was answered in the last day'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print a call with its arguments in full'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from help" -f -a "approve" -d 'Approve a call'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from help" -f -a "deny" -d 'Deny a call and tell the agent why'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from help" -f -a "watch" -d 'Keep a list of the waiting calls open in this terminal, and answer with single keys'
complete -c policylayer -n "__fish_policylayer_using_subcommand approvals; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -l server -d 'Only lines of this server, by its key in a client\'s file or by its name' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -l tool -d 'Only lines of this tool, or of the tools that match a glob such as \'send_*\'' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -l effect -d 'Only decisions with this effect' -r -f -a "allow\t''
deny\t''
hide\t''
require_approval\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -l outcome -d 'Only lines with this outcome' -r -f -a "refused\t''
ok\t''
tool_error\t''
error\t''
cancelled\t''
server_died\t''
unknown\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -l session -d 'Only lines of this session; the first digits of its id are enough' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -l since -d 'Only lines since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -s n -l limit -d 'Print the last N decisions, or `all` [default: all with --since, 10 with --follow, else 50]' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -l format -d 'Output format: for a person, or as the log\'s own lines, one JSON document each' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -s f -l follow -d 'Keep running, and print each decision as it is written'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -a "stats" -d 'Print statistics: calls by tool and effect, refusals and their reasons, latency, limits that are nearly reached'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -a "policy" -d 'Print under which policies decisions were made, or the text of one of them'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -a "verify" -d 'Check that no line was changed, removed or cut off. Exits with 0 if the log is intact, else with 1'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and not __fish_seen_subcommand_from stats policy verify help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from stats" -l server -d 'Only lines of this server, by its key in a client\'s file or by its name' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from stats" -l tool -d 'Only lines of this tool, or of the tools that match a glob such as \'send_*\'' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from stats" -l effect -d 'Only decisions with this effect' -r -f -a "allow\t''
deny\t''
hide\t''
require_approval\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from stats" -l outcome -d 'Only lines with this outcome' -r -f -a "refused\t''
ok\t''
tool_error\t''
error\t''
cancelled\t''
server_died\t''
unknown\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from stats" -l session -d 'Only lines of this session; the first digits of its id are enough' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from stats" -l since -d 'Only lines since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from stats" -l format -d 'Output format: for a person, or one JSON document' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from policy" -l server -d 'Only lines of this server, by its key in a client\'s file or by its name' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from policy" -l tool -d 'Only lines of this tool, or of the tools that match a glob such as \'send_*\'' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from policy" -l effect -d 'Only decisions with this effect' -r -f -a "allow\t''
deny\t''
hide\t''
require_approval\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from policy" -l outcome -d 'Only lines with this outcome' -r -f -a "refused\t''
ok\t''
tool_error\t''
error\t''
cancelled\t''
server_died\t''
unknown\t''"
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from policy" -l session -d 'Only lines of this session; the first digits of its id are enough' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from policy" -l since -d 'Only lines since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from policy" -l format -d 'Output format: for a person, or one JSON document' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from policy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from verify" -l server -d 'The same as SERVER' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from verify" -l format -d 'Output format: for a person, or for a program' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from help" -f -a "stats" -d 'Print statistics: calls by tool and effect, refusals and their reasons, latency, limits that are nearly reached'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from help" -f -a "policy" -d 'Print under which policies decisions were made, or the text of one of them'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Check that no line was changed, removed or cut off. Exits with 0 if the log is intact, else with 1'
complete -c policylayer -n "__fish_policylayer_using_subcommand log; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c policylayer -n "__fish_policylayer_using_subcommand ui" -l port -d 'The port of 127.0.0.1 to serve the page at; without it, a free one' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand ui" -l no-open -d 'Print the address, and open no browser'
complete -c policylayer -n "__fish_policylayer_using_subcommand ui" -s h -l help -d 'Print help'
complete -c policylayer -n "__fish_policylayer_using_subcommand suggest" -l server -d 'The server, by its key in a client\'s file or by its name; required if the log has several' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand suggest" -l policy -d 'The policy to start from; without it, the one in force for the server' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand suggest" -l since -d 'Use only calls since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand suggest" -s o -l output -d 'Write the whole suggested policy to this file, which must not exist, instead of printing what changes' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand suggest" -l apply -d 'Put the suggested policy in force, and print what changes. `policylayer undo` takes it back'
complete -c policylayer -n "__fish_policylayer_using_subcommand suggest" -s h -l help -d 'Print help'
complete -c policylayer -n "__fish_policylayer_using_subcommand replay" -l policy -d 'The policy to try on the recorded calls' -r -F
complete -c policylayer -n "__fish_policylayer_using_subcommand replay" -l server -d 'The server; without it, the one that the policy file is named after, or the only one that has a log' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand replay" -l since -d 'Replay only calls since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z' -r
complete -c policylayer -n "__fish_policylayer_using_subcommand replay" -l format -d 'Output format: for a person, or one JSON document' -r -f -a "text\t'For a person'
json\t'For a program'"
complete -c policylayer -n "__fish_policylayer_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c policylayer -n "__fish_policylayer_using_subcommand demo" -s h -l help -d 'Print help'
complete -c policylayer -n "__fish_policylayer_using_subcommand completions" -s h -l help -d 'Print help'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "wrap" -d 'Start an MCP server and enforce the policy on everything that passes between it and the client'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "status" -d 'Show every client and server on one screen: what is protected, what is not, and what to do next'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "clients" -d 'List the MCP clients on this machine, their servers, and which of them are behind a policy'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "register" -d 'Put a policy in front of a server in a client\'s configuration'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "unregister" -d 'Undo `register`: the client starts the server directly again'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "doctor" -d 'Start a server as its client would, and check each step; for each that fails, say what to do'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "inspect" -d 'Start a server and print what an agent would see of it: each tool\'s class, decision and rule. No tool is called'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "lock" -d 'Lock a server: hold it to the tools, prompts, instructions and package that it has now'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "login" -d 'Log in to a server over HTTP in the browser, so that `wrap --url` can reach it'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "logout" -d 'Take the login of a server away'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "init" -d 'Write a policy for a server from what it lists, after asking about each class of tools'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "check" -d 'Load a policy and print its errors and warnings, each with its place and a fix'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "decide" -d 'Print what would happen to a call, and which rule decides. No tool is called and no limit is counted'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "explain" -d 'Print what a tool does, how it is abused, which rule is recommended for it, and which one is in force'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "catalogue" -d 'List the servers that policylayer knows, or what it knows about the tools of one'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "test" -d 'Run policy tests: calls, and the decision that is expected for each'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "allow" -d 'Allow tools: edit the policy so that they may be called'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "deny" -d 'Deny tools: edit the policy so that they stay visible and every call is refused'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "hide" -d 'Hide tools: edit the policy so that the agent does not see them and every call is refused'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "limit" -d 'Limit tools: edit the policy so that only so many calls pass in a period'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "ask" -d 'Ask a person: edit the policy so that each call of the tools needs an approval'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "reset" -d 'Remove what the policy says about tools by name, so that the rest of it decides'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "add" -d 'Merge a policy, or a part of one, into the policy in force'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "history" -d 'List the edits of policies that the subcommands above made: who, when, and what'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "undo" -d 'Undo the last edit of a policy by a subcommand'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "changes" -d 'Print what another version of policylayer changes for a policy'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "approvals" -d 'List and answer the calls that wait for a person\'s approval'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "log" -d 'Print the audit log: every decision and its outcome'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "ui" -d 'Open a page in the browser that shows what your agents can do. It is served to this machine alone'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "suggest" -d 'Suggest, from the audit log, the least policy that would have allowed what was used'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "replay" -d 'Decide the recorded calls again under another policy and print which decisions change'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "schema" -d 'Print the JSON Schema of policy files, or of their tests, for editors'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "demo" -d 'Show what an agent sees, and what happens to its calls, while a policy is in force'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "completions" -d 'Print the completion script for a shell'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and not __fish_seen_subcommand_from wrap status clients register unregister doctor inspect lock login logout init check decide explain catalogue test allow deny hide limit ask reset add history undo changes approvals log ui suggest replay schema demo completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and __fish_seen_subcommand_from lock" -f -a "diff" -d 'Print what changed since the lock: first in terms of risk, then the text'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and __fish_seen_subcommand_from lock" -f -a "accept" -d 'Print what changed since the lock, and accept it: all of it, or the named items only'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and __fish_seen_subcommand_from catalogue" -f -a "draft" -d 'Start a server and print the first version of its catalogue, to be filled in by a person'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and __fish_seen_subcommand_from approvals" -f -a "list" -d 'List the calls that wait, those that timed out and can still be approved, and what was answered in the last day'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and __fish_seen_subcommand_from approvals" -f -a "show" -d 'Print a call with its arguments in full'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and __fish_seen_subcommand_from approvals" -f -a "approve" -d 'Approve a call'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and __fish_seen_subcommand_from approvals" -f -a "deny" -d 'Deny a call and tell the agent why'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and __fish_seen_subcommand_from approvals" -f -a "watch" -d 'Keep a list of the waiting calls open in this terminal, and answer with single keys'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and __fish_seen_subcommand_from log" -f -a "stats" -d 'Print statistics: calls by tool and effect, refusals and their reasons, latency, limits that are nearly reached'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and __fish_seen_subcommand_from log" -f -a "policy" -d 'Print under which policies decisions were made, or the text of one of them'
complete -c policylayer -n "__fish_policylayer_using_subcommand help; and __fish_seen_subcommand_from log" -f -a "verify" -d 'Check that no line was changed, removed or cut off. Exits with 0 if the log is intact, else with 1'

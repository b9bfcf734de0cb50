
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'policylayer' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'policylayer'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'policylayer' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('wrap', 'wrap', [CompletionResultType]::ParameterValue, 'Start an MCP server and enforce the policy on everything that passes between it and the client')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show every client and server on one screen: what is protected, what is not, and what to do next')
            [CompletionResult]::new('clients', 'clients', [CompletionResultType]::ParameterValue, 'List the MCP clients on this machine, their servers, and which of them are behind a policy')
            [CompletionResult]::new('register', 'register', [CompletionResultType]::ParameterValue, 'Put a policy in front of a server in a client''s configuration')
            [CompletionResult]::new('unregister', 'unregister', [CompletionResultType]::ParameterValue, 'Undo `register`: the client starts the server directly again')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Start a server as its client would, and check each step; for each that fails, say what to do')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Start a server and print what an agent would see of it: each tool''s class, decision and rule. No tool is called')
            [CompletionResult]::new('lock', 'lock', [CompletionResultType]::ParameterValue, 'Lock a server: hold it to the tools, prompts, instructions and package that it has now')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Log in to a server over HTTP in the browser, so that `wrap --url` can reach it')
            [CompletionResult]::new('logout', 'logout', [CompletionResultType]::ParameterValue, 'Take the login of a server away')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Write a policy for a server from what it lists, after asking about each class of tools')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Load a policy and print its errors and warnings, each with its place and a fix')
            [CompletionResult]::new('decide', 'decide', [CompletionResultType]::ParameterValue, 'Print what would happen to a call, and which rule decides. No tool is called and no limit is counted')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Print what a tool does, how it is abused, which rule is recommended for it, and which one is in force')
            [CompletionResult]::new('catalogue', 'catalogue', [CompletionResultType]::ParameterValue, 'List the servers that policylayer knows, or what it knows about the tools of one')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Run policy tests: calls, and the decision that is expected for each')
            [CompletionResult]::new('allow', 'allow', [CompletionResultType]::ParameterValue, 'Allow tools: edit the policy so that they may be called')
            [CompletionResult]::new('deny', 'deny', [CompletionResultType]::ParameterValue, 'Deny tools: edit the policy so that they stay visible and every call is refused')
            [CompletionResult]::new('hide', 'hide', [CompletionResultType]::ParameterValue, 'Hide tools: edit the policy so that the agent does not see them and every call is refused')
            [CompletionResult]::new('limit', 'limit', [CompletionResultType]::ParameterValue, 'Limit tools: edit the policy so that only so many calls pass in a period')
            [CompletionResult]::new('ask', 'ask', [CompletionResultType]::ParameterValue, 'Ask a person: edit the policy so that each call of the tools needs an approval')
            [CompletionResult]::new('reset', 'reset', [CompletionResultType]::ParameterValue, 'Remove what the policy says about tools by name, so that the rest of it decides')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Merge a policy, or a part of one, into the policy in force')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the edits of policies that the subcommands above made: who, when, and what')
            [CompletionResult]::new('undo', 'undo', [CompletionResultType]::ParameterValue, 'Undo the last edit of a policy by a subcommand')
            [CompletionResult]::new('changes', 'changes', [CompletionResultType]::ParameterValue, 'Print what another version of policylayer changes for a policy')
            [CompletionResult]::new('approvals', 'approvals', [CompletionResultType]::ParameterValue, 'List and answer the calls that wait for a person''s approval')
            [CompletionResult]::new('log', 'log', [CompletionResultType]::ParameterValue, 'Print the audit log: every decision and its outcome')
            [CompletionResult]::new('ui', 'ui', [CompletionResultType]::ParameterValue, 'Open a page in the browser that shows what your agents can do. It is served to this machine alone')
            [CompletionResult]::new('suggest', 'suggest', [CompletionResultType]::ParameterValue, 'Suggest, from the audit log, the least policy that would have allowed what was used')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Decide the recorded calls again under another policy and print which decisions change')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of policy files, or of their tests, for editors')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show what an agent sees, and what happens to its calls, while a policy is in force')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'policylayer;wrap' {
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file (.toml, .json, .yaml or .yml), instead of the one found by the server''s name; an absolute path')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server''s name, instead of the one that config.toml has for its command or that is derived from the command (`npx -y @iterable/mcp` is `iterable`)')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'How much to say on stderr: `info` has a line for the start and one for each refusal')
            [CompletionResult]::new('--max-message', '--max-message', [CompletionResultType]::ParameterName, 'The longest message in either direction, such as 64MiB, 512KiB or 1000000 (bytes); at least 1KiB. A longer one is refused and the session goes on [default: `max_message` of config.toml, else 64MiB]')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The address of a server over HTTP, instead of a command: https://, or http:// to this machine. docs/http.md')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'A header for each request to the server at --url, whose value is in an environment variable, such as Authorization=LINEAR_AUTHORIZATION; can be repeated')
            [CompletionResult]::new('--bearer', '--bearer', [CompletionResultType]::ParameterName, 'An environment variable with a token, which is sent to the server at --url as `Authorization: Bearer TOKEN`')
            [CompletionResult]::new('--entry', '--entry', [CompletionResultType]::ParameterName, 'With --url: what the client''s entry was before `register`, for `unregister`; nothing else reads it')
            [CompletionResult]::new('--observe', '--observe', [CompletionResultType]::ParameterName, 'Try a policy on real work: log what it would refuse, and refuse only what breaks the protocol. `policylayer log` shows the result, `policylayer suggest` turns it into a policy')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;status' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;clients' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;register' {
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be repeated')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'With --all: the output format of the plan and the result')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server''s name, which finds its policy, instead of the one that `wrap` derives from its command')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file, instead of the one found by the server''s name')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'A variable for the environment of a server that is added; the value is asked for, or read from stdin')
            [CompletionResult]::new('--all-clients', '--all-clients', [CompletionResultType]::ParameterName, 'Every client that has the server; with a command for `register`, every installed client')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every server of every client, or of the clients that --client names: shows the plan, and asks before it writes')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'With --all: do not ask')
            [CompletionResult]::new('--observe', '--observe', [CompletionResultType]::ParameterName, 'Only observe: log what the policy would refuse, and enforce nothing')
            [CompletionResult]::new('--enforce', '--enforce', [CompletionResultType]::ParameterName, 'Enforce the policy of a server that was only observed')
            [CompletionResult]::new('--lock', '--lock', [CompletionResultType]::ParameterName, 'Lock the server as well, as `policylayer lock` does: it is started once')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would change, and write nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;unregister' {
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be repeated')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'With --all: the output format of the plan and the result')
            [CompletionResult]::new('--all-clients', '--all-clients', [CompletionResultType]::ParameterName, 'Every client that has the server; with a command for `register`, every installed client')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every server of every client, or of the clients that --client names: shows the plan, and asks before it writes')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'With --all: do not ask')
            [CompletionResult]::new('--remove', '--remove', [CompletionResultType]::ParameterName, 'Take the server out of the file, too: `register -- COMMAND` has added it')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would change, and write nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;doctor' {
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be repeated')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How many seconds a server may take to open a session, and again to list its tools')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;inspect' {
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file (.toml, .json, .yaml or .yml), instead of the one that `wrap` would find by the server''s name')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'With a command: the server''s name, instead of the one that config.toml has for it or that is derived from it; otherwise the same as SERVER')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be repeated')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;lock' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server, by its key in the clients'' files or by its name; with a command, its name instead of the one derived from the command')
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be repeated')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file that the lock is beside, instead of the one that `wrap` would find')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How many seconds the server may take to open a session, and again for its lists')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Write nothing, and exit with 1 if the server differs from its lock. It is started as `wrap` starts it: at the locked version')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Ask nothing: replace a lock that differs')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Print what changed since the lock: first in terms of risk, then the text')
            [CompletionResult]::new('accept', 'accept', [CompletionResultType]::ParameterValue, 'Print what changed since the lock, and accept it: all of it, or the named items only')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'policylayer;lock;diff' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server, by its key in the clients'' files or by its name; with a command, its name instead of the one derived from the command')
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be repeated')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file that the lock is beside, instead of the one that `wrap` would find')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How many seconds the server may take to open a session, and again for its lists')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;lock;accept' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server, by its key in the clients'' files or by its name; with a command, its name instead of the one derived from the command')
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be repeated')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file that the lock is beside, instead of the one that `wrap` would find')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How many seconds the server may take to open a session, and again for its lists')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Ask nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;lock;help' {
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Print what changed since the lock: first in terms of risk, then the text')
            [CompletionResult]::new('accept', 'accept', [CompletionResultType]::ParameterValue, 'Print what changed since the lock, and accept it: all of it, or the named items only')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'policylayer;lock;help;diff' {
            break
        }
        'policylayer;lock;help;accept' {
            break
        }
        'policylayer;lock;help;help' {
            break
        }
        'policylayer;login' {
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The address of the server, for one that no client has')
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be repeated')
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Ask for these scopes, separated by blanks, instead of those that the server names')
            [CompletionResult]::new('--client-id', '--client-id', [CompletionResultType]::ParameterName, 'The id of a client that the authorization server knows already, or the address of a document about one; without it, policylayer makes itself known there')
            [CompletionResult]::new('--client-secret', '--client-secret', [CompletionResultType]::ParameterName, 'The environment variable with the secret of that client, if it has one')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'The port of 127.0.0.1 that the browser comes back to; without it, a free one')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Where the login is kept')
            [CompletionResult]::new('--no-open', '--no-open', [CompletionResultType]::ParameterName, 'Print the address, and open no browser')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;logout' {
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The address of the server, for one that no client has')
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be repeated')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;init' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'With a command: the server''s name, instead of the one that config.toml has for it or that is derived from it; otherwise the same as SERVER')
            [CompletionResult]::new('--catalogue', '--catalogue', [CompletionResultType]::ParameterName, 'The known server that this is, if its command does not show it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The file to write, `-` for stdout [default: where the server''s policy is looked for: policies/SERVER.toml in the configuration directory]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The file to write, `-` for stdout [default: where the server''s policy is looked for: policies/SERVER.toml in the configuration directory]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The policy''s format [default: as the file''s extension says, else toml]')
            [CompletionResult]::new('--strength', '--strength', [CompletionResultType]::ParameterName, 'How strict it is, of a server without a catalogue: strict, balanced or quiet [default: as config.toml says, else strict]')
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be repeated')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace a policy that is already there; the old one is kept beside the new one as SERVER.toml.before-init')
            [CompletionResult]::new('--lock', '--lock', [CompletionResultType]::ParameterName, 'Lock the server as well, as `policylayer lock` does')
            [CompletionResult]::new('--full', '--full', [CompletionResultType]::ParameterName, 'Start nothing: write the whole built-in policy for the server')
            [CompletionResult]::new('--stand-ins', '--stand-ins', [CompletionResultType]::ParameterName, 'Give personal data in results stand-ins, so that the model does not get it: docs/results.md')
            [CompletionResult]::new('--no-stand-ins', '--no-stand-ins', [CompletionResultType]::ParameterName, 'Leave results as they come, without a question')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Ask nothing: take what is recommended')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;check' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server that the policy is for; its known tools allow more checks')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for an editor or CI')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;decide' {
            [CompletionResult]::new('--tool', '--tool', [CompletionResultType]::ParameterName, 'The same as TOOL')
            [CompletionResult]::new('--resource', '--resource', [CompletionResultType]::ParameterName, 'Instead of a tool: the URI of a resource that is read')
            [CompletionResult]::new('--prompt', '--prompt', [CompletionResultType]::ParameterName, 'Instead of a tool: the name of a prompt that is fetched')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'Instead of a tool: a method of the client that the protocol does not know, or a request of the server such as `sampling/createMessage`')
            [CompletionResult]::new('--args', '--args', [CompletionResultType]::ParameterName, 'The arguments of the call or prompt, or the parameters of the method, as a JSON object, or `-` to read them from stdin; without it there are none')
            [CompletionResult]::new('--input', '--input', [CompletionResultType]::ParameterName, 'What the call answers to the server''s questions (`inputResponses`, what conditions on `input.…` look at), as a JSON object; without it, nothing')
            [CompletionResult]::new('--result', '--result', [CompletionResultType]::ParameterName, 'A file with what the server answers, as a JSON object, or `-` for stdin: print also what `results` of the policy makes of it')
            [CompletionResult]::new('--seen', '--seen', [CompletionResultType]::ParameterName, 'A file with what the session has seen before, or `-` for stdin, of this server and of others: one result on each line, as a JSON object such as `{"server": "web", "tool": "read_page", "text": "…"}`; without it, nothing')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the policy that `wrap` would use for the server')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server that has the tool, by its key in a client''s file or by its name; without it, the one that the policy file is named after, else the only one with a policy in the configuration directory, else `iterable` if it has a tool of this name')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;explain' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The same as SERVER')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the policy that `wrap` would use for the server')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, for a program, or as a section of a wiki page')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;catalogue' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or one JSON document')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('draft', 'draft', [CompletionResultType]::ParameterValue, 'Start a server and print the first version of its catalogue, to be filled in by a person')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'policylayer;catalogue;draft' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server''s name in the catalogue, instead of the one that is derived from its command')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;catalogue;help' {
            [CompletionResult]::new('draft', 'draft', [CompletionResultType]::ParameterValue, 'Start a server and print the first version of its catalogue, to be filled in by a person')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'policylayer;catalogue;help;draft' {
            break
        }
        'policylayer;catalogue;help;help' {
            break
        }
        'policylayer;test' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, for a program, or for CI')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;allow' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'What the agent is told if a call is refused')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('--anyway', '--anyway', [CompletionResultType]::ParameterName, 'Also take a tool that nothing here knows of the server')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would change, and write nothing')
            [CompletionResult]::new('--new', '--new', [CompletionResultType]::ParameterName, 'Write a policy for a server although nothing on this machine uses one of that name')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;deny' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'What the agent is told if a call is refused')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('--anyway', '--anyway', [CompletionResultType]::ParameterName, 'Also take a tool that nothing here knows of the server')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would change, and write nothing')
            [CompletionResult]::new('--new', '--new', [CompletionResultType]::ParameterName, 'Write a policy for a server although nothing on this machine uses one of that name')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;hide' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'What the agent is told if a call is refused')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('--anyway', '--anyway', [CompletionResultType]::ParameterName, 'Also take a tool that nothing here knows of the server')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would change, and write nothing')
            [CompletionResult]::new('--new', '--new', [CompletionResultType]::ParameterName, 'Write a policy for a server although nothing on this machine uses one of that name')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;limit' {
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Which calls are counted together: those of a session, of all sessions that one process of a client starts, or of all sessions with the server [default: session]')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'What the agent is told if the limit is reached')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('--anyway', '--anyway', [CompletionResultType]::ParameterName, 'Also take a tool that nothing here knows of the server')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would change, and write nothing')
            [CompletionResult]::new('--new', '--new', [CompletionResultType]::ParameterName, 'Write a policy for a server although nothing on this machine uses one of that name')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;ask' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long a person has to answer: seconds, such as 90, or 90s, 10m or 2h')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'What the agent is told if a call is refused')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('--anyway', '--anyway', [CompletionResultType]::ParameterName, 'Also take a tool that nothing here knows of the server')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would change, and write nothing')
            [CompletionResult]::new('--new', '--new', [CompletionResultType]::ParameterName, 'Write a policy for a server although nothing on this machine uses one of that name')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;reset' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would change, and write nothing')
            [CompletionResult]::new('--new', '--new', [CompletionResultType]::ParameterName, 'Write a policy for a server although nothing on this machine uses one of that name')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;add' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would change, and write nothing')
            [CompletionResult]::new('--new', '--new', [CompletionResultType]::ParameterName, 'Write a policy for a server although nothing on this machine uses one of that name')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;history' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Print the last N edits')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Print the last N edits')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Also print what each edit changed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;undo' {
            [CompletionResult]::new('--edit', '--edit', [CompletionResultType]::ParameterName, 'Put the file back as it was before this edit, by its number in `policylayer history`')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would change, and write nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;changes' {
            [CompletionResult]::new('--with', '--with', [CompletionResultType]::ParameterName, 'The file of the other version of policylayer')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;approvals' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Also list what has expired; with `--format json`, everything, and not only what can be answered')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the calls that wait, those that timed out and can still be approved, and what was answered in the last day')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print a call with its arguments in full')
            [CompletionResult]::new('approve', 'approve', [CompletionResultType]::ParameterValue, 'Approve a call')
            [CompletionResult]::new('deny', 'deny', [CompletionResultType]::ParameterValue, 'Deny a call and tell the agent why')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Keep a list of the waiting calls open in this terminal, and answer with single keys')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'policylayer;approvals;list' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Also list what has expired; with `--format json`, everything, and not only what can be answered')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;approvals;show' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;approvals;approve' {
            [CompletionResult]::new('--session', '--session', [CompletionResultType]::ParameterName, 'Approve further calls of the tool as well, until the session ends: all of them, or, with `approval_scope = "arguments"` in the policy, those with the same arguments')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;approvals;deny' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'The reason that the agent gets, at most 500 characters')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;approvals;watch' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;approvals;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the calls that wait, those that timed out and can still be approved, and what was answered in the last day')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print a call with its arguments in full')
            [CompletionResult]::new('approve', 'approve', [CompletionResultType]::ParameterValue, 'Approve a call')
            [CompletionResult]::new('deny', 'deny', [CompletionResultType]::ParameterValue, 'Deny a call and tell the agent why')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Keep a list of the waiting calls open in this terminal, and answer with single keys')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'policylayer;approvals;help;list' {
            break
        }
        'policylayer;approvals;help;show' {
            break
        }
        'policylayer;approvals;help;approve' {
            break
        }
        'policylayer;approvals;help;deny' {
            break
        }
        'policylayer;approvals;help;watch' {
            break
        }
        'policylayer;approvals;help;help' {
            break
        }
        'policylayer;log' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Only lines of this server, by its key in a client''s file or by its name')
            [CompletionResult]::new('--tool', '--tool', [CompletionResultType]::ParameterName, 'Only lines of this tool, or of the tools that match a glob such as ''send_*''')
            [CompletionResult]::new('--effect', '--effect', [CompletionResultType]::ParameterName, 'Only decisions with this effect')
            [CompletionResult]::new('--outcome', '--outcome', [CompletionResultType]::ParameterName, 'Only lines with this outcome')
            [CompletionResult]::new('--session', '--session', [CompletionResultType]::ParameterName, 'Only lines of this session; the first digits of its id are enough')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only lines since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Print the last N decisions, or `all` [default: all with --since, 10 with --follow, else 50]')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Print the last N decisions, or `all` [default: all with --since, 10 with --follow, else 50]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or as the log''s own lines, one JSON document each')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Keep running, and print each decision as it is written')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Keep running, and print each decision as it is written')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Print statistics: calls by tool and effect, refusals and their reasons, latency, limits that are nearly reached')
            [CompletionResult]::new('policy', 'policy', [CompletionResultType]::ParameterValue, 'Print under which policies decisions were made, or the text of one of them')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check that no line was changed, removed or cut off. Exits with 0 if the log is intact, else with 1')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'policylayer;log;stats' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Only lines of this server, by its key in a client''s file or by its name')
            [CompletionResult]::new('--tool', '--tool', [CompletionResultType]::ParameterName, 'Only lines of this tool, or of the tools that match a glob such as ''send_*''')
            [CompletionResult]::new('--effect', '--effect', [CompletionResultType]::ParameterName, 'Only decisions with this effect')
            [CompletionResult]::new('--outcome', '--outcome', [CompletionResultType]::ParameterName, 'Only lines with this outcome')
            [CompletionResult]::new('--session', '--session', [CompletionResultType]::ParameterName, 'Only lines of this session; the first digits of its id are enough')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only lines since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or one JSON document')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;log;policy' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Only lines of this server, by its key in a client''s file or by its name')
            [CompletionResult]::new('--tool', '--tool', [CompletionResultType]::ParameterName, 'Only lines of this tool, or of the tools that match a glob such as ''send_*''')
            [CompletionResult]::new('--effect', '--effect', [CompletionResultType]::ParameterName, 'Only decisions with this effect')
            [CompletionResult]::new('--outcome', '--outcome', [CompletionResultType]::ParameterName, 'Only lines with this outcome')
            [CompletionResult]::new('--session', '--session', [CompletionResultType]::ParameterName, 'Only lines of this session; the first digits of its id are enough')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only lines since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or one JSON document')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;log;verify' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The same as SERVER')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;log;help' {
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Print statistics: calls by tool and effect, refusals and their reasons, latency, limits that are nearly reached')
            [CompletionResult]::new('policy', 'policy', [CompletionResultType]::ParameterValue, 'Print under which policies decisions were made, or the text of one of them')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check that no line was changed, removed or cut off. Exits with 0 if the log is intact, else with 1')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'policylayer;log;help;stats' {
            break
        }
        'policylayer;log;help;policy' {
            break
        }
        'policylayer;log;help;verify' {
            break
        }
        'policylayer;log;help;help' {
            break
        }
        'policylayer;ui' {
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'The port of 127.0.0.1 to serve the page at; without it, a free one')
            [CompletionResult]::new('--no-open', '--no-open', [CompletionResultType]::ParameterName, 'Print the address, and open no browser')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;suggest' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server, by its key in a client''s file or by its name; required if the log has several')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy to start from; without it, the one in force for the server')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Use only calls since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the whole suggested policy to this file, which must not exist, instead of printing what changes')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the whole suggested policy to this file, which must not exist, instead of printing what changes')
            [CompletionResult]::new('--apply', '--apply', [CompletionResultType]::ParameterName, 'Put the suggested policy in force, and print what changes. `policylayer undo` takes it back')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;replay' {
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy to try on the recorded calls')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; without it, the one that the policy file is named after, or the only one that has a log')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Replay only calls since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format: for a person, or one JSON document')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;schema' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;demo' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;help' {
            [CompletionResult]::new('wrap', 'wrap', [CompletionResultType]::ParameterValue, 'Start an MCP server and enforce the policy on everything that passes between it and the client')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show every client and server on one screen: what is protected, what is not, and what to do next')
            [CompletionResult]::new('clients', 'clients', [CompletionResultType]::ParameterValue, 'List the MCP clients on this machine, their servers, and which of them are behind a policy')
            [CompletionResult]::new('register', 'register', [CompletionResultType]::ParameterValue, 'Put a policy in front of a server in a client''s configuration')
            [CompletionResult]::new('unregister', 'unregister', [CompletionResultType]::ParameterValue, 'Undo `register`: the client starts the server directly again')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Start a server as its client would, and check each step; for each that fails, say what to do')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Start a server and print what an agent would see of it: each tool''s class, decision and rule. No tool is called')
            [CompletionResult]::new('lock', 'lock', [CompletionResultType]::ParameterValue, 'Lock a server: hold it to the tools, prompts, instructions and package that it has now')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Log in to a server over HTTP in the browser, so that `wrap --url` can reach it')
            [CompletionResult]::new('logout', 'logout', [CompletionResultType]::ParameterValue, 'Take the login of a server away')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Write a policy for a server from what it lists, after asking about each class of tools')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Load a policy and print its errors and warnings, each with its place and a fix')
            [CompletionResult]::new('decide', 'decide', [CompletionResultType]::ParameterValue, 'Print what would happen to a call, and which rule decides. No tool is called and no limit is counted')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Print what a tool does, how it is abused, which rule is recommended for it, and which one is in force')
            [CompletionResult]::new('catalogue', 'catalogue', [CompletionResultType]::ParameterValue, 'List the servers that policylayer knows, or what it knows about the tools of one')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Run policy tests: calls, and the decision that is expected for each')
            [CompletionResult]::new('allow', 'allow', [CompletionResultType]::ParameterValue, 'Allow tools: edit the policy so that they may be called')
            [CompletionResult]::new('deny', 'deny', [CompletionResultType]::ParameterValue, 'Deny tools: edit the policy so that they stay visible and every call is refused')
            [CompletionResult]::new('hide', 'hide', [CompletionResultType]::ParameterValue, 'Hide tools: edit the policy so that the agent does not see them and every call is refused')
            [CompletionResult]::new('limit', 'limit', [CompletionResultType]::ParameterValue, 'Limit tools: edit the policy so that only so many calls pass in a period')
            [CompletionResult]::new('ask', 'ask', [CompletionResultType]::ParameterValue, 'Ask a person: edit the policy so that each call of the tools needs an approval')
            [CompletionResult]::new('reset', 'reset', [CompletionResultType]::ParameterValue, 'Remove what the policy says about tools by name, so that the rest of it decides')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Merge a policy, or a part of one, into the policy in force')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the edits of policies that the subcommands above made: who, when, and what')
            [CompletionResult]::new('undo', 'undo', [CompletionResultType]::ParameterValue, 'Undo the last edit of a policy by a subcommand')
            [CompletionResult]::new('changes', 'changes', [CompletionResultType]::ParameterValue, 'Print what another version of policylayer changes for a policy')
            [CompletionResult]::new('approvals', 'approvals', [CompletionResultType]::ParameterValue, 'List and answer the calls that wait for a person''s approval')
            [CompletionResult]::new('log', 'log', [CompletionResultType]::ParameterValue, 'Print the audit log: every decision and its outcome')
            [CompletionResult]::new('ui', 'ui', [CompletionResultType]::ParameterValue, 'Open a page in the browser that shows what your agents can do. It is served to this machine alone')
            [CompletionResult]::new('suggest', 'suggest', [CompletionResultType]::ParameterValue, 'Suggest, from the audit log, the least policy that would have allowed what was used')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Decide the recorded calls again under another policy and print which decisions change')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of policy files, or of their tests, for editors')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show what an agent sees, and what happens to its calls, while a policy is in force')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'policylayer;help;wrap' {
            break
        }
        'policylayer;help;status' {
            break
        }
        'policylayer;help;clients' {
            break
        }
        'policylayer;help;register' {
            break
        }
        'policylayer;help;unregister' {
            break
        }
        'policylayer;help;doctor' {
            break
        }
        'policylayer;help;inspect' {
            break
        }
        'policylayer;help;lock' {
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Print what changed since the lock: first in terms of risk, then the text')
            [CompletionResult]::new('accept', 'accept', [CompletionResultType]::ParameterValue, 'Print what changed since the lock, and accept it: all of it, or the named items only')
            break
        }
        'policylayer;help;lock;diff' {
            break
        }
        'policylayer;help;lock;accept' {
            break
        }
        'policylayer;help;login' {
            break
        }
        'policylayer;help;logout' {
            break
        }
        'policylayer;help;init' {
            break
        }
        'policylayer;help;check' {
            break
        }
        'policylayer;help;decide' {
            break
        }
        'policylayer;help;explain' {
            break
        }
        'policylayer;help;catalogue' {
            [CompletionResult]::new('draft', 'draft', [CompletionResultType]::ParameterValue, 'Start a server and print the first version of its catalogue, to be filled in by a person')
            break
        }
        'policylayer;help;catalogue;draft' {
            break
        }
        'policylayer;help;test' {
            break
        }
        'policylayer;help;allow' {
            break
        }
        'policylayer;help;deny' {
            break
        }
        'policylayer;help;hide' {
            break
        }
        'policylayer;help;limit' {
            break
        }
        'policylayer;help;ask' {
            break
        }
        'policylayer;help;reset' {
            break
        }
        'policylayer;help;add' {
            break
        }
        'policylayer;help;history' {
            break
        }
        'policylayer;help;undo' {
            break
        }
        'policylayer;help;changes' {
            break
        }
        'policylayer;help;approvals' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the calls that wait, those that timed out and can still be approved, and what was answered in the last day')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print a call with its arguments in full')
            [CompletionResult]::new('approve', 'approve', [CompletionResultType]::ParameterValue, 'Approve a call')
            [CompletionResult]::new('deny', 'deny', [CompletionResultType]::ParameterValue, 'Deny a call and tell the agent why')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Keep a list of the waiting calls open in this terminal, and answer with single keys')
            break
        }
        'policylayer;help;approvals;list' {
            break
        }
        'policylayer;help;approvals;show' {
            break
        }
        'policylayer;help;approvals;approve' {
            break
        }
        'policylayer;help;approvals;deny' {
            break
        }
        'policylayer;help;approvals;watch' {
            break
        }
        'policylayer;help;log' {
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Print statistics: calls by tool and effect, refusals and their reasons, latency, limits that are nearly reached')
            [CompletionResult]::new('policy', 'policy', [CompletionResultType]::ParameterValue, 'Print under which policies decisions were made, or the text of one of them')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check that no line was changed, removed or cut off. Exits with 0 if the log is intact, else with 1')
            break
        }
        'policylayer;help;log;stats' {
            break
        }
        'policylayer;help;log;policy' {
            break
        }
        'policylayer;help;log;verify' {
            break
        }
        'policylayer;help;ui' {
            break
        }
        'policylayer;help;suggest' {
            break
        }
        'policylayer;help;replay' {
            break
        }
        'policylayer;help;schema' {
            break
        }
        'policylayer;help;demo' {
            break
        }
        'policylayer;help;completions' {
            break
        }
        'policylayer;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}


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
            [CompletionResult]::new('clients', 'clients', [CompletionResultType]::ParameterValue, 'List the MCP clients on this machine, their servers, and which of them are behind a policy')
            [CompletionResult]::new('register', 'register', [CompletionResultType]::ParameterValue, 'Put the policy before a server in a client''s configuration')
            [CompletionResult]::new('unregister', 'unregister', [CompletionResultType]::ParameterValue, 'Take the policy out of a client''s configuration again')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Start a server as its client would, and say of each step whether it goes well and what to do where it does not')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Start a server, and print what an agent would see of it: each tool''s class, decision and rule. Nothing is called')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Write a policy for a server from the tools that it lists, and ask about each kind of them first')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Load a policy and print its errors and warnings, each with its place and what to do')
            [CompletionResult]::new('decide', 'decide', [CompletionResultType]::ParameterValue, 'Say what would happen to a call, and which rule says so. Nothing is called and nothing is counted')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Say what a tool does, how it is abused, which rule is recommended for it, and what is in force')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Run policy tests: the calls that they describe, and what the policy is expected to make of each')
            [CompletionResult]::new('allow', 'allow', [CompletionResultType]::ParameterValue, 'Let tools through: edit the policy so that they may be called')
            [CompletionResult]::new('deny', 'deny', [CompletionResultType]::ParameterValue, 'Refuse tools: edit the policy so that they stay visible, and every call is refused')
            [CompletionResult]::new('hide', 'hide', [CompletionResultType]::ParameterValue, 'Hide tools: edit the policy so that the agent does not see them, and every call is refused')
            [CompletionResult]::new('limit', 'limit', [CompletionResultType]::ParameterValue, 'Limit tools: edit the policy so that no more than so many calls pass')
            [CompletionResult]::new('ask', 'ask', [CompletionResultType]::ParameterValue, 'Have a person asked: edit the policy so that each call of the tools needs an approval')
            [CompletionResult]::new('reset', 'reset', [CompletionResultType]::ParameterValue, 'Take what the policy says of tools by their names out of it, so that the rest of it decides')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Merge a pasted policy, or a part of one, into the policy in force')
            [CompletionResult]::new('approvals', 'approvals', [CompletionResultType]::ParameterValue, 'See and answer the calls that wait for a person''s approval')
            [CompletionResult]::new('log', 'log', [CompletionResultType]::ParameterValue, 'Print the audit log: every decision, and what became of it')
            [CompletionResult]::new('suggest', 'suggest', [CompletionResultType]::ParameterValue, 'Suggest the least policy that would have let through what was used, from the audit log')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Decide the recorded calls again under another policy, and show which decisions change')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of policy files, for editors')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show on this terminal what an agent sees, and what happens to its calls, when a policy is in force')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions for a shell')
            break
        }
        'policylayer;wrap' {
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file (.toml, .json, .yaml or .yml), instead of the one that is found by the server''s name')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server''s name, instead of the one that config.toml has for its command or that is derived from it (`npx -y @iterable/mcp` is `iterable`)')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'How much to say on stderr: `info` has a line for the start and one for each refusal')
            [CompletionResult]::new('--max-message', '--max-message', [CompletionResultType]::ParameterName, 'The longest message in either direction, such as 64MiB, 512KiB or 1000000 (bytes); at least 1KiB. A longer one is refused, and the session goes on [default: `max_message` of config.toml, else 64MiB]')
            [CompletionResult]::new('--observe', '--observe', [CompletionResultType]::ParameterName, 'Refuse nothing but what breaks the protocol, and write down what the policy would have refused: to try a policy on real work. `policylayer log` shows it, `policylayer suggest` makes a policy of it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;clients' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;register' {
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be given several times')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server''s name, which finds its policy, where another than the one that `wrap` derives from its command is meant')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file, where another than the one that is found by the server''s name is meant')
            [CompletionResult]::new('--all-clients', '--all-clients', [CompletionResultType]::ParameterName, 'Every client that has the server; for `register` with a command, every client that is installed')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Write nothing, and show what would change')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;unregister' {
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be given several times')
            [CompletionResult]::new('--all-clients', '--all-clients', [CompletionResultType]::ParameterName, 'Every client that has the server; for `register` with a command, every client that is installed')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Write nothing, and show what would change')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;doctor' {
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'Only this client; may be given several times')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long a server may take to open a session, and then to list its tools, in seconds')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;inspect' {
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file (.toml, .json, .yaml or .yml), instead of the one that `wrap` would find by the server''s name')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server''s name, instead of the one that config.toml has for its command or that is derived from it')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;init' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server''s name, instead of the one that config.toml has for its command or that is derived from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The file to write, `-` for stdout [default: where the server''s policy is looked for: policies/SERVER.toml in the configuration folder]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The file to write, `-` for stdout [default: where the server''s policy is looked for: policies/SERVER.toml in the configuration folder]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to write it [default: as the file''s ending says, else toml]')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Write although there is a policy already; that one is kept beside the new one as SERVER.toml.before-init')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Ask nothing: take what is recommended')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;check' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server that the policy is for: its tools are known, so more can be said')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for an editor or CI')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;decide' {
            [CompletionResult]::new('--tool', '--tool', [CompletionResultType]::ParameterName, 'The tool''s name, as in tools/list')
            [CompletionResult]::new('--args', '--args', [CompletionResultType]::ParameterName, 'The call''s arguments, as one JSON object; `-` reads them from stdin. Without it the call has none')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the policy that `wrap` would use for the server')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server that has the tool; without it, the one that the policy file is named after, else the only one with a policy in the configuration folder, else `iterable` where that has a tool of this name')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;explain' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server that has the tool; without it, the one that the policy file is named after, else the only one with a policy in the configuration folder, else `iterable` where that has a tool of this name')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the policy that `wrap` would use for the server')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, for a program, or as a section of a page')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;test' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, for a program, or for CI')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;allow' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'What the agent is told where a call is refused')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would change, and write nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;deny' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'What the agent is told where a call is refused')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would change, and write nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;hide' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'What the agent is told where a call is refused')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would change, and write nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;limit' {
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Which calls are counted together: those of a session, or those of all sessions with the server [default: session]')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'What the agent is told where the limit is reached')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would change, and write nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;ask' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long a call waits for a person before it is refused, such as 90s, 10m or 2h')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'What the agent is told where a call is refused')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would change, and write nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;reset' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would change, and write nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;add' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would change, and write nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;approvals' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what waits, and what timed out within the last 5 minutes and can still be approved')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a call with its arguments in full')
            [CompletionResult]::new('approve', 'approve', [CompletionResultType]::ParameterValue, 'Let a call through')
            [CompletionResult]::new('deny', 'deny', [CompletionResultType]::ParameterValue, 'Refuse a call, and tell the agent why')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Keep a list of what waits open in this terminal, and answer with a key')
            break
        }
        'policylayer;approvals;list' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;approvals;show' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;approvals;approve' {
            [CompletionResult]::new('--session', '--session', [CompletionResultType]::ParameterName, 'And further calls of the tool until the session ends: all of them, or, with `approval_scope = "arguments"` in the policy, those with the same arguments')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;approvals;deny' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'What the agent is to be told, at most 500 characters')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;approvals;watch' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;log' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Only those of this server')
            [CompletionResult]::new('--tool', '--tool', [CompletionResultType]::ParameterName, 'Only those of this tool; a glob such as ''send_*'' means several')
            [CompletionResult]::new('--effect', '--effect', [CompletionResultType]::ParameterName, 'Only decisions with this effect')
            [CompletionResult]::new('--outcome', '--outcome', [CompletionResultType]::ParameterName, 'Only those with this outcome')
            [CompletionResult]::new('--session', '--session', [CompletionResultType]::ParameterName, 'Only those of this session; the first digits of its name are enough')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only from then on: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Print the last N decisions, or `all` of them. Without it: all with --since, 10 with --follow, else 50')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Print the last N decisions, or `all` of them. Without it: all with --since, 10 with --follow, else 50')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or the log''s own lines, one JSON document each')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Go on, and print each decision as it is written')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Go on, and print each decision as it is written')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Count: calls by tool and effect, what was refused and why, latency, limits near their ceiling')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check that no line was changed, taken out or cut off. Exit 0 where the log is whole, 1 where it is not')
            break
        }
        'policylayer;log;stats' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Only those of this server')
            [CompletionResult]::new('--tool', '--tool', [CompletionResultType]::ParameterName, 'Only those of this tool; a glob such as ''send_*'' means several')
            [CompletionResult]::new('--effect', '--effect', [CompletionResultType]::ParameterName, 'Only decisions with this effect')
            [CompletionResult]::new('--outcome', '--outcome', [CompletionResultType]::ParameterName, 'Only those with this outcome')
            [CompletionResult]::new('--session', '--session', [CompletionResultType]::ParameterName, 'Only those of this session; the first digits of its name are enough')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only from then on: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or one JSON document')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;log;verify' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server whose log is verified; without it, every server''s')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or for a program')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;suggest' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; needed where the log has several')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy to start from; without it, the one in force for the server')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Look only at calls from then on: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the whole suggested policy to this file, which must not exist yet, instead of printing what changes')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the whole suggested policy to this file, which must not exist yet, instead of printing what changes')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'policylayer;replay' {
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'The policy to try on the recorded calls')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; without it, the one that the policy file is named after, or the only one that has a log')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Replay only calls from then on: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print: for a person, or one JSON document')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'policylayer;schema' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
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
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}

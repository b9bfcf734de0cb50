
use builtin;
use str;

set edit:completion:arg-completer[policylayer] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'policylayer'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'policylayer'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand wrap 'Start an MCP server and enforce the policy on everything that passes between it and the client'
            cand clients 'List the MCP clients on this machine, their servers, and which of them are behind a policy'
            cand register 'Put the policy before a server in a client''s configuration'
            cand unregister 'Take the policy out of a client''s configuration again'
            cand doctor 'Start a server as its client would, and say of each step whether it goes well and what to do where it does not'
            cand inspect 'Start a server, and print what an agent would see of it: each tool''s class, decision and rule. Nothing is called'
            cand init 'Write a policy for a server from the tools that it lists, and ask about each kind of them first'
            cand check 'Load a policy and print its errors and warnings, each with its place and what to do'
            cand decide 'Say what would happen to a call, and which rule says so. Nothing is called and nothing is counted'
            cand explain 'Say what a tool does, how it is abused, which rule is recommended for it, and what is in force'
            cand test 'Run policy tests: the calls that they describe, and what the policy is expected to make of each'
            cand allow 'Let tools through: edit the policy so that they may be called'
            cand deny 'Refuse tools: edit the policy so that they stay visible, and every call is refused'
            cand hide 'Hide tools: edit the policy so that the agent does not see them, and every call is refused'
            cand limit 'Limit tools: edit the policy so that no more than so many calls pass'
            cand ask 'Have a person asked: edit the policy so that each call of the tools needs an approval'
            cand reset 'Take what the policy says of tools by their names out of it, so that the rest of it decides'
            cand add 'Merge a pasted policy, or a part of one, into the policy in force'
            cand approvals 'See and answer the calls that wait for a person''s approval'
            cand log 'Print the audit log: every decision, and what became of it'
            cand suggest 'Suggest the least policy that would have let through what was used, from the audit log'
            cand replay 'Decide the recorded calls again under another policy, and show which decisions change'
            cand schema 'Print the JSON Schema of policy files, for editors'
            cand demo 'Show on this terminal what an agent sees, and what happens to its calls, when a policy is in force'
            cand completions 'Print the completions for a shell'
        }
        &'policylayer;wrap'= {
            cand --policy 'The policy file (.toml, .json, .yaml or .yml), instead of the one that is found by the server''s name'
            cand --server 'The server''s name, instead of the one that config.toml has for its command or that is derived from it (`npx -y @iterable/mcp` is `iterable`)'
            cand --log-level 'How much to say on stderr: `info` has a line for the start and one for each refusal'
            cand --max-message 'The longest message in either direction, such as 64MiB, 512KiB or 1000000 (bytes); at least 1KiB. A longer one is refused, and the session goes on [default: `max_message` of config.toml, else 64MiB]'
            cand --observe 'Refuse nothing but what breaks the protocol, and write down what the policy would have refused: to try a policy on real work. `policylayer log` shows it, `policylayer suggest` makes a policy of it'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;clients'= {
            cand --format 'How to print: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;register'= {
            cand --client 'Only this client; may be given several times'
            cand --server 'The server''s name, which finds its policy, where another than the one that `wrap` derives from its command is meant'
            cand --policy 'The policy file, where another than the one that is found by the server''s name is meant'
            cand --all-clients 'Every client that has the server; for `register` with a command, every client that is installed'
            cand --dry-run 'Write nothing, and show what would change'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;unregister'= {
            cand --client 'Only this client; may be given several times'
            cand --all-clients 'Every client that has the server; for `register` with a command, every client that is installed'
            cand --dry-run 'Write nothing, and show what would change'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;doctor'= {
            cand --client 'Only this client; may be given several times'
            cand --timeout 'How long a server may take to open a session, and then to list its tools, in seconds'
            cand --format 'How to print: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;inspect'= {
            cand --policy 'The policy file (.toml, .json, .yaml or .yml), instead of the one that `wrap` would find by the server''s name'
            cand --server 'The server''s name, instead of the one that config.toml has for its command or that is derived from it'
            cand --format 'How to print: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;init'= {
            cand --server 'The server''s name, instead of the one that config.toml has for its command or that is derived from it'
            cand -o 'The file to write, `-` for stdout [default: where the server''s policy is looked for: policies/SERVER.toml in the configuration folder]'
            cand --output 'The file to write, `-` for stdout [default: where the server''s policy is looked for: policies/SERVER.toml in the configuration folder]'
            cand --format 'How to write it [default: as the file''s ending says, else toml]'
            cand --force 'Write although there is a policy already; that one is kept beside the new one as SERVER.toml.before-init'
            cand --yes 'Ask nothing: take what is recommended'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;check'= {
            cand --server 'The server that the policy is for: its tools are known, so more can be said'
            cand --format 'How to print: for a person, or for an editor or CI'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;decide'= {
            cand --tool 'The tool''s name, as in tools/list'
            cand --args 'The call''s arguments, as one JSON object; `-` reads them from stdin. Without it the call has none'
            cand --policy 'The policy file; without it, the policy that `wrap` would use for the server'
            cand --server 'The server that has the tool; without it, the one that the policy file is named after, else the only one with a policy in the configuration folder, else `iterable` where that has a tool of this name'
            cand --format 'How to print: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;explain'= {
            cand --server 'The server that has the tool; without it, the one that the policy file is named after, else the only one with a policy in the configuration folder, else `iterable` where that has a tool of this name'
            cand --policy 'The policy file; without it, the policy that `wrap` would use for the server'
            cand --format 'How to print: for a person, for a program, or as a section of a page'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;test'= {
            cand --format 'How to print: for a person, for a program, or for CI'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;allow'= {
            cand --reason 'What the agent is told where a call is refused'
            cand --server 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first'
            cand --format 'How to print: for a person, or for a program'
            cand --dry-run 'Show what would change, and write nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;deny'= {
            cand --reason 'What the agent is told where a call is refused'
            cand --server 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first'
            cand --format 'How to print: for a person, or for a program'
            cand --dry-run 'Show what would change, and write nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;hide'= {
            cand --reason 'What the agent is told where a call is refused'
            cand --server 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first'
            cand --format 'How to print: for a person, or for a program'
            cand --dry-run 'Show what would change, and write nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;limit'= {
            cand --scope 'Which calls are counted together: those of a session, or those of all sessions with the server [default: session]'
            cand --reason 'What the agent is told where the limit is reached'
            cand --server 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first'
            cand --format 'How to print: for a person, or for a program'
            cand --dry-run 'Show what would change, and write nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;ask'= {
            cand --timeout 'How long a call waits for a person before it is refused, such as 90s, 10m or 2h'
            cand --reason 'What the agent is told where a call is refused'
            cand --server 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first'
            cand --format 'How to print: for a person, or for a program'
            cand --dry-run 'Show what would change, and write nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;reset'= {
            cand --server 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first'
            cand --format 'How to print: for a person, or for a program'
            cand --dry-run 'Show what would change, and write nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;add'= {
            cand --server 'The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in policy is written out first'
            cand --format 'How to print: for a person, or for a program'
            cand --dry-run 'Show what would change, and write nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;approvals'= {
            cand --format 'How to print: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand list 'List what waits, and what timed out within the last 5 minutes and can still be approved'
            cand show 'Show a call with its arguments in full'
            cand approve 'Let a call through'
            cand deny 'Refuse a call, and tell the agent why'
            cand watch 'Keep a list of what waits open in this terminal, and answer with a key'
        }
        &'policylayer;approvals;list'= {
            cand --format 'How to print: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;approvals;show'= {
            cand --format 'How to print: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;approvals;approve'= {
            cand --session 'And further calls of the tool until the session ends: all of them, or, with `approval_scope = "arguments"` in the policy, those with the same arguments'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;approvals;deny'= {
            cand --reason 'What the agent is to be told, at most 500 characters'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;approvals;watch'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;log'= {
            cand --server 'Only those of this server'
            cand --tool 'Only those of this tool; a glob such as ''send_*'' means several'
            cand --effect 'Only decisions with this effect'
            cand --outcome 'Only those with this outcome'
            cand --session 'Only those of this session; the first digits of its name are enough'
            cand --since 'Only from then on: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z'
            cand -n 'Print the last N decisions, or `all` of them. Without it: all with --since, 10 with --follow, else 50'
            cand --limit 'Print the last N decisions, or `all` of them. Without it: all with --since, 10 with --follow, else 50'
            cand --format 'How to print: for a person, or the log''s own lines, one JSON document each'
            cand -f 'Go on, and print each decision as it is written'
            cand --follow 'Go on, and print each decision as it is written'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand stats 'Count: calls by tool and effect, what was refused and why, latency, limits near their ceiling'
            cand verify 'Check that no line was changed, taken out or cut off. Exit 0 where the log is whole, 1 where it is not'
        }
        &'policylayer;log;stats'= {
            cand --server 'Only those of this server'
            cand --tool 'Only those of this tool; a glob such as ''send_*'' means several'
            cand --effect 'Only decisions with this effect'
            cand --outcome 'Only those with this outcome'
            cand --session 'Only those of this session; the first digits of its name are enough'
            cand --since 'Only from then on: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z'
            cand --format 'How to print: for a person, or one JSON document'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;log;verify'= {
            cand --server 'The server whose log is verified; without it, every server''s'
            cand --format 'How to print: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;suggest'= {
            cand --server 'The server; needed where the log has several'
            cand --policy 'The policy to start from; without it, the one in force for the server'
            cand --since 'Look only at calls from then on: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z'
            cand -o 'Write the whole suggested policy to this file, which must not exist yet, instead of printing what changes'
            cand --output 'Write the whole suggested policy to this file, which must not exist yet, instead of printing what changes'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;replay'= {
            cand --policy 'The policy to try on the recorded calls'
            cand --server 'The server; without it, the one that the policy file is named after, or the only one that has a log'
            cand --since 'Replay only calls from then on: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z'
            cand --format 'How to print: for a person, or one JSON document'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;schema'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;demo'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;completions'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
    ]
    $completions[$command]
}


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
            cand status 'Show every client and server on one screen: what is protected, what is not, and what to do next'
            cand clients 'List the MCP clients on this machine, their servers, and which of them are behind a policy'
            cand register 'Put a policy in front of a server in a client''s configuration'
            cand unregister 'Undo `register`: the client starts the server directly again'
            cand doctor 'Start a server as its client would, and check each step; for each that fails, say what to do'
            cand inspect 'Start a server and print what an agent would see of it: each tool''s class, decision and rule. No tool is called'
            cand lock 'Lock a server: hold it to the tools, prompts, instructions and package that it has now'
            cand login 'Log in to a server over HTTP in the browser, so that `wrap --url` can reach it'
            cand logout 'Take the login of a server away'
            cand init 'Write a policy for a server from what it lists, after asking about each class of tools'
            cand check 'Load a policy and print its errors and warnings, each with its place and a fix'
            cand decide 'Print what would happen to a call, and which rule decides. No tool is called and no limit is counted'
            cand explain 'Print what a tool does, how it is abused, which rule is recommended for it, and which one is in force'
            cand catalogue 'List the servers that policylayer knows, or what it knows about the tools of one'
            cand test 'Run policy tests: calls, and the decision that is expected for each'
            cand allow 'Allow tools: edit the policy so that they may be called'
            cand deny 'Deny tools: edit the policy so that they stay visible and every call is refused'
            cand hide 'Hide tools: edit the policy so that the agent does not see them and every call is refused'
            cand limit 'Limit tools: edit the policy so that only so many calls pass in a period'
            cand ask 'Ask a person: edit the policy so that each call of the tools needs an approval'
            cand reset 'Remove what the policy says about tools by name, so that the rest of it decides'
            cand add 'Merge a policy, or a part of one, into the policy in force'
            cand history 'List the edits of policies that the subcommands above made: who, when, and what'
            cand undo 'Undo the last edit of a policy by a subcommand'
            cand changes 'Print what another version of policylayer changes for a policy'
            cand approvals 'List and answer the calls that wait for a person''s approval'
            cand log 'Print the audit log: every decision and its outcome'
            cand ui 'Open a page in the browser that shows what your agents can do. It is served to this machine alone'
            cand suggest 'Suggest, from the audit log, the least policy that would have allowed what was used'
            cand replay 'Decide the recorded calls again under another policy and print which decisions change'
            cand schema 'Print the JSON Schema of policy files, or of their tests, for editors'
            cand demo 'Show what an agent sees, and what happens to its calls, while a policy is in force'
            cand completions 'Print the completion script for a shell'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'policylayer;wrap'= {
            cand --policy 'The policy file (.toml, .json, .yaml or .yml), instead of the one found by the server''s name; an absolute path'
            cand --server 'The server''s name, instead of the one that config.toml has for its command or that is derived from the command (`npx -y @iterable/mcp` is `iterable`)'
            cand --log-level 'How much to say on stderr: `info` has a line for the start and one for each refusal'
            cand --max-message 'The longest message in either direction, such as 64MiB, 512KiB or 1000000 (bytes); at least 1KiB. A longer one is refused and the session goes on [default: `max_message` of config.toml, else 64MiB]'
            cand --url 'The address of a server over HTTP, instead of a command: https://, or http:// to this machine. docs/http.md'
            cand --header 'A header for each request to the server at --url, whose value is in an environment variable, such as Authorization=LINEAR_AUTHORIZATION; can be repeated'
            cand --bearer 'An environment variable with a token, which is sent to the server at --url as `Authorization: Bearer TOKEN`'
            cand --entry 'With --url: what the client''s entry was before `register`, for `unregister`; nothing else reads it'
            cand --observe 'Try a policy on real work: log what it would refuse, and refuse only what breaks the protocol. `policylayer log` shows the result, `policylayer suggest` turns it into a policy'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;status'= {
            cand --format 'Output format: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;clients'= {
            cand --format 'Output format: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;register'= {
            cand --client 'Only this client; may be repeated'
            cand --format 'With --all: the output format of the plan and the result'
            cand --server 'The server''s name, which finds its policy, instead of the one that `wrap` derives from its command'
            cand --policy 'The policy file, instead of the one found by the server''s name'
            cand --env 'A variable for the environment of a server that is added; the value is asked for, or read from stdin'
            cand --all-clients 'Every client that has the server; with a command for `register`, every installed client'
            cand --all 'Every server of every client, or of the clients that --client names: shows the plan, and asks before it writes'
            cand --yes 'With --all: do not ask'
            cand --observe 'Only observe: log what the policy would refuse, and enforce nothing'
            cand --enforce 'Enforce the policy of a server that was only observed'
            cand --lock 'Lock the server as well, as `policylayer lock` does: it is started once'
            cand --dry-run 'Print what would change, and write nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;unregister'= {
            cand --client 'Only this client; may be repeated'
            cand --format 'With --all: the output format of the plan and the result'
            cand --all-clients 'Every client that has the server; with a command for `register`, every installed client'
            cand --all 'Every server of every client, or of the clients that --client names: shows the plan, and asks before it writes'
            cand --yes 'With --all: do not ask'
            cand --remove 'Take the server out of the file, too: `register -- COMMAND` has added it'
            cand --dry-run 'Print what would change, and write nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;doctor'= {
            cand --client 'Only this client; may be repeated'
            cand --timeout 'How many seconds a server may take to open a session, and again to list its tools'
            cand --format 'Output format: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;inspect'= {
            cand --policy 'The policy file (.toml, .json, .yaml or .yml), instead of the one that `wrap` would find by the server''s name'
            cand --server 'With a command: the server''s name, instead of the one that config.toml has for it or that is derived from it; otherwise the same as SERVER'
            cand --format 'Output format: for a person, or for a program'
            cand --client 'Only this client; may be repeated'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;lock'= {
            cand --server 'The server, by its key in the clients'' files or by its name; with a command, its name instead of the one derived from the command'
            cand --client 'Only this client; may be repeated'
            cand --policy 'The policy file that the lock is beside, instead of the one that `wrap` would find'
            cand --timeout 'How many seconds the server may take to open a session, and again for its lists'
            cand --format 'Output format: for a person, or for a program'
            cand --check 'Write nothing, and exit with 1 if the server differs from its lock. It is started as `wrap` starts it: at the locked version'
            cand --yes 'Ask nothing: replace a lock that differs'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand diff 'Print what changed since the lock: first in terms of risk, then the text'
            cand accept 'Print what changed since the lock, and accept it: all of it, or the named items only'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'policylayer;lock;diff'= {
            cand --server 'The server, by its key in the clients'' files or by its name; with a command, its name instead of the one derived from the command'
            cand --client 'Only this client; may be repeated'
            cand --policy 'The policy file that the lock is beside, instead of the one that `wrap` would find'
            cand --timeout 'How many seconds the server may take to open a session, and again for its lists'
            cand --format 'Output format: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;lock;accept'= {
            cand --server 'The server, by its key in the clients'' files or by its name; with a command, its name instead of the one derived from the command'
            cand --client 'Only this client; may be repeated'
            cand --policy 'The policy file that the lock is beside, instead of the one that `wrap` would find'
            cand --timeout 'How many seconds the server may take to open a session, and again for its lists'
            cand --format 'Output format: for a person, or for a program'
            cand --yes 'Ask nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;lock;help'= {
            cand diff 'Print what changed since the lock: first in terms of risk, then the text'
            cand accept 'Print what changed since the lock, and accept it: all of it, or the named items only'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'policylayer;lock;help;diff'= {
        }
        &'policylayer;lock;help;accept'= {
        }
        &'policylayer;lock;help;help'= {
        }
        &'policylayer;login'= {
            cand --url 'The address of the server, for one that no client has'
            cand --client 'Only this client; may be repeated'
            cand --scope 'Ask for these scopes, separated by blanks, instead of those that the server names'
            cand --client-id 'The id of a client that the authorization server knows already, or the address of a document about one; without it, policylayer makes itself known there'
            cand --client-secret 'The environment variable with the secret of that client, if it has one'
            cand --port 'The port of 127.0.0.1 that the browser comes back to; without it, a free one'
            cand --store 'Where the login is kept'
            cand --no-open 'Print the address, and open no browser'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;logout'= {
            cand --url 'The address of the server, for one that no client has'
            cand --client 'Only this client; may be repeated'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;init'= {
            cand --server 'With a command: the server''s name, instead of the one that config.toml has for it or that is derived from it; otherwise the same as SERVER'
            cand --catalogue 'The known server that this is, if its command does not show it'
            cand -o 'The file to write, `-` for stdout [default: where the server''s policy is looked for: policies/SERVER.toml in the configuration directory]'
            cand --output 'The file to write, `-` for stdout [default: where the server''s policy is looked for: policies/SERVER.toml in the configuration directory]'
            cand --format 'The policy''s format [default: as the file''s extension says, else toml]'
            cand --strength 'How strict it is, of a server without a catalogue: strict, balanced or quiet [default: as config.toml says, else strict]'
            cand --client 'Only this client; may be repeated'
            cand --force 'Replace a policy that is already there; the old one is kept beside the new one as SERVER.toml.before-init'
            cand --lock 'Lock the server as well, as `policylayer lock` does'
            cand --full 'Start nothing: write the whole built-in policy for the server'
            cand --stand-ins 'Give personal data in results stand-ins, so that the model does not get it: docs/results.md'
            cand --no-stand-ins 'Leave results as they come, without a question'
            cand --yes 'Ask nothing: take what is recommended'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;check'= {
            cand --server 'The server that the policy is for; its known tools allow more checks'
            cand --format 'Output format: for a person, or for an editor or CI'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;decide'= {
            cand --tool 'The same as TOOL'
            cand --resource 'Instead of a tool: the URI of a resource that is read'
            cand --prompt 'Instead of a tool: the name of a prompt that is fetched'
            cand --method 'Instead of a tool: a method of the client that the protocol does not know, or a request of the server such as `sampling/createMessage`'
            cand --args 'The arguments of the call or prompt, or the parameters of the method, as a JSON object, or `-` to read them from stdin; without it there are none'
            cand --input 'What the call answers to the server''s questions (`inputResponses`, what conditions on `input.…` look at), as a JSON object; without it, nothing'
            cand --result 'A file with what the server answers, as a JSON object, or `-` for stdin: print also what `results` of the policy makes of it'
            cand --seen 'A file with what the session has seen before, or `-` for stdin, of this server and of others: one result on each line, as a JSON object such as `{"server": "web", "tool": "read_page", "text": "…"}`; without it, nothing'
            cand --policy 'The policy file; without it, the policy that `wrap` would use for the server'
            cand --server 'The server that has the tool, by its key in a client''s file or by its name; without it, the one that the policy file is named after, else the only one with a policy in the configuration directory, else `iterable` if it has a tool of this name'
            cand --format 'Output format: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;explain'= {
            cand --server 'The same as SERVER'
            cand --policy 'The policy file; without it, the policy that `wrap` would use for the server'
            cand --format 'Output format: for a person, for a program, or as a section of a wiki page'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;catalogue'= {
            cand --format 'Output format: for a person, or one JSON document'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand draft 'Start a server and print the first version of its catalogue, to be filled in by a person'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'policylayer;catalogue;draft'= {
            cand --server 'The server''s name in the catalogue, instead of the one that is derived from its command'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;catalogue;help'= {
            cand draft 'Start a server and print the first version of its catalogue, to be filled in by a person'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'policylayer;catalogue;help;draft'= {
        }
        &'policylayer;catalogue;help;help'= {
        }
        &'policylayer;test'= {
            cand --format 'Output format: for a person, for a program, or for CI'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;allow'= {
            cand --reason 'What the agent is told if a call is refused'
            cand --server 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first'
            cand --format 'Output format: for a person, or for a program'
            cand --anyway 'Also take a tool that nothing here knows of the server'
            cand --dry-run 'Print what would change, and write nothing'
            cand --new 'Write a policy for a server although nothing on this machine uses one of that name'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;deny'= {
            cand --reason 'What the agent is told if a call is refused'
            cand --server 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first'
            cand --format 'Output format: for a person, or for a program'
            cand --anyway 'Also take a tool that nothing here knows of the server'
            cand --dry-run 'Print what would change, and write nothing'
            cand --new 'Write a policy for a server although nothing on this machine uses one of that name'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;hide'= {
            cand --reason 'What the agent is told if a call is refused'
            cand --server 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first'
            cand --format 'Output format: for a person, or for a program'
            cand --anyway 'Also take a tool that nothing here knows of the server'
            cand --dry-run 'Print what would change, and write nothing'
            cand --new 'Write a policy for a server although nothing on this machine uses one of that name'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;limit'= {
            cand --scope 'Which calls are counted together: those of a session, of all sessions that one process of a client starts, or of all sessions with the server [default: session]'
            cand --reason 'What the agent is told if the limit is reached'
            cand --server 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first'
            cand --format 'Output format: for a person, or for a program'
            cand --anyway 'Also take a tool that nothing here knows of the server'
            cand --dry-run 'Print what would change, and write nothing'
            cand --new 'Write a policy for a server although nothing on this machine uses one of that name'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;ask'= {
            cand --timeout 'How long a person has to answer: seconds, such as 90, or 90s, 10m or 2h'
            cand --reason 'What the agent is told if a call is refused'
            cand --server 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first'
            cand --format 'Output format: for a person, or for a program'
            cand --anyway 'Also take a tool that nothing here knows of the server'
            cand --dry-run 'Print what would change, and write nothing'
            cand --new 'Write a policy for a server although nothing on this machine uses one of that name'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;reset'= {
            cand --server 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first'
            cand --format 'Output format: for a person, or for a program'
            cand --dry-run 'Print what would change, and write nothing'
            cand --new 'Write a policy for a server although nothing on this machine uses one of that name'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;add'= {
            cand --server 'The server whose policy is edited, by its key in a client''s file or by its name; without it, the one that the policy file is named after, or the only one with a policy file'
            cand --policy 'The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in policy is written out first'
            cand --format 'Output format: for a person, or for a program'
            cand --dry-run 'Print what would change, and write nothing'
            cand --new 'Write a policy for a server although nothing on this machine uses one of that name'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;history'= {
            cand -n 'Print the last N edits'
            cand --limit 'Print the last N edits'
            cand --format 'How to print: for a person, or for a program'
            cand --diff 'Also print what each edit changed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;undo'= {
            cand --edit 'Put the file back as it was before this edit, by its number in `policylayer history`'
            cand --format 'How to print: for a person, or for a program'
            cand --dry-run 'Print what would change, and write nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;changes'= {
            cand --with 'The file of the other version of policylayer'
            cand --format 'How to print: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;approvals'= {
            cand --format 'Output format: for a person, or for a program'
            cand --all 'Also list what has expired; with `--format json`, everything, and not only what can be answered'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand list 'List the calls that wait, those that timed out and can still be approved, and what was answered in the last day'
            cand show 'Print a call with its arguments in full'
            cand approve 'Approve a call'
            cand deny 'Deny a call and tell the agent why'
            cand watch 'Keep a list of the waiting calls open in this terminal, and answer with single keys'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'policylayer;approvals;list'= {
            cand --format 'Output format: for a person, or for a program'
            cand --all 'Also list what has expired; with `--format json`, everything, and not only what can be answered'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;approvals;show'= {
            cand --format 'Output format: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;approvals;approve'= {
            cand --session 'Approve further calls of the tool as well, until the session ends: all of them, or, with `approval_scope = "arguments"` in the policy, those with the same arguments'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;approvals;deny'= {
            cand --reason 'The reason that the agent gets, at most 500 characters'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;approvals;watch'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;approvals;help'= {
            cand list 'List the calls that wait, those that timed out and can still be approved, and what was answered in the last day'
            cand show 'Print a call with its arguments in full'
            cand approve 'Approve a call'
            cand deny 'Deny a call and tell the agent why'
            cand watch 'Keep a list of the waiting calls open in this terminal, and answer with single keys'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'policylayer;approvals;help;list'= {
        }
        &'policylayer;approvals;help;show'= {
        }
        &'policylayer;approvals;help;approve'= {
        }
        &'policylayer;approvals;help;deny'= {
        }
        &'policylayer;approvals;help;watch'= {
        }
        &'policylayer;approvals;help;help'= {
        }
        &'policylayer;log'= {
            cand --server 'Only lines of this server, by its key in a client''s file or by its name'
            cand --tool 'Only lines of this tool, or of the tools that match a glob such as ''send_*'''
            cand --effect 'Only decisions with this effect'
            cand --outcome 'Only lines with this outcome'
            cand --session 'Only lines of this session; the first digits of its id are enough'
            cand --since 'Only lines since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z'
            cand -n 'Print the last N decisions, or `all` [default: all with --since, 10 with --follow, else 50]'
            cand --limit 'Print the last N decisions, or `all` [default: all with --since, 10 with --follow, else 50]'
            cand --format 'Output format: for a person, or as the log''s own lines, one JSON document each'
            cand -f 'Keep running, and print each decision as it is written'
            cand --follow 'Keep running, and print each decision as it is written'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand stats 'Print statistics: calls by tool and effect, refusals and their reasons, latency, limits that are nearly reached'
            cand policy 'Print under which policies decisions were made, or the text of one of them'
            cand verify 'Check that no line was changed, removed or cut off. Exits with 0 if the log is intact, else with 1'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'policylayer;log;stats'= {
            cand --server 'Only lines of this server, by its key in a client''s file or by its name'
            cand --tool 'Only lines of this tool, or of the tools that match a glob such as ''send_*'''
            cand --effect 'Only decisions with this effect'
            cand --outcome 'Only lines with this outcome'
            cand --session 'Only lines of this session; the first digits of its id are enough'
            cand --since 'Only lines since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z'
            cand --format 'Output format: for a person, or one JSON document'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;log;policy'= {
            cand --server 'Only lines of this server, by its key in a client''s file or by its name'
            cand --tool 'Only lines of this tool, or of the tools that match a glob such as ''send_*'''
            cand --effect 'Only decisions with this effect'
            cand --outcome 'Only lines with this outcome'
            cand --session 'Only lines of this session; the first digits of its id are enough'
            cand --since 'Only lines since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z'
            cand --format 'Output format: for a person, or one JSON document'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;log;verify'= {
            cand --server 'The same as SERVER'
            cand --format 'Output format: for a person, or for a program'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;log;help'= {
            cand stats 'Print statistics: calls by tool and effect, refusals and their reasons, latency, limits that are nearly reached'
            cand policy 'Print under which policies decisions were made, or the text of one of them'
            cand verify 'Check that no line was changed, removed or cut off. Exits with 0 if the log is intact, else with 1'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'policylayer;log;help;stats'= {
        }
        &'policylayer;log;help;policy'= {
        }
        &'policylayer;log;help;verify'= {
        }
        &'policylayer;log;help;help'= {
        }
        &'policylayer;ui'= {
            cand --port 'The port of 127.0.0.1 to serve the page at; without it, a free one'
            cand --no-open 'Print the address, and open no browser'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;suggest'= {
            cand --server 'The server, by its key in a client''s file or by its name; required if the log has several'
            cand --policy 'The policy to start from; without it, the one in force for the server'
            cand --since 'Use only calls since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z'
            cand -o 'Write the whole suggested policy to this file, which must not exist, instead of printing what changes'
            cand --output 'Write the whole suggested policy to this file, which must not exist, instead of printing what changes'
            cand --apply 'Put the suggested policy in force, and print what changes. `policylayer undo` takes it back'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;replay'= {
            cand --policy 'The policy to try on the recorded calls'
            cand --server 'The server; without it, the one that the policy file is named after, or the only one that has a log'
            cand --since 'Replay only calls since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z'
            cand --format 'Output format: for a person, or one JSON document'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;schema'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'policylayer;demo'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;completions'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'policylayer;help'= {
            cand wrap 'Start an MCP server and enforce the policy on everything that passes between it and the client'
            cand status 'Show every client and server on one screen: what is protected, what is not, and what to do next'
            cand clients 'List the MCP clients on this machine, their servers, and which of them are behind a policy'
            cand register 'Put a policy in front of a server in a client''s configuration'
            cand unregister 'Undo `register`: the client starts the server directly again'
            cand doctor 'Start a server as its client would, and check each step; for each that fails, say what to do'
            cand inspect 'Start a server and print what an agent would see of it: each tool''s class, decision and rule. No tool is called'
            cand lock 'Lock a server: hold it to the tools, prompts, instructions and package that it has now'
            cand login 'Log in to a server over HTTP in the browser, so that `wrap --url` can reach it'
            cand logout 'Take the login of a server away'
            cand init 'Write a policy for a server from what it lists, after asking about each class of tools'
            cand check 'Load a policy and print its errors and warnings, each with its place and a fix'
            cand decide 'Print what would happen to a call, and which rule decides. No tool is called and no limit is counted'
            cand explain 'Print what a tool does, how it is abused, which rule is recommended for it, and which one is in force'
            cand catalogue 'List the servers that policylayer knows, or what it knows about the tools of one'
            cand test 'Run policy tests: calls, and the decision that is expected for each'
            cand allow 'Allow tools: edit the policy so that they may be called'
            cand deny 'Deny tools: edit the policy so that they stay visible and every call is refused'
            cand hide 'Hide tools: edit the policy so that the agent does not see them and every call is refused'
            cand limit 'Limit tools: edit the policy so that only so many calls pass in a period'
            cand ask 'Ask a person: edit the policy so that each call of the tools needs an approval'
            cand reset 'Remove what the policy says about tools by name, so that the rest of it decides'
            cand add 'Merge a policy, or a part of one, into the policy in force'
            cand history 'List the edits of policies that the subcommands above made: who, when, and what'
            cand undo 'Undo the last edit of a policy by a subcommand'
            cand changes 'Print what another version of policylayer changes for a policy'
            cand approvals 'List and answer the calls that wait for a person''s approval'
            cand log 'Print the audit log: every decision and its outcome'
            cand ui 'Open a page in the browser that shows what your agents can do. It is served to this machine alone'
            cand suggest 'Suggest, from the audit log, the least policy that would have allowed what was used'
            cand replay 'Decide the recorded calls again under another policy and print which decisions change'
            cand schema 'Print the JSON Schema of policy files, or of their tests, for editors'
            cand demo 'Show what an agent sees, and what happens to its calls, while a policy is in force'
            cand completions 'Print the completion script for a shell'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'policylayer;help;wrap'= {
        }
        &'policylayer;help;status'= {
        }
        &'policylayer;help;clients'= {
        }
        &'policylayer;help;register'= {
        }
        &'policylayer;help;unregister'= {
        }
        &'policylayer;help;doctor'= {
        }
        &'policylayer;help;inspect'= {
        }
        &'policylayer;help;lock'= {
            cand diff 'Print what changed since the lock: first in terms of risk, then the text'
            cand accept 'Print what changed since the lock, and accept it: all of it, or the named items only'
        }
        &'policylayer;help;lock;diff'= {
        }
        &'policylayer;help;lock;accept'= {
        }
        &'policylayer;help;login'= {
        }
        &'policylayer;help;logout'= {
        }
        &'policylayer;help;init'= {
        }
        &'policylayer;help;check'= {
        }
        &'policylayer;help;decide'= {
        }
        &'policylayer;help;explain'= {
        }
        &'policylayer;help;catalogue'= {
            cand draft 'Start a server and print the first version of its catalogue, to be filled in by a person'
        }
        &'policylayer;help;catalogue;draft'= {
        }
        &'policylayer;help;test'= {
        }
        &'policylayer;help;allow'= {
        }
        &'policylayer;help;deny'= {
        }
        &'policylayer;help;hide'= {
        }
        &'policylayer;help;limit'= {
        }
        &'policylayer;help;ask'= {
        }
        &'policylayer;help;reset'= {
        }
        &'policylayer;help;add'= {
        }
        &'policylayer;help;history'= {
        }
        &'policylayer;help;undo'= {
        }
        &'policylayer;help;changes'= {
        }
        &'policylayer;help;approvals'= {
            cand list 'List the calls that wait, those that timed out and can still be approved, and what was answered in the last day'
            cand show 'Print a call with its arguments in full'
            cand approve 'Approve a call'
            cand deny 'Deny a call and tell the agent why'
            cand watch 'Keep a list of the waiting calls open in this terminal, and answer with single keys'
        }
        &'policylayer;help;approvals;list'= {
        }
        &'policylayer;help;approvals;show'= {
        }
        &'policylayer;help;approvals;approve'= {
        }
        &'policylayer;help;approvals;deny'= {
        }
        &'policylayer;help;approvals;watch'= {
        }
        &'policylayer;help;log'= {
            cand stats 'Print statistics: calls by tool and effect, refusals and their reasons, latency, limits that are nearly reached'
            cand policy 'Print under which policies decisions were made, or the text of one of them'
            cand verify 'Check that no line was changed, removed or cut off. Exits with 0 if the log is intact, else with 1'
        }
        &'policylayer;help;log;stats'= {
        }
        &'policylayer;help;log;policy'= {
        }
        &'policylayer;help;log;verify'= {
        }
        &'policylayer;help;ui'= {
        }
        &'policylayer;help;suggest'= {
        }
        &'policylayer;help;replay'= {
        }
        &'policylayer;help;schema'= {
        }
        &'policylayer;help;demo'= {
        }
        &'policylayer;help;completions'= {
        }
        &'policylayer;help;help'= {
        }
    ]
    $completions[$command]
}

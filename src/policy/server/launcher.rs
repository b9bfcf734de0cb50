//! Finds the word of a command that names the server, behind `env`, shells, runners, interpreters, containers and bridges.

use super::name_rules::path_segments;
use super::origin::{Started, What};
use crate::risk::Registry;
use crate::wire::http::endpoint::Endpoint;

/// How many launchers may be nested: `env` before `cmd /c` before `npx` and so on.
const MOST_LAUNCHERS: usize = 8;

/// Finds what these words start, or the server at the address that is the first word; `launchers` counts the launchers before them.
pub(super) fn find_started(words: &[String], launchers: usize) -> Option<Started> {
    if let [url, ..] = words
        && let Ok(endpoint) = Endpoint::parse(url)
    {
        return Some(Started::at(&endpoint));
    }
    let started = find_behind(words, launchers)?;
    let is_relative = words.first().is_some_and(|program| {
        let is_rooted = program.starts_with(['/', '\\']) || program.get(1..).is_some_and(|rest| rest.starts_with(':'));
        program.contains(['/', '\\']) && !is_rooted
    });
    Some(started.with_doubt(is_relative.then_some("the directory that the client starts in decides what runs")))
}

fn find_behind(words: &[String], launchers: usize) -> Option<Started> {
    let (program, rest) = words.split_first()?;
    if launchers > MOST_LAUNCHERS || program.starts_with('-') {
        return None;
    }
    let next = |rest: &[String]| find_started(rest, launchers + 1);
    let script = |options: &str| Args::new(rest, options).first_positional().map(file);
    let launcher = launcher_name(program);
    match launcher.as_str() {
        "env" => from_env(rest, launchers),
        "cmd" => {
            let doubt = rest.iter().any(|word| word.contains(['&', '|', '<', '>', '^', '%', '\n'])).then_some(SHELL);
            Some(next(&split_quoted_line(strip_while(rest, |word| word.starts_with('/'))))?.with_doubt(doubt))
        }
        "sh" | "bash" | "zsh" | "dash" | "fish" => from_shell(rest, launchers),
        "npx" | "pnpx" | "bunx" => from_package_runner(&launcher, rest, launchers),
        "npm" | "pnpm" | "yarn" | "bun" => from_package_manager(&launcher, rest, launchers),
        "deno" => from_deno(rest),
        "node" | "nodejs" | "tsx" | "ts-node" => script(NODE_OPTIONS),
        "uvx" => from_uvx(rest),
        "uv" => from_uv(rest, launchers),
        "pipx" => {
            let rest = rest.strip_prefix(&["run".to_owned()])?;
            let args = Args::new(rest, "--python --pip-args --index-url -i --spec");
            let doubt = args.doubt_beyond("--spec --no-cache --quiet -q --verbose");
            let started = match (args.value_of("--spec"), args.skip_options().split_first()) {
                (Some(package), command) => Started::package(Registry::Pypi, package, "pipx run")
                    .running(command.map_or("", |(program, _)| program)),
                (None, command) => Started::package(Registry::Pypi, command?.0, "pipx run"),
            };
            Some(started.with_doubt(doubt))
        }
        "docker" | "podman" | "nerdctl" => from_container(rest, launchers),
        "java" => Args::new(rest, "-cp -classpath --class-path --module-path").value_of("-jar").map(file),
        "dotnet" | "ruby" | "perl" | "php" => script(""),
        "go" => {
            let rest = rest.strip_prefix(&["run".to_owned()])?;
            Args::new(rest, "-C -tags -ldflags -mod").first_positional().map(file)
        }
        "cargo" => None,
        python if is_python(python) => from_python(rest),
        other => match command_behind(other, rest) {
            Some((launcher, command, doubt)) => Some(next(command)?.with_doubt(doubt).behind(launcher)),
            None => Some(
                bridged(other, rest)
                    .filter(|_| !program.contains(['/', '\\']))
                    .unwrap_or_else(|| plain_program(program)),
            ),
        },
    }
}

const OPTION: &str = "an option before it may change what runs";
const SHELL: &str = "a shell does more than start it";
const VARIABLE: &str = "a variable may change what runs";

fn from_env(words: &[String], launchers: usize) -> Option<Started> {
    let args = Args::new(words, "-u --unset -C --chdir");
    let assignments = args.skip_options();
    let command = strip_while(assignments, |word| word.contains('='));
    let set = assignments.get(..assignments.len() - command.len()).unwrap_or_default();
    let doubt = set.iter().any(|word| steers(word)).then_some(VARIABLE);
    let doubt = doubt.or_else(|| args.doubt_beyond("-i --ignore-environment -u --unset"));
    Some(find_started(command, launchers + 1)?.with_doubt(doubt))
}

/// Whether a variable says where code comes from, brings more of it along, or turns a check off.
fn steers(assignment: &str) -> bool {
    const NAMES: &str = "path node_options node_path node_extra_ca_certs node_tls_reject_unauthorized ld_preload \
        ld_library_path ld_audit docker_host bash_env env ifs";
    let name = assignment.split('=').next().unwrap_or_default().to_ascii_lowercase();
    let is_of = |prefix: &&str| name.starts_with(*prefix);
    is_listed(NAMES, &name)
        || [
            "npm_config_",
            "pnpm_config_",
            "yarn_",
            "uv_",
            "pip_",
            "pipx_",
            "python",
            "dyld_",
            "bun_",
            "deno_",
            "docker_",
        ]
        .iter()
        .any(is_of)
}

/// A shell runs its script, or the last command of `-c`.
fn from_shell(words: &[String], launchers: usize) -> Option<Started> {
    let at = words.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'));
    let Some(at) = at else { return Args::new(words, "").first_positional().map(file) };
    let line = words.get(at + 1)?.trim();
    let is_one_command =
        !line.contains([';', '&', '|', '<', '>', '$', '`', '(', ')', '{', '}', '\n', '=', '*', '?', '~', '\\']);
    let is_plain =
        is_one_command && words.iter().take(at + 1).all(|word| is_listed("-c -l -i -lc -ic -ilc -lic", word));
    let last = line.rsplit([';', '&', '|', '\n']).map(str::trim).find(|part| !part.is_empty())?;
    let words = last.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned());
    let words: Vec<_> = words.skip_while(|word| word.contains('=') && !word.starts_with(['-', '/', '.'])).collect();
    Some(find_started(&words, launchers + 1)?.with_doubt((!is_plain).then_some(SHELL)))
}

fn from_deno(words: &[String]) -> Option<Started> {
    let words = words.strip_prefix(&["run".to_owned()]).unwrap_or(words);
    let args = Args::new(words, "--config -c --import-map --env-file --lock");
    let is_harmless = |option: &str| option.starts_with("--allow-") || is_listed("-A -q --quiet --no-prompt", option);
    let doubt = args.split_options().0.iter().any(|(option, _)| !is_harmless(option)).then_some(OPTION);
    args.first_positional().map(|script| match script.strip_prefix("npm:") {
        Some(package) => Started::package(Registry::Npm, package, "deno run").with_doubt(doubt),
        None => file(script),
    })
}

fn file(path: &str) -> Started {
    Started::new(What::File(path.to_owned()))
}

fn plain_program(program: &str) -> Started {
    let is_path = program.contains(['/', '\\']);
    Started::new(if is_path { What::File(program.to_owned()) } else { What::Program(program.to_owned()) })
}

/// A program that only prepares something for the command behind it: rights, time, secrets, versions.
struct Launcher {
    name: &'static str,
    /// The command comes after one of these; empty without any.
    subcommands: &'static str,
    /// The options that have a value.
    with_value: &'static str,
    /// The options that cannot change what runs.
    harmless: &'static str,
}

const LAUNCHERS: &[Launcher] = &[
    Launcher { name: "nohup", subcommands: "", with_value: "", harmless: "" },
    Launcher { name: "exec", subcommands: "", with_value: "-a", harmless: "-c -l" },
    Launcher { name: "command", subcommands: "", with_value: "", harmless: "" },
    Launcher { name: "time", subcommands: "", with_value: "-f -o", harmless: "-p -v -l" },
    Launcher { name: "setsid", subcommands: "", with_value: "", harmless: "-c -f -w --ctty --fork --wait" },
    Launcher {
        name: "sudo",
        subcommands: "",
        with_value: "-u -g -h -p -C -D -R -T -U --user --group --chdir",
        harmless: "-u -g -n -E -H --user --group",
    },
    Launcher { name: "nice", subcommands: "", with_value: "-n --adjustment", harmless: "-n --adjustment" },
    Launcher {
        name: "stdbuf",
        subcommands: "",
        with_value: "-i -o -e --input --output --error",
        harmless: "-i -o -e -i0 -o0 -e0 -iL -oL -eL --input --output --error",
    },
    Launcher { name: "caffeinate", subcommands: "", with_value: "-t -w", harmless: "-t -w -d -i -m -s -u" },
    Launcher {
        name: "timeout",
        subcommands: "",
        with_value: "-k --kill-after -s --signal",
        harmless: "-k --kill-after -s --signal -v --foreground --preserve-status",
    },
    Launcher { name: "envmcp", subcommands: "", with_value: "-e --env-file", harmless: "-e --env-file" },
    Launcher {
        name: "wsl",
        subcommands: "",
        with_value: "-d --distribution -u --user --cd --shell-type",
        harmless: "-d --distribution -u --user -e --exec --shell-type",
    },
    Launcher {
        name: "op",
        subcommands: "run",
        with_value: "--env-file --account --environment --config --session",
        harmless: "--env-file --account --environment --session --no-masking",
    },
    Launcher {
        name: "doppler",
        subcommands: "run",
        with_value: "-p --project -c --config -t --token --scope --fallback --name-transformer",
        harmless: "-p --project -c --config -t --token --preserve-env --silent --no-fallback",
    },
    Launcher { name: "dotenv", subcommands: "", with_value: "-e -v -p -f --file -c", harmless: "-e -f --file" },
    Launcher { name: "mise", subcommands: "exec x", with_value: "-C --cd -j --jobs -E --env", harmless: "-j --jobs" },
    Launcher {
        name: "fnm",
        subcommands: "exec",
        with_value: "--using --fnm-dir --node-dist-mirror",
        harmless: "--using",
    },
    Launcher {
        name: "volta",
        subcommands: "run",
        with_value: "--node --npm --pnpm --yarn",
        harmless: "--node --npm --pnpm --yarn",
    },
];

/// Returns a launcher, the command behind it, and why it may be another one than its words say.
fn command_behind<'w>(program: &str, rest: &'w [String]) -> Option<(&'static str, &'w [String], Option<&'static str>)> {
    let launcher = LAUNCHERS.iter().find(|launcher| launcher.name == program)?;
    let mut args = Args::new(rest, launcher.with_value);
    let mut doubt = args.doubt_beyond(launcher.harmless);
    if !launcher.subcommands.is_empty() {
        let (first, behind) = args.skip_options().split_first()?;
        if !is_listed(launcher.subcommands, first) {
            return None;
        }
        args = Args::new(behind, launcher.with_value);
        doubt = doubt.or_else(|| args.doubt_beyond(launcher.harmless));
    }
    let command = args.skip_options();
    let (command, doubt) = match program {
        "timeout" => (command.get(1..)?, doubt),
        "dotenv" => (command.strip_prefix(&["run".to_owned()]).unwrap_or(command), doubt),
        "mise" => {
            let behind = strip_while(command, |word| word.contains('@') && !word.starts_with('@'));
            let tools = command.get(..command.len() - behind.len()).unwrap_or_default();
            let is_plain = |tool: &String| tool.chars().all(|c| c.is_ascii_alphanumeric() || "@.-".contains(c));
            let doubt = doubt.or_else(|| (!tools.iter().all(is_plain)).then_some(OPTION));
            (behind.strip_prefix(&["--".to_owned()]).unwrap_or(behind), doubt)
        }
        _ => (command, doubt),
    };
    Some((launcher.name, command, doubt))
}

/// Returns the server that a bridge reaches: its URL, or the value of an option that takes one.
fn bridged(program: &str, rest: &[String]) -> Option<Started> {
    if !matches!(program, "mcp-remote" | "supergateway" | "mcp-proxy") {
        return None;
    }
    let is_server = |before: Option<&String>| {
        before.is_none_or(|word| {
            !word.starts_with('-') || is_listed("--sse --streamableHttp --url -y --yes --debug --no-verify-ssl", word)
        })
    };
    let addresses = || {
        rest.iter().enumerate().filter_map(|(at, word)| {
            let (scheme, after) = word.split_once("://")?;
            let is_secure = scheme.eq_ignore_ascii_case("https");
            (is_secure || scheme.eq_ignore_ascii_case("http")).then_some((at, is_secure, after))
        })
    };
    let (_, is_secure, after) =
        addresses().find(|(at, ..)| is_server(at.checked_sub(1).and_then(|at| rest.get(at))))?;
    let before = after.split(['?', '#', '\\']).next().unwrap_or_default();
    let (authority, path) = before.split_at(before.find('/').unwrap_or(before.len()));
    let host = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host).to_owned();
    let doubt = (!is_secure).then_some("without TLS, anybody on the way can answer for it");
    let doubt = doubt.or_else(|| (addresses().count() > 1).then_some("its command names several addresses"));
    let doubt = doubt.or_else(|| rest.iter().any(|word| word.contains("verify")).then_some(OPTION));
    Some(Started::new(What::Remote { host, path: path.to_owned(), bridge: Some(program.to_owned()) }).with_doubt(doubt))
}

const NODE_OPTIONS: &str = "-r --require --import --loader --experimental-loader --env-file -C --conditions";

fn is_python(program: &str) -> bool {
    ["python", "pypy", "py"].iter().any(|name| {
        program.strip_prefix(name).is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
    })
}

/// A program's name in lower case, without its directory and the endings of Windows.
fn launcher_name(program: &str) -> String {
    let name = path_segments(program).last().copied().unwrap_or_default().to_ascii_lowercase();
    let stem = [".exe", ".cmd", ".bat", ".ps1"].iter().find_map(|ending| name.strip_suffix(ending));
    stem.unwrap_or(&name).to_owned()
}

fn strip_while(words: &[String], mut skip: impl FnMut(&str) -> bool) -> &[String] {
    let at = words.iter().position(|word| !skip(word)).unwrap_or(words.len());
    words.get(at..).unwrap_or_default()
}

fn split_quoted_line(words: &[String]) -> Vec<String> {
    match words {
        [line] if line.contains(' ') => {
            line.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect()
        }
        words => words.to_vec(),
    }
}

/// The options of npx, npm, pnpm, yarn and bun that do not say where packages come from. Every other one can: npm takes any of its
/// settings as an option.
const NPM_HARMLESS: &str = "-y --yes -q --quiet -s --silent -p --package --loglevel --prefer-offline --prefer-online \
    --offline --no-install --bun";

/// For `npx`, `bunx` and the like: the package of `--package`, or else the one that has the command.
fn from_package_runner(runner: &str, words: &[String], launchers: usize) -> Option<Started> {
    let args = Args::new(
        words,
        "-p --package -c --call --prefix --registry --userconfig --globalconfig --cache -w --workspace -C --dir --cwd",
    );
    let doubt = args.doubt_beyond(NPM_HARMLESS);
    let packages = args.count_of("-p --package");
    let (first, rest) = args.skip_options().split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    if let Some(package) = args.value_of("-p --package") {
        let doubt = doubt.or_else(|| (packages > 1).then_some("other packages are loaded beside it"));
        return Some(Started::package(Registry::Npm, package, runner).running(first).with_doubt(doubt));
    }
    let package = Some(first).filter(|package| !package.is_empty())?;
    let started = Started::package(Registry::Npm, package, runner);
    let name = match started.what() {
        What::Package { name, .. } => name.strip_suffix("-cli").unwrap_or(name),
        _ => "",
    };
    let behind = command_behind(name, rest).filter(|_| matches!(name, "envmcp" | "dotenv"));
    let started = match behind {
        Some((launcher, command, doubt)) => find_started(command, launchers + 1)?.with_doubt(doubt).behind(launcher),
        None => bridged(name, rest).unwrap_or(started),
    };
    Some(started.with_doubt(doubt))
}

fn from_package_manager(manager: &str, words: &[String], launchers: usize) -> Option<Started> {
    let args = Args::new(words, "--prefix -C --dir --cwd --registry --userconfig --globalconfig -w --workspace");
    let doubt = args.doubt_beyond(NPM_HARMLESS);
    let words = args.skip_options();
    let (subcommand, rest) = words.split_first()?;
    match subcommand.as_str() {
        "exec" | "x" | "dlx" => {
            let runner = format!("{manager} {subcommand}");
            Some(from_package_runner(&runner, rest, launchers)?.with_doubt(doubt))
        }
        "run" => rest.first().filter(|script| script.contains('.')).map(|script| file(script)),
        script if script.contains('.') => find_started(words, launchers + 1).map(|started| match started.what() {
            What::Program(script) => file(script),
            _ => started,
        }),
        _ => None,
    }
}

const UV_OPTIONS: &str = "--from --with --with-editable --with-requirements -w -p --python --index \
    --default-index --index-url -i --extra-index-url --env-file --directory --project --package --extra --group \
    -m --module -c --constraints --cache-dir --config-file";

/// The options of uv that do not say where packages come from, and bring no others along.
const UV_HARMLESS: &str = "--from -q --quiet -n --no-cache --isolated --offline --refresh --no-progress --native-tls -p --python \
    --managed-python --no-config";

fn from_uvx(words: &[String]) -> Option<Started> {
    let args = Args::new(words, UV_OPTIONS);
    let is_path = |python: &str| python.contains(['/', '\\']);
    let doubt = args
        .doubt_beyond(UV_HARMLESS)
        .or_else(|| args.value_of("-p --python").filter(|python| is_path(python)).map(|_| OPTION));
    let (first, rest) = args.skip_options().split_first()?;
    let started = match args.value_of("--from") {
        Some(package) => Started::package(Registry::Pypi, package, "uvx").running(first),
        None => Started::package(Registry::Pypi, first, "uvx"),
    };
    let bridge = match started.what() {
        What::Package { name, .. } => bridged(name, rest),
        _ => None,
    };
    Some(bridge.unwrap_or(started).with_doubt(doubt))
}

/// `uv run` starts a module, a script or a command. A script that is just called `server.py` gets its directory's name.
fn from_uv(words: &[String], launchers: usize) -> Option<Started> {
    let before = Args::new(words, UV_OPTIONS);
    let (subcommand, rest) = before.skip_options().split_first()?;
    match (subcommand.as_str(), rest.first().map(String::as_str)) {
        ("tool", Some("run")) => {
            let doubt = before.doubt_beyond(UV_HARMLESS);
            Some(from_uvx(rest.get(1..)?)?.with_doubt(doubt))
        }
        ("run", _) => {
            let args = Args::new(rest, UV_OPTIONS);
            let directory =
                || before.value_of("--directory --project").or_else(|| args.value_of("--directory --project"));
            // What it runs is what the project, or the environment, has under that name.
            let module = args.value_of("-m --module").map(module);
            let found = module.or_else(|| match find_started(args.skip_options(), launchers + 1)? {
                started if started.server_name().is_none() => None,
                started => Some(match started.what() {
                    What::Program(name) => file(name),
                    _ => started,
                }),
            });
            found.or_else(|| directory().map(file))
        }
        _ => None,
    }
}

fn module(name: &str) -> Started {
    Started::new(What::Module(name.to_owned()))
}

fn from_python(words: &[String]) -> Option<Started> {
    let args = Args::new(words, "-X -W -m -c");
    if args.value_of("-c").is_some() {
        return None;
    }
    args.value_of("-m").map(module).or_else(|| args.first_positional().map(file))
}

const CONTAINER_OPTIONS: &str = "-e --env --env-file -v --volume --mount --name -p --publish --network --net -u \
    --user -w --workdir --entrypoint -l --label --add-host --platform --pull --cpus -m --memory --restart -h \
    --hostname --gpus --device --tmpfs --security-opt --cap-add --cap-drop --log-driver --log-opt --ulimit --ipc \
    --pid --shm-size --dns --runtime";

/// The options of `docker run` that change nothing of what is in the image: no mount, no other program, no other user's files.
const CONTAINER_HARMLESS: &str = "-i -t -it -ti --interactive --tty --rm -e --env --env-file --name --init --pull --platform \
    --network --net -l --label --cpus -m --memory --restart --log-driver --log-opt --ulimit --shm-size --dns -h --hostname \
    -p --publish --cap-drop --read-only -q --quiet";

fn from_container(words: &[String], launchers: usize) -> Option<Started> {
    let daemon = Args::new(words, "--context -c -H --host --config -l --log-level");
    let doubt = daemon.doubt_beyond("-l --log-level");
    let words = daemon.skip_options();
    let words = words.strip_prefix(&["container".to_owned()]).unwrap_or(words);
    let (subcommand, rest) = words.split_first()?;
    let args = Args::new(rest, CONTAINER_OPTIONS);
    let started = args.skip_options();
    match subcommand.as_str() {
        "run" => {
            let doubt = doubt.or_else(|| args.doubt_beyond(CONTAINER_HARMLESS));
            let set = |value: &&[String]| value.first().is_some_and(|word| steers(word));
            let variables = args.split_options().0;
            let mut variables =
                variables.iter().filter(|(option, _)| is_listed("-e --env", option)).map(|(_, value)| value);
            let doubt = doubt.or_else(|| variables.any(set).then_some(VARIABLE));
            Some(Started::new(What::Image(started.first()?.clone())).with_doubt(doubt))
        }
        "exec" => {
            let inside = find_started(started.get(1..)?, launchers + 1)?;
            Some(inside.with_doubt(Some("the container decides what that is")))
        }
        _ => None,
    }
}

pub(super) fn is_listed(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}

/// The words after a launcher: options, some of them with a value, then what it launches.
struct Args<'w> {
    words: &'w [String],
    with_value: &'w str,
}

impl<'w> Args<'w> {
    fn new(words: &'w [String], with_value: &'w str) -> Self {
        Self { words, with_value }
    }

    /// Returns each option with the words after it, and all words after the options and their values.
    fn split_options(&self) -> (Vec<(&'w str, &'w [String])>, &'w [String]) {
        let (mut options, mut words) = (Vec::new(), self.words);
        while let Some((word, after)) = words.split_first() {
            if word == "--" {
                return (options, after);
            }
            if !word.starts_with('-') || word == "-" {
                break;
            }
            options.push((word.as_str(), after));
            words = if is_listed(self.with_value, word) { after.get(1..).unwrap_or_default() } else { after };
        }
        (options, words)
    }

    fn skip_options(&self) -> &'w [String] {
        self.split_options().1
    }

    fn first_positional(&self) -> Option<&'w str> {
        self.skip_options().first().map(String::as_str)
    }

    fn count_of(&self, names: &str) -> usize {
        let is_one = |option: &str| is_listed(names, option.split('=').next().unwrap_or(option));
        self.split_options().0.into_iter().filter(|(option, _)| is_one(option)).count()
    }

    /// Returns a doubt if there is an option that is none of these.
    fn doubt_beyond(&self, harmless: &str) -> Option<&'static str> {
        let is_harmless = |option: &str| is_listed(harmless, option.split('=').next().unwrap_or(option));
        self.split_options().0.iter().any(|(option, _)| !is_harmless(option)).then_some(OPTION)
    }

    fn value_of(&self, names: &str) -> Option<&'w str> {
        self.split_options().0.into_iter().find_map(|(option, after)| match option.split_once('=') {
            _ if is_listed(names, option) => after.first().map(String::as_str),
            Some((name, value)) if is_listed(names, name) => Some(value),
            _ => None,
        })
    }
}

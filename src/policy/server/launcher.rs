//! Finds the word of a command that names the server, behind `env`, shells, runners, interpreters, containers and bridges.

use super::name_rules::path_segments;
use super::origin::{Started, What};
use crate::risk::Registry;

/// How many launchers may be nested: `env` before `cmd /c` before `npx` and so on.
const MOST_LAUNCHERS: usize = 8;

/// Finds what these words start; `launchers` counts the launchers before them.
pub(super) fn find_started(words: &[String], launchers: usize) -> Option<Started> {
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
        "env" => next(after_env(rest)).map(|started| started.with_doubt(doubt_of_variables(rest))),
        "cmd" => next(&split_quoted_line(strip_while(rest, |word| word.starts_with('/')))),
        "sh" | "bash" | "zsh" | "dash" | "fish" => command_of_shell(rest).and_then(|words| next(&words)),
        "npx" | "pnpx" | "bunx" => from_package_runner(&launcher, rest, launchers),
        "npm" | "pnpm" | "yarn" | "bun" => from_package_manager(&launcher, rest, launchers),
        "deno" => {
            let rest = rest.strip_prefix(&["run".to_owned()]).unwrap_or(rest);
            let args = Args::new(rest, "--config -c --import-map --env-file --lock");
            args.first_positional().map(|script| match script.strip_prefix("npm:") {
                Some(package) => Started::package(Registry::Npm, package, "deno run"),
                None => file(script),
            })
        }
        "node" | "nodejs" | "tsx" | "ts-node" => script(NODE_OPTIONS),
        "uvx" => from_uvx(rest),
        "uv" => from_uv(rest, launchers),
        "pipx" => {
            let rest = rest.strip_prefix(&["run".to_owned()])?;
            let args = Args::new(rest, "--python --pip-args --index-url -i");
            let package = args.value_of("--spec").or_else(|| args.first_positional())?;
            let doubt = args.doubt_of("--pip-args --index-url -i", OTHER_REGISTRY);
            Some(Started::package(Registry::Pypi, package, "pipx run").with_doubt(doubt))
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
            Some(command) => next(command),
            None => Some(
                bridged(other, rest)
                    .filter(|_| !program.contains(['/', '\\']))
                    .unwrap_or_else(|| plain_program(program)),
            ),
        },
    }
}

fn file(path: &str) -> Started {
    Started::new(What::File(path.to_owned()))
}

fn plain_program(program: &str) -> Started {
    let is_path = program.contains(['/', '\\']);
    Started::new(if is_path { What::File(program.to_owned()) } else { What::Program(program.to_owned()) })
}

/// Returns the command that a program starts which only prepares something for it: rights, time, secrets, versions.
fn command_behind<'w>(program: &str, rest: &'w [String]) -> Option<&'w [String]> {
    let skip = |options| Some(Args::new(rest, options).skip_options());
    match program {
        "nohup" | "exec" | "command" | "time" | "setsid" => skip(""),
        "sudo" => skip("-u -g -h -p -C -D -R -T -U --user --group --chdir"),
        "nice" => skip("-n --adjustment"),
        "stdbuf" => skip("-i -o -e --input --output --error"),
        "caffeinate" => skip("-t -w"),
        "timeout" => skip("-k --kill-after -s --signal")?.get(1..),
        "envmcp" => skip("-e --env-file"),
        "wsl" => skip("-d --distribution -u --user --cd --shell-type"),
        "op" => after_subcommand(rest, "run", "--env-file --account --environment --config --session"),
        "doppler" => {
            after_subcommand(rest, "run", "-p --project -c --config -t --token --scope --fallback --name-transformer")
        }
        "dotenv" => {
            let rest = skip("-e -v -p -f --file -c")?;
            Some(rest.strip_prefix(&["run".to_owned()]).unwrap_or(rest))
        }
        "mise" => {
            let rest = after_subcommand(rest, "exec x", "-C --cd -j --jobs -E --env")?;
            let rest = strip_while(rest, |word| word.contains('@') && !word.starts_with('@'));
            Some(rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest))
        }
        "fnm" => after_subcommand(rest, "exec", "--using --fnm-dir --node-dist-mirror"),
        "volta" => after_subcommand(rest, "run", "--node --npm --pnpm --yarn"),
        _ => None,
    }
}

/// Returns the words after one of the subcommands and its options.
fn after_subcommand<'w>(words: &'w [String], subcommands: &str, options: &'w str) -> Option<&'w [String]> {
    let (first, rest) = Args::new(words, options).skip_options().split_first()?;
    is_listed(subcommands, first).then(|| Args::new(rest, options).skip_options())
}

/// Returns the server that a bridge reaches: its URL, or the value of an option that takes one.
fn bridged(program: &str, rest: &[String]) -> Option<Started> {
    if !matches!(program, "mcp-remote" | "supergateway" | "mcp-proxy") {
        return None;
    }
    let is_server = |before: Option<&String>| {
        before.is_none_or(|word| !word.starts_with('-') || is_listed("--sse --streamableHttp --url -y --yes", word))
    };
    let url = rest.iter().enumerate().find_map(|(at, word)| {
        let before = at.checked_sub(1).and_then(|at| rest.get(at));
        let (scheme, after) = word.split_once("://")?;
        (matches!(scheme, "https" | "http") && is_server(before)).then_some((scheme, after))
    })?;
    let authority = url.1.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host).to_owned();
    let doubt = (url.0 == "http").then_some("without TLS, anybody on the way can answer for it");
    Some(Started::new(What::Remote { host, bridge: program.to_owned() }).with_doubt(doubt))
}

const OTHER_REGISTRY: &str = "an option names another registry";

/// Variables that say where code comes from, or that bring more of it along.
fn doubt_of_variables(assignments: &[String]) -> Option<&'static str> {
    let steers = |name: &str| {
        let name = name.to_ascii_lowercase();
        is_listed(
            "path node_options node_path pythonpath pythonstartup pythonhome ld_preload ld_library_path docker_host",
            &name,
        ) || ["npm_config_", "uv_", "pip_", "dyld_", "bun_config_"].iter().any(|prefix| name.starts_with(prefix))
    };
    let mut names = assignments.iter().map_while(|word| match word.split_once('=') {
        Some((name, _)) => Some(name),
        None => word.starts_with('-').then_some(""),
    });
    names.any(steers).then_some("a variable says where its code comes from")
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

fn after_env(words: &[String]) -> &[String] {
    strip_while(Args::new(words, "-u --unset -C --chdir").skip_options(), |word| word.contains('='))
}

fn split_quoted_line(words: &[String]) -> Vec<String> {
    match words {
        [line] if line.contains(' ') => {
            line.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect()
        }
        words => words.to_vec(),
    }
}

/// Returns the command that a shell runs: its script, or the last command of `-c`.
fn command_of_shell(words: &[String]) -> Option<Vec<String>> {
    let at = words.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'));
    match at {
        Some(at) => {
            let line = words.get(at + 1)?;
            let last = line.rsplit([';', '&', '|', '\n']).map(str::trim).find(|part| !part.is_empty())?;
            let words = last.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned());
            Some(words.skip_while(|word| word.contains('=') && !word.starts_with(['-', '/', '.'])).collect())
        }
        None => Args::new(words, "").first_positional().map(|script| vec![script.to_owned()]),
    }
}

/// Options of npm, pnpm, yarn and bun that say where packages come from.
const NPM_SOURCES: &str = "--registry --userconfig --globalconfig --prefix -C --dir --cwd --workspace -w";

/// For `npx`, `bunx` and the like: the package of `--package`, or else the one that has the command.
fn from_package_runner(runner: &str, words: &[String], launchers: usize) -> Option<Started> {
    let args = Args::new(
        words,
        "-p --package -c --call --prefix --registry --userconfig --globalconfig --cache -w --workspace -C --dir --cwd",
    );
    let doubt = args.doubt_of(NPM_SOURCES, OTHER_REGISTRY);
    let packages = args.count_of("-p --package");
    let rest = args.skip_options();
    if packages == 0
        && let Some((package, rest)) = rest.split_first()
    {
        let behind = Started::package(Registry::Npm, package, runner);
        let name = match behind.what() {
            What::Package { name, .. } => name.strip_suffix("-cli").unwrap_or(name),
            _ => "",
        };
        let started = match command_behind(name, rest).filter(|_| matches!(name, "envmcp" | "dotenv")) {
            Some(command) => find_started(command, launchers + 1)?,
            None => bridged(name, rest).unwrap_or(behind),
        };
        return Some(started.with_doubt(doubt));
    }
    let package = args.value_of("-p --package").or_else(|| args.first_positional())?;
    let doubt = doubt.or_else(|| (packages > 1).then_some("other packages are loaded beside it"));
    let doubt = doubt.or_else(|| args.doubt_of("-c --call", "a shell runs what `--call` says"));
    Some(Started::package(Registry::Npm, package, runner).with_doubt(doubt))
}

fn from_package_manager(manager: &str, words: &[String], launchers: usize) -> Option<Started> {
    let args = Args::new(words, "--prefix -C --dir --cwd --registry --userconfig --globalconfig -w --workspace");
    let doubt = args.doubt_of(NPM_SOURCES, OTHER_REGISTRY);
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

/// Options of uv that say where packages come from, or that bring others along.
const UV_SOURCES: &str = "--with --with-editable --with-requirements -w --index --default-index --index-url -i \
    --extra-index-url --find-links -f --env-file --directory --project --config-file --constraints -c --overrides";

fn from_uvx(words: &[String]) -> Option<Started> {
    let args = Args::new(words, UV_OPTIONS);
    let doubt = args.doubt_of(UV_SOURCES, "an option says where its code comes from, or brings more along");
    let from = args.value_of("--from");
    let (package, rest) = match from {
        Some(package) => (package, args.skip_options().get(1..).unwrap_or_default()),
        None => args.skip_options().split_first().map(|(package, rest)| (package.as_str(), rest))?,
    };
    let started = Started::package(Registry::Pypi, package, "uvx");
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
            let doubt = before.doubt_of(UV_SOURCES, OTHER_REGISTRY);
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

fn from_container(words: &[String], launchers: usize) -> Option<Started> {
    let daemon = Args::new(words, "--context -c -H --host --config -l --log-level");
    let doubt = daemon.doubt_of("--context -c -H --host --config", "an option names another daemon");
    let words = daemon.skip_options();
    let words = words.strip_prefix(&["container".to_owned()]).unwrap_or(words);
    let (subcommand, rest) = words.split_first()?;
    let args = Args::new(rest, CONTAINER_OPTIONS);
    let started = args.skip_options();
    match subcommand.as_str() {
        "run" => {
            let doubt = doubt.or_else(|| args.doubt_of("--entrypoint", "`--entrypoint` runs something else in it"));
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

    /// Returns the doubt if one of these options is there.
    fn doubt_of(&self, names: &str, doubt: &'static str) -> Option<&'static str> {
        (self.count_of(names) > 0).then_some(doubt)
    }

    fn value_of(&self, names: &str) -> Option<&'w str> {
        self.split_options().0.into_iter().find_map(|(option, after)| match option.split_once('=') {
            _ if is_listed(names, option) => after.first().map(String::as_str),
            Some((name, value)) if is_listed(names, name) => Some(value),
            _ => None,
        })
    }
}

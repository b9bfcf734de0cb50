//! Finds the word of a command that names the server, behind `env`, shells, runners, interpreters and containers.

use super::ServerName;
use super::name_rules::{from_image, from_module, from_package, from_script, path_segments};

/// How many launchers may be nested: `env` before `cmd /c` before `npx` and so on.
const MOST_LAUNCHERS: usize = 8;

/// Derives the name of the server that these words start; `launchers` counts the launchers before them.
pub(super) fn derive_from(words: &[String], launchers: usize) -> Option<ServerName> {
    let (program, rest) = words.split_first()?;
    if launchers > MOST_LAUNCHERS || program.starts_with('-') {
        return None;
    }
    let next = |rest: &[String]| derive_from(rest, launchers + 1);
    let launcher = launcher_name(program);
    match launcher.as_str() {
        "env" => next(after_env(rest)),
        "nohup" | "exec" | "command" | "sudo" | "time" | "nice" => next(Args::new(rest, "-u -g -n").skip_options()),
        "cmd" => next(&split_quoted_line(strip_while(rest, |word| word.starts_with('/')))),
        "sh" | "bash" | "zsh" | "dash" | "fish" => command_of_shell(rest).and_then(|words| next(&words)),
        "npx" | "pnpx" | "bunx" => from_package_runner(rest),
        "npm" | "pnpm" | "yarn" | "bun" => from_package_manager(rest, launchers),
        "deno" => {
            let rest = rest.strip_prefix(&["run".to_owned()]).unwrap_or(rest);
            Args::new(rest, "--config -c --import-map --env-file --lock").first_positional().and_then(from_script)
        }
        "node" | "nodejs" | "tsx" | "ts-node" => Args::new(rest, NODE_OPTIONS).first_positional().and_then(from_script),
        "uvx" => from_uvx(rest),
        "uv" => from_uv(rest, launchers),
        "pipx" => {
            let rest = rest.strip_prefix(&["run".to_owned()])?;
            let args = Args::new(rest, "--python --pip-args --index-url -i");
            args.value_of("--spec").or_else(|| args.first_positional()).and_then(from_package)
        }
        "docker" | "podman" | "nerdctl" => from_container(rest, launchers),
        "java" => {
            let args = Args::new(rest, "-cp -classpath --class-path --module-path");
            args.value_of("-jar").and_then(from_script)
        }
        "dotnet" | "ruby" | "perl" | "php" => Args::new(rest, "").first_positional().and_then(from_script),
        "go" => {
            let rest = rest.strip_prefix(&["run".to_owned()])?;
            Args::new(rest, "-C -tags -ldflags -mod").first_positional().and_then(from_script)
        }
        "cargo" => None,
        python if is_python(python) => from_python(rest),
        _ => from_script(program),
    }
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

/// For `npx`, `bunx` and the like: the package of `--package`, or else the one that has the command.
fn from_package_runner(words: &[String]) -> Option<ServerName> {
    let args = Args::new(words, "-p --package -c --call --prefix --registry --userconfig --cache -w --workspace");
    args.value_of("-p --package").or_else(|| args.first_positional()).and_then(from_package)
}

fn from_package_manager(words: &[String], launchers: usize) -> Option<ServerName> {
    let words = Args::new(words, "--prefix -C --dir --cwd --registry -w --workspace").skip_options();
    let (subcommand, rest) = words.split_first()?;
    match subcommand.as_str() {
        "exec" | "x" | "dlx" => from_package_runner(rest),
        "run" => rest.first().filter(|script| script.contains('.')).and_then(|script| from_script(script)),
        file if file.contains('.') => derive_from(words, launchers + 1),
        _ => None,
    }
}

const UV_OPTIONS: &str = "--from --with --with-editable --with-requirements -w -p --python --index \
    --default-index --index-url -i --extra-index-url --env-file --directory --project --package --extra --group \
    -m --module -c --constraints --cache-dir --config-file";

fn from_uvx(words: &[String]) -> Option<ServerName> {
    let args = Args::new(words, UV_OPTIONS);
    args.value_of("--from").or_else(|| args.first_positional()).and_then(from_package)
}

/// `uv run` starts a module, a script or a command. A script that is just called `server.py` gets its directory's name.
fn from_uv(words: &[String], launchers: usize) -> Option<ServerName> {
    let before = Args::new(words, UV_OPTIONS);
    let (subcommand, rest) = before.skip_options().split_first()?;
    match (subcommand.as_str(), rest.first().map(String::as_str)) {
        ("tool", Some("run")) => from_uvx(rest.get(1..)?),
        ("run", _) => {
            let args = Args::new(rest, UV_OPTIONS);
            let directory =
                || before.value_of("--directory --project").or_else(|| args.value_of("--directory --project"));
            args.value_of("-m --module")
                .and_then(from_module)
                .or_else(|| derive_from(args.skip_options(), launchers + 1))
                .or_else(|| directory().and_then(from_script))
        }
        _ => None,
    }
}

fn from_python(words: &[String]) -> Option<ServerName> {
    let args = Args::new(words, "-X -W -m -c");
    if args.value_of("-c").is_some() {
        return None;
    }
    args.value_of("-m").and_then(from_module).or_else(|| args.first_positional().and_then(from_script))
}

const CONTAINER_OPTIONS: &str = "-e --env --env-file -v --volume --mount --name -p --publish --network --net -u \
    --user -w --workdir --entrypoint -l --label --add-host --platform --pull --cpus -m --memory --restart -h \
    --hostname --gpus --device --tmpfs --security-opt --cap-add --cap-drop --log-driver --log-opt --ulimit --ipc \
    --pid --shm-size --dns --runtime";

fn from_container(words: &[String], launchers: usize) -> Option<ServerName> {
    let words = Args::new(words, "--context -c -H --host --config -l --log-level").skip_options();
    let words = words.strip_prefix(&["container".to_owned()]).unwrap_or(words);
    let (subcommand, rest) = words.split_first()?;
    let started = Args::new(rest, CONTAINER_OPTIONS).skip_options();
    match subcommand.as_str() {
        "run" => started.first().and_then(|image| from_image(image)),
        "exec" => derive_from(started.get(1..)?, launchers + 1),
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

    fn value_of(&self, names: &str) -> Option<&'w str> {
        self.split_options().0.into_iter().find_map(|(option, after)| match option.split_once('=') {
            _ if is_listed(names, option) => after.first().map(String::as_str),
            Some((name, value)) if is_listed(names, name) => Some(value),
            _ => None,
        })
    }
}

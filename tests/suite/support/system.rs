//! What differs between the systems that the tests run on: where programs are, what makes a home, what has no terminal.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// What parts the words of a command that a person is told to run from the server's: PowerShell keeps it only in quotes.
pub(crate) const DASHES: &str = if cfg!(windows) { "\"--\"" } else { "--" };

/// How many times as long something may take here as where there is no Wine below it.
pub(crate) const SLOWNESS: u32 = if cfg!(windows) { 4 } else { 1 };

/// How long something is waited for that has to happen. It is no measure of speed: what has not happened by then never does, even
/// on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180 * SLOWNESS as u64);

/// How long this thread has computed: what a test measures that is about the growth of work, since nothing else that a machine
/// does makes it longer. Where the system does not tell, how long it has run.
pub(crate) fn computing_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let nanoseconds = || {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        told.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    nanoseconds().unwrap_or_else(|| START.elapsed())
}

/// The program under test, as an absolute path. A test that was built on another system knows it without its drive.
pub(crate) fn program() -> &'static str {
    static PROGRAM: LazyLock<String> = LazyLock::new(|| {
        let program = std::path::absolute(env!("CARGO_BIN_EXE_policylayer")).unwrap();
        program.into_os_string().into_string().unwrap()
    });
    &PROGRAM
}

/// A program that cargo builds beside the tests, such as `stub_server`.
pub(crate) fn example(name: &str) -> PathBuf {
    beside_the_tests(&format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// A file in the directory of the examples.
pub(crate) fn beside_the_tests(file: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let file = profile.join("examples").join(file);
    assert!(file.exists(), "{} is missing: `cargo build --examples` builds it", file.display());
    file
}

/// Makes this directory the home of the command, wherever the system has one. The configuration is in `.config` there, the
/// state where [`state_in`] tells.
pub(crate) fn at_home<'c>(command: &'c mut Command, home: &Path) -> &'c mut Command {
    command.env("HOME", home);
    for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "POLICYLAYER_POLICY"] {
        command.env_remove(name);
    }
    if cfg!(windows) {
        command.env("USERPROFILE", home);
        command.env("APPDATA", home.join(".config")).env("LOCALAPPDATA", home.join(".local").join("state"));
    }
    command
}

/// The state directory of the program in a home without XDG_STATE_HOME.
pub(crate) fn state_in(home: &Path) -> PathBuf {
    let base = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/state" };
    native(&home.join(base).join("policylayer"))
}

/// Takes every variable from the command but those without which no program runs on this system.
pub(crate) fn without_variables(command: &mut Command) -> &mut Command {
    command.env_clear().envs(indispensable())
}

/// The variables without which no program runs on this system.
pub(crate) fn indispensable() -> impl Iterator<Item = (&'static str, OsString)> {
    let names: &[&str] =
        if cfg!(windows) { &["SystemRoot", "SystemDrive", "windir", "ComSpec", "PATHEXT", "TEMP", "TMP"] } else { &[] };
    names.iter().filter_map(|name| Some((*name, env::var_os(name)?)))
}

/// A path as the system writes it: `join` leaves each `/` as it is.
pub(crate) fn native(path: &Path) -> PathBuf {
    path.components().collect()
}

/// Puts a file in the place of another. Windows refuses that for the moment in which somebody has the other open, and
/// whoever saves a file there tries again.
pub(crate) fn replace(new: impl AsRef<Path>, file: impl AsRef<Path>) {
    let (new, file, start) = (new.as_ref(), file.as_ref(), Instant::now());
    while let Err(error) = std::fs::rename(new, file) {
        let is_busy = cfg!(windows) && error.kind() == std::io::ErrorKind::PermissionDenied;
        assert!(is_busy && start.elapsed() < PATIENCE, "{} to {}: {error}", new.display(), file.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the tests run under Wine, which is not Windows in all that they look at.
#[cfg(windows)]
pub(crate) fn is_wine() -> bool {
    Path::new(r"C:\windows\system32\winecfg.exe").exists()
}

/// Whether this user may make symbolic links, which Windows lets few do; where not, that is said, as the test leaves a part
/// out.
pub(crate) fn may_link() -> bool {
    static MAY: LazyLock<bool> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        // Wine makes none, and says that it has.
        try_symlink(Path::new("nowhere"), &link).is_ok() && std::fs::symlink_metadata(link).is_ok()
    });
    if !*MAY {
        #[cfg(unix)]
        panic!("this user may not make a symbolic link");
        #[cfg(windows)]
        skip_part("this user may not make symbolic links (on Windows, the developer mode allows it)");
    }
    *MAY
}

/// Says on stderr, also where the test passes, that a part of it is left out.
pub(crate) fn skip_part(why: &str) {
    use std::io::Write as _;
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    #[expect(clippy::explicit_write, reason = "the test runner keeps what a passing test prints to itself")]
    writeln!(std::io::stderr(), "skipped in part: {test}: {why}").unwrap();
}

/// Makes a symbolic link at a path, to a file or a directory.
pub(crate) fn symlink(to: impl AsRef<Path>, at: impl AsRef<Path>) {
    try_symlink(to.as_ref(), at.as_ref()).unwrap();
}

#[cfg(unix)]
fn try_symlink(to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(windows)]
fn try_symlink(to: &Path, at: &Path) -> std::io::Result<()> {
    let is_folder = at.parent().is_some_and(|parent| parent.join(to).is_dir());
    // A relative target is taken literally, and `/` is none of its separators.
    let to: PathBuf = to.components().collect();
    if is_folder { std::os::windows::fs::symlink_dir(to, at) } else { std::os::windows::fs::symlink_file(to, at) }
}

/// Writes a program. Another process does: while this one had the file open, a child that another test starts would hold it
/// as well until it runs its own program, and the system starts no program that somebody may still write ("text file busy").
#[cfg(unix)]
pub(crate) fn write_program(path: &Path, text: &str) {
    use std::io::Write as _;
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path).stdin(std::process::Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success(), "{} could not be written", path.display());
}

/// Copies a program; on Unix by another process, as [`write_program`] does.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    #[cfg(unix)]
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success(), "{}", to.display());
    #[cfg(windows)]
    std::fs::copy(from, to).unwrap();
}

/// A port of this machine on which nobody listens, and nobody else can, until it is dropped.
pub(crate) struct DeadPort(socket2::Socket);

impl DeadPort {
    pub(crate) fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Self(socket)
    }

    pub(crate) fn number(&self) -> u16 {
        self.0.local_addr().unwrap().as_socket().unwrap().port()
    }
}

/// Takes the terminal from the command: on Unix it leads a session of its own, on Windows it has no console.
#[cfg(unix)]
#[allow(unsafe_code, reason = "what is done between fork and exec is")]
pub(crate) fn without_terminal(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt as _;
    // Between fork and exec; setsid is safe there.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            Ok(())
        })
    }
}

/// Takes the terminal from the command: on Unix it leads a session of its own, on Windows it has no console.
#[cfg(windows)]
pub(crate) fn without_terminal(command: &mut Command) -> &mut Command {
    use std::os::windows::process::CommandExt as _;
    const DETACHED_PROCESS: u32 = 8;
    command.creation_flags(DETACHED_PROCESS)
}

/// Lets the command lead a process group, so that a test can kill the whole of it. Windows has jobs instead, which end with
/// the process. There it gets a console without a window, as clients start servers: one that each server had to itself would
/// under Wine, in the program behind it, hold the server's pipes.
pub(crate) fn leads_a_group(command: &mut Command) -> &mut Command {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(windows)]
    {
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        std::os::windows::process::CommandExt::creation_flags(command, CREATE_NO_WINDOW);
    }
    command
}

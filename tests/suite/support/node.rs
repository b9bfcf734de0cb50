//! The real servers, as npm installs them: pinned by tests/upstream/package-lock.json, installed when absent.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Node and the servers that are installed for it.
pub(crate) struct Upstream {
    /// The `node` program.
    pub(crate) node: PathBuf,
    /// The `npx` program.
    pub(crate) npx: PathBuf,
    /// The folder of package.json; `npx` finds the installed packages from here, without a network.
    pub(crate) folder: PathBuf,
}

impl Upstream {
    /// The script of `@iterable/mcp`.
    pub(crate) fn iterable(&self) -> PathBuf {
        self.script("@iterable/mcp")
    }

    /// The program of `@iterable/mcp`. Windows itself completes a name with `.exe` only.
    pub(crate) const ITERABLE: &str = if cfg!(windows) { "iterable-mcp.cmd" } else { "iterable-mcp" };

    /// The PATH on which [`Self::ITERABLE`] is, as an installation with npm leaves it: what is started by its script's path is no
    /// known server.
    pub(crate) fn path_with_iterable(&self) -> OsString {
        static FOLDER: OnceLock<PathBuf> = OnceLock::new();
        let folder = FOLDER.get_or_init(|| {
            let folder = std::path::absolute(Path::new(env!("CARGO_TARGET_TMPDIR")).join("iterable")).unwrap();
            fs::create_dir_all(&folder).unwrap();
            let (node, script) = (self.node.display(), self.iterable());
            let text = if cfg!(windows) {
                format!("@\"{node}\" \"{}\" %*\r\n", script.display())
            } else {
                format!("#!/bin/sh\nexec '{node}' '{}' \"$@\"\n", script.display())
            };
            // Whoever starts it in another process sees the old file or the new one.
            let draft = folder.join(format!("{}.draft", std::process::id()));
            #[cfg(unix)]
            super::system::write_program(&draft, &text);
            #[cfg(windows)]
            fs::write(&draft, text).unwrap();
            fs::rename(&draft, folder.join(Self::ITERABLE)).unwrap();
            folder
        });
        let others = env::var_os("PATH").unwrap_or_default();
        env::join_paths(std::iter::once(folder.clone()).chain(env::split_paths(&others))).unwrap()
    }

    /// The script of `@modelcontextprotocol/server-everything`.
    pub(crate) fn everything(&self) -> PathBuf {
        self.script("@modelcontextprotocol/server-everything")
    }

    /// The script of `@modelcontextprotocol/server-filesystem`.
    pub(crate) fn filesystem(&self) -> PathBuf {
        self.script("@modelcontextprotocol/server-filesystem")
    }

    /// The script of `@modelcontextprotocol/server-memory`.
    pub(crate) fn memory(&self) -> PathBuf {
        self.script("@modelcontextprotocol/server-memory")
    }

    /// The script of `@modelcontextprotocol/server-basic-vanillajs`, an MCP App.
    pub(crate) fn app(&self) -> PathBuf {
        self.script("@modelcontextprotocol/server-basic-vanillajs")
    }

    /// The script of `@modelcontextprotocol/conformance`.
    #[cfg(unix)]
    pub(crate) fn conformance(&self) -> PathBuf {
        self.script("@modelcontextprotocol/conformance")
    }

    /// The script of `@modelcontextprotocol/inspector`.
    pub(crate) fn inspector(&self) -> PathBuf {
        self.folder.join("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js")
    }

    /// A client that is written for the tests on a library for clients.
    pub(crate) fn client(&self, script: &str) -> PathBuf {
        self.folder.join("clients").join(script)
    }

    /// The script of `@cyanheads/git-mcp-server`.
    pub(crate) fn git(&self) -> PathBuf {
        self.script("@cyanheads/git-mcp-server")
    }

    /// The script of `@henkey/postgres-mcp-server`.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.folder.join("node_modules").join("@henkey/postgres-mcp-server").join("build").join("index.js")
    }

    fn script(&self, package: &str) -> PathBuf {
        self.folder.join("node_modules").join(package).join("dist").join("index.js")
    }
}

/// The real servers, or `None` after a line that says why the test is skipped. Under `CI=true` a skip is a failure.
pub(crate) fn upstream() -> Option<&'static Upstream> {
    static UPSTREAM: OnceLock<Result<Upstream, String>> = OnceLock::new();
    UPSTREAM.get_or_init(find).as_ref().map_err(|why| skip_test(why)).ok()
}

/// Finds a program of Node.js; `None` after a line that says why the test is skipped.
#[cfg(unix)]
pub(crate) fn program_of_node(name: &str) -> Option<PathBuf> {
    let found = on_path(name);
    if found.is_none() {
        skip_test(&format!("{name} is not on the PATH; install Node.js 20 or newer to run it"));
    }
    found
}

/// Says why a test is skipped, past the test runner. Under `CI=true` a skip is a failure.
pub(crate) fn skip_test(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    #[expect(clippy::explicit_write, reason = "the test runner keeps what a passing test prints to itself")]
    writeln!(io::stderr(), "skipped: {test}: {why}").unwrap();
    assert!(env::var("CI").as_deref() != Ok("true"), "{test} may not be skipped under CI=true: {why}");
}

fn find() -> Result<Upstream, String> {
    let program = |name: &str| {
        on_path(name).ok_or_else(|| format!("{name} is not on the PATH; install Node.js 20 or newer to run it"))
    };
    let (node, npm, npx) = (program("node")?, program("npm")?, program("npx")?);
    // Built on another system, the test knows the path without its drive.
    let folder = std::path::absolute(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("upstream"))
        .map_err(|error| format!("the working directory is unknown: {error}"))?;
    install(&npm, &folder);
    Ok(Upstream { node, npx, folder })
}

fn on_path(name: &str) -> Option<PathBuf> {
    let endings: &[&str] = if cfg!(windows) { &[".exe", ".cmd"] } else { &[""] };
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders)
        .flat_map(|folder| endings.iter().map(move |ending| folder.join(format!("{name}{ending}"))))
        .find(|file| file.is_file())
}

/// Installs what the lock file pins, unless exactly that is there already.
fn install(npm: &Path, folder: &Path) {
    // Test binaries run in parallel; the first installs, the others wait. Closing the file gives the lock back.
    let guard = File::create(folder.join(".lock")).unwrap();
    guard.lock().unwrap();

    let wanted = fs::read(folder.join("package-lock.json")).unwrap();
    // npm takes node_modules away first, so the marker is there only after a whole install.
    let marker = folder.join("node_modules").join(".installed-lock.json");
    if fs::read(&marker).is_ok_and(|installed| installed == wanted) {
        return;
    }
    let output = Command::new(npm)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{} could not be started: {error}", npm.display()));
    assert!(
        output.status.success(),
        "`npm ci` in {} failed ({}); the tests of real servers need it once, with a network:\n{}",
        folder.display(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    fs::write(marker, wanted).unwrap();
}

//! Finds the file of a program, for the code that starts programs and for the code that reports whether they can be
//! started.
//!
//! Windows has no single rule for this. `CreateProcess` appends only `.exe`, and searches our own directory and the
//! current one first; cmd.exe reads PATHEXT, which is how `npx` becomes `npx.cmd`. The standard library has a third
//! order. This module follows cmd.exe, but skips the current directory: a client starts servers in a repository that
//! was just cloned.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The environment and the working directory that a program is searched with.
#[derive(Clone, Debug, Default)]
pub struct SearchEnv {
    path: OsString,
    #[cfg_attr(not(windows), allow(dead_code, reason = "only Windows completes names"))]
    pathext: Option<OsString>,
    dir: PathBuf,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchResult {
    /// The file to start.
    At(PathBuf),
    /// A directory, or a file that the system does not run as a program.
    NotExecutable(PathBuf),
    /// The file does not exist.
    Nowhere,
}

impl SearchEnv {
    /// Creates a search with the variables and the working directory of a process.
    pub fn new<'v>(vars: impl IntoIterator<Item = (&'v OsStr, &'v OsStr)>, dir: impl Into<PathBuf>) -> Self {
        let mut search = Self { dir: dir.into(), ..Self::default() };
        for (name, value) in vars {
            if is_same_name(name, "PATH") {
                value.clone_into(&mut search.path);
            } else if is_same_name(name, "PATHEXT") {
                search.pathext = Some(value.to_owned());
            }
        }
        search
    }

    /// Creates a search with the environment of this process.
    pub fn of_this_process() -> Self {
        Self {
            path: std::env::var_os("PATH").unwrap_or_default(),
            pathext: std::env::var_os("PATHEXT"),
            // If the directory is gone, relative commands fail with errors that name them.
            dir: std::env::current_dir().unwrap_or_default(),
        }
    }

    /// Returns the same search with another PATH.
    #[must_use]
    pub fn with_path(self, path: impl Into<OsString>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// Returns the PATH.
    pub fn search_path(&self) -> &OsStr {
        &self.path
    }

    /// Returns the working directory.
    pub fn working_dir(&self) -> &Path {
        &self.dir
    }

    /// Finds the file that runs for `program`, the first word of a command.
    pub fn find_program(&self, program: &OsStr) -> SearchResult {
        system::find_program(program, self)
    }
}

/// Returns whether a command is a path, not the name of a program in the PATH.
pub fn is_path(program: &OsStr) -> bool {
    let text = program.to_string_lossy();
    text.contains('/') || (cfg!(windows) && windows_rules::is_path(&text))
}

/// Returns the program that usually runs files with this extension.
pub fn usual_interpreter(file: &Path) -> Option<&'static str> {
    let ending = file.extension()?.to_str()?.to_ascii_lowercase();
    Some(match ending.as_str() {
        "js" | "mjs" | "cjs" => "node",
        "py" | "pyw" | "pyz" => "python",
        "ps1" => "powershell -File",
        "vbs" | "vbe" | "jse" | "wsf" | "wsh" => "cscript //nologo",
        "jar" => "java -jar",
        "rb" => "ruby",
        "php" => "php",
        "sh" | "bash" => "bash",
        _ => return None,
    })
}

/// On Windows `Path` is PATH.
fn is_same_name(name: &OsStr, wanted: &str) -> bool {
    if cfg!(windows) { name.eq_ignore_ascii_case(wanted) } else { name == wanted }
}

/// Removes the parts of a path that change nothing, as in `/a/./b`.
fn normalize_path(path: &Path) -> PathBuf {
    path.components().collect()
}

#[cfg(not(windows))]
mod system {
    use std::ffi::OsStr;
    use std::fs;
    use std::path::Path;

    use super::{SearchEnv, SearchResult, is_path, normalize_path};

    pub(super) fn find_program(program: &OsStr, search: &SearchEnv) -> SearchResult {
        if is_path(program) {
            return check_file(&search.dir.join(program));
        }
        let mut found = SearchResult::Nowhere;
        for dir in std::env::split_paths(&search.path).filter(|dir| !dir.as_os_str().is_empty()) {
            match check_file(&search.dir.join(dir).join(program)) {
                at @ SearchResult::At(_) => return at,
                SearchResult::Nowhere => {}
                first if found == SearchResult::Nowhere => found = first,
                SearchResult::NotExecutable(_) => {}
            }
        }
        found
    }

    fn check_file(path: &Path) -> SearchResult {
        let path = normalize_path(path);
        match fs::metadata(&path) {
            Ok(found) if is_executable(&found) => SearchResult::At(path),
            Ok(_) => SearchResult::NotExecutable(path),
            Err(_) => SearchResult::Nowhere,
        }
    }

    #[cfg(unix)]
    fn is_executable(found: &fs::Metadata) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        found.is_file() && found.permissions().mode() & 0o111 != 0
    }

    #[cfg(not(unix))]
    fn is_executable(found: &fs::Metadata) -> bool {
        found.is_file()
    }
}

#[cfg(windows)]
mod system {
    use std::ffi::OsStr;
    use std::fs::{self, File};
    use std::io::Read as _;
    use std::path::{Path, PathBuf};

    use super::windows_rules::{self, FileKind, has_ending};
    use super::{SearchEnv, SearchResult, normalize_path};

    pub(super) fn find_program(program: &OsStr, search: &SearchEnv) -> SearchResult {
        // No client's file contains invalid Unicode, so such a name is not found.
        let (program, path) = (program.to_string_lossy(), search.path.to_string_lossy());
        let pathext = search.pathext.as_deref().map(OsStr::to_string_lossy);
        let dir = search.dir.to_string_lossy();
        match windows_rules::find_program(&program, &path, pathext.as_deref(), &dir, |path| file_kind(Path::new(path)))
        {
            SearchResult::At(path) => SearchResult::At(as_std_starts(normalize_path(&path))),
            SearchResult::NotExecutable(path) => SearchResult::NotExecutable(normalize_path(&path)),
            SearchResult::Nowhere => SearchResult::Nowhere,
        }
    }

    fn file_kind(path: &Path) -> FileKind {
        // This also sees the aliases of Store apps, such as python.exe, which cannot be opened.
        let Ok(found) = fs::metadata(path) else { return FileKind::Missing };
        if found.is_dir() {
            return FileKind::Directory;
        }
        let is_named_so = path.to_str().is_some_and(|path| has_ending(path, &windows_rules::PROGRAMS));
        if is_named_so || is_image(path) { FileKind::Program } else { FileKind::Other }
    }

    /// `CreateProcess` starts an image whatever its name is.
    fn is_image(path: &Path) -> bool {
        let mut magic = [0; 2];
        File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"MZ"
    }

    /// The standard library starts `x.cmd.exe` for `x.cmd` if both exist, so this returns that file.
    fn as_std_starts(path: PathBuf) -> PathBuf {
        if has_ending(&path.to_string_lossy(), &[".exe"]) {
            return path;
        }
        let mut other = path.clone().into_os_string();
        other.push(".exe");
        let other = PathBuf::from(other);
        if other.exists() { other } else { path }
    }
}

/// The rules of Windows as text, so that they are tested on every system.
#[cfg_attr(not(windows), allow(dead_code, reason = "only Windows looks for programs so"))]
mod windows_rules {
    use super::SearchResult;

    /// PATHEXT if it is not set; Windows' default has more endings, none of which can be started as a program.
    const DEFAULT_PATHEXT: &str = ".COM;.EXE;.BAT;.CMD";

    /// The extensions that can be started as a program.
    pub(super) const PROGRAMS: [&str; 4] = [".com", ".exe", ".bat", ".cmd"];

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum FileKind {
        Missing,
        Directory,
        Program,
        Other,
    }

    pub(super) fn find_program(
        program: &str,
        path: &str,
        pathext: Option<&str>,
        dir: &str,
        kind: impl Fn(&str) -> FileKind,
    ) -> SearchResult {
        let endings = parse_pathext(pathext);
        if is_path(program) {
            return find_by_path(&join_path(dir, program), &endings, kind);
        }
        let mut other = SearchResult::Nowhere;
        for dir in split_path(path) {
            let base = join_path(&dir, program);
            // A bare name does not mean a file without an extension: npm puts a shell script `npx` beside `npx.cmd`.
            let exact = Some(base.clone()).filter(|_| has_any_ending(program));
            for file in exact.into_iter().chain(endings.iter().map(|ending| format!("{base}{ending}"))) {
                match kind(&file) {
                    FileKind::Program => return SearchResult::At(file.into()),
                    // cmd.exe would pass it to the program that opens such files.
                    FileKind::Other if has_ending(&file, &endings) => return SearchResult::NotExecutable(file.into()),
                    FileKind::Other if other == SearchResult::Nowhere => {
                        other = SearchResult::NotExecutable(file.into())
                    }
                    FileKind::Other | FileKind::Directory | FileKind::Missing => {}
                }
            }
        }
        other
    }

    fn find_by_path(file: &str, endings: &[String], kind: impl Fn(&str) -> FileKind) -> SearchResult {
        let name = file.rsplit(['\\', '/']).next().unwrap_or(file);
        let completed = endings.iter().map(|ending| format!("{file}{ending}"));
        // With an extension the name itself comes first, otherwise last: an image need not have one.
        let (first, last) = if has_any_ending(name) { (Some(file), None) } else { (None, Some(file)) };
        let names = first.map(str::to_owned).into_iter().chain(completed).chain(last.map(str::to_owned));
        let mut other = SearchResult::Nowhere;
        for file in names.filter(|_| !name.is_empty()) {
            match kind(&file) {
                FileKind::Program => return SearchResult::At(file.into()),
                FileKind::Other | FileKind::Directory if other == SearchResult::Nowhere => {
                    other = SearchResult::NotExecutable(file.into())
                }
                FileKind::Other | FileKind::Directory | FileKind::Missing => {}
            }
        }
        // `C:\tools\` names a directory at most.
        if name.is_empty() && kind(file) == FileKind::Directory {
            SearchResult::NotExecutable(file.into())
        } else {
            other
        }
    }

    pub(super) fn is_path(program: &str) -> bool {
        program.contains(['\\', '/', ':'])
    }

    fn has_any_ending(name: &str) -> bool {
        name.rsplit_once('.').is_some_and(|(_, ending)| !ending.is_empty())
    }

    pub(super) fn has_ending(path: &str, endings: &[impl AsRef<str>]) -> bool {
        let path = path.to_ascii_lowercase();
        endings.iter().any(|ending| path.ends_with(ending.as_ref()))
    }

    /// Returns the extensions of PATHEXT in lowercase, as most files have them.
    fn parse_pathext(pathext: Option<&str>) -> Vec<String> {
        let read = |text: &str| -> Vec<String> {
            let endings = text.split(';').map(|ending| ending.trim().to_ascii_lowercase());
            endings.filter(|ending| ending.len() > 1 && ending.starts_with('.')).collect()
        };
        let endings = pathext.map(read).unwrap_or_default();
        if endings.is_empty() { read(DEFAULT_PATHEXT) } else { endings }
    }

    /// Returns the absolute directories of a PATH. A `;` between quotes belongs to a name.
    fn split_path(path: &str) -> Vec<String> {
        let (mut dirs, mut dir, mut is_quoted) = (Vec::new(), String::new(), false);
        for char in path.chars().chain([';']) {
            match char {
                '"' => is_quoted = !is_quoted,
                ';' if !is_quoted => dirs.push(std::mem::take(&mut dir)),
                other => dir.push(other),
            }
        }
        // The last quote was never closed.
        if !dir.is_empty() {
            dirs.push(dir.trim_end_matches(';').to_owned());
        }
        dirs.retain(|dir| is_absolute(dir));
        dirs
    }

    fn drive_letter(path: &str) -> Option<char> {
        let mut chars = path.chars();
        chars.next().filter(|letter| letter.is_ascii_alphabetic() && chars.next() == Some(':'))
    }

    fn is_separator(char: char) -> bool {
        matches!(char, '\\' | '/')
    }

    fn is_absolute(path: &str) -> bool {
        let is_share = path.chars().take(2).filter(|char| is_separator(*char)).count() == 2;
        is_share || (drive_letter(path).is_some() && path.chars().nth(2).is_some_and(is_separator))
    }

    fn join_path(dir: &str, path: &str) -> String {
        let joined = if is_absolute(path) {
            path.to_owned()
        } else if path.starts_with(is_separator) {
            format!("{}{path}", drive_letter(dir).map(|drive| format!("{drive}:")).unwrap_or_default())
        } else if let Some(other) = drive_letter(path) {
            // A path relative to the current directory of that drive, which is known only for our drive.
            if drive_letter(dir).is_none_or(|drive| !drive.eq_ignore_ascii_case(&other)) {
                return path.to_owned();
            }
            format!("{}\\{}", dir.trim_end_matches(is_separator), path.chars().skip(2).collect::<String>())
        } else {
            format!("{}\\{path}", dir.trim_end_matches(is_separator))
        };
        // cmd.exe takes `/` for the start of an option; verbatim paths contain no `/`.
        if joined.starts_with(r"\\?\") { joined } else { joined.replace('/', "\\") }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        const FILES: &[(&str, FileKind)] = &[
            (r"C:\Program Files\nodejs\npx", FileKind::Other),
            (r"C:\Program Files\nodejs\npx.cmd", FileKind::Program),
            (r"C:\Program Files\nodejs\npx.ps1", FileKind::Other),
            (r"C:\Program Files\nodejs\node.exe", FileKind::Program),
            (r"C:\a;b\uvx.exe", FileKind::Program),
            (r"C:\both\x.com", FileKind::Program),
            (r"C:\both\x.exe", FileKind::Program),
            (r"C:\both\x.bat", FileKind::Program),
            (r"C:\late\x.exe", FileKind::Program),
            (r"C:\scripts\tool.js", FileKind::Other),
            (r"C:\scripts\tool.js.cmd", FileKind::Program),
            (r"C:\scripts\only.py", FileKind::Other),
            (r"C:\scripts\only", FileKind::Other),
            (r"C:\scripts\dir.exe", FileKind::Directory),
            (r"C:\scripts\server-1.2.exe", FileKind::Program),
            (r"C:\scripts\server-1.2", FileKind::Other),
            (r"C:\work\npx.exe", FileKind::Program),
            (r"C:\work\server.cmd", FileKind::Program),
            (r"C:\work\bin\server.exe", FileKind::Program),
            (r"C:\work\bin", FileKind::Directory),
            (r"C:\work\image", FileKind::Program),
            (r"C:\work\sub\index.js", FileKind::Other),
            (r"C:\Üben\übung.cmd", FileKind::Program),
            (r"\\host\share\s.exe", FileKind::Program),
            (r"\\?\C:\deep\s.exe", FileKind::Program),
            (r"C:\top.exe", FileKind::Program),
        ];

        fn found(program: &str, path: &str, pathext: Option<&str>) -> String {
            let kind = |path: &str| {
                let path = path.replace(r"\.\", r"\").to_lowercase();
                let same = |other: &&(&str, FileKind)| other.0.to_lowercase() == path;
                FILES.iter().find(same).map_or(FileKind::Missing, |(_, kind)| *kind)
            };
            match find_program(program, path, pathext, r"C:\work", kind) {
                SearchResult::At(path) => path.display().to_string(),
                SearchResult::NotExecutable(path) => format!("no program: {}", path.display()),
                SearchResult::Nowhere => "nowhere".to_owned(),
            }
        }

        #[test]
        fn a_bare_name_is_found_as_cmd_finds_it() {
            let node = r"C:\Windows;C:\Program Files\nodejs\";
            for (program, path, pathext, expected) in [
                ("npx", node, None, r"C:\Program Files\nodejs\npx.cmd"),
                ("NPX", node, None, r"C:\Program Files\nodejs\NPX.cmd"),
                ("npx.cmd", node, None, r"C:\Program Files\nodejs\npx.cmd"),
                ("node", node, Some(""), r"C:\Program Files\nodejs\node.exe"),
                // Windows' own default, and a broken one.
                (
                    "npx",
                    node,
                    Some(".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC"),
                    r"C:\Program Files\nodejs\npx.cmd",
                ),
                ("npx", node, Some("exe; ;.;CMD; .Cmd "), r"C:\Program Files\nodejs\npx.cmd"),
                ("npx", node, Some(".EXE"), "nowhere"),
                ("npx", node, Some(".PS1;.CMD"), r"no program: C:\Program Files\nodejs\npx.ps1"),
                // Quotes, a `;` in a name, and a quote that is never closed.
                ("npx", r#""C:\Program Files\nodejs""#, None, r"C:\Program Files\nodejs\npx.cmd"),
                ("uvx", r#"C:\x;"C:\a;b";C:\y"#, None, r"C:\a;b\uvx.exe"),
                ("npx", r#"C:\x;"C:\Program Files\nodejs"#, None, r"C:\Program Files\nodejs\npx.cmd"),
                // The order of the extensions, and before it that of the directories.
                ("x", r"C:\both;C:\late", None, r"C:\both\x.com"),
                ("x", r"C:\both;C:\late", Some(".BAT;.EXE"), r"C:\both\x.bat"),
                ("x", r"C:\late;C:\both", None, r"C:\late\x.exe"),
                // Never in the current directory.
                ("npx", "", None, "nowhere"),
                ("npx", r";.;..;bin;\work;C:;C:work", None, "nowhere"),
                ("server", r"C:\scripts;.", None, "nowhere"),
                // Names with a dot.
                ("server-1.2", r"C:\scripts", None, r"C:\scripts\server-1.2.exe"),
                ("tool.js", r"C:\scripts", None, r"C:\scripts\tool.js.cmd"),
                ("tool.js", r"C:\scripts", Some(".EXE;.JS;.CMD"), r"no program: C:\scripts\tool.js"),
                ("tool", r"C:\scripts", Some(".EXE;.JS;.CMD"), r"no program: C:\scripts\tool.js"),
                ("only.py", r"C:\scripts", None, r"no program: C:\scripts\only.py"),
                // Neither a script without an extension nor a directory.
                ("only", r"C:\scripts", None, "nowhere"),
                ("dir", r"C:\scripts", None, "nowhere"),
                ("dir.exe", r"C:\scripts", None, "nowhere"),
                ("übung", r"C:\Üben", None, r"C:\Üben\übung.cmd"),
                ("s", r"\\host\share", None, r"\\host\share\s.exe"),
                ("s", "//host/share", None, r"\\host\share\s.exe"),
                ("node", "C:/Program Files/nodejs", None, r"C:\Program Files\nodejs\node.exe"),
                ("", r"C:\both", None, "nowhere"),
                ("npx.", node, None, "nowhere"),
            ] {
                assert_eq!(found(program, path, pathext), expected, "{program} in {path}, PATHEXT {pathext:?}");
            }
        }

        #[test]
        fn a_path_is_taken_relative_to_the_working_directory() {
            for (program, expected) in [
                (r".\server", r"C:\work\.\server.cmd"),
                ("./server.cmd", r"C:\work\.\server.cmd"),
                (r"bin\server", r"C:\work\bin\server.exe"),
                ("bin/server.exe", r"C:\work\bin\server.exe"),
                (r"C:\work\bin\server", r"C:\work\bin\server.exe"),
                ("c:/work/bin/server", r"c:\work\bin\server.exe"),
                ("C:server", r"C:\work\server.cmd"),
                ("D:server", "nowhere"),
                (r"\top", r"C:\top.exe"),
                (r"\\host\share\s", r"\\host\share\s.exe"),
                (r"\\?\C:\deep\s.exe", r"\\?\C:\deep\s.exe"),
                // npm's script has no extension, and the file beside it is meant.
                (r"C:\Program Files\nodejs\npx", r"C:\Program Files\nodejs\npx.cmd"),
                (r".\image", r"C:\work\.\image"),
                (r"sub\index.js", r"no program: C:\work\sub\index.js"),
                (r".\bin", r"no program: C:\work\.\bin"),
                (r"C:\scripts\only", r"no program: C:\scripts\only"),
                (r".\npx.cmd", "nowhere"),
                (r".\", "nowhere"),
            ] {
                assert_eq!(found(program, r"C:\both", None), expected, "{program}");
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_executable_file_later_in_the_path_is_found() {
        let home = tempfile::tempdir().unwrap();
        let file = |name: &str, mode| {
            let path = home.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let (data, program) = (file("a/tool", 0o644), file("b/tool", 0o755));
        let path = std::env::join_paths([Path::new("a"), Path::new("b")]).unwrap();
        let search = |path: &OsStr| SearchEnv::new([(OsStr::new("PATH"), path)], home.path());
        assert_eq!(search(&path).find_program(OsStr::new("tool")), SearchResult::At(program.clone()));
        assert_eq!(search(OsStr::new("a")).find_program(OsStr::new("tool")), SearchResult::NotExecutable(data));
        assert_eq!(search(OsStr::new("")).find_program(OsStr::new("tool")), SearchResult::Nowhere);
        assert_eq!(search(OsStr::new("")).find_program(OsStr::new("./b/./tool")), SearchResult::At(program));
    }
}

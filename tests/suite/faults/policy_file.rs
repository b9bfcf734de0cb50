//! A policy file that cannot be read any more while a session runs: the last good policy stays, that is said once, and
//! the file is taken up again once it is mended.

use super::*;
use crate::support::system::{may_link, replace, symlink};

/// Something that is done to the file.
type Change<'a> = &'a dyn Fn(&Path);

/// What is said each time that a policy stays because there is no other.
const STAYS: &str = "stays in force";

fn refusing(reason: &str) -> String {
    format!(r#"{{"version":"1","default":"allow","tools":{{"tool":{{"action":"deny","reason":"{reason}"}}}}}}"#)
}

/// Breaks the file, sees that the policy stays and that it is said once, and mends it with another policy.
fn breaks_and_is_mended(session: &mut Wrapped, what: &str, words: &str, break_it: Change<'_>, mend: Change<'_>) {
    let file = session.home.path().join("policy.json");
    let (before, good) = (said(session).matches(STAYS).count(), said(session).matches("valid again").count());
    let heard = said(session).len();
    break_it(&file);
    until(what, || said(session).matches(STAYS).count() > before);
    let is_told = words.split('|').any(|words| said(session)[heard..].contains(words));
    assert!(is_told, "{what}: {}", said(session));
    // Each of these has the file looked at again.
    for n in 0..5 {
        fs::write(session.home.path().join("neighbour"), n.to_string()).unwrap();
        assert!(is_refused(&ask(session, "tool")), "{what}");
        thread::sleep(SECOND / 10);
    }
    // Once for each of the states that it was seen in.
    let times = said(session).matches(STAYS).count() - before;
    assert!(times <= words.split('|').count(), "{what}: {}", said(session));
    mend(&file);
    fs::write(file.with_extension("new"), refusing(what)).unwrap();
    replace(file.with_extension("new"), &file);
    until("mended", || ask(session, "tool").contains(what));
    until("it is told", || said(session).matches("valid again").count() > good);
    assert_eq!(said(session).matches("valid again").count(), good + 1, "{what}: {}", said(session));
}

#[test]
fn that_is_lost_leaves_the_last_good_policy() {
    let mut session = wrapped::wrap_with(home_with(&refusing("first")), &[], &[]);
    session.greet();
    let nothing: Change<'_> = &|_| ();
    // In one step: whoever writes into the file leaves it empty for a moment.
    let in_latin_1: Change<'_> = &|file| {
        fs::write(file.with_extension("new"), b"{\"version\":\"\xff\"}").unwrap();
        replace(file.with_extension("new"), file);
    };
    let folder: Change<'_> = &|file| fs::remove_dir(file).unwrap();
    let make_folder = |file: &Path| {
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
    };
    let link = |to: &'static str| {
        move |file: &Path| {
            symlink(to, file.with_extension("link"));
            replace(file.with_extension("link"), file);
        }
    };
    // Who opens it waits for somebody to write.
    #[cfg(unix)]
    let pipe = |file: &Path| {
        let pipe = file.with_extension("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        replace(pipe, file);
    };
    let (to_nothing, to_itself) = (link("nowhere/policy.json"), link("policy.json"));
    let cases: &[(&str, &str, Change<'_>, Change<'_>)] = &[
        ("deleted", "does not exist", &|file| fs::remove_file(file).unwrap(), nothing),
        // Nothing puts a directory in the place of a file at once, so the moment between may be seen.
        ("replaced by a directory", "directory|does not exist", &make_folder, folder),
        ("invalid UTF-8", "not UTF-8", in_latin_1, nothing),
        ("emptied", "is invalid", &|file| fs::write(file, "").unwrap(), nothing),
    ];
    let links: &[(&str, &str, Change<'_>, Change<'_>)] = &[
        ("a link to nothing", "does not exist", &to_nothing, nothing),
        ("a link to itself", "cannot be read", &to_itself, nothing),
    ];
    // Where devices and pipes are files.
    #[cfg(unix)]
    let devices: &[(&str, &str, Change<'_>, Change<'_>)] = &[
        ("a device", "pipe or device", &link("/dev/null"), nothing),
        ("a pipe", "pipe or device", &pipe, nothing),
        ("without end", "pipe or device", &link("/dev/zero"), nothing),
    ];
    #[cfg(windows)]
    let devices = &[];
    let links = if may_link() { links } else { &[] };
    for (what, words, break_it, mend) in [cases, links, devices].concat() {
        breaks_and_is_mended(&mut session, what, words, break_it, mend);
    }
    session.close();
    assert_eq!(code(&mut session), 0);
}

/// Its mode is taken away. Nothing is forbidden to root, so there the session runs as somebody else.
#[cfg(unix)]
#[test]
fn that_may_not_be_read_leaves_the_last_good_policy() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    use std::os::unix::process::CommandExt as _;

    const NOBODY: u32 = 65_534;
    let home = home_with(&refusing("first"));
    let mut command = stub_in(home.path(), &[]);
    let root = rustix::process::geteuid().is_root();
    if root {
        command.uid(NOBODY).gid(NOBODY);
        chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let mut session = Wrapped::start(home, command);
    session.greet();
    let mode = |file: &Path, mode| fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    breaks_and_is_mended(&mut session, "unreadable", "cannot be read", &|file| mode(file, 0), &|_| ());
    // The folder, too, may be closed; inside, everything stays as it was.
    let closed = |file: &Path| mode(file.parent().unwrap(), 0);
    let open = |file: &Path| mode(file.parent().unwrap(), 0o700);
    if root {
        breaks_and_is_mended(&mut session, "in a closed folder", "cannot be read", &closed, &open);
    }
    session.close();
    assert_eq!(code(&mut session), 0);
}

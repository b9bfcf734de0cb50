//! A desktop notification for each call that waits for a person. Nothing depends on it. On Linux it is a feature of the
//! build, off by default.
//!
//! Its text comes from a server, so it reaches the desktop as data: as an argument of `osascript` and never a part of
//! its script on macOS, as the text of a node of a document on Windows, as a string of a D-Bus message on Linux.

use std::io;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::env::Env;
use crate::limits::{MAX_NOTIFICATIONS, MAX_NOTIFIED_NAME};
use crate::policy::ServerName;
use crate::state::approvals::Announce;
use crate::visible::{escape_invisible, shorten};

/// Shows one notification, and may wait for the desktop.
type Notifier = Box<dyn FnMut(&NotificationText) -> io::Result<()> + Send>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct NotificationText {
    title: String,
    body: String,
}

impl NotificationText {
    fn new(id: &str, tool: &str, server: &str) -> Self {
        // Windows drops a notification that is longer than a few kilobytes, or that XML cannot represent.
        let name = escape_invisible(tool).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
        Self {
            title: format!("{} waits for your approval", shorten(&name, MAX_NOTIFIED_NAME)),
            body: format!("An agent wants to call it on {server}.\npolicylayer approvals show {id}"),
        }
    }
}

/// Shows a notification for each question, if there is a desktop that shows them.
pub fn start_notifications(server: &ServerName, env: &Env) -> Announce {
    let Some(notifier) = platform::create_notifier(env) else { return Box::new(|_, _| ()) };
    let (server, show) = (server.to_string(), start_queue(notifier));
    Box::new(move |id, tool| show(NotificationText::new(id, tool, &server)))
}

/// Shows one notification at a time on a separate thread. Never waits: if [`MAX_NOTIFICATIONS`] already wait, the
/// notification is dropped.
fn start_queue(mut notifier: Notifier) -> impl Fn(NotificationText) + Send {
    let (send, texts) = sync_channel::<NotificationText>(MAX_NOTIFICATIONS);
    let thread = thread::Builder::new().name("notification".to_owned()).spawn(move || {
        for text in texts {
            if let Err(error) = notifier(&text) {
                tracing::debug!("a notification could not be shown: {error}");
            }
        }
    });
    if let Err(error) = thread {
        tracing::debug!("no notifications will be shown: {error}");
    }
    move |text| {
        if send.try_send(text).is_err() {
            tracing::debug!("a notification was dropped: others are not shown yet");
        }
    }
}

/// Registers the name of our notifications, if the system requires it. A failure is not reported: without it they are
/// shown as well.
pub fn register_name(env: &Env) {
    #[cfg(windows)]
    if let Err(error) = platform::register_app_id(env) {
        tracing::debug!("notifications have no name of their own: {error}");
    }
    #[cfg(not(windows))]
    let _ = env;
}

#[cfg(any(target_os = "macos", windows, test))]
mod program {
    use std::io;
    use std::process::{Command, ExitStatus, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    const LOOK: Duration = Duration::from_millis(20);

    /// Runs a program that reads and prints nothing, and reaps it. It is killed after `limit`.
    pub(super) fn run_with_timeout(mut command: Command, limit: Duration) -> io::Result<ExitStatus> {
        // Our own stdout is the protocol.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        #[cfg(unix)]
        let starting = crate::proxy::child::STARTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut child = command.spawn()?;
        #[cfg(unix)]
        drop(starting);
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if start.elapsed() >= limit {
                child.kill()?;
                child.wait()?;
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(LOOK);
        }
    }

    #[cfg(any(target_os = "macos", test))]
    pub(super) const DISPLAY: &str =
        "display notification (item 3 of argv) with title (item 1 of argv) subtitle (item 2 of argv)";

    /// Creates a command that runs a statement of AppleScript with a text as its arguments. The first argument is ours:
    /// the options of `osascript` end there, so that a tool named `-e` is not an option.
    #[cfg(any(target_os = "macos", test))]
    pub(super) fn osascript_command(statement: &str, text: &super::NotificationText) -> Command {
        let mut command = Command::new("/usr/bin/osascript");
        command.args(["-e", "on run argv", "-e", statement, "-e", "end run"]);
        command.args(["policylayer", text.title.as_str(), text.body.as_str()]);
        command
    }
}

#[cfg(target_os = "macos")]
mod platform {
    use std::io;

    use super::program::{DISPLAY, osascript_command, run_with_timeout};
    use super::{NotificationText, Notifier};
    use crate::env::Env;
    use crate::limits::NOTIFICATION_PATIENCE;

    /// `osascript` fails if nobody is logged in at the screen.
    pub(super) fn create_notifier(_: &Env) -> Option<Notifier> {
        Some(Box::new(|text: &NotificationText| {
            let status = run_with_timeout(osascript_command(DISPLAY, text), NOTIFICATION_PATIENCE)?;
            if status.success() { Ok(()) } else { Err(io::Error::other(format!("osascript: {status}"))) }
        }))
    }
}

#[cfg(windows)]
mod platform {
    use std::ffi::OsStr;
    use std::io;
    use std::os::windows::process::CommandExt as _;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use notify_rust::Notification;

    use super::program::run_with_timeout;
    use super::{NotificationText, Notifier};
    use crate::env::Env;
    use crate::limits::NOTIFICATION_PATIENCE;

    /// Our id for Windows, which shows no notification of a program without a registered id.
    const APP_ID: &str = "policylayer";

    /// Where the id is registered, for this user.
    const KEY: &str = r"HKCU\Software\Classes\AppUserModelId\policylayer";

    /// `CREATE_NO_WINDOW`: otherwise a console flashes up if the client has none.
    const NO_WINDOW: u32 = 0x0800_0000;

    pub(super) fn create_notifier(env: &Env) -> Option<Notifier> {
        let reg = reg_exe_path(env);
        let mut is_registered = None;
        Some(Box::new(move |text: &NotificationText| {
            let is_registered = *is_registered
                .get_or_insert_with(|| run_quietly(&reg, &["query", KEY]).is_ok_and(|found| found.success()));
            // Without a registered id, the notification uses that of PowerShell, which every Windows has registered.
            if is_registered && build_notification(text).app_id(APP_ID).show().is_ok() {
                return Ok(());
            }
            build_notification(text).show().map(drop).map_err(io::Error::other)
        }))
    }

    fn build_notification(text: &NotificationText) -> Notification {
        let mut notification = Notification::new();
        notification.appname(APP_ID).summary(&text.title).body(&text.body);
        notification
    }

    /// Registers the name of our notifications. `wrap` does not do it: a process of a packaged client writes to its own
    /// registry, which Windows does not read for this.
    pub(super) fn register_app_id(env: &Env) -> io::Result<()> {
        let status =
            run_quietly(&reg_exe_path(env), &["add", KEY, "/v", "DisplayName", "/t", "REG_SZ", "/d", APP_ID, "/f"])?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("reg add: {status}"))) }
    }

    fn run_quietly(program: &Path, args: &[&str]) -> io::Result<std::process::ExitStatus> {
        let mut command = Command::new(program);
        command.args(args).creation_flags(NO_WINDOW);
        run_with_timeout(command, NOTIFICATION_PATIENCE)
    }

    fn reg_exe_path(env: &Env) -> PathBuf {
        let root = env.var("SystemRoot").unwrap_or(OsStr::new(r"C:\Windows"));
        Path::new(root).join("System32").join("reg.exe")
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_id_is_registered_for_this_user() {
            let env = Env::capture();
            register_app_id(&env).unwrap();
            assert!(run_quietly(&reg_exe_path(&env), &["query", KEY, "/v", "DisplayName"]).unwrap().success());
            assert!(!run_quietly(&reg_exe_path(&env), &["query", KEY, "/v", "Other"]).unwrap().success());
        }
    }
}

#[cfg(all(feature = "desktop", not(any(target_os = "macos", windows))))]
mod platform {
    use std::io;

    use super::{NotificationText, Notifier};
    use crate::env::Env;

    /// Nobody would see a notification without a display and a bus.
    pub(super) fn create_notifier(env: &Env) -> Option<Notifier> {
        let is_set = |name: &&str| env.var(name).is_some_and(|value| !value.is_empty());
        let has_display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set);
        let has_bus = ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"].iter().any(is_set);
        let show = |text: &NotificationText| {
            let mut notification = notify_rust::Notification::new();
            notification.appname("policylayer").summary(&text.title).body(&text.body);
            notification.show().map(drop).map_err(io::Error::other)
        };
        (has_display && has_bus).then(|| Box::new(show) as Notifier)
    }
}

#[cfg(not(any(feature = "desktop", target_os = "macos", windows)))]
mod platform {
    /// This build has no notifications.
    pub(super) fn create_notifier(_: &crate::env::Env) -> Option<super::Notifier> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use super::program::{DISPLAY, osascript_command};
    use super::{NotificationText, start_queue};
    use crate::limits::{MAX_NOTIFICATIONS, MAX_NOTIFIED_NAME};

    const HOSTILE: &str = "-e do shell script \"touch /tmp/x\" & '</text><audio/>\u{1b}\u{ffff}";

    #[test]
    fn a_name_is_told_without_what_a_desktop_would_stumble_over() {
        let text = NotificationText::new("k7m2p", HOSTILE, "shop");
        assert!(text.title.starts_with("-e do shell script"), "{text:?}");
        assert!(!text.title.contains(['\u{1b}', '\u{ffff}']), "{text:?}");
        let text = NotificationText::new("k7m2p", &"字".repeat(4096), "shop");
        assert_eq!(text.title, format!("{}… waits for your approval", "字".repeat(MAX_NOTIFIED_NAME)));
        assert!(text.body.ends_with("policylayer approvals show k7m2p"), "{text:?}");
    }

    #[test]
    fn a_name_is_an_argument_of_the_script_and_no_option() {
        let text = NotificationText::new("k7m2p", HOSTILE, "shop");
        let command = osascript_command(DISPLAY, &text);
        assert_eq!(command.get_program(), "/usr/bin/osascript");
        let args: Vec<_> = command.get_args().collect();
        let script = ["-e", "on run argv", "-e", DISPLAY, "-e", "end run"].map(OsStr::new);
        assert_eq!(args.get(..6), Some(&script[..]));
        assert_eq!(args.get(6..), Some(&["policylayer", &text.title, &text.body].map(OsStr::new)[..]));
    }

    #[cfg(target_os = "macos")]
    #[test]
    fn osascript_takes_a_hostile_name_as_a_text() {
        let text = NotificationText::new("k7m2p", HOSTILE, "shop");
        for (statement, expected) in
            [("return item 1 of argv", "policylayer"), ("return item 2 of argv", text.title.as_str())]
        {
            let said = osascript_command(statement, &text).output().unwrap();
            assert!(said.status.success(), "{said:?}");
            assert_eq!(String::from_utf8(said.stdout).unwrap().trim_end_matches('\n'), expected);
        }
    }

    #[test]
    fn a_flood_waits_for_nobody_and_is_bounded() {
        let (seen, shown) = channel();
        let (go, gate) = channel::<()>();
        let show = start_queue(Box::new(move |text: &NotificationText| {
            seen.send(text.clone()).unwrap();
            gate.recv().map_err(std::io::Error::other)
        }));
        let all: Vec<_> =
            (0..MAX_NOTIFICATIONS + 100).map(|n| NotificationText::new("id", &format!("tool{n}"), "s")).collect();
        show(all[0].clone());
        assert_eq!(shown.recv_timeout(Duration::from_secs(60)).unwrap(), all[0]);
        let start = Instant::now();
        all.iter().skip(1).for_each(|text| show(text.clone()));
        assert!(start.elapsed() < Duration::from_secs(60), "it waited");
        for _ in 0..=MAX_NOTIFICATIONS {
            go.send(()).unwrap();
        }
        // A notification that cannot be shown does not stop the others.
        let rest: Vec<_> =
            (0..MAX_NOTIFICATIONS).map(|_| shown.recv_timeout(Duration::from_secs(60)).unwrap()).collect();
        assert_eq!(rest, all[1..=MAX_NOTIFICATIONS]);
        assert!(shown.recv_timeout(Duration::from_millis(100)).is_err(), "more than the limit were kept");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_is_ended_and_reaped() {
        use std::process::Command;

        use super::program::run_with_timeout;

        let mut sleep = Command::new("sleep");
        sleep.arg("600");
        let start = Instant::now();
        let error = run_with_timeout(sleep, Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        assert!(start.elapsed() < Duration::from_secs(60));
        let mut fails = Command::new("sh");
        fails.args(["-c", "exit 3"]);
        assert_eq!(run_with_timeout(fails, Duration::from_secs(60)).unwrap().code(), Some(3));
    }
}

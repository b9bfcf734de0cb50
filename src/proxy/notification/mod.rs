//! Notifications of each call that waits for a person: on the desktop, and by a command of the user. Nothing depends on
//! them, and they hold nothing up.
//!
//! Their text comes from a server, so it reaches the desktop as data: as an argument of `osascript` and never a part of
//! its script on macOS, as the text of a node of a document on Windows, as an argument of `notify-send` on Linux.

mod command;
mod program;

use std::io;
#[cfg(any(target_os = "macos", test))]
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::shared_session::lock_unpoisoned;
use crate::engine::QuestionView;
use crate::env::Env;
use crate::limits::{MAX_HELD, MAX_NOTIFICATIONS, MAX_NOTIFIED_NAME};
use crate::policy::ServerName;
use crate::settings::{ApprovalSettings, NotifyMethod};
use crate::state::approvals::{Announce, StoredApprovals};
use crate::visible::{escape_invisible, shorten};

/// Shows one notification, and may wait for the desktop or a program.
type Notifier = Box<dyn FnMut(&Notification) -> io::Result<()> + Send>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Notification {
    /// The id of the question.
    id: String,
    title: String,
    body: String,
}

impl Notification {
    fn new(id: &str, question: &QuestionView<'_>) -> Self {
        // Windows drops a notification that is longer than a few kilobytes, or that XML cannot represent.
        let visible = |text: &str| {
            let text = escape_invisible(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
            shorten(&text, MAX_NOTIFIED_NAME).into_owned()
        };
        let client = question.client.map(visible);
        // The words are those of every other place where a person is asked. There is no space for all of them.
        let rows = QuestionView { client: client.as_deref(), ..*question }.rows().into_iter();
        let rows = rows.filter(|(label, _)| ["Server", "Client", "Risk"].contains(label));
        let rows: String = rows.map(|(label, text)| format!("{label}: {text}\n")).collect();
        Self {
            id: id.to_owned(),
            title: format!("{} waits for your approval", visible(question.tool)),
            body: format!("{rows}policylayer approvals show {id}"),
        }
    }
}

/// Notifies of each question in the ways that the settings name. `stored` are the questions of this user.
pub fn start_notifications(
    server: &ServerName,
    settings: &ApprovalSettings,
    stored: StoredApprovals,
    env: &Env,
) -> Announce {
    let mut stored = Some(stored);
    let start = |method: &NotifyMethod| match method {
        NotifyMethod::Desktop => Some(start_queue(platform::create_notifier(env)?, MAX_NOTIFICATIONS)),
        NotifyMethod::Command => {
            let notifier = command::create_notifier(&settings.command, stored.take()?, env);
            // Nothing that is held is dropped: somebody may rely on this.
            Some(start_queue(notifier, MAX_HELD))
        }
    };
    let queues: Vec<_> = settings.notify.iter().filter_map(start).collect();
    let server = server.to_string();
    Box::new(move |id, question| {
        let notification = Notification::new(id, &question.view(&server));
        queues.iter().for_each(|show| show(notification.clone()));
    })
}

/// Ends what still notifies, because the session is over.
pub(super) fn end_notifications() {
    program::end_programs();
}

/// Shows one notification at a time on a separate thread. Never waits: if `capacity` of them already wait, the
/// notification is dropped.
fn start_queue(mut notifier: Notifier, capacity: usize) -> impl Fn(Notification) + Send {
    let (send, notifications) = sync_channel::<Notification>(capacity);
    let show_all = move || {
        for notification in notifications {
            if let Err(error) = notifier(&notification) {
                tracing::debug!("a notification could not be shown: {error}");
            }
        }
    };
    // Most sessions notify of nothing.
    let unstarted = Mutex::new(Some(show_all));
    move |notification| {
        if let Some(show_all) = lock_unpoisoned(&unstarted).take()
            && let Err(error) = thread::Builder::new().name("notification".to_owned()).spawn(show_all)
        {
            tracing::debug!("no notifications will be shown: {error}");
        }
        if send.try_send(notification).is_err() {
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

#[cfg(any(target_os = "macos", test))]
const DISPLAY: &str = "display notification (item 3 of argv) with title (item 1 of argv) subtitle (item 2 of argv)";

/// Creates a command that runs a statement of AppleScript with a notification as its arguments. The first argument is
/// ours: the options of `osascript` end there, so that a tool named `-e` is not an option.
#[cfg(any(target_os = "macos", test))]
fn osascript_command(statement: &str, notification: &Notification) -> Command {
    let mut command = Command::new("/usr/bin/osascript");
    command.args(["-e", "on run argv", "-e", statement, "-e", "end run"]);
    command.args(["policylayer", notification.title.as_str(), notification.body.as_str()]).stderr(Stdio::null());
    command
}

#[cfg(target_os = "macos")]
mod platform {
    use std::io;

    use super::program::run_with_timeout;
    use super::{DISPLAY, Notification, Notifier, osascript_command};
    use crate::env::Env;
    use crate::limits::NOTIFICATION_PATIENCE;

    /// `osascript` fails if nobody is logged in at the screen.
    pub(super) fn create_notifier(_: &Env) -> Option<Notifier> {
        Some(Box::new(|notification: &Notification| {
            let command = osascript_command(DISPLAY, notification);
            let status = run_with_timeout(command, b"", NOTIFICATION_PATIENCE)?;
            if status.success() { Ok(()) } else { Err(io::Error::other(format!("osascript: {status}"))) }
        }))
    }
}

#[cfg(windows)]
mod platform {
    use std::ffi::OsStr;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    use notify_rust::Notification as Toast;

    use super::program::run_with_timeout;
    use super::{Notification, Notifier};
    use crate::env::Env;
    use crate::limits::NOTIFICATION_PATIENCE;

    /// Our id for Windows, which shows no notification of a program without a registered id.
    const APP_ID: &str = "policylayer";

    /// Where the id is registered, for this user.
    const KEY: &str = r"HKCU\Software\Classes\AppUserModelId\policylayer";

    pub(super) fn create_notifier(env: &Env) -> Option<Notifier> {
        let reg = reg_exe_path(env);
        let mut is_registered = None;
        Some(Box::new(move |notification: &Notification| {
            let is_registered = *is_registered
                .get_or_insert_with(|| run_quietly(&reg, &["query", KEY]).is_ok_and(|found| found.success()));
            // Without a registered id, the notification uses that of PowerShell, which every Windows has registered.
            if is_registered && build_toast(notification).app_id(APP_ID).show().is_ok() {
                return Ok(());
            }
            build_toast(notification).show().map(drop).map_err(io::Error::other)
        }))
    }

    fn build_toast(notification: &Notification) -> Toast {
        let mut toast = Toast::new();
        toast.appname(APP_ID).summary(&notification.title).body(&notification.body);
        toast
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
        command.args(args).stderr(Stdio::null());
        run_with_timeout(command, b"", NOTIFICATION_PATIENCE)
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

#[cfg(not(any(target_os = "macos", windows)))]
mod platform {
    use std::ffi::OsStr;
    use std::io;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::program::run_with_timeout;
    use super::{Notification, Notifier};
    use crate::env::Env;
    use crate::limits::NOTIFICATION_PATIENCE;
    use crate::lookup::{SearchEnv, SearchResult};

    /// Nobody would see a notification without a display and a bus.
    pub(super) fn create_notifier(env: &Env) -> Option<Notifier> {
        let is_set = |name: &&str| env.var(name).is_some_and(|value| !value.is_empty());
        let has_display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set);
        let has_bus = ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"].iter().any(is_set);
        if !has_display || !has_bus {
            return None;
        }
        let search = SearchEnv::new(env.vars(), env.working_dir());
        let SearchResult::At(program) = search.find_program(OsStr::new("notify-send")) else {
            tracing::debug!("no notifications are shown on the desktop: there is no notify-send in the PATH");
            return None;
        };
        Some(Box::new(move |notification: &Notification| {
            let status = run_with_timeout(notify_send(&program, notification), b"", NOTIFICATION_PATIENCE)?;
            if status.success() { Ok(()) } else { Err(io::Error::other(format!("notify-send: {status}"))) }
        }))
    }

    /// A tool named `--help` is not an option. Desktops read markup in the body, where the name of the client is.
    fn notify_send(program: &Path, notification: &Notification) -> Command {
        let body = notification.body.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let mut command = Command::new(program);
        command.args(["--app-name=policylayer", "--", &notification.title, &body]).stderr(Stdio::null());
        command
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use super::{DISPLAY, Notification, osascript_command, start_queue};
    use crate::engine::{Effects, QuestionView};
    use crate::limits::{MAX_NOTIFICATIONS, MAX_NOTIFIED_NAME};
    use crate::policy::ApprovalLifetime;

    const HOSTILE: &str = "-e do shell script \"touch /tmp/x\" & '</text><audio/>\u{1b}\u{ffff}";

    fn text_about(tool: &str, client: Option<&str>) -> Notification {
        let question = QuestionView {
            tool,
            server: "shop",
            client,
            class: "execute",
            severity: "high",
            effects: &[Effects::Sends],
            rule: "tools.send",
            reason: None,
            changes: None,
            put_back: None,
            origins: None,
            preview: None,
            scope: None,
            again: crate::policy::Again::No,
            lives: ApprovalLifetime::Session,
        };
        Notification::new("k7m2p", &question)
    }

    #[test]
    fn a_name_is_told_without_what_a_desktop_would_stumble_over() {
        let text = text_about(HOSTILE, None);
        assert!(text.title.starts_with("-e do shell script"), "{text:?}");
        assert!(!text.title.contains(['\u{1b}', '\u{ffff}']), "{text:?}");
        let text = text_about(&"字".repeat(4096), Some(HOSTILE));
        assert_eq!(text.title, format!("{}… waits for your approval", "字".repeat(MAX_NOTIFIED_NAME)));
        assert!(text.body.starts_with("Server: shop\nClient: -e do shell script"), "{text:?}");
        assert!(text.body.contains("\nRisk: high: execute, sends to people\n"), "{text:?}");
        assert!(text.body.ends_with("policylayer approvals show k7m2p"), "{text:?}");
        assert!(!text.body.contains(['\u{1b}', '\u{ffff}']), "{text:?}");
    }

    #[test]
    fn a_name_is_an_argument_of_the_script_and_no_option() {
        let text = text_about(HOSTILE, None);
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
        let text = text_about(HOSTILE, None);
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
        let show = start_queue(
            Box::new(move |text: &Notification| {
                seen.send(text.clone()).unwrap();
                gate.recv().map_err(std::io::Error::other)
            }),
            MAX_NOTIFICATIONS,
        );
        let all: Vec<_> = (0..MAX_NOTIFICATIONS + 100).map(|n| text_about(&format!("tool{n}"), None)).collect();
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
}

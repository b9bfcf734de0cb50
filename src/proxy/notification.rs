//! A notification on the desktop for each question: a help, and never needed. On Linux it is a feature of the build, off
//! unless it is asked for.

use crate::env::Env;
use crate::policy::ServerName;
use crate::state::approvals::Announce;

/// Shows a notification for each question, where there is a desktop that shows such.
#[cfg(any(feature = "desktop", target_os = "macos", windows))]
pub fn announce(server: &ServerName, env: &Env) -> Announce {
    if !has_desktop(env) {
        return Box::new(|_, _| ());
    }
    let server = server.to_string();
    Box::new(move |id, tool| {
        let title = format!("{} waits for your approval", crate::visible::visible(tool));
        let body = format!("An agent wants to call it on {server}.\npolicylayer approvals show {id}");
        // Whoever shows it may take their time; the call's own clock runs.
        let shown = std::thread::Builder::new().name("notification".to_owned()).spawn(move || {
            let shown = notify_rust::Notification::new().appname("policylayer").summary(&title).body(&body).show();
            if let Err(error) = shown {
                tracing::debug!("no notification is shown: {error}");
            }
        });
        if let Err(error) = shown {
            tracing::debug!("no notification is shown: {error}");
        }
    })
}

/// Nothing is shown by a policylayer that was built without it.
#[cfg(not(any(feature = "desktop", target_os = "macos", windows)))]
pub fn announce(_: &ServerName, _: &Env) -> Announce {
    Box::new(|_, _| ())
}

/// Whether anybody would see a notification. Elsewhere than on Linux and its like, the system knows.
#[cfg(any(feature = "desktop", target_os = "macos", windows))]
fn has_desktop(env: &Env) -> bool {
    let is_set = |name: &&str| env.var(name).is_some_and(|value| !value.is_empty());
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set);
    let has_bus = ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"].iter().any(is_set);
    cfg!(any(target_os = "macos", windows)) || (has_display && has_bus)
}

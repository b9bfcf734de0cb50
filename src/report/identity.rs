//! Which server a command starts, and how that is known.

use std::ffi::OsStr;

use serde::Serialize;

use crate::policy::Server;
use crate::policy::server::find_started;
use crate::risk::Catalogue;
use crate::visible::escape_invisible;

/// Which server this is.
#[derive(Debug, Serialize)]
pub(crate) struct Identity {
    /// What the command starts, in a phrase; `None` if its words do not tell.
    pub(crate) started: Option<String>,
    /// The known server that it is; `None` if it is none.
    pub(crate) catalogue: Option<&'static str>,
    /// What a person can do where the name is that of a known server and the command does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

impl Identity {
    /// `server` is the server under its policy, which may say itself which known server it is.
    pub(crate) fn of_command<S: AsRef<OsStr>>(server: &Server, command: &[S]) -> Self {
        let started = find_started(command);
        let by_command = started.as_ref().and_then(|started| started.catalogue());
        let catalogue = server.catalogue();
        let claimed = Catalogue::for_server(server.name()).filter(|_| catalogue.is_none());
        Self {
            started: started.map(|started| match catalogue.filter(|known| by_command != Some(known)) {
                Some(known) => escape_invisible(&format!("{started}; its policy says that it is {}", known.server)),
                None => escape_invisible(&started.to_string()),
            }),
            catalogue: catalogue.map(|known| known.server),
            hint: claimed.map(|known| {
                format!(
                    "If it is {}, write `catalogue = \"{}\"` in its policy: a name alone does not make it that server.",
                    known.package, known.server
                )
            }),
        }
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.started, self.catalogue) {
            (Some(started), Some(_)) => f.write_str(started),
            (Some(started), None) => write!(f, "not a server that policylayer knows: {started}"),
            (None, Some(known)) => write!(f, "{known}, as its policy says"),
            (None, None) => {
                f.write_str("not a server that policylayer knows: the command does not show which one it starts")
            }
        }
    }
}

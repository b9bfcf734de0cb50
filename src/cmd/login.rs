//! `policylayer login` and `policylayer logout`: tokens for a server over HTTP.

use std::ffi::OsStr;

use anyhow::bail;

use super::Env;
use super::output::{UsageError, print};
use crate::cli::{LoginArgs, LoginPlace, LoginServerArgs, LogoutArgs};
use crate::exit::Exit;
use crate::limits::MAX_MESSAGE;
use crate::paths;
use crate::proxy::{
    AuthorizationPage, GivenClient, HttpTarget, Kept, LoginOptions, Logout, StorePlace, find_wanted, log_in, log_out,
};
use crate::report::client_servers::{ServedQuestion, find_served};
use crate::term::message;
use crate::visible::{escape_invisible, visible_path};
use crate::web::browser;

pub(crate) fn login(args: &LoginArgs, env: &Env) -> anyhow::Result<Exit> {
    let target = find_target(&args.server, env)?;
    let place = match args.store {
        LoginPlace::Keychain => StorePlace::Keychain,
        LoginPlace::File => StorePlace::File,
    };
    let options = LoginOptions { scope: args.scope.clone(), client: given_client(args, env)?, port: args.port, place };
    let mut is_told = Ok(());
    let mut open = |page: &AuthorizationPage| is_told = show_page(page, args, &target);
    let done = log_in(&target, &options, &mut open);
    is_told?;
    let (store, kept) = done?;
    let how = match kept {
        Kept::Sealed => "sealed with a key in the system's keychain".to_owned(),
        Kept::Plain(why) => format!("which only your user can read: {why}"),
    };
    print(|out| writeln!(out, "Logged in to {target}. The tokens are in {}, {how}.", visible_path(&store.path())))?;
    Ok(Exit::Ok)
}

pub(crate) fn logout(args: &LogoutArgs, env: &Env) -> anyhow::Result<Exit> {
    let target = find_target(&args.server, env)?;
    let done = match log_out(&target)? {
        Logout::Nothing => "There was no login",
        Logout::Revoked => "Logged out, and the authorization server was told: no login is left",
        Logout::Removed => {
            "Logged out here. The authorization server was not told, so the tokens are good there until they end: no login is left on \
             this machine"
        }
    };
    print(|out| writeln!(out, "{done} for {target}."))?;
    Ok(Exit::Ok)
}

fn show_page(page: &AuthorizationPage, args: &LoginArgs, target: &HttpTarget) -> anyhow::Result<()> {
    let scope = match &page.scope {
        Some(scope) => format!(" It is asked for: {}.", escape_invisible(scope)),
        None => String::new(),
    };
    message::print_note(&format!("To log in to {target}, say yes at {}.{scope}", escape_invisible(&page.issuer)));
    print(|out| writeln!(out, "{}", page.url))?;
    if args.no_open {
        message::print_note("Open that address in a browser on this machine. ^C gives up.");
    } else if let Err(error) = browser::open_address(&page.url) {
        message::print_note(&format!("No browser was opened ({error}): open the address yourself. ^C gives up."));
    }
    Ok(())
}

fn given_client(args: &LoginArgs, env: &Env) -> anyhow::Result<Option<GivenClient>> {
    let Some(id) = args.client_id.clone() else { return Ok(None) };
    let secret = match &args.client_secret {
        None => None,
        Some(variable) => match env.var(variable).and_then(OsStr::to_str).filter(|value| !value.is_empty()) {
            Some(value) => Some(value.to_owned()),
            None => {
                // What was written could be the secret itself.
                let why = "--client-secret names an environment variable that is not set, or is empty. Write the name of a \
                           variable, never the secret itself: other programs can read a command line.";
                return Err(UsageError(why.to_owned()).into());
            }
        },
    };
    Ok(Some(GivenClient { id, secret }))
}

/// Finds the server, and where its wrapper keeps its login.
fn find_target(args: &LoginServerArgs, env: &Env) -> anyhow::Result<HttpTarget> {
    let (words, env) = match (&args.url, &args.key) {
        (Some(url), _) => (vec![url.clone()], env.clone()),
        (None, Some(key)) => find_words(key, args, env)?,
        (None, None) => bail!("No server is named"),
    };
    let Some(target) = HttpTarget::from_words(&words, &env, MAX_MESSAGE) else {
        let why = "--url is not an address: it begins with https://, as https://mcp.example.com/mcp does.";
        return Err(UsageError(why.to_owned()).into());
    };
    let mut target = target.map_err(|error| UsageError(error.to_string()))?;
    if let Some(key) = &args.key {
        target.set_name(key);
    }
    Ok(target)
}

/// Returns the words of the server with this key or name, and the environment that its client gives.
fn find_words(key: &str, args: &LoginServerArgs, env: &Env) -> anyhow::Result<(Vec<String>, Env)> {
    let served = find_served(&ServedQuestion { name: Some(key), clients: &args.client, env });
    let mut found: Vec<(Vec<String>, Env)> = Vec::new();
    for served in served.servers {
        let words: Vec<_> = served.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let is_url = words.first().is_some_and(|first| first.contains("://"));
        // Several clients may have the same server: it has one login, if they have one state directory.
        let state = paths::state_dir(&served.env).ok();
        let is_new = |(known, known_env): &(Vec<String>, Env)| {
            known.first() != words.first() || paths::state_dir(known_env).ok() != state
        };
        if is_url && found.iter().all(is_new) {
            found.push((words, served.env));
        }
    }
    if found.is_empty()
        && let Ok(dir) = paths::state_dir(env)
    {
        found.extend(find_wanted(&dir, key).into_iter().map(|url| (vec![url], env.clone())));
    }
    let shown = escape_invisible(key);
    match found.len() {
        0 => Err(UsageError(format!(
            "No server {shown} over HTTP is known here, neither in a client's file nor by a session that wanted a login. Name its \
             address: policylayer login --url URL"
        ))
        .into()),
        1 => Ok(found.swap_remove(0)),
        _ => Err(UsageError(format!(
            "Several servers over HTTP are called {shown}, or are reached with different settings. Name the client with --client, or \
             the address with --url."
        ))
        .into()),
    }
}

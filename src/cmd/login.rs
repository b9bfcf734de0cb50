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
use crate::wire::http::header_rule::HeaderRule;
use crate::wire::http::target_words::TargetWords;

pub(crate) fn login(args: &LoginArgs, env: &Env) -> anyhow::Result<Exit> {
    let (target, own) = find_target(&args.server, env)?;
    if own == Authorization::OfEntry {
        bail!(
            "What says who you are to {target} is the key in Authorization that stands in its entry, which comes before any login: none \
             was made. To log in, take that header, or the variable with the token, out of the entry."
        );
    }
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
    let (target, _) = find_target(&args.server, env)?;
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

/// What says to the server who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authorization {
    /// A header of its entry.
    OfEntry,
    /// A login, if there is one.
    OfLogin,
}

/// Finds the server, and where its wrapper keeps its login.
fn find_target(args: &LoginServerArgs, env: &Env) -> anyhow::Result<(HttpTarget, Authorization)> {
    let (words, env) = match (&args.url, &args.key) {
        (Some(url), _) => (vec![url.clone()], env.clone()),
        (None, Some(key)) => find_words(key, args, env)?,
        (None, None) => bail!("No server is named"),
    };
    let (words, authorization) = words_for_login(words, &env);
    let Some(target) = HttpTarget::from_words(&words, &env, MAX_MESSAGE) else {
        let why = "--url is not an address: it begins with https://, as https://mcp.example.com/mcp does.";
        return Err(UsageError(why.to_owned()).into());
    };
    let mut target = match &args.key {
        Some(_) => target?,
        None => target.map_err(|error| UsageError(error.to_string()))?,
    };
    if let Some(key) = &args.key {
        target.set_name(key);
    }
    Ok((target, authorization))
}

/// Leaves out what a login does not need: the key in Authorization, and headers whose values only the client knows.
fn words_for_login(words: Vec<String>, env: &Env) -> (Vec<String>, Authorization) {
    let Ok(target) = TargetWords::parse(&words) else { return (words, Authorization::OfLogin) };
    let Ok(rules) = target.rules() else { return (words, Authorization::OfLogin) };
    let has_key = rules.iter().any(HeaderRule::is_authorization);
    let has_value = |rule: &&HeaderRule| rule.header_value(env.var(rule.variable()).and_then(OsStr::to_str)).is_ok();
    let headers = rules.iter().filter(|rule| !rule.is_authorization()).filter(has_value);
    let headers = headers.map(|rule| format!("{}={}", rule.name(), rule.variable())).collect();
    let words = TargetWords { headers, bearer: None, ..target }.words();
    (words, if has_key { Authorization::OfEntry } else { Authorization::OfLogin })
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
            "No server {shown} over HTTP is known here, neither in a client's file nor by a session that wanted a login. Give its \
             address with --url URL."
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

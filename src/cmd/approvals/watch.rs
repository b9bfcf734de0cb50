//! `policylayer approvals watch`: what waits, live in a terminal that a person keeps open, answered with single keys.

mod frame;
mod model;
mod screen;

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyEventKind};

use self::frame::Painter;
use self::model::{Act, Model};
use self::screen::Screen;
use super::{Env, done, over};
use crate::exit::Exit;
use crate::state::approvals::{Book, Confirm, NotAnswered, clock};
use crate::term::guard::end_by_signal;

/// How often what waits is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// How long a key is waited for; a signal that ends the program waits no longer than this.
const KEY: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(
        "`approvals watch` needs a terminal, and {0} is none. Run it in a terminal of its own; in scripts, use `policylayer \
         approvals list --format json`."
    )]
    NoTerminal(&'static str),
    #[error("The terminal cannot be used: {0}. Use `policylayer approvals list` and `approve` instead.")]
    Terminal(io::Error),
}

/// Watches until a person quits or a signal ends it.
pub(super) fn run(book: &mut Book, required: Confirm, env: &Env) -> anyhow::Result<Exit> {
    if !env.stdin_is_terminal() {
        return Err(Failure::NoTerminal("stdin").into());
    }
    if !io::stdout().is_terminal() {
        return Err(Failure::NoTerminal("stdout").into());
    }
    // Before the terminal is taken over: what is wrong with the store is told as usual.
    let all = book.all()?;
    let mut model = Model::new(required);
    model.update(all, clock());
    let mut screen = Screen::take(env).map_err(Failure::Terminal)?;
    let watched = watch(book, &mut model, &mut screen);
    let signal = screen.signal();
    drop(screen);
    end_by_signal(signal);
    watched.map(|()| Exit::Ok)
}

fn watch(book: &mut Book, model: &mut Model, screen: &mut Screen) -> anyhow::Result<()> {
    let mut painter = Painter::default();
    let mut looked = Instant::now();
    loop {
        screen.draw(painter.paint(model, screen.size(), clock())).map_err(Failure::Terminal)?;
        let act = if event::poll(KEY).map_err(Failure::Terminal)? {
            match event::read().map_err(Failure::Terminal)? {
                Event::Key(key) if key.kind != KeyEventKind::Release => model.key(key, clock())?,
                Event::Resize(..) => {
                    screen.resized().map_err(Failure::Terminal)?;
                    Act::None
                }
                _ => Act::None,
            }
        } else {
            // Consoles of Windows tell of a new size only those who ask for it in the mode of their input.
            #[cfg(windows)]
            screen.resized().map_err(Failure::Terminal)?;
            Act::None
        };
        if screen.signal().is_some() {
            return Ok(());
        }
        match act {
            Act::None => {}
            Act::Quit => return Ok(()),
            Act::Answer(id, verdict, given) => {
                let now = clock();
                let said = match book.answer(&id, &verdict, given)? {
                    Ok(entry) => done(&entry, &verdict, now),
                    Err(NotAnswered::Over(entry)) => over(&entry, now),
                    Err(NotAnswered::Unknown) => format!("The call {id} is no longer there."),
                    // The model has asked for one wherever the question says so.
                    Err(NotAnswered::NeedsCode) => format!("The call {id} can only be approved with a code."),
                };
                model.say(said);
                model.update(book.all()?, now);
            }
        }
        if looked.elapsed() >= LOOK {
            model.update(book.all()?, clock());
            looked = Instant::now();
        }
    }
}

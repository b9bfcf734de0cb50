//! Reads the text of a glob.

use super::{BadToolGlob, Token};
use crate::limits::MAX_GLOB_ALTERNATIVES;

pub(super) fn expand_alternatives(text: &str) -> Result<Vec<Vec<Token>>, BadToolGlob> {
    let mut done: Vec<Vec<Token>> = vec![Vec::new()];
    // Inside braces: the complete alternatives, and the current one.
    let mut braces: Option<(Vec<Vec<Token>>, Vec<Token>)> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let token = match (c, &mut braces) {
            ('\\', _) => match chars.next() {
                Some(next) if !next.is_alphanumeric() => Token::Char(next),
                _ => {
                    return bad_glob(
                        "there is a backslash before a character that needs none",
                        "write `\\\\` for a backslash; only `*`, `?`, `[`, `]`, `{`, `}` and `,` need one before them",
                    );
                }
            },
            ('*', _) => Token::Star,
            ('?', _) => Token::One,
            ('[', _) => parse_set(&mut chars)?,
            (']', _) => {
                return bad_glob("`]` closes nothing", "open the set with `[`, or write `\\]` for the character");
            }
            ('{', None) => {
                braces = Some((Vec::new(), Vec::new()));
                continue;
            }
            ('{', Some(_)) => return bad_glob("alternatives do not nest", "write them as one list: `{a,b,c}`"),
            (',', Some((complete, current))) => {
                complete.push(std::mem::take(current));
                continue;
            }
            ('}', None) => {
                return bad_glob(
                    "`}` closes nothing",
                    "open the alternatives with `{`, or write `\\}` for the character",
                );
            }
            ('}', Some((complete, current))) => {
                complete.push(std::mem::take(current));
                done = combine_alternatives(&done, complete)?;
                braces = None;
                continue;
            }
            (c, _) => Token::Char(c),
        };
        match &mut braces {
            Some((_, current)) => push_token(current, token),
            None => done.iter_mut().for_each(|tokens| push_token(tokens, token.clone())),
        }
    }
    if braces.is_some() {
        return bad_glob("`{` is never closed", "close the alternatives with `}`, or write `\\{` for the character");
    }
    Ok(done)
}

/// Merges two stars in a row into one.
pub(super) fn push_token(tokens: &mut Vec<Token>, token: Token) {
    if !(matches!(token, Token::Star) && matches!(tokens.last(), Some(Token::Star))) {
        tokens.push(token);
    }
}

fn combine_alternatives(heads: &[Vec<Token>], tails: &[Vec<Token>]) -> Result<Vec<Vec<Token>>, BadToolGlob> {
    if heads.len() * tails.len() > MAX_GLOB_ALTERNATIVES {
        return bad_glob("the alternatives expand to more than 64 patterns", "split the glob into several");
    }
    let mut out = Vec::with_capacity(heads.len() * tails.len());
    for head in heads {
        for tail in tails {
            let mut tokens = head.clone();
            tail.iter().for_each(|token| push_token(&mut tokens, token.clone()));
            out.push(tokens);
        }
    }
    Ok(out)
}

fn parse_set(chars: &mut std::str::Chars<'_>) -> Result<Token, BadToolGlob> {
    let never_closed = bad_glob("`[` is never closed", "close the set with `]`, or write `\\[` for the character");
    let mut ranges = Vec::new();
    loop {
        let Some(c) = chars.next() else { return never_closed };
        let low = match c {
            ']' if ranges.is_empty() => return bad_glob("the set is empty", "put characters into it: `[a-z]`"),
            ']' => return Ok(Token::Set(ranges)),
            '!' | '^' if ranges.is_empty() => {
                return bad_glob("a set cannot be negated", "list the characters that are meant: `[a-z0-9]`");
            }
            '\\' => match chars.next() {
                Some(c) => c,
                None => return never_closed,
            },
            c => c,
        };
        let mut ahead = chars.clone();
        let high = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(']')) | (Some('-'), None) => low,
            (Some('-'), Some(high)) => {
                *chars = ahead;
                if high == '\\' { chars.next().unwrap_or(high) } else { high }
            }
            _ => low,
        };
        if high < low {
            return bad_glob("a range in the set runs backwards", "put the lower character first: `[a-z]`");
        }
        ranges.push((low, high));
    }
}

/// Returns the glob that matches only this text.
pub(in crate::policy) fn escape_wildcards(text: &str) -> String {
    let special = |c| matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

pub(super) fn bad_glob<T>(message: &'static str, hint: &'static str) -> Result<T, BadToolGlob> {
    Err(BadToolGlob { message, hint })
}

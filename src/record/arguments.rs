//! What the log keeps of a call's arguments. They hold people's data, so by default it keeps only their keys and a
//! keyed digest, which lets equal arguments be recognised but not guessed.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::chain::eight_digits;
use super::short_digests::{HalfDigest, MAX_SHORT, ShortText, TOGETHER, digest_together};
use super::text::{write_number, write_text};
use crate::block_bits::{BLOCK, find_bits};
use crate::limits::{MAX_LOGGED_ARGUMENTS, MAX_LOGGED_KEY, MAX_LOGGED_KEYS};
use crate::visible::{escape_invisible_json, shorten};
use crate::wire::kept_text::KeptText;
use crate::wire::text::is_plain_ascii;
use crate::wire::view;

/// How much of the arguments the log keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArgumentsLogged {
    /// Their keys and a keyed digest.
    #[default]
    Keys,
    /// … and their structure: strings and numbers are replaced by their kind.
    Redacted,
    /// … and the arguments as written.
    Full,
}

/// The secret of the digests, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DigestKey(pub [u8; 32]);

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey")
    }
}

/// Records arguments, with digests under a key that is fetched when the first one is needed. Clones share it.
#[derive(Clone)]
pub struct ArgumentRecorder(Arc<Recording>);

struct Recording {
    logged: ArgumentsLogged,
    fetch: Mutex<FetchKey>,
    key: OnceLock<DigestKey>,
}

type FetchKey = Box<dyn FnMut() -> Option<DigestKey> + Send>;

impl fmt::Debug for ArgumentRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArgumentRecorder").field("logged", &self.0.logged).finish_non_exhaustive()
    }
}

impl PartialEq for ArgumentRecorder {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ArgumentRecorder {}

/// Arguments as they came, until their line is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SentArguments {
    text: KeptText<MAX_SHORT>,
    /// The first half of their digest, if it is made already.
    digest: Option<HalfDigest>,
}

impl From<&str> for SentArguments {
    fn from(text: &str) -> Self {
        Self { text: text.into(), digest: None }
    }
}

impl SentArguments {
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }
}

impl ArgumentRecorder {
    /// Creates a recorder that keeps as much as `logged` allows. It calls `fetch` until that returns a key; without a
    /// key there is no digest.
    pub fn new(logged: ArgumentsLogged, fetch: Box<dyn FnMut() -> Option<DigestKey> + Send>) -> Self {
        Self(Arc::new(Recording { logged, fetch: Mutex::new(fetch), key: OnceLock::new() }))
    }

    /// Makes the digests of arguments together, of those that are short.
    pub(super) fn digest_together(&self, arguments: &mut [Option<&mut SentArguments>; TOGETHER]) {
        const NONE: ShortText<'_> = (&[0; MAX_SHORT], 0);
        let (mut texts, mut at) = ([NONE; TOGETHER], 0);
        while at < TOGETHER {
            texts[at] = arguments[at].as_deref().and_then(|arguments| arguments.text.short()).unwrap_or(NONE);
            at += 1;
        }
        let is_needed = texts.iter().any(|(_, length)| *length > 0);
        let key = if is_needed { self.key() } else { None };
        let Some(digests) = key.and_then(|key| digest_together(key, &texts)) else { return };
        for (arguments, digest) in arguments.iter_mut().zip(digests) {
            if let Some(arguments) = arguments
                && arguments.text.short().is_some()
            {
                arguments.digest = Some(digest);
            }
        }
    }

    /// Appends what is kept of arguments that are kept as they came.
    pub(super) fn write_sent(&self, sent: &SentArguments, out: &mut Vec<u8>) {
        if sent.text.short().and_then(|text| write_plain_keys(text, out)).is_none() {
            write_keys(&sent.text, out);
        }
        self.write_digest(&sent.text, sent.digest, out);
    }

    /// Appends what is kept of `arguments`, an object from a line that was already validated, as members of the line.
    pub(super) fn write_arguments(&self, arguments: &str, out: &mut Vec<u8>) {
        write_keys(arguments, out);
        self.write_digest(&arguments, None, out);
    }

    /// Appends the digest of arguments, and what else is kept of them. Kept ones are looked at as text only if that is needed.
    fn write_digest(&self, arguments: &impl Deref<Target = str>, made: Option<HalfDigest>, out: &mut Vec<u8>) {
        match made.or_else(|| self.half_digest(arguments)) {
            Some(half) => {
                let mut text = *b",\"mac\":\"--------------------------------\"";
                let (digits, bytes, mut at) = (text[8..40].as_chunks_mut().0, half.as_chunks().0, 0);
                while at < bytes.len() {
                    digits[at] = eight_digits(bytes[at]);
                    at += 1;
                }
                out.extend_from_slice(&text);
            }
            None => out.extend_from_slice(b",\"mac\":null"),
        }
        match self.0.logged {
            ArgumentsLogged::Keys => {}
            ArgumentsLogged::Redacted => out.extend_from_slice(b",\"redacted\":"),
            ArgumentsLogged::Full => out.extend_from_slice(b",\"full\":"),
        }
        match self.0.logged {
            ArgumentsLogged::Keys => {}
            _ if arguments.len() > MAX_LOGGED_ARGUMENTS => {
                out.extend_from_slice(b"null,\"bytes\":");
                write_number(arguments.len() as u64, out);
            }
            ArgumentsLogged::Redacted => write_redacted(arguments, out),
            ArgumentsLogged::Full => out.extend_from_slice(arguments.as_bytes()),
        }
    }

    /// Returns the first half of the keyed digest: enough to tell arguments apart.
    fn half_digest(&self, arguments: &str) -> Option<HalfDigest> {
        let DigestKey(key) = self.key()?;
        blake3::keyed_hash(key, arguments.as_bytes()).as_bytes().first_chunk().copied()
    }

    fn key(&self) -> Option<&DigestKey> {
        if let Some(key) = self.0.key.get() {
            return Some(key);
        }
        let key = (self.0.fetch.lock().unwrap_or_else(PoisonError::into_inner))()?;
        Some(self.0.key.get_or_init(|| key))
    }
}

/// What stands before the keys.
const KEYS: &[u8; 8] = b"\"keys\":[";

/// Appends the keys of short arguments as nearly all are: without escapes, other containers, or blanks behind strings, in ASCII. Their
/// strings are told by what stands behind them. `None`, and nothing written, if they may be others.
fn write_plain_keys((text, length): ShortText<'_>, out: &mut Vec<u8>) -> Option<()> {
    // Copied by pieces of a fixed size, which may go beyond the end. Of what fits, there are never too many keys or too long ones.
    const PIECE: usize = 16;
    let mut block = [0; BLOCK + PIECE];
    block[..BLOCK].copy_from_slice(text);
    let odd = find_bits(|at| {
        (text[at] == b'\\') | (text[at] == b'[') | (text[at] == b'{') | (text[at] < 0x20) | (text[at] >= 0x7f)
    });
    let inside = u64::MAX.checked_shr(u64::BITS - u32::from(length)).unwrap_or(0);
    if odd & inside != 1 {
        return None;
    }
    let mut keys = [0; KEYS.len() + BLOCK + PIECE];
    keys[..KEYS.len()].copy_from_slice(KEYS);
    let (mut quotes, mut at) = (find_bits(|at| text[at] == b'"'), KEYS.len());
    while quotes != 0 {
        let start = quotes.trailing_zeros() as usize;
        quotes &= quotes - 1;
        let end = quotes.trailing_zeros() as usize + 1;
        quotes &= quotes.wrapping_sub(1);
        match text.get(end)? {
            b':' => {
                for offset in (0..end - start).step_by(PIECE) {
                    let piece = keys.get_mut(at + offset..)?.first_chunk_mut::<PIECE>()?;
                    *piece = *block.get(start + offset..)?.first_chunk()?;
                }
                at += end - start;
                *keys.get_mut(at)? = b',';
                at += 1;
            }
            b',' | b'}' => {}
            _ => return None,
        }
    }
    // In the place of the last comma.
    let end = at - usize::from(at > KEYS.len());
    *keys.get_mut(end)? = b']';
    out.extend_from_slice(keys.get(..=end)?);
    Some(())
}

/// Appends the keys of any arguments.
fn write_keys(arguments: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(KEYS);
    let mut left_out = 0_u64;
    for (count, written) in view::written_keys(arguments).enumerate() {
        if count >= MAX_LOGGED_KEYS {
            left_out += 1;
            continue;
        }
        if count > 0 {
            out.push(b',');
        }
        // Nearly all keys are written in the log as in the message.
        if let Some(inside) = view::inside(written)
            && inside.len() <= MAX_LOGGED_KEY
            && is_plain_ascii(inside.as_bytes())
        {
            out.extend_from_slice(written.as_bytes());
            continue;
        }
        // A key that cannot be decoded holds a lone surrogate.
        let key = view::decode_string(written).unwrap_or("\u{fffd}".into());
        match key.len() <= MAX_LOGGED_KEY {
            true => write_text(&key, out),
            false => write_text(&shorten(&key, MAX_LOGGED_KEY), out),
        }
    }
    out.push(b']');
    if left_out > 0 {
        out.extend_from_slice(b",\"keys_left_out\":");
        write_number(left_out, out);
    }
}

/// Appends a value with its structure: `true`, `false` and `null` stay, strings and numbers are replaced by their kind.
fn write_redacted(value: &str, out: &mut Vec<u8>) {
    match value.as_bytes().first() {
        Some(b'{') => {
            out.push(b'{');
            for (count, member) in view::members(value).enumerate() {
                if count > 0 {
                    out.push(b',');
                }
                // The key as written, so that no two keys become one.
                match member.written_key() {
                    key if key.is_ascii() => out.extend_from_slice(key.as_bytes()),
                    key => out.extend_from_slice(escape_invisible_json(key).as_bytes()),
                }
                out.push(b':');
                write_redacted(member.value, out);
            }
            out.push(b'}');
        }
        Some(b'[') => {
            out.push(b'[');
            for (count, element) in view::elements(value).enumerate() {
                if count > 0 {
                    out.push(b',');
                }
                write_redacted(value.get(element).unwrap_or_default(), out);
            }
            out.push(b']');
        }
        Some(b'"') => out.extend_from_slice(b"\"<text>\""),
        Some(b't' | b'f' | b'n') => out.extend_from_slice(value.as_bytes()),
        _ => out.extend_from_slice(b"\"<number>\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_ones(sent: &mut [SentArguments]) -> [Option<&mut SentArguments>; TOGETHER] {
        let mut all = sent.iter_mut();
        std::array::from_fn(|_| all.next())
    }

    fn written(logged: ArgumentsLogged, arguments: &str) -> String {
        let mut out = Vec::new();
        let recorder = ArgumentRecorder::new(logged, Box::new(|| Some(DigestKey([7; 32]))));
        recorder.write_arguments(arguments, &mut out);
        // Kept as they came, alone or with others, they are written as at once.
        let mut several: [SentArguments; 3] = [arguments.into(), "{}".into(), arguments.into()];
        let [before, after] = [(); 2].map(|()| {
            let texts = several.each_ref().map(|sent| {
                let mut out = Vec::new();
                recorder.write_sent(sent, &mut out);
                out
            });
            recorder.digest_together(&mut first_ones(&mut several));
            texts
        });
        assert_eq!((&before[0], &before), (&out, &after));
        let text = format!("{{{}}}", String::from_utf8(out).unwrap());
        serde_json::from_str::<&serde_json::value::RawValue>(&text).unwrap();
        text
    }

    #[test]
    fn of_arguments_only_keys_and_a_keyed_digest_are_kept() {
        let text = written(ArgumentsLogged::Keys, r#"{"email":"bob@example.com","n":1}"#);
        // By `b3sum --keyed --length 16`, too.
        assert_eq!(text, r#"{"keys":["email","n"],"mac":"8272d95c75728dd72f06cac0af10bacb"}"#);
        let mut without = Vec::new();
        ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| None)).write_arguments("{}", &mut without);
        assert_eq!(without, br#""keys":[],"mac":null"#);
    }

    #[test]
    fn keys_of_plain_arguments_are_written_like_all_others() {
        let pieces = [
            "{",
            "}",
            "\"a\"",
            "\"key\"",
            "\"\"",
            ":",
            ",",
            "1",
            "true",
            " ",
            "\"a:b\"",
            "\"}\"",
            "\"{\"",
            "[]",
            "\"\\n\"",
            "\"é\"",
            "\"\u{7f}\"",
            "\"long long long\"",
            "{\"b\":1}",
            ":\"v\"",
            ":2",
        ];
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let (mut plain, mut all) = (0, 0);
        for _ in 0..300_000 {
            let mut members = Vec::new();
            for _ in 0..random(5) {
                let value = pieces[2 + random(19)];
                members.push(match random(8) {
                    0 => format!("{}{}{}", pieces[random(21)], pieces[random(21)], value),
                    _ => format!("{}:{value}", pieces[2 + random(3)]),
                });
            }
            let arguments = format!("{{{}}}", members.join(","));
            if serde_json::from_str::<serde_json::Value>(&arguments).is_err() {
                continue;
            }
            let (mut one, mut other) = (Vec::new(), Vec::new());
            write_keys(&arguments, &mut other);
            all += 1;
            let sent = SentArguments::from(&*arguments);
            match sent.text.short().and_then(|text| write_plain_keys(text, &mut one)) {
                Some(()) => assert_eq!(String::from_utf8_lossy(&one), String::from_utf8_lossy(&other), "{arguments}"),
                None => assert!(one.is_empty(), "{arguments}"),
            }
            plain += usize::from(!one.is_empty());
        }
        assert!(plain > 10_000 && all > plain + 10_000, "{plain} of {all}");
    }

    #[test]
    fn the_digest_is_keyed_blake3() {
        // The first of its test vectors.
        let key = DigestKey(*b"whats the Elvish word for friend");
        let recorder = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(move || Some(key)));
        let expected = 0x92b2_b756_04ed_3c76_1f9d_6f62_392c_8a92_u128;
        assert_eq!(recorder.half_digest(""), Some(expected.to_be_bytes()));
        // Several are made together where the processor can.
        let texts: [_; TOGETHER] = std::array::from_fn(|at| format!("{{\"k\":{}}}", "7".repeat(10 * at)));
        let mut several = texts.each_ref().map(|text| SentArguments::from(&**text));
        recorder.digest_together(&mut first_ones(&mut several));
        let together = |sent: &SentArguments| sent.digest.is_some();
        #[cfg(target_arch = "x86_64")]
        let expected = fearless_simd::Level::new().as_avx2().is_some();
        #[cfg(not(target_arch = "x86_64"))]
        let expected = false;
        for (text, sent) in texts.iter().zip(&several) {
            assert_eq!(together(sent), expected && text.len() <= MAX_SHORT, "{text}");
            assert_eq!(sent.digest.or_else(|| recorder.half_digest(text)), recorder.half_digest(text), "{text}");
        }
    }

    #[test]
    fn redacted_keeps_the_structure_and_full_keeps_all() {
        let arguments = r#"{"to":["a@b.c",12,{"deep":1e999,"ok":true,"none":null}],"s":"\ud83d","k":{}}"#;
        let text = written(ArgumentsLogged::Redacted, arguments);
        let expected =
            r#""redacted":{"to":["<text>","<number>",{"deep":"<number>","ok":true,"none":null}],"s":"<text>","k":{}}}"#;
        assert!(text.ends_with(expected), "{text}");
        assert!(written(ArgumentsLogged::Full, arguments).ends_with(&format!(r#""full":{arguments}}}"#)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let many: Vec<String> = (0..MAX_LOGGED_KEYS + 3).map(|n| format!("\"k{n}\":0")).collect();
        let text = written(ArgumentsLogged::Keys, &format!("{{{}}}", many.join(",")));
        assert!(text.contains(",\"keys_left_out\":3,"), "{text}");
        let long = "é".repeat(MAX_LOGGED_KEY + 1);
        let text = written(ArgumentsLogged::Keys, &format!("{{\"{long}\":0}}"));
        assert!(text.contains(&format!("\"{}…\"", "é".repeat(MAX_LOGGED_KEY))), "{text}");
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_LOGGED_ARGUMENTS));
        for logged in [ArgumentsLogged::Redacted, ArgumentsLogged::Full] {
            let text = written(logged, &large);
            assert!(text.ends_with(&format!("null,\"bytes\":{}}}", large.len())), "{text}");
        }
    }
}

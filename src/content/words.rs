//! The words before a number, which say what it is.

/// How far before a number words are looked for, in bytes.
const REACH: usize = 48;

/// Words after which a number counts something other than money or people.
const ORDERS: &[&str] = &[
    "order",
    "orders",
    "bestellung",
    "auftrag",
    "commande",
    "pedido",
    "invoice",
    "rechnung",
    "facture",
    "factura",
    "ticket",
    "case",
    "tracking",
    "shipment",
    "parcel",
    "part",
    "sku",
    "isbn",
    "issn",
    "ean",
    "upc",
    "gtin",
    "imei",
    "serial",
    "ref",
    "reference",
    "transaction",
    "txn",
    "id",
    "commit",
    "build",
    "version",
    "issue",
    "request",
    "po",
];

/// Words that may stand between one of those and its number.
const FILLERS: &[&str] = &["no", "nr", "num", "number", "nummer", "numero", "is", "n", "code"];

/// Returns the whole words before a place, the nearest first.
pub(super) fn words_before(text: &str, at: usize) -> impl Iterator<Item = &str> {
    let mut start = at.saturating_sub(REACH);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let mut before = text.get(start..at).unwrap_or_default();
    // Half a word is another word.
    if text.get(..start).is_some_and(|head| head.ends_with(char::is_alphanumeric)) {
        before = before.trim_start_matches(char::is_alphanumeric);
    }
    before.rsplit(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

pub(super) fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|other| other.eq_ignore_ascii_case(word))
}

/// Whether the words before a number say that it is that of an order, a parcel, a part or the like.
pub(super) fn is_order_number(text: &str, at: usize) -> bool {
    words_before(text, at).find(|word| !is_one_of(word, FILLERS)).is_some_and(|word| is_one_of(word, ORDERS))
}

/// How many bytes of a word may be the end of an escape that begins before it: those of `\n`, `\u00e9` and `%20`.
pub(super) fn escape_end(before: &[u8], word: &[u8]) -> Option<usize> {
    let is_hex =
        |range: std::ops::Range<usize>| word.get(range).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    match (before.last()?, word.first()?) {
        (b'\\', b'n' | b'r' | b't' | b'b' | b'f') => Some(1),
        (b'\\', b'u') if is_hex(1..5) => Some(5),
        (b'%', _) if is_hex(0..2) => Some(2),
        _ => None,
    }
}

/// Whether an escape ends at a place.
pub(super) fn is_behind_escape(bytes: &[u8], at: usize) -> bool {
    const LONGEST: usize = 6;
    (1..=LONGEST).any(|length| {
        at.checked_sub(length).is_some_and(|start| {
            let (before, word) = bytes.split_at(start);
            escape_end(before, word.get(..length).unwrap_or_default()) == Some(length)
        })
    })
}

/// Whether what follows a backslash is the escape of a sign that many programs write so: `&`, `'`, `<` or `>`.
pub(super) fn is_sign_escape(word: &str) -> bool {
    ["u0026", "u0027", "u003c", "u003e"].iter().any(|escape| word.starts_with(escape))
}

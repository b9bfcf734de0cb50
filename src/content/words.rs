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

/// Returns the words before a place, the nearest first.
pub(super) fn words_before(text: &str, at: usize) -> impl Iterator<Item = &str> {
    let mut start = at.saturating_sub(REACH);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let before = text.get(start..at).unwrap_or_default();
    before.rsplit(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

pub(super) fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|other| other.eq_ignore_ascii_case(word))
}

/// Whether the words before a number say that it is that of an order, a parcel, a part or the like.
pub(super) fn is_order_number(text: &str, at: usize) -> bool {
    words_before(text, at).find(|word| !is_one_of(word, FILLERS)).is_some_and(|word| is_one_of(word, ORDERS))
}

//! URIs: the forms in which they are compared are forms of one URI.

use policylayer::wire::{fold, uri};

/// The bytes are a URI.
pub fn holds(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let normal = uri::normalize(&text);
    assert_eq!(uri::normalize(&normal), normal, "{text:?} has one normal form");
    let lenient = |text: &str| uri::fold(text, |text| fold::fold(text).into_owned());
    // What escapes or backslashes hide is found before dots are resolved by one reading, and after it by the other; and only one of
    // them joins slashes before.
    let lenient_path = fold::fold(&text).into_owned();
    if !text.contains(['%', '\\'])
        && !lenient_path.split_once(':').is_some_and(|(_, rest)| rest.trim_start_matches('/').contains("//"))
    {
        assert_eq!(lenient(&normal), lenient(&text), "{text:?} and {normal:?} are one URI");
    }
    let _ = lenient(&normal);
}

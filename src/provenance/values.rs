//! The values of a text, in the form in which they are compared.

/// The digest of a value.
pub type ValueKey = u32;

/// Gives the values of a result to `found`.
pub fn find_result_values(result: &str, found: &mut dyn FnMut(&str)) {
    let is_part = |c: char| c.is_alphanumeric() || "@._-/:+%#".contains(c);
    result.split(|c| !is_part(c)).filter(|word| word.len() >= 6).for_each(found);
}

/// Gives the values of an argument's text to `found`.
pub fn find_argument_values(text: &str, found: &mut dyn FnMut(&str)) {
    find_result_values(text, found);
}

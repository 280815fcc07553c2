//! What may be shown: control characters escaped, cut to fit.

use std::borrow::Cow;

/// Makes what came from outside safe to print on one line: control characters
/// are escaped, as are the invisible ones that reorder text on a terminal.
pub fn escape(text: &str) -> Cow<'_, str> {
    let dangerous = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if !text.contains(dangerous) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if dangerous(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// The first `limit` bytes at most, whole characters, with `…` where it was cut.
pub fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    const MARK: &str = "…";
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let end = (0..=limit.saturating_sub(MARK.len())).rev().find(|&at| text.is_char_boundary(at));
    Cow::Owned(format!("{}{MARK}", &text[..end.unwrap_or(0)]))
}

/// Escaped and cut: a name or a value from outside, for use in a message.
pub fn shown(text: &str, limit: usize) -> String {
    // Cut first: escaping 100 kB to show 60 characters would be waste.
    cut(&escape(&cut(text, limit)), limit).into_owned()
}

/// A list in words: `a, b or c`.
pub fn either<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [rest @ .., last] => {
            let rest: Vec<_> = rest.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", rest.join(", "), last.as_ref())
        }
    }
}

/// The candidate that is nearest to a misspelt word, if any is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // What is longer than any name is no misspelt one.
    const LONGEST: usize = 100;
    if word.len() > LONGEST {
        return None;
    }
    let limit = word.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, by rows.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::{cut, escape, nearest, shown};
    use proptest::prelude::{any, proptest};

    #[test]
    fn a_terminal_is_never_given_control_characters() {
        assert_eq!(escape("plain ünïcode"), "plain ünïcode");
        assert_eq!(escape("a\x1b[31m\nb"), "a\\u{1b}[31m\\nb");
        assert_eq!(escape("\u{202e}evil"), "\\u{202e}evil");
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        let names = ["process", "listening", "connected"];
        assert_eq!(nearest("proces", names), Some("process"));
        assert_eq!(nearest("http", names), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_fits_and_holds_no_control_characters(text in any::<String>(), limit in 3_usize..300) {
            let shown = shown(&text, limit);
            assert!(shown.len() <= limit);
            assert!(!shown.chars().any(char::is_control));
            assert!(cut(&text, limit).len() <= limit);
        }
    }
}

//! Folding: each character as a person sees it becomes letters and digits without case and accents, or a separator.
//!
//! It goes grapheme by grapheme and never looks at the neighbours, so a part of a text folds like the whole: that is
//! what makes a query match. ASCII, which is most of most texts, is folded byte by byte.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// What a folded character is for the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// No part of a word.
    Separator,
    /// A letter or digit of a script whose words are separated by spaces.
    Spaced,
    /// A letter of a script that is written without spaces.
    Unspaced,
}

/// Calls `each` with every folded character, its class, and the bytes of `text` that it came from, in order.
pub(crate) fn fold(text: &str, mut each: impl FnMut(char, Class, Range<usize>)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        // An ASCII character before another one is a grapheme of its own; the last one before others may carry accents.
        if bytes[at].is_ascii() && bytes.get(at + 1).is_none_or(u8::is_ascii) {
            let character = char::from(bytes[at]).to_ascii_lowercase();
            let class = if character.is_ascii_alphanumeric() { Class::Spaced } else { Class::Separator };
            each(character, class, at..at + 1);
            at += 1;
            continue;
        }
        let end = (at + 1..bytes.len()).find(|next| bytes[*next].is_ascii()).unwrap_or(bytes.len());
        for (offset, grapheme) in text[at..end].grapheme_indices(true) {
            let source = at + offset..at + offset + grapheme.len();
            for character in fold_grapheme(grapheme) {
                each(character, class(character), source.clone());
            }
        }
        at = end;
    }
}

fn fold_grapheme(grapheme: &str) -> impl Iterator<Item = char> {
    grapheme
        .nfkd()
        .flat_map(char::to_lowercase)
        .filter(|character| !is_combining_mark(*character) && !is_joiner(*character))
        .flat_map(|character| {
            let (first, second) = plain(character);
            std::iter::once(first).chain(second)
        })
        .nfc()
}

/// Letters that no decomposition makes plain, but that people type plain.
fn plain(character: char) -> (char, Option<char>) {
    match character {
        'ß' => ('s', Some('s')),
        'œ' => ('o', Some('e')),
        'æ' => ('a', Some('e')),
        'ø' => ('o', None),
        'ł' => ('l', None),
        'đ' => ('d', None),
        'ı' => ('i', None),
        'ς' => ('σ', None),
        other => (other, None),
    }
}

/// Characters that are not there for a reader: soft hyphen, joiners, byte order mark.
fn is_joiner(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}')
}

fn class(character: char) -> Class {
    match character as u32 {
        // Squared and circled letters count as letters for Unicode, and as emoji for people.
        0x1F100..=0x1FFFF => Class::Separator,
        0x0E00..=0x0EFF                                                 // Thai, Lao
        | 0x1000..=0x109F                                               // Myanmar
        | 0x1780..=0x17FF                                               // Khmer
        | 0x1950..=0x19DF | 0x1A20..=0x1AAF                             // Tai Le, New Tai Lue, Tai Tham
        | 0x1100..=0x11FF | 0xA960..=0xA97F | 0xAC00..=0xD7FF           // Hangul
        | 0x2E80..=0x2FDF                                               // radicals
        | 0x3005..=0x3007 | 0x3021..=0x3029 | 0x3031..=0x303C           // marks that stand for characters
        | 0x3040..=0x30FF | 0x31F0..=0x31FF | 0x1B000..=0x1B16F         // Hiragana, Katakana
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF           // Han
        | 0x20000..=0x3FFFF
            if character.is_alphanumeric() => Class::Unspaced,
        _ if character.is_alphanumeric() => Class::Spaced,
        _ => Class::Separator,
    }
}

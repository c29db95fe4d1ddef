//! How text becomes words for full-text search: the same on client and server, so that both find the same messages.
//!
//! Words are cut by Unicode's rules (UAX 29), lower-cased, and stripped of accents (NFKD without combining marks), so
//! `Éléphant` is found by `elephant`. Scripts written without spaces (Han, Kana, Hangul, Thai) are cut into overlapping
//! pairs of characters: `東京都` becomes `東京 京都`, and a query of two or more characters finds it anywhere.
//!
//! The result is fed to an FTS5 table with the `ascii` tokenizer, which splits at the spaces put here and adds nothing
//! of its own. SQLite's `trigram` tokenizer was refused: it misses queries under three characters and triples the index.
#![warn(missing_docs)]

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// The words of a text, separated by spaces, ready for an FTS5 column with the `ascii` tokenizer.
pub fn index(text: &str) -> String {
    let mut indexed = String::with_capacity(text.len() + text.len() / 4);
    for word in text.unicode_words() {
        for term in terms(&fold(word)) {
            if !indexed.is_empty() {
                indexed.push(' ');
            }
            indexed.push_str(&term);
        }
    }
    indexed
}

/// The FTS5 `MATCH` expression that finds every text with all words of the query, the last letters of each word open
/// (`tat` finds `tattoo`). None if the query has no word at all.
///
/// Every term is quoted, so nothing that a person types is taken for an operator.
pub fn query(text: &str) -> Option<String> {
    let mut expression = Vec::new();
    for word in text.unicode_words() {
        let folded = fold(word);
        let terms = terms(&folded);
        let pairs = folded.chars().any(is_unspaced);
        let quoted = terms.iter().map(|term| term.replace('"', "")).collect::<Vec<_>>();
        match quoted.as_slice() {
            [] => {}
            // A single character of an unspaced script is the beginning of the pairs that it starts.
            [one] if !pairs || one.chars().count() == 1 => expression.push(format!("\"{one}\" *")),
            many => expression.push(format!("\"{}\"", many.join(" "))),
        }
    }
    if expression.is_empty() { None } else { Some(expression.join(" ")) }
}

/// The text in pieces, each with whether it matches the query: for marking hits on the screen.
///
/// At most about `chars_max` characters around the first hit; what is cut off is replaced by `…`.
pub fn snippet(text: &str, query: &str, chars_max: usize) -> Vec<(String, bool)> {
    let wanted: Vec<String> = query.unicode_words().map(fold).collect();
    let mut pieces: Vec<(String, bool)> = Vec::new();
    let mut length_before_hit = None;
    let mut length = 0;
    for piece in text.split_word_bounds() {
        let folded = fold(piece);
        let hit = !folded.is_empty() && wanted.iter().any(|word| matches(&folded, word));
        if hit && length_before_hit.is_none() {
            length_before_hit = Some(length);
        }
        length += piece.chars().count();
        match pieces.last_mut() {
            Some(last) if last.1 == hit => last.0.push_str(piece),
            _ => pieces.push((piece.to_owned(), hit)),
        }
    }
    cut(pieces, length_before_hit.unwrap_or(0).saturating_sub(chars_max / 4), chars_max)
}

fn matches(folded: &str, word: &str) -> bool {
    if word.chars().any(is_unspaced) { word.contains(folded) || folded.contains(word) } else { folded.starts_with(word) }
}

/// Keeps `chars_max` characters from `start` on.
fn cut(pieces: Vec<(String, bool)>, start: usize, chars_max: usize) -> Vec<(String, bool)> {
    let mut kept = Vec::new();
    let mut at = 0;
    let total: usize = pieces.iter().map(|piece| piece.0.chars().count()).sum();
    for (text, hit) in pieces {
        let count = text.chars().count();
        let skip = start.saturating_sub(at);
        let take = (start + chars_max).saturating_sub(at + skip);
        let part: String = text.chars().skip(skip).take(take).collect();
        at += count;
        if !part.is_empty() {
            kept.push((part, hit));
        }
    }
    if start > 0 {
        kept.insert(0, ("…".to_owned(), false));
    }
    if start + chars_max < total {
        kept.push(("…".to_owned(), false));
    }
    kept
}

/// Lower case, compatibility forms resolved, accents gone.
fn fold(word: &str) -> String {
    word.nfkd()
        .filter(|character| !is_combining_mark(*character))
        .flat_map(char::to_lowercase)
        // Lower-casing can bring a combining mark back (İ), and the index is cut at spaces.
        .filter(|character| !is_combining_mark(*character) && !character.is_whitespace() && !character.is_control())
        .nfc()
        .collect()
}

/// One folded word as the terms that are indexed: itself, or its overlapping pairs.
fn terms(folded: &str) -> Vec<String> {
    if folded.is_empty() {
        return Vec::new();
    }
    if !folded.chars().any(is_unspaced) {
        return vec![folded.to_owned()];
    }
    let characters: Vec<char> = folded.chars().collect();
    if characters.len() == 1 {
        return vec![folded.to_owned()];
    }
    characters.windows(2).map(|pair| pair.iter().collect()).collect()
}

/// Whether a character belongs to a script that is written without spaces.
fn is_unspaced(character: char) -> bool {
    matches!(character as u32,
        0x0E00..=0x0EFF          // Thai, Lao
        | 0x1000..=0x109F        // Myanmar
        | 0x1780..=0x17FF        // Khmer
        | 0x2E80..=0x2FDF        // radicals
        | 0x3040..=0x30FF        // Hiragana, Katakana
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF // Han
        | 0x1100..=0x11FF | 0xAC00..=0xD7AF // Hangul
        | 0x20000..=0x3FFFF)
}

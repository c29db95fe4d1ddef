//! Marking what was found in a text, and cutting the text around the first hit.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::Run;
use crate::fold::{Class, fold};

const CUT: &str = "…";

pub(crate) fn snippet(text: &str, wanted: &[Run], chars_max: usize) -> Vec<(String, bool)> {
    let hits = hits(text, wanted);
    let kept = stretch(text, hits.first().map_or(0, |hit| hit.start), chars_max);
    let mut pieces: Vec<(String, bool)> = Vec::new();
    let mut push = |range: Range<usize>, hit| {
        if !range.is_empty() {
            pieces.push((text[range].to_owned(), hit));
        }
    };
    let mut at = kept.start;
    for hit in hits {
        let start = hit.start.clamp(at, kept.end);
        let end = hit.end.clamp(start, kept.end);
        push(at..start, false);
        push(start..end, true);
        at = end;
    }
    push(at..kept.end, false);
    if kept.start > 0 {
        pieces.insert(0, (CUT.to_owned(), false));
    }
    if kept.end < text.len() {
        pieces.push((CUT.to_owned(), false));
    }
    pieces
}

/// Whether every one of these is somewhere in the text.
pub(crate) fn contains(text: &str, wanted: &[Run]) -> bool {
    wanted.iter().all(|run| !hits(text, std::slice::from_ref(run)).is_empty())
}

/// The bytes that match, in order, without overlap.
fn hits(text: &str, wanted: &[Run]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut run: Vec<(char, Range<usize>)> = Vec::new();
    let mut before = Class::Separator;
    fold(text, |character, class, source| {
        if class != before {
            mark(&run, before, wanted, &mut found);
            run.clear();
        }
        run.push((character, source));
        before = class;
    });
    mark(&run, before, wanted, &mut found);
    found.sort_by_key(|hit| (hit.start, hit.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for hit in found {
        match merged.last_mut() {
            Some(last) if hit.start <= last.end => last.end = last.end.max(hit.end),
            _ => merged.push(hit),
        }
    }
    merged
}

/// Marks the hits in one run: the beginning of a spaced word, any part of an unspaced one.
fn mark(run: &[(char, Range<usize>)], class: Class, wanted: &[Run], found: &mut Vec<Range<usize>>) {
    if class == Class::Separator {
        return;
    }
    for word in wanted.iter().filter(|word| word.unspaced == (class == Class::Unspaced)) {
        let starts = if word.unspaced { run.len() } else { 1 };
        for start in 0..starts {
            let part = run[start..].iter().take(word.characters.len());
            if part.len() == word.characters.len() && part.clone().map(|(c, _)| c).eq(&word.characters) {
                let end = run[start + word.characters.len() - 1].1.end;
                found.push(run[start].1.start..end);
            }
        }
    }
}

/// At most `chars_max` graphemes, beginning a little before `hit`, at a word if one begins there.
fn stretch(text: &str, hit: usize, chars_max: usize) -> Range<usize> {
    let boundaries: Vec<usize> =
        text.grapheme_indices(true).map(|(at, _)| at).chain(std::iter::once(text.len())).collect();
    let count = boundaries.len() - 1;
    if count <= chars_max {
        return 0..text.len();
    }
    let hit = boundaries.partition_point(|boundary| *boundary <= hit).saturating_sub(1);
    let mut first = hit.saturating_sub(chars_max / 4).min(count - chars_max);
    if first > 0 {
        let lead = &text[boundaries[first]..boundaries[hit.max(first)]];
        if let Some(space) = lead.find(char::is_whitespace) {
            let after = boundaries[first] + space + 1;
            first = boundaries.partition_point(|boundary| *boundary < after).min(hit);
        }
    }
    boundaries[first]..boundaries[(first + chars_max).min(count)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::snippet;

    /// Draws a snippet with its hits in brackets.
    fn draw(text: &str, query: &str, chars_max: usize) -> String {
        snippet(text, query, chars_max)
            .into_iter()
            .map(|(text, hit)| if hit { format!("[{text}]") } else { text })
            .collect()
    }

    #[test]
    fn hits_are_marked_as_they_were_written() {
        let check = |text, query, expected| assert_eq!(draw(text, query, 100), expected);
        check("Un Éléphant, deux éléphants", "elep", "Un [Élép]hant, deux [élép]hants");
        check("l’École du cœur", "ecole coeu", "l’[École] du [cœu]r");
        check("我买了iPhone手机壳", "手机", "我买了iPhone[手机]壳");
        check("我买了iPhone手机壳", "iphone手机壳", "我买了[iPhone手机壳]");
        check("京都と東京都", "京都", "[京都]と東[京都]");
        check("tattoo", "too", "tattoo");
        check("nothing to see", "👍", "nothing to see");
        check("", "a", "");
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_hit() {
        let check = |query, expected| {
            let text = "The quick brown fox jumps over the lazy dog and runs into the dark wood";
            assert_eq!(draw(text, query, 20), expected);
        };
        check("quick", "The [quick] brown fox …");
        check("lazy", "…the [lazy] dog and run…");
        check("wood", "…into the dark [wood]");
        check("cat", "The quick brown fox …");
        assert_eq!(draw(&"👩‍👩‍👧".repeat(9), "x", 2), "👩‍👩‍👧👩‍👩‍👧…");
    }

    proptest! {
        /// Without a limit the pieces are the text; with one they never exceed it. Neither panics on anything.
        #[test]
        fn pieces_are_the_text_or_a_stretch_of_it(text in any::<String>(), query in any::<String>(), max in 0_usize..30) {
            let whole: String = snippet(&text, &query, usize::MAX / 2).into_iter().map(|piece| piece.0).collect();
            prop_assert_eq!(&whole, &text);
            let part: String = snippet(&text, &query, max).into_iter().map(|piece| piece.0).collect();
            let part = part.trim_start_matches('…').trim_end_matches('…');
            prop_assert!(text.contains(part));
        }
    }
}

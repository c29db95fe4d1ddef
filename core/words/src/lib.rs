//! How text becomes words for full-text search: the same on client and server, so that both find the same messages.
//!
//! Text is folded (lower case, compatibility forms resolved, accents gone: `Éléphant` is found by `elephant`, `cœur`
//! by `coeur`) and cut into runs of letters and digits, so that `l'école` is found by `école` whichever apostrophe was
//! typed. A run of a script written without spaces (Han, Kana, Hangul, Thai) becomes its overlapping pairs and its last
//! character: `東京都` becomes `東京 京都 都`. One character then finds it as the beginning of a pair, two or more as a
//! phrase of pairs, and a phrase never reaches over the end of a run. Everything else, emoji included, is left out.
//!
//! The result is fed to an FTS5 table with the `ascii` tokenizer, which splits at the spaces put here, takes every
//! character beyond ASCII for a letter, and adds nothing of its own. Refused: SQLite's `trigram` tokenizer, which
//! misses queries under three characters and triples the index; cutting words by Unicode's rules (UAX 29), which makes
//! `l’école` one word and every Han character another.
#![warn(missing_docs)]

mod fold;
mod snippet;

use fold::{Class, fold};

/// The words of a text, separated by spaces, ready for an FTS5 column with the `ascii` tokenizer.
pub fn index(text: &str) -> String {
    let mut indexed = String::with_capacity(text.len() + text.len() / 4);
    let mut before = Class::Separator;
    fold(text, |character, class, _| {
        match class {
            Class::Separator => {}
            Class::Spaced if before == Class::Spaced => indexed.push(character),
            // The character closes the pair with the one before it, and opens the next.
            Class::Unspaced if before == Class::Unspaced => {
                indexed.push(character);
                indexed.push(' ');
                indexed.push(character);
            }
            Class::Spaced | Class::Unspaced => {
                if !indexed.is_empty() {
                    indexed.push(' ');
                }
                indexed.push(character);
            }
        }
        before = class;
    });
    indexed
}

/// The FTS5 `MATCH` expression that finds every text with all words of the query, the last letters of each word open
/// (`tat` finds `tattoo`). None if the query has no word at all.
///
/// Every term is quoted and holds only letters and digits, so nothing that a person types is taken for an operator.
pub fn query(text: &str) -> Option<String> {
    let expression: Vec<String> = sought(text).iter().map(Sought::expression).collect();
    if expression.is_empty() { None } else { Some(expression.join(" ")) }
}

/// One of the things that a text must have to be found. Words of the index hold only letters and digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// These words of the index, one after the other.
    Phrase(String),
    /// A word of the index that begins so.
    Beginning(String),
}

impl Sought {
    /// The FTS5 `MATCH` expression.
    pub fn expression(&self) -> String {
        match self {
            Self::Phrase(words) => format!("\"{words}\""),
            Self::Beginning(letters) => format!("\"{letters}\" *"),
        }
    }
}

/// What [`query`] asks for, piece by piece: a text is found if it has all of it.
pub fn sought(text: &str) -> Vec<Sought> {
    let sought = |run: Run| match run.characters.as_slice() {
        characters if run.unspaced && characters.len() > 1 => {
            let pairs: Vec<String> = characters.windows(2).map(|pair| pair.iter().collect()).collect();
            Sought::Phrase(pairs.join(" "))
        }
        characters => Sought::Beginning(characters.iter().collect()),
    };
    runs(text).into_iter().map(sought).collect()
}

/// A wider expression, which finds everything that [`query`] finds and more: the words' first [`BEGINNING_CHARS`] letters
/// alone. None if no word is longer, so that it would be the same.
///
/// An index of the beginnings of words answers it in the order of the rows, without looking at all words that begin so,
/// which for the commonest words of a large index takes as long as everything else. [`contains`] tells the hits apart.
pub fn beginnings(text: &str) -> Option<String> {
    let mut longer = false;
    let expression: Vec<String> = runs(text)
        .into_iter()
        .map(|run| {
            longer |= run.characters.len() > BEGINNING_CHARS;
            let beginning = |characters: &[char]| characters.iter().collect::<String>();
            match run.characters.as_slice() {
                // Both are pairs that stand in the text, so they are in any longer text that holds the run.
                [one, other, ..] if run.unspaced => format!("\"{one}{other}\""),
                characters => format!("\"{}\" *", beginning(&characters[..characters.len().min(BEGINNING_CHARS)])),
            }
        })
        .collect();
    longer.then(|| expression.join(" "))
}

/// Letters that the index of beginnings goes up to: the `prefix = '2 3'` of the FTS5 tables.
const BEGINNING_CHARS: usize = 3;

/// The text in pieces, each with whether it matches the query: for marking hits on the screen.
///
/// At most `chars_max` characters (as a person counts them) around the first hit; what is cut off is replaced by `…`.
/// Put together, the pieces are the text or a stretch of it.
pub fn snippet(text: &str, query: &str, chars_max: usize) -> Vec<(String, bool)> {
    snippet::snippet(text, &runs(query), chars_max)
}

/// Whether the text has all words of the query, by the same rules as the index: for texts that are in no index. A query
/// without a word is in no text.
pub fn contains(text: &str, query: &str) -> bool {
    let wanted = runs(query);
    !wanted.is_empty() && snippet::contains(text, &wanted)
}

/// Letters and digits of one kind of script that stand together, folded.
pub(crate) struct Run {
    pub(crate) characters: Vec<char>,
    /// Whether the script is written without spaces.
    pub(crate) unspaced: bool,
}

fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut before = Class::Separator;
    fold(text, |character, class, _| {
        if class != Class::Separator {
            match runs.last_mut() {
                Some(run) if before == class => run.characters.push(character),
                _ => runs.push(Run { characters: vec![character], unspaced: class == Class::Unspaced }),
            }
        }
        before = class;
    });
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    use super::*;

    #[test]
    fn text_becomes_folded_words_and_pairs() {
        let check = |text, expected| assert_eq!(index(text), expected, "{text:?}");
        check("Éléphant Zoë MÜLLER", "elephant zoe muller");
        check("l'école, l’école", "l ecole l ecole");
        check("Cœur de Straße, ΟΔΟΣ", "coeur de strasse οδοσ");
        check("e\u{301}te\u{301} \u{fb01}n ½", "ete fin 1 2");
        check("東京都", "東京 京都 都");
        check("都", "都");
        check("iPhone手机壳 v2", "iphone 手机 机壳 壳 v2");
        check("ｶﾞｷﾞ한국어", "カキ キ한 한국 국어 어");
        check("soft\u{ad}ware zero\u{200d}width", "software zerowidth");
        check("👩‍👩‍👧 🇫🇷 🅰️ !? — …", "");
        check("a_b 3.14 x@y.org", "a b 3 14 x y org");
    }

    #[test]
    fn a_query_is_quoted_words_with_open_ends() {
        let check = |text, expected: Option<&str>| assert_eq!(query(text).as_deref(), expected, "{text:?}");
        check("Tat", Some(r#""tat" *"#));
        check("deux mots", Some(r#""deux" * "mots" *"#));
        check("都", Some(r#""都" *"#));
        check("東京", Some(r#""東京""#));
        check("東京都", Some(r#""東京 京都""#));
        check("iPhone手机", Some(r#""iphone" * "手机""#));
        check(r#"a" OR b*) NEAR(-c:^d"#, Some(r#""a" * "or" * "b" * "near" * "c" * "d" *"#));
        check("👍 \"'*", None);
    }

    /// What the FTS5 expression means, evaluated here: a phrase is a row of neighbours, a star opens its last word.
    fn finds(indexed: &str, expression: &str) -> bool {
        let words: Vec<&str> = indexed.split(' ').filter(|word| !word.is_empty()).collect();
        expression.split('"').skip(1).step_by(2).zip(expression.split('"').skip(2).step_by(2)).all(|(phrase, after)| {
            let phrase: Vec<&str> = phrase.split(' ').collect();
            let open = after.contains('*');
            words.windows(phrase.len()).any(|window| {
                window.iter().zip(&phrase).enumerate().all(|(at, (word, wanted))| {
                    word == wanted || (open && at + 1 == phrase.len() && word.starts_with(wanted))
                })
            })
        })
    }

    #[test]
    fn unspaced_text_is_found_by_any_part_of_it() {
        let check = |text, wanted, expected| {
            let expression = query(wanted).expect("the cases have words");
            assert_eq!(finds(&index(text), &expression), expected, "{wanted} in {text}");
        };
        for part in ["東", "京", "都", "東京", "京都", "東京都", "都に", "東京都に住む", "む"] {
            check("私は東京都に住む。", part, true);
        }
        check("東京 京都", "東京都", false);
        check("东京。都市", "京都", false);
        check("สวัสดีครับ", "ครับ", true);
        check("안녕하세요", "하세", true);
        check("买了iPhone手机壳", "iphone", true);
        check("买了iPhone手机壳", "手机壳", true);
        check("买了iPhone手机壳", "iPhone手机壳", true);
        check("tattoo", "too", false);
    }

    #[test]
    fn beginnings_are_for_words_that_are_longer() {
        let check = |text, expected: Option<&str>| assert_eq!(beginnings(text).as_deref(), expected, "{text:?}");
        check("Tattoo", Some(r#""tat" *"#));
        check("tat", None);
        check("la maison", Some(r#""la" * "mai" *"#));
        check("東京都庁", Some(r#""東京""#));
        check("…", None);
    }

    proptest! {
        /// What a query finds, its beginnings find too.
        #[test]
        fn beginnings_find_whatever_the_query_finds(text in "[ab京都é ’]{0,16}", wanted in "[ab京都é ’]{1,6}") {
            if let (Some(query), Some(wider)) = (query(&wanted), beginnings(&wanted)) {
                let indexed = index(&text);
                prop_assert!(!finds(&indexed, &query) || finds(&indexed, &wider), "{query} and {wider} in {indexed:?}");
            }
        }

        /// Looking into a text and asking its index are one rule.
        #[test]
        fn a_text_contains_what_its_index_finds(text in "[ab京都é ’]{0,12}", wanted in "[ab京都é ’]{1,4}") {
            let found = query(&wanted).is_some_and(|expression| finds(&index(&text), &expression));
            prop_assert_eq!(contains(&text, &wanted), found);
        }

        /// Whatever is typed, it is found by each of its words, cut at white space, and by each of its own prefixes.
        #[test]
        fn every_text_is_found_by_its_own_words(text in "\\PC{0,40}") {
            let indexed = index(&text);
            for word in text.split_whitespace() {
                if let Some(expression) = query(word) {
                    prop_assert!(finds(&indexed, &expression), "{word:?} in {text:?}: {expression} in {indexed:?}");
                }
            }
        }

        /// The words that Unicode sees are found too, in the scripts that people of one organisation mix.
        #[test]
        fn every_unicode_word_is_found(text in "[a-zA-Zé'’ぁ-ん一-龥가-힣ก-ฮ0-9 .,_-]{0,40}") {
            let indexed = index(&text);
            for word in text.unicode_words() {
                let expression = query(word).expect("a Unicode word has letters or digits");
                prop_assert!(finds(&indexed, &expression), "{word:?} in {text:?}: {expression} in {indexed:?}");
            }
        }

        /// Terms hold nothing that FTS5 would read as its own syntax, and nothing that its tokenizer would split.
        #[test]
        fn terms_are_letters_and_digits(text in any::<String>()) {
            prop_assert!(index(&text).chars().all(|c| c == ' ' || c.is_alphanumeric()));
            let expression = query(&text).unwrap_or_default();
            prop_assert!(expression.chars().all(|c| " *\"".contains(c) || c.is_alphanumeric()));
        }
    }
}

//! Search queries and the texts that they look into: words, marked snippets, and the index that both sides use.

use std::cell::RefCell;

use fil_protocol::limits::{QUERY_BYTES_MAX, TEXT_BYTES_MAX};
use rusqlite::Connection;

/// As many characters as the screen asks for.
const SNIPPET_CHARS: usize = 80;
/// Of a text of this length at most.
const SNIPPET_PIECES_MAX: usize = TEXT_BYTES_MAX + 2;

thread_local! {
    static INDEX: RefCell<Connection> = RefCell::new(index());
}

/// The first line is the query, the rest the text.
pub(super) fn enter(bytes: &[u8]) {
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    let (query, text) = input.split_once('\n').unwrap_or((input, input));
    if query.len() > QUERY_BYTES_MAX || text.len() > TEXT_BYTES_MAX {
        return;
    }
    let words = fil_words::index(text);
    assert!(words.chars().all(|c| c == ' ' || c.is_alphanumeric()), "the index takes {words:?} for more than words");
    // A compatibility form can be eighteen characters (U+FDFA), and a character of an unspaced script stands twice.
    assert!(words.len() <= 64 * text.len() + 1, "{} bytes became {}", text.len(), words.len());

    let pieces = fil_words::snippet(text, query, SNIPPET_CHARS);
    assert!(pieces.len() <= SNIPPET_PIECES_MAX);
    let together: String = pieces.iter().map(|(piece, _)| piece.as_str()).collect();
    assert!(text.contains(together.trim_start_matches('…').trim_end_matches('…')) || text.contains('…'));
    let whole: String = fil_words::snippet(text, query, usize::MAX / 2).into_iter().map(|(piece, _)| piece).collect();
    assert_eq!(whole, text, "the pieces of a whole text are the text");

    let contained = fil_words::contains(text, query);
    let marked = pieces.iter().any(|(_, hit)| *hit);
    assert!(!contained || marked, "a hit of {query:?} is not marked in {text:?}");
    let Some(expression) = fil_words::query(query) else {
        assert!(!contained, "a query without a word is in no text");
        return;
    };
    assert!(expression.chars().all(|c| " *\"".contains(c) || c.is_alphanumeric()), "{expression:?}");
    let found = INDEX.with_borrow(|index| ask(index, &words, &expression));
    assert_eq!(found, contained, "the index and the text differ over {query:?} in {text:?}");
}

/// A table like the ones of server and client.
fn index() -> Connection {
    let index = Connection::open_in_memory().expect("there is memory");
    index.execute_batch("CREATE VIRTUAL TABLE entry USING fts5 (words, tokenize = 'ascii')").expect("FTS5 is built in");
    index
}

fn ask(index: &Connection, words: &str, expression: &str) -> bool {
    index.execute("DELETE FROM entry", []).expect("a row goes");
    index.execute("INSERT INTO entry (words) VALUES (?1)", [words]).expect("words are text");
    let sql = "SELECT count(*) FROM entry WHERE entry MATCH ?1";
    let count: i64 = index.query_row(sql, [expression], |row| row.get(0)).expect("the expression is one");
    count == 1
}

//! Search, in a real FTS5 index: what `fil-words` promises holds in SQLite.

use proptest::prelude::*;

use super::*;

impl Stage {
    fn write(&mut self, texts: &[&str]) {
        self.window(1, 2..=2);
        for (number, text) in (3..).zip(texts) {
            let id = MessageId::from_parts(number, &[0; 10]);
            let text = (*text).to_owned();
            self.event(number, 2, KnownEvent::Message { id, text, sent: number - 1, composed_at_ms: NOON_MS });
        }
    }

    /// The snippets found, newest first, hits in brackets.
    fn find(&mut self, query: &str) -> Vec<String> {
        let hits = self.view(|view| view.search(query, None, 50));
        let part = |part: &crate::bridge::types::SnippetPart| {
            if part.hit { format!("[{}]", part.text) } else { part.text.clone() }
        };
        hits.iter().map(|hit| hit.snippet.iter().map(part).collect()).collect()
    }
}

#[test]
fn words_are_found_by_their_beginnings_without_accents_in_any_script() {
    let mut stage = Stage::new();
    stage.write(&["Un Éléphant rose", "l’école du cœur", "我买了iPhone手机壳", "東京都に住む", "안녕하세요"]);
    let mut check = |query, expected: &[&str]| assert_eq!(stage.find(query), expected, "{query}");
    check("elephant", &["Un [Éléphant] rose"]);
    check("ÉLÉ ros", &["Un [Élé]phant [ros]e"]);
    check("ecole", &["l’[école] du cœur"]);
    check("coeur", &["l’école du [cœur]"]);
    check("éphant", &[]);
    check("手", &["我买了iPhone[手]机壳"]);
    check("手机", &["我买了iPhone[手机]壳"]);
    check("手机壳", &["我买了iPhone[手机壳]"]);
    check("iphone", &["我买了[iPhone]手机壳"]);
    check("京都", &["東[京都]に住む"]);
    check("都", &["東京[都]に住む"]);
    check("하세", &["안녕[하세]요"]);
    check("👍", &[]);
}

/// A trap of full-text search: what a person types is read as a query language.
#[test]
fn operators_and_quotes_are_only_text() {
    let mut stage = Stage::new();
    stage.write(&["either OR neither", "NEAR the end", "plain"]);
    let mut check = |query, expected: &[&str]| assert_eq!(stage.find(query), expected, "{query}");
    check("plain OR neither", &[]);
    check("OR", &["either [OR] neither"]);
    check("near(end", &["[NEAR] the [end]"]);
    for harmless in ["\"", "\"\"\"", "*", "words:plain x", "^", "a\"b", "(", "-", "{}", "';--", "\0"] {
        stage.find(harmless);
    }
}

#[test]
fn hits_come_newest_first_and_follow_edits_and_deletions() {
    let mut stage = Stage::new();
    stage.write(&["fil one", "fil two", "fil three"]);
    assert_eq!(stage.find("fil"), ["[fil] three", "[fil] two", "[fil] one"]);
    let id = |number| MessageId::from_parts(number, &[0; 10]);
    stage.event(6, 2, KnownEvent::Edit { message: id(3), target: Seq(3), text: "thread one".to_owned() });
    stage.event(7, 2, KnownEvent::Deletion { message: id(4), target: Seq(4) });
    assert_eq!(stage.find("fil"), ["[fil] three"]);
    assert_eq!(stage.find("thread"), ["[thread] one"]);
    stage.enqueue(Command::DeleteMessage { conversation: group(), message: id(5) });
    assert_eq!(stage.find("fil"), [""; 0], "its deletion is queued");
    let elsewhere = Some(ConversationId::from_parts(9, &[9; 10]));
    assert!(stage.view(|view| view.search("thread", elsewhere, 50)).is_empty());
}

#[test]
fn what_is_not_sent_yet_is_found_too() {
    let mut stage = Stage::new();
    stage.write(&["élan sent"]);
    stage.send(1, "élan queued");
    stage.send(2, "other");
    let row = stage.send(3, "élan refused");
    stage.reject(row);
    assert_eq!(stage.find("elan"), ["[élan] refused", "[élan] queued", "[élan] sent"]);
    let hits = stage.view(|view| view.search("elan queued", None, 50));
    assert_eq!((hits[0].seq, hits[0].conversation_title.as_str()), (4, "Equipe"), "the timeline's end");
}

#[test]
fn people_are_found_by_handle_and_by_any_name() {
    let mut stage = Stage::new();
    let members = [1, 2, 3].map(|number| Member { profile: profile(number), role: Role::Member }).to_vec();
    let created = KnownEvent::Created { kind: ConversationKind::Group, title: Some("x".to_owned()), members };
    stage.event(1, 1, created);
    let mut check = |query: &str, expected: &[&str]| {
        let people = stage.view(|view| view.people(query, 50));
        let handles: Vec<String> = people.into_iter().map(|person| person.handle).collect();
        assert_eq!(handles, expected, "{query}");
    };
    check("", &["ben", "zoe"]);
    check("zoe", &["zoe"]);
    check("mull", &["zoe"]);
    check("FRANK", &["ben"]);
    check("ada", &[]);
    check("üller", &[]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// The tokenizer of the table takes every folded word as one, so each text is found by each of its own words. Many
    /// texts go into one database, because opening one is what costs.
    #[test]
    fn every_text_is_found_by_its_own_words_in_the_real_index(
        texts in prop::collection::vec("\\PC{1,30}", 1..30),
    ) {
        let mut stage = Stage::new();
        stage.write(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        for (seq, text) in (3..).zip(&texts) {
            for word in text.split_whitespace().filter(|word| fil_words::query(word).is_some()) {
                let hits = stage.view(|view| view.search(word, None, 50));
                prop_assert!(hits.iter().any(|hit| hit.seq == seq), "{:?} in {:?}", word, text);
            }
        }
    }
}

/// A common word fills its page from the index of beginnings alone; a rare word with the same beginning, further back
/// than that looks, is found all the same, and so are both words together.
#[test]
fn a_rare_word_is_found_behind_a_common_beginning() {
    let mut stage = Stage::new();
    let texts: Vec<String> = (0..700)
        .map(|number| match number {
            3 => "an interdigital matter".to_owned(),
            _ => format!("interest number{number}"),
        })
        .collect();
    stage.write(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(stage.find("interd"), ["an [interd]igital matter"]);
    assert_eq!(stage.find("matter interdigital"), ["an [interdigital] [matter]"]);
    let common = stage.find("interest");
    assert_eq!((common.len(), common[0].as_str()), (50, "[interest] number699"));
    assert_eq!(common[49], "[interest] number650");
    assert_eq!(stage.find("interest number65").len(), 11);
}

//! Texts for messages: words that look like words, the same in every run, with a stamp where a time is measured.

/// What the load is made of. A search for one of these finds much.
const WORDS: &[&str] = &[
    "alarm",
    "bridge",
    "engine",
    "garage",
    "ladder",
    "market",
    "north",
    "patrol",
    "quay",
    "report",
    "river",
    "roster",
    "school",
    "shift",
    "signal",
    "south",
    "station",
    "street",
    "team",
    "tonight",
    "tower",
    "truck",
    "valley",
    "water",
    "window",
    "winter",
    "yesterday",
    "morning",
    "deliver",
    "urgent",
    "checked",
    "ready",
];
/// The length of the messages that the budgets are about, in bytes.
pub const BYTES: usize = 200;

/// The text of message `number`, exactly `bytes` long. Every text ends in a word of its own, `n` and the number, so that
/// a search can ask for one message.
pub fn of(number: u64, bytes: usize) -> String {
    let own = format!("n{number}");
    words(number, bytes.saturating_sub(own.len())) + &own
}

/// Words of `bytes` bytes, the last of them a blank.
fn words(seed: u64, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 16);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while text.len() < bytes {
        // Xorshift: any order will do, as long as it is always the same.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(WORDS[(state % WORDS.len() as u64) as usize]);
        text.push(' ');
    }
    text.truncate(bytes.saturating_sub(1));
    text.push_str(if bytes > 0 { " " } else { "" });
    text
}

/// A text that says when it was due, in nanoseconds since the beginning of the load, and who wrote it.
pub fn stamped(due_ns: u64, author: u32, bytes: usize) -> String {
    let stamp = format!("{due_ns:020} {author:08} ");
    // Ends in a letter: the server keeps a text as it is, and a person does not end in a blank.
    let rest = words(due_ns, bytes.saturating_sub(stamp.len() + 1));
    stamp + &rest + "x"
}

/// The stamp of a frame that carries such a text.
pub fn stamp(frame: &str) -> Option<(u64, u32)> {
    let text = frame.split_once("\"text\":\"")?.1;
    Some((text.get(..20)?.parse().ok()?, text.get(21..29)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_long_as_was_asked_and_its_stamp_is_found_in_a_frame() {
        for number in [0, 1, 7, 1_000, 123_456_789] {
            assert_eq!(of(number, BYTES).len(), BYTES);
            assert_eq!(of(number, BYTES), of(number, BYTES));
            assert!(of(number, BYTES).ends_with(&format!(" n{number}")));
        }
        let text = stamped(42_000_000_017, 99, BYTES);
        assert_eq!(text.len(), BYTES);
        assert_eq!(stamp(&format!("{{\"type\":\"event\",\"text\":\"{text}\"}}")), Some((42_000_000_017, 99)));
        assert_eq!(stamp("{\"type\":\"event\",\"text\":\"bonjour\"}"), None);
    }
}

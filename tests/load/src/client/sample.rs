//! A made-up organisation: for the same numbers always the same conversations, people and texts.
//!
//! Words are as frequent as in a language (the word of rank r about 1/r as often as the first), because that is what
//! makes the index of a search large or small, and a query cheap or dear.

use fil_protocol::{
    AccountChanges, AccountEntry, AccountId, ConversationEntry, ConversationId, ConversationKind, Epoch, Event,
    EventBody, KnownAccountEntry, KnownEvent, Member, MessageId, Position, Profile, Role, Seq,
};

use crate::text;

/// Different words there are.
const VOCABULARY: u64 = 20_000;
/// People that conversations are made of.
const PEOPLE: u64 = 2_000;
/// The beginning of 2026, in milliseconds since 1970.
const BEGIN_MS: u64 = 1_767_225_600_000;
/// Syllables that words are made of, so that they share beginnings.
const SYLLABLES: [&str; 40] = [
    "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "we", "xi", "yo",
    "zu", "bra", "cle", "dri", "flo", "gru", "pla", "tre", "kri", "slo", "spu", "an", "el", "in", "or", "us", "ach",
    "erb", "ist", "onk", "ulm",
];

/// How large the organisation is, as one account sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Conversations of the account.
    pub(crate) conversations: u64,
    /// Members of each.
    pub(crate) members: u64,
}

/// The account that everything is brought to.
pub(crate) fn me() -> Profile {
    profile(0)
}

/// The server's history.
pub(crate) fn epoch() -> Epoch {
    Epoch::from([7; 16])
}

/// The id of a conversation.
pub(crate) fn conversation(number: u64) -> ConversationId {
    ConversationId::from_parts(BEGIN_MS + number, &random(2, number))
}

/// The word of a rank; low ranks are common.
pub(crate) fn word(rank: u64) -> String {
    let mut rest = mix(rank);
    let mut word = String::new();
    for _ in 0..2 + (rank.max(1).ilog2() / 4).min(3) {
        word.push_str(SYLLABLES[(rest % SYLLABLES.len() as u64) as usize]);
        rest /= SYLLABLES.len() as u64;
    }
    word
}

/// The text of a message, about as long as those that the budgets are about.
pub(crate) fn message_text(seed: u64) -> String {
    let mut text = String::with_capacity(text::BYTES + 16);
    let mut state = seed;
    while text.len() < text::BYTES {
        state = mix(state);
        let uniform = (state >> 11) as f64 / (1u64 << 53) as f64;
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word((VOCABULARY as f64).powf(uniform) as u64));
    }
    text
}

impl Sample {
    /// The event `seq` of a conversation: its beginning, then messages.
    pub(crate) fn event(&self, number: u64, seq: u64) -> Event {
        let at_ms = BEGIN_MS + seq * 60_000 + number * 13;
        let author = profile(self.person(number, seq % self.members)).account;
        let known = if seq == 1 {
            let role = |person| if person == 0 { Role::Owner } else { Role::Member };
            let people = (0..self.members).map(|place| self.person(number, place));
            KnownEvent::Created {
                kind: ConversationKind::Group,
                title: Some(format!("group {}", word(number + 50))),
                members: people.map(|person| Member { profile: profile(person), role: role(person) }).collect(),
            }
        } else {
            let seed = (number << 32) | seq;
            KnownEvent::Message {
                id: MessageId::from_parts(at_ms, &random(3, seed)),
                text: message_text(seed),
                sent: seq - 1,
                composed_at_ms: at_ms - 300,
            }
        };
        Event { seq: Seq(seq), at_ms, author, body: EventBody::Known(known) }
    }

    /// The account stream, whole.
    pub(crate) fn account_stream(&self, request: u64) -> AccountChanges {
        let entry = |number| {
            AccountEntry::Known(KnownAccountEntry::Conversation(ConversationEntry {
                conversation: conversation(number),
                kind: ConversationKind::Group,
                member: true,
                read: Position::default(),
            }))
        };
        let entries = (0..self.conversations).map(entry).collect();
        AccountChanges { request: Some(request), after: 0, rev: self.conversations, full: true, entries, stamp: None }
    }

    /// Who is on a place in a conversation: the account itself is on the first, no two on the same.
    fn person(&self, conversation: u64, place: u64) -> u64 {
        if place == 0 { 0 } else { 1 + (mix(conversation) + place) % PEOPLE }
    }
}

fn profile(number: u64) -> Profile {
    let name = format!("{} {}", word(number % 997 + 300), word(number % 1_009 + 500));
    let account = AccountId::from_parts(BEGIN_MS, &random(1, number));
    Profile { account, handle: format!("person.{number}"), name }
}

fn random(kind: u8, number: u64) -> [u8; 10] {
    let mut bytes = [kind; 10];
    bytes[2..].copy_from_slice(&mix(number ^ (u64::from(kind) << 56)).to_be_bytes());
    bytes
}

/// Spreads numbers that follow each other over all numbers (SplitMix64).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

//! Rules for text that people type. The client applies them before it queues, the server before it stores.

use crate::limits::{DEVICE_NAME_BYTES_MAX, HANDLE_CHARS_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX};
use crate::{ErrorCode, ProtocolError};

/// A message's text: not blank, not too long, no NUL (which no screen shows and some databases refuse).
pub fn check_message(text: &str) -> Result<(), ProtocolError> {
    check("text", text, TEXT_BYTES_MAX, |character| character != '\0')
}

/// A group's title: like a message, on one line, and nothing in it turns the text beside it round.
pub fn check_title(title: &str) -> Result<(), ProtocolError> {
    check("title", title, TITLE_BYTES_MAX, stands_in_a_line)
}

/// An account's name: like a title.
pub fn check_name(name: &str) -> Result<(), ProtocolError> {
    check("name", name, NAME_BYTES_MAX, stands_in_a_line)
}

/// What a person calls a device: like a title.
pub fn check_device_name(name: &str) -> Result<(), ProtocolError> {
    check("name of the device", name, DEVICE_NAME_BYTES_MAX, stands_in_a_line)
}

/// Titles and names stand in the middle of other people's lines: in lists, notices and logs. A line separator would
/// begin another line there, and an embedding, override or isolate of the writing direction (Unicode TR9) would reorder
/// what follows, so that `\u{202e}fdp.exe` reads `exe.pdf`. Marks of direction (U+200E, U+200F, U+061C) reorder nothing
/// else and are needed in honest names.
fn stands_in_a_line(character: char) -> bool {
    let separates = matches!(character, '\u{2028}' | '\u{2029}');
    let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !(character.is_control() || separates || turns)
}

/// A handle or an organisation's short name: `a-z`, `0-9`, `.`, `_`, `-`, beginning with a letter or digit.
pub fn check_handle(handle: &str) -> Result<(), ProtocolError> {
    let well_formed = handle.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
        && handle.starts_with(|c: char| c.is_ascii_alphanumeric())
        && handle.len() <= HANDLE_CHARS_MAX;
    if well_formed {
        Ok(())
    } else {
        let rule = format!(
            "a handle has 1 to {HANDLE_CHARS_MAX} of a-z, 0-9, '.', '_', '-' and begins with a letter or digit"
        );
        Err(ProtocolError::new(ErrorCode::Invalid, rule))
    }
}

fn check(what: &str, text: &str, bytes_max: usize, allowed: fn(char) -> bool) -> Result<(), ProtocolError> {
    if text.len() > bytes_max {
        let detail = format!("the {what} has {} bytes, the limit is {bytes_max}", text.len());
        return Err(ProtocolError::new(ErrorCode::TooLarge, detail));
    }
    if text.trim().is_empty() {
        return Err(ProtocolError::new(ErrorCode::Invalid, format!("the {what} is empty")));
    }
    if !text.chars().all(allowed) {
        return Err(ProtocolError::new(ErrorCode::Invalid, format!("the {what} has a control character")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_refused_when_blank_too_long_or_with_control_characters() {
        let long = "é".repeat(TEXT_BYTES_MAX / 2 + 1);
        let code = |result: Result<(), ProtocolError>| result.err().map(|error| error.code);
        assert_eq!(code(check_message("two\nlines")), None);
        assert_eq!(code(check_message(" \n ")), Some(ErrorCode::Invalid));
        assert_eq!(code(check_message("a\0b")), Some(ErrorCode::Invalid));
        assert_eq!(code(check_message(&long)), Some(ErrorCode::TooLarge));
        assert_eq!(code(check_title("two\nlines")), Some(ErrorCode::Invalid));
        for turned in ["facture\u{202e}fdp.exe", "a\u{2066}b", "a\u{2028}b", "a\u{2029}b", "a\u{85}b"] {
            assert_eq!(code(check_title(turned)), Some(ErrorCode::Invalid), "{turned:?}");
            assert_eq!(code(check_name(turned)), Some(ErrorCode::Invalid), "{turned:?}");
            assert_eq!(code(check_device_name(turned)), Some(ErrorCode::Invalid), "{turned:?}");
        }
        assert_eq!(code(check_title("כותרת\u{200f} (v2)")), None);
        assert_eq!(code(check_message("a\u{202e}b")), None);
        assert_eq!(code(check_name("Zoë Müller")), None);
        assert_eq!(code(check_handle("zoe.m")), None);
        for bad in ["", "Zoe", ".zoe", "zo e", "zoé", &"a".repeat(65)] {
            assert_eq!(code(check_handle(bad)), Some(ErrorCode::Invalid), "{bad:?}");
        }
    }
}

//! People whom this device knows, for when the server cannot be asked.

use super::View;
use crate::bridge::types::Person;
use crate::store::read;

impl View<'_> {
    /// People whose handle, or a word of whose name, begins with the text, accents and case aside, by name.
    pub(crate) fn people(&self, typed: &str, limit: usize) -> rusqlite::Result<Vec<Person>> {
        let wanted = fil_words::index(typed);
        let begins = |text: &str| {
            let words = fil_words::index(text);
            words.starts_with(&wanted) || words.contains(&format!(" {wanted}"))
        };
        let mut people: Vec<Person> = read::person::all(self.db)?
            .into_iter()
            .filter(|profile| profile.account != self.me())
            .filter(|profile| profile.handle.starts_with(typed.trim()) || begins(&profile.name))
            .map(|profile| super::person(&profile))
            .collect();
        people.sort_by(|one, other| (&one.name, &one.handle).cmp(&(&other.name, &other.handle)));
        people.truncate(limit);
        Ok(people)
    }
}

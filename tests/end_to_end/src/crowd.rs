//! The crowd of the traffic and of the restore drill: two organisations, an account with two devices, and Gus, who has no
//! app and speaks the protocol himself.

use crate::{House, PASSWORD, Server, Voice};

const PEOPLE: &[(&str, &str)] =
    &[("ada", "Ada Lovelace"), ("ben", "Ben Ouali"), ("cleo", "Cleo Martin"), ("gus", "Gus Roy")];

/// Organisation, profile and handle of everybody who has an app.
const PROFILES: [(&str, &str, &str); 6] = [
    ("demo", "ada", "ada"),
    ("demo", "ada-at-home", "ada"),
    ("demo", "ben", "ben"),
    ("demo", "cleo", "cleo"),
    ("annex", "dora", "dora"),
    ("annex", "emil", "emil"),
];

/// A house with all of them in it, and no limits.
pub fn house() -> House {
    let house = House::with(PEOPLE).unlimited();
    house.administer(&["organisation", "create", "annex"], "").ok();
    for handle in ["dora", "emil"] {
        house.administer(&["account", "create", "annex", handle, "--password-stdin"], PASSWORD).ok();
    }
    house
}

/// The people at their screens: Ada, Ada at home, Ben, Cleo, and Dora and Emil of the annex.
pub fn voices(house: &House, server: &Server) -> Vec<Voice> {
    let voice = |(organisation, profile, handle): (&str, &str, &str)| {
        Voice::new(handle, house.sign_in_to(server, organisation, profile, handle))
    };
    PROFILES.into_iter().map(voice).collect()
}

/// Begins the conversations: a group of Ada, Ben and Cleo, which is given, Ada and Ben alone, and the two of the annex.
pub fn begin(voices: &mut [Voice]) -> String {
    let group = voices[0].begin_group("Garde", &["ben", "cleo"]);
    let direct = voices[0].begin_direct("ben");
    let annex = voices[4].begin_direct("emil");
    voices[0].write(&direct, "ada ada 0");
    voices[4].write(&annex, "dora dora 0");
    for (at, voice) in voices.iter_mut().enumerate() {
        voice.places = match at {
            0..=2 => vec![group.clone(), direct.clone()],
            3 => vec![group.clone()],
            _ => vec![annex.clone()],
        };
    }
    voices.iter_mut().for_each(Voice::is_sent);
    voices.iter_mut().for_each(Voice::knows_its_places);
    group
}

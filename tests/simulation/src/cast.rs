//! The cast: who is who in every run.

use fil_protocol::{AccountId, DeviceId, OrganisationId, Profile};
use fil_server::node::Actor;

/// Every device, with the profile of its account.
pub struct Cast(pub Vec<(Actor, Profile)>);

impl Cast {
    /// Two organisations, so that crossing is noticed; an account with two devices; and so many devices more, dealt
    /// out to the accounts in turn.
    pub fn new(more_devices: u64) -> Self {
        let person = |organisation: u8, account: u8, device: u8, handle: &str| {
            let actor = Actor {
                organisation: OrganisationId::from([organisation; 16]),
                account: AccountId::from([account; 16]),
                device: DeviceId::from([device; 16]),
            };
            let profile = Profile { account: actor.account, handle: handle.into(), name: handle.to_uppercase() };
            (actor, profile)
        };
        let mut cast = vec![
            person(1, 10, 20, "ada"),
            person(1, 10, 21, "ada"),
            person(1, 11, 22, "ben"),
            person(1, 12, 23, "chloe"),
            person(2, 13, 24, "dan"),
            person(2, 14, 25, "eve"),
        ];
        let turn = [(1, 11, "ben"), (1, 10, "ada"), (2, 13, "dan"), (1, 12, "chloe")];
        for (device, (organisation, account, handle)) in
            (26..).zip(turn).take(usize::try_from(more_devices).unwrap_or(0))
        {
            cast.push(person(organisation, account, device, handle));
        }
        Self(cast)
    }

    /// The others in the organisation of an actor.
    pub fn others(&self, actor: Actor) -> Vec<AccountId> {
        let mut others: Vec<AccountId> = self
            .0
            .iter()
            .filter(|(other, _)| other.organisation == actor.organisation && other.account != actor.account)
            .map(|(other, _)| other.account)
            .collect();
        others.dedup();
        others
    }

    /// How others see an account.
    pub fn profile(&self, account: AccountId) -> Profile {
        let found = self.0.iter().find(|(actor, _)| actor.account == account);
        found.map(|(_, profile)| profile.clone()).expect("accounts of the cast are asked for")
    }
}

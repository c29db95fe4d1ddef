//! The newest place in the server's history that this device has heard of.

use fil_protocol::Stamp;

use crate::action::{Action, StoreAction};

/// What is said in `hello`, and what is kept back for a while.
#[derive(Clone, Debug, Default)]
pub(super) struct Stamps {
    /// By it the server finds out, at the next hello, whether its database still is of the history that this device has
    /// heard. Never before the horizon.
    told: Option<Stamp>,
    /// The same, as long as the journal has not been offered to a server that has another history: until then a hello
    /// says the old stamp, or else a crash in between would make this device pass for one that has lost nothing.
    withheld: Option<Option<Stamp>>,
}

impl Stamps {
    /// As the store has it.
    pub(super) fn stored(told: Option<Stamp>) -> Self {
        Self { told, withheld: None }
    }

    /// For `hello`.
    pub(super) fn told(&self) -> Option<Stamp> {
        self.told
    }

    /// `welcome` came with this stamp, or with none. Another history begins for a device that was told `before`.
    pub(super) fn welcomed(&mut self, stamp: Option<Stamp>, before: Option<Stamp>, actions: &mut Vec<Action>) {
        self.withheld = before.map(|_| stamp);
        // Also backwards to none: a server that names no stamp must not be judged by one that another gave.
        self.set(before.or(stamp), actions);
    }

    /// Something came with a stamp.
    pub(super) fn heard(&mut self, stamp: Option<Stamp>, actions: &mut Vec<Action>) {
        let known = self.withheld.unwrap_or(self.told);
        let newer = |stamp: &Stamp| known.is_none_or(|known| known.horizon < stamp.horizon);
        let Some(stamp) = stamp.filter(newer) else { return };
        match &mut self.withheld {
            Some(withheld) => *withheld = Some(stamp),
            None => self.set(Some(stamp), actions),
        }
    }

    /// The journal was offered: this device is of the server's history from now on.
    pub(super) fn offered(&mut self, actions: &mut Vec<Action>) {
        if let Some(stamp) = self.withheld.take() {
            self.set(stamp, actions);
        }
    }

    /// The connection is gone.
    pub(super) fn disconnected(&mut self) {
        self.withheld = None;
    }

    fn set(&mut self, stamp: Option<Stamp>, actions: &mut Vec<Action>) {
        if self.told != stamp {
            self.told = stamp;
            actions.push(Action::Store(StoreAction::SetStamp { stamp }));
        }
    }
}

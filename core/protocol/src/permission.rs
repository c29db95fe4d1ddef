//! Who may do what in a conversation: one function, called in the server's transaction and by the screen that offers it.

use crate::{AccountId, ConversationKind, ErrorCode, Role};

/// What an actor wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See the conversation, its members and messages.
    Read,
    /// Write a message.
    Send,
    /// Change the text of a message of this author.
    EditMessage {
        /// The author.
        author: AccountId,
    },
    /// Delete a message of this author for everybody.
    DeleteMessage {
        /// The author.
        author: AccountId,
    },
    /// Give the group another title.
    SetTitle,
    /// Add somebody.
    AddMember,
    /// Remove this member; oneself to leave.
    RemoveMember {
        /// Who.
        account: AccountId,
    },
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The actor is no member, so for it the conversation does not exist.
    Invisible,
    /// The actor is a member without this right, or the kind of conversation has no such action.
    NotAllowed,
}

impl Denied {
    /// The code that the client is told.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Invisible => ErrorCode::NotFound,
            Self::NotAllowed => ErrorCode::Forbidden,
        }
    }
}

/// Whether `actor`, with its role in a conversation of this kind (none if it is no member), may do it.
pub fn can(actor: AccountId, role: Option<Role>, kind: ConversationKind, action: Action) -> Result<(), Denied> {
    let role = role.ok_or(Denied::Invisible)?;
    let group = kind == ConversationKind::Group;
    let allowed = match action {
        Action::Read | Action::Send => true,
        Action::EditMessage { author } => author == actor,
        Action::DeleteMessage { author } => author == actor || (group && role == Role::Owner),
        Action::SetTitle | Action::AddMember => group,
        Action::RemoveMember { account } => group && (account == actor || role == Role::Owner),
    };
    if allowed { Ok(()) } else { Err(Denied::NotAllowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_follow_membership_role_and_kind() {
        use Action::{AddMember, DeleteMessage, EditMessage, Read, RemoveMember, Send, SetTitle};
        use ConversationKind::{Direct, Group};
        let (me, other) = (AccountId::from_parts(1, &[1; 10]), AccountId::from_parts(1, &[2; 10]));
        let cases = [
            (None, Group, Read, Err(Denied::Invisible)),
            (None, Direct, Send, Err(Denied::Invisible)),
            (Some(Role::Member), Direct, Send, Ok(())),
            (Some(Role::Member), Group, EditMessage { author: me }, Ok(())),
            (Some(Role::Owner), Group, EditMessage { author: other }, Err(Denied::NotAllowed)),
            (Some(Role::Owner), Group, DeleteMessage { author: other }, Ok(())),
            (Some(Role::Member), Group, DeleteMessage { author: other }, Err(Denied::NotAllowed)),
            (Some(Role::Owner), Direct, DeleteMessage { author: other }, Err(Denied::NotAllowed)),
            (Some(Role::Member), Direct, SetTitle, Err(Denied::NotAllowed)),
            (Some(Role::Member), Group, SetTitle, Ok(())),
            (Some(Role::Member), Direct, AddMember, Err(Denied::NotAllowed)),
            (Some(Role::Member), Group, RemoveMember { account: me }, Ok(())),
            (Some(Role::Member), Group, RemoveMember { account: other }, Err(Denied::NotAllowed)),
            (Some(Role::Owner), Group, RemoveMember { account: other }, Ok(())),
            (Some(Role::Member), Direct, RemoveMember { account: me }, Err(Denied::NotAllowed)),
        ];
        for (role, kind, action, expected) in cases {
            assert_eq!(can(me, role, kind, action), expected, "{role:?} {kind:?} {action:?}");
        }
    }
}

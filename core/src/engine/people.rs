//! People as front ends see them: members, their roles, and settings, in words.

use super::Engine;
use super::outbound::invalid;
use crate::authority::{History, MAX_MAILBOX, MAX_MAILBOXES, Role, Setting};
use crate::id::Address;
use crate::rpc::{self, Guest, Member, Reply, RpcError};

impl Engine {
    /// Lists who is in a conversation and who waits to be let in.
    pub(super) fn members(&self, conversation: &str) -> Result<Reply, RpcError> {
        let id = self.find_conversation(conversation)?;
        let (mut members, mut guests) = (Vec::new(), Vec::new());
        if let Some(conversation) = self.conversations.get(&id) {
            let ruling = conversation.authority.last_ruling();
            members.extend(ruling.members().iter().map(|(user, member)| Member {
                status: self.shown_as(user).status,
                avatar: self.shown_as(user).avatar,
                blocked: self.card(user).blocked,
                user: user.to_string(),
                name: self.name_of(conversation, user),
                role: role_name(member.role).to_owned(),
                devices:
                    conversation.devices.iter().filter(|(_, of)| *of == user).map(|(d, _)| d.to_string()).collect(),
                you: *user == self.profile.user,
                verified: self.is_verified(user),
            }));
            members.sort_by_key(|member| (std::cmp::Reverse(role(&member.role).ok()), member.name.clone()));
            let waiting = conversation.guests.iter();
            guests.extend(waiting.map(|(user, guest)| Guest { user: user.to_string(), name: guest.name.clone() }));
        }
        Ok(Reply::Members { conversation: id.to_string(), members, guests })
    }
}

/// Names a role.
pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Member => "member",
        Role::Reader => "reader",
    }
}

/// Names what newcomers may read.
pub(super) fn history(history: History) -> &'static str {
    match history {
        History::All => "all",
        History::SinceJoin => "since_join",
    }
}

/// Finds the role of a name.
pub(super) fn role(name: &str) -> Result<Role, RpcError> {
    let roles = [Role::Owner, Role::Admin, Role::Member, Role::Reader];
    let found = roles.into_iter().find(|role| role_name(*role) == name);
    found.ok_or_else(|| invalid("a role is one of owner, admin, member and reader".to_owned()))
}

/// Reads a setting.
pub(super) fn setting(setting: rpc::Setting) -> Result<Setting, RpcError> {
    Ok(match setting {
        rpc::Setting::Title(title) => Setting::Title(title.trim().to_owned()),
        rpc::Setting::Topic(topic) => Setting::Topic(topic.trim().to_owned()),
        rpc::Setting::History(history) => Setting::History(match history.as_str() {
            "all" => History::All,
            "since_join" => History::SinceJoin,
            _ => return Err(invalid("newcomers may read \"all\" or \"since_join\"".to_owned())),
        }),
        rpc::Setting::Disappear(seconds) => Setting::Disappear(seconds),
        rpc::Setting::Mailboxes(nodes) if nodes.len() > MAX_MAILBOXES => {
            return Err(invalid(format!("a conversation has at most {MAX_MAILBOXES} mailboxes")));
        }
        rpc::Setting::Mailboxes(nodes) => Setting::Mailboxes(nodes.into_iter().map(mailbox).collect::<Result<_, _>>()?),
    })
}

/// Reads the address of a mailbox: without a peer's name anybody could sit there.
fn mailbox(address: String) -> Result<Address, RpcError> {
    if address.len() > MAX_MAILBOX || !address.starts_with('/') || !address.contains("/p2p/") {
        return Err(invalid(
            "a mailbox is a node's address with its /p2p/…, as `bayou-bootstrap` prints it".to_owned(),
        ));
    }
    Ok(Address(address))
}

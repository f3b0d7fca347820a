use bayou_core::rpc::Request;

use crate::failure::Failure;
use crate::output::Output;
use crate::peer;
use crate::unlock::Home;

/// Give a member another role
///
/// Each role may do what those before it may: readers read; members write; admins invite, remove, hide messages and change
/// settings and the roles below their own; the owner does that with admins. To make another the owner hands the
/// conversation over: you are a member then.
#[derive(clap::Args)]
pub(crate) struct Change {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: String,

    /// The member, as `bayou members` shows them: the id or the name
    #[arg(value_name = "MEMBER")]
    member: String,

    /// The new role
    role: Role,
}

/// What someone may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    Reader,
    Member,
    Admin,
    Owner,
}

impl Role {
    /// Returns its name in the api.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Member => "member",
            Role::Admin => "admin",
            Role::Owner => "owner",
        }
    }
}

impl Change {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let Change { conversation, member, role } = self;
        let reply = peer::ask(home, Request::Role { conversation, member, role: role.name().into() }).await?;
        output.say(&reply, || match role {
            Role::Owner => "they are the owner now, and you are a member".to_owned(),
            Role::Admin => "they are an admin now".to_owned(),
            Role::Reader | Role::Member => format!("they are a {} now", role.name()),
        })
    }
}

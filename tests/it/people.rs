//! What a person is to others and to their own devices.

mod alarms;
mod blocks;
mod drafts;
mod profiles;
mod requests;
mod strangers;

use bayou_core::rpc::{Asked, Asker, Contact, Conversation, Reply, Request};
use bayou_tests::world::{Who, World};

/// Returns somebody's contact link.
fn link(world: &mut World, who: Who, replace: bool) -> String {
    match world.does(who, Request::ContactLink { host: None, replace }) {
        Ok(Reply::ContactLink { contact_link, .. }) => contact_link,
        other => panic!("no link: {other:?}"),
    }
}

/// Asks by a link; returns how far that is.
fn asks(world: &mut World, who: Who, link: &str, message: &str) -> (Option<String>, String) {
    match world.does(who, Request::AddContact { link: link.into(), message: message.into() }) {
        Ok(Reply::Asked { conversation, state, .. }) => (conversation, state),
        other => panic!("could not ask: {other:?}"),
    }
}

/// Returns who asks somebody, and whom they asked.
fn requests(world: &mut World, who: Who) -> (Vec<Asker>, Vec<Asked>) {
    match world.does(who, Request::Requests) {
        Ok(Reply::Requests { received, sent }) => (received, sent),
        other => panic!("no requests: {other:?}"),
    }
}

fn accepts(world: &mut World, who: Who, name: &str) -> String {
    match world.does(who, Request::AnswerRequest { user: name.into(), yes: true }) {
        Ok(Reply::New { conversation }) => conversation,
        other => panic!("not accepted: {other:?}"),
    }
}

/// Returns the conversations of two that somebody is in.
fn of_two(world: &mut World, who: Who) -> Vec<Conversation> {
    match world.does(who, Request::Conversations) {
        Ok(Reply::Conversations { conversations }) => {
            conversations.into_iter().filter(|conversation| conversation.with.is_some()).collect()
        }
        other => panic!("no list: {other:?}"),
    }
}

fn contact(world: &mut World, who: Who, name: &str) -> Contact {
    match world.does(who, Request::Contact { user: name.into() }) {
        Ok(Reply::Contact { contact, .. }) => contact,
        other => panic!("no contact: {other:?}"),
    }
}

fn writes(world: &mut World, who: Who, conversation: &str, text: &str) {
    let request = Request::send(conversation, text);
    world.does(who, request).expect("may write");
}

/// Returns what somebody reads in a conversation.
fn reads(world: &mut World, who: Who, conversation: &str) -> Vec<String> {
    match world.does(who, Request::Log { conversation: conversation.into(), limit: 100, before: None }) {
        Ok(Reply::Log { rows, .. }) => rows.into_iter().map(|row| format!("{}: {}", row.author, row.text)).collect(),
        other => panic!("no log: {other:?}"),
    }
}

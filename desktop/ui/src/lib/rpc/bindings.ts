// Written by `cargo xtask types` from core/src/rpc. Do not change it here.
//
// `Methods` has what each call takes and gives, `Events` what comes unasked: see docs/api.md.

/** Why somebody is to be confirmed before we write where they read. */
export type Alarm = "look_alike" | "new_devices";

/** Somebody whom we asked to be a contact. */
export type Asked = {
/** Their id. */
user: string,
/** What we said. */
message: string,
/** When we asked: milliseconds since the Unix epoch. */
at: number,
/** How far it is, in words. */
state: string };

/** Somebody who asks to be a contact. */
export type Asker = {
/** Their id. */
user: string,
/** What they call themselves. */
name: string,
/** What they say; at most 280 bytes. */
message: string,
/** When we heard of it: milliseconds since the Unix epoch. */
at: number };

/** A picture. It came from somebody else, and nothing of it was looked at but its first bytes. */
export type Avatar = {
/** `"image/png"`, `"image/jpeg"` or `"image/webp"`. */
kind: string,
/** The picture, in base64. */
image: string };

/** Bytes. In JSON they are text in base64. */
export type Base64 = string;

/** A linked peer whose heads differ from ours in a conversation. */
export type Behind = {
/** The conversation's whole id. */
conversation: string,
/** The peer's name. */
name: string,
/** Changes of ours that it was not yet heard to have. */
lacks: number };

/** A block of a message. */
export type Block = { "kind": "paragraph",
/** What is in it. */
inlines: Array<Inline>, } | { "kind": "heading",
/** 1 to 6. */
level: number,
/** What is in it. */
inlines: Array<Inline>, } | { "kind": "quote",
/** What is in it. */
blocks: Array<Block>, } | { "kind": "list",
/** The number of the first item; absent: it has bullets. */
start: number | null,
/** What is in each item. */
items: Array<Array<Block>>, } | { "kind": "code",
/** The language that its author named; empty: none. */
lang: string,
/** The code. */
text: string, } | { "kind": "rule" };

/** A block of a bundle. In the file, each stands behind its length: four bytes, big-endian. */
export type BundleBlock = {
/** Names the bundle as long as it is being made. */
bundle: number,
/** The block. */
block: Base64,
/** Whether more follow. */
more: boolean };

/** Somebody else. */
export type Contact = {
/** Their id. */
user: string,
/** What they call themselves. */
name: string,
/** What we call them. */
petname: string | null,
/** What they say that they are up to; empty: nothing. */
status: string,
/** The name of their picture, which is another for another picture; absent: they have none. */
avatar: string | null,
/** Whether we compared keys with them. */
verified: boolean,
/** What is to be confirmed before we write where they read; absent: nothing. */
alarm: Alarm | null,
/** Whether we were given their link. It names their key: who had it from themselves knows the right one. */
by_link: boolean,
/** Whether we want to hear nothing of them. */
blocked: boolean,
/** In how many conversations they are with us. */
shared: number,
/** The conversation of the two of us, if there is one. */
conversation: string | null };

/** A conversation in the list. */
export type Conversation = {
/** Its whole id. */
conversation: string,
/** Its title; empty while it has not arrived yet. Of two: the other's name. */
title: string,
/** The other one, if it is of two, to whom nobody is added. */
with: string | null,
/** What it is about; empty: nobody said. */
topic: string,
/** What newcomers may read: `"all"` or `"since_join"`. */
history: string,
/** The members' names. */
members: Array<string>,
/** What we may do: `"owner"`, `"admin"`, `"member"`, `"reader"`; absent when we are not in (any more). */
role: string | null,
/** How far we are with getting in, in words; absent once we are in. */
joining: string | null,
/** After how many seconds what is written now disappears; 0: never. */
disappear: number,
/** The nodes where mail waits for who is away. */
mailboxes: Array<string>,
/** When its newest message was written; absent when there is none. */
last_at: number | null,
/** The newest message's text, cut to one line. */
last_text: string,
/** Messages of others that were not read yet; at most 1000 are counted. */
unread: number,
/** The record that opened the group key in use, which none who is out has; absent until this device has one. */
epoch: string | null };

/** One of our user's devices. */
export type Device = {
/** Its id, in hexadecimal. */
device: string,
/** Whether it is this one. */
this: boolean,
/**
 * `"yours"`; `"suspended"`: it and another retired each other, and the recovery phrase must decide; `"retired"`;
 * `"surplus"`: there are too many before it; `"moved"`: our user is another root now.
 */
state: string,
/** When it became one: milliseconds since the Unix epoch. */
since: number,
/** Whether there is a link to it. */
linked: boolean };

/** How it stands with a device. */
export type DeviceStanding = {
/** The device, in hexadecimal. */
device: string,
/** Its peer id, in hexadecimal; absent if there was never a link to it. */
peer: string | null,
/** Whether there is a link. */
linked: boolean,
/** Whether the link goes over a relay. */
relayed: boolean,
/** How long a ping over the link took there and back, in milliseconds; absent until there was one. */
round_trip: number | null,
/** Where it may be reached: that of the link first. */
addresses: Array<string>,
/** When there was a link last: milliseconds since the Unix epoch; absent if never. */
seen: number | null,
/** Why a dial came to nothing last, in words; absent if there was a link since. */
failure: string | null,
/** Changes of ours that it was not yet heard to have. */
lacks: number,
/** Segments in which it is known to have something that we lack. */
ahead: number,
/** Whether it said that it has other records of who may do what, and this is not settled. */
rules_differ: boolean };

/** The kinds of failure: JSON-RPC's `error.code` and the exit code of `bayou`. */
export type ErrorCode = number;

/** What a follower is told. */
export type Event = { "method": "row", "params": {
/** The conversation's whole id. */
conversation: string,
/** Its place in the timeline, as in a page. */
key: string,
/** The row as it is now. */
row: Row, } } | { "method": "gone", "params": {
/** The conversation's whole id. */
conversation: string,
/** Its place in the timeline. */
key: string,
/** The message's whole id. */
id: string, } } | { "method": "notice", "params": {
/** The conversation's whole id. */
conversation: string,
/** Its place in the timeline. */
key: string,
/** What. */
notice: Notice, } } | { "method": "read", "params": {
/** The conversation's whole id. */
conversation: string,
/** The whole id of the newest message that was read. */
up_to: string, } } | { "method": "conversation", "params": Conversation } | { "method": "status", "params": Status } | { "method": "guest", "params": {
/** The conversation's whole id. */
conversation: string,
/** Who: their whole id. */
user: string,
/** What they call themselves. */
name: string, } } | { "method": "joining", "params": {
/** The conversation's whole id. */
conversation: string,
/** In words, as in [`Conversation::joining`]; `"in"`, and `"out"` when we were removed or left. */
state: string, } } | { "method": "draft", "params": {
/** The conversation's whole id. */
conversation: string,
/** What is begun; empty: nothing. */
text: string, } } | { "method": "settings", "params": {
/** All settings as they are now, by name. */
settings: { [key in string]: string }, } } | { "method": "profile", "params": {
/** Their whole id. */
user: string,
/** What they call themselves. */
name: string,
/** What they are up to; empty: nothing. */
status: string,
/** The name of their picture, which can be asked for; absent: there is none, or it is still on its way. */
avatar: string | null, } } | { "method": "asker", "params": Asker } | { "method": "asked", "params": Asked } | { "method": "lagged" };

/** Someone who waits to be let in. */
export type Guest = {
/** Their id. */
user: string,
/** What they call themselves. */
name: string };

/** Whether a device has a message. */
export type Holder = {
/** Whose device: their id. */
user: string,
/** Their name. */
name: string,
/** The device, in hexadecimal. */
device: string,
/** Whether it was heard to have it; absent when we would not hear of it. */
has: boolean | null,
/** How it can be reached, in a few words: `"linked directly"`. */
path: string };

/** Whether there is a home. */
export type HomeState = "none" | "locked" | "open";

/** A piece of a line. */
export type Inline = { "kind": "text",
/** The text. */
text: string, } | { "kind": "strong",
/** What is in it. */
inlines: Array<Inline>, } | { "kind": "emphasis",
/** What is in it. */
inlines: Array<Inline>, } | { "kind": "strike",
/** What is in it. */
inlines: Array<Inline>, } | { "kind": "code",
/** The code. */
text: string, } | { "kind": "link",
/** Where to: an address that begins with `http:`, `https:` or `mailto:`. */
href: string,
/** What is shown for it. */
inlines: Array<Inline>, } | { "kind": "break" };

/** An invite. */
export type Invite = {
/** Its id. */
invite: string,
/** The name of who made it. */
by: string,
/** The role that it gives. */
role: string,
/** How many more people it lets in. */
left: number,
/** Until when: milliseconds since the Unix epoch. */
expires: number,
/** Whether an admin has to say yes to each. */
approve: boolean };

/** One item of a timeline. */
export type Item = {
/** Its place. */
key: string,
/** The message. */
row: Row, } | {
/** Its place. */
key: string,
/** What happened. */
notice: Notice };

/** How it stands with a mailbox. */
export type MailboxStanding = {
/** The node's address. */
address: string,
/** Whether the conversation names it. If not, this peer only looks whether something lies there. */
named: boolean,
/** Whether it answered when it was asked last, or was not asked since the start. */
reached: boolean,
/** What is on its way to it, or asked of it. */
errands: number,
/** Why it was not reached, or what it refused and why; absent when it did what it was asked last. */
problem: string | null,
/** Envelopes from it, since the start, that were good for nothing. */
useless: number,
/** Why the last of them was; absent if there was none. */
useless_because: string | null };

/** Someone who is in a conversation. */
export type Member = {
/** Their id. */
user: string,
/** What they call themselves. */
name: string,
/** What they may do: `"owner"`, `"admin"`, `"member"` or `"reader"`. */
role: string,
/** Their devices, in hexadecimal. */
devices: Array<string>,
/** Whether it is we. */
you: boolean,
/** What they say that they are up to; empty: nothing. */
status: string,
/** The name of their picture, which is another for another picture; absent: they have none. */
avatar: string | null,
/** Whether we compared keys with them. */
verified: boolean,
/** What is to be confirmed before we write where they read; absent: nothing. */
alarm: Alarm | null,
/** Whether we want to hear nothing of them. */
blocked: boolean };

/** How it stands with a member. */
export type MemberStanding = {
/** Their id. */
user: string,
/** Their name. */
name: string,
/** Whether it is we. */
you: boolean,
/** All of this in a few words: `"linked directly, has everything"`. */
says: string,
/** Their devices. Of our own user, the others. */
devices: Array<DeviceStanding> };

/** A node that this peer uses: it makes us reachable, and tells those who share a secret with us where we are. */
export type Node = {
/** Its address, with `/p2p/…`. */
address: string,
/** Whether others can reach us over it now. */
reachable: boolean,
/** Whether it keeps mail, as it said last. */
mail: boolean,
/** Whether a token is kept that is shown there. */
token: boolean,
/** Why it is of no use now, in words; absent when nothing is known against it. */
problem: string | null };

/** What happened in a conversation, besides messages. */
export type Notice = {
/** Its whole id. */
id: string,
/** When, by the clock of who did it: milliseconds since the Unix epoch. */
at: number,
/** The name of who did it. */
by: string,
/** Their id. */
user: string,
/** What they did. */
kind: NoticeKind,
/** The name of whom it concerns, if anyone. */
who: string | null,
/** What was set, or which device, by kind. */
what: string | null };

/** What happens in a conversation, besides messages. */
export type NoticeKind = "began" | "joined" | "role" | "removed" | "left" | "title" | "topic" | "history" | "disappear" | "mailboxes" | "device_added" | "device_retired" | "key_changed" | "disputed";

/** Which page of a timeline. */
export type PageFrom = "end" | "unread" | { "before": string } | { "after": string } | { "around": string } | { "at": number };

/** A peer. */
export type Peer = {
/** Its peer id, in hexadecimal. */
peer: string,
/** Its name, if it shares a conversation with us. */
name: string | null,
/** Whether there is a link. */
linked: boolean,
/** Where it was last reached. */
address: string | null,
/** Conversations that both have. */
shared: number };

/** How our user shows themselves to all with whom they share a conversation. */
export type Profile = {
/** Their id. */
user: string,
/** What they call themselves. */
name: string,
/** What they are up to; empty: nothing. */
status: string,
/** The name of their picture; absent: there is none. */
avatar: string | null };

/** What a message answers, as it stands now. */
export type Quote = {
/** The whole id of the message that is answered. */
id: string,
/** Whether it is here. */
state: QuoteState,
/** The name of its author; empty while it is missing. */
author: string,
/** Their id; empty while it is missing. */
user: string,
/** What it says, cut to one line; absent if it says nothing or is missing. */
text: string | null };

/** Whether a message that is answered is here. */
export type QuoteState = "here" | "deleted" | "missing";

/** One reaction. */
export type Reaction = {
/** The emoji. */
emoji: string,
/** The name of who reacted. */
by: string,
/** Their id. */
user: string };

/** A call: JSON-RPC's `method` and `params`. */
export type Request = { "method": "new", "params": {
/** What it is called; 1 to 200 bytes. */
title: string, } } | { "method": "invite", "params": {
/** The conversation: its id, an unambiguous beginning of it, or its exact title. */
conversation: string,
/** How many people it lets in; 1 to 1000. */
uses?: number,
/** For how many hours; 1 to 8784. */
hours?: number,
/** Whether an admin has to say yes to each. */
approve?: boolean,
/** The role that it gives; `"member"` when absent. */
role?: string,
/** Makes a web link with this host, which can be opened in a browser. */
host?: string, } } | { "method": "invites", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string, } } | { "method": "revoke_invite", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** The invite: its id, or an unambiguous beginning of it. */
invite: string, } } | { "method": "admit", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** Who waits: their id, an unambiguous beginning of it, or their name. */
user: string,
/** Whether they may come in. */
yes: boolean, } } | { "method": "members", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string, } } | { "method": "role", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** The member: their id, an unambiguous beginning of it, or their exact name. */
member: string,
/** `"reader"`, `"member"`, `"admin"`, or `"owner"`: to hand the conversation over. */
role: string, } } | { "method": "remove", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** The member, as in [`Request::Role`]. */
member: string, } } | { "method": "leave", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string, } } | { "method": "set", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string, } & ({ "setting": "title", "value": string } | { "setting": "topic", "value": string } | { "setting": "history", "value": string } | { "setting": "disappear", "value": number } | { "setting": "mailboxes", "value": Array<string> }) } | { "method": "contacts" } | { "method": "contact", "params": {
/** Who: their id, an unambiguous beginning of it, or their name. */
user: string, } } | { "method": "note_contact", "params": {
/** Who, as in [`Request::Contact`]. */
user: string,
/** What we call them; empty: nothing any more. */
petname?: string | null,
/** Whether we compared keys with them. */
verified?: boolean | null, } } | { "method": "verify_contact", "params": {
/** The code, as [`Reply::Contact`] gives it on their side. */
code: string, } } | { "method": "words", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string, } } | { "method": "devices" } | { "method": "link_device", "params": {
/** What the new device shows. */
offer: string, } } | { "method": "confirm_device", "params": {
/** Whether they do. */
yes: boolean, } } | { "method": "retire_device", "params": {
/** The device: its id, or an unambiguous beginning of it. */
device: string,
/** The 24 words, if the device is nearer to them than this one. */
phrase?: Words | null, } } | { "method": "move_root", "params": {
/** The 24 words of now. */
phrase: Words,
/** The 24 words from then on. */
to: Words, } } | { "method": "hide", "params": {
/** The message, as in [`Request::Edit`]. */
message: string,
/** Whether to show it again. */
off?: boolean,
/** Whether it is to be erased on every peer, for good. */
erase?: boolean, } } | { "method": "join", "params": {
/** A link that [`Request::Invite`] gave. */
link: string, } } | { "method": "send", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** The text; 1 byte to 32 KiB less 16 bytes. */
text: string,
/** The message that it answers, as in [`Request::Edit`]. */
reply_to?: string | null,
/**
 * A name for this call, made by the front end; 1 to 64 bytes. The same name again in the same conversation gives
 * the same answer and writes nothing: so a call whose answer was lost can be made again.
 */
id?: string | null, } } | { "method": "edit", "params": {
/** The message: its id, or an unambiguous beginning of it. */
message: string,
/** The new text. */
text: string, } } | { "method": "delete", "params": {
/** The message, as in [`Request::Edit`]. */
message: string, } } | { "method": "react", "params": {
/** The message, as in [`Request::Edit`]. */
message: string,
/** The emoji; 1 to 32 bytes. */
emoji: string,
/** Whether to take it back. */
off?: boolean, } } | { "method": "log", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** How many at most; 1 to 1000. */
limit: number,
/** Only messages before this one (its whole id), for paging back. */
before?: string | null, } } | { "method": "page", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** Where. */
from: PageFrom,
/** How many items at most; 1 to 200. */
limit: number, } } | { "method": "read", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** The whole id of the newest message that was read. */
up_to: string, } } | { "method": "history", "params": {
/** The message, as in [`Request::Edit`]. */
message: string, } } | { "method": "notices", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** Only what happened from then on: milliseconds since the Unix epoch. */
after?: number,
/** Only what happened before then. */
before?: number | null,
/** How many at most, the newest; 1 to 1000. */
limit: number, } } | { "method": "follow", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** How many rows to begin with; 0 to 1000. */
limit: number, } } | { "method": "export_bundle", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** For whose devices, as in [`Request::Role`]; absent: for all members'. */
member?: string | null,
/** Whether what they were heard to have goes in, too. */
all?: boolean, } } | { "method": "continue_bundle", "params": {
/** The bundle, as [`BundleBlock`] names it. */
bundle: number, } } | { "method": "import_bundle", "params": {
/** The bundle's first block. */
head: Base64,
/** How many pieces were before this one. */
number: number,
/** Whether it is the last block of the file. */
last: boolean,
/** The piece. */
piece: Base64, } } | { "method": "conversations" } | { "method": "conversation", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string, } } | { "method": "watch" } | { "method": "peers" } | { "method": "status" } | { "method": "storage" } | { "method": "qr", "params": {
/** What it says; at most 2953 bytes. */
text: string, } } | { "method": "home" } | { "method": "init", "params": {
/** How others will see our user; 1 to 100 bytes. */
name: string,
/** By this passphrase. */
passphrase?: Words | null,
/** Not at all: whoever can read this disk can then read everything. */
no_passphrase?: boolean, } } | { "method": "restore", "params": {
/** How others will see our user; 1 to 100 bytes. */
name: string,
/** The 24 words. */
phrase: Words,
/** By this passphrase. */
passphrase?: Words | null,
/** Not at all: whoever can read this disk can then read everything. */
no_passphrase?: boolean, } } | { "method": "unlock", "params": {
/** Its passphrase. */
passphrase: Words, } } | { "method": "offer_device" } | { "method": "await_digits" } | { "method": "settle_in", "params": {
/** Whether they do. */
yes: boolean,
/** By this passphrase. */
passphrase?: Words | null,
/** Not at all: whoever can read this disk can then read everything. */
no_passphrase?: boolean, } } | { "method": "nodes" } | { "method": "add_node", "params": {
/** A multiaddr that ends in `/p2p/…`, as the node prints it. */
address: string,
/** What to show there, where the operator lets in only who shows a token; 16 to 256 characters. */
token?: Words | null, } } | { "method": "remove_node", "params": {
/** One of its addresses, or what stands behind `/p2p/` in all of them. */
node: string, } } | { "method": "conversation_status", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string, } } | { "method": "message_status", "params": {
/** The message, as in [`Request::Edit`]. One that has disappeared: its whole id. */
message: string, } } | { "method": "dial", "params": {
/** A multiaddr; it may end in `/p2p/…`. */
address: string, } } | { "method": "draft", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** What is begun now, as long as a message may be; empty: nothing. Absent: leaves it as it is. */
text?: string | null, } } | { "method": "settings", "params": {
/** Which setting to change. */
key?: string | null,
/** What it is to be; absent: what it is if nobody says anything. */
value?: string | null, } } | { "method": "profile", "params": {
/** What they call themselves; 1 to 100 bytes. */
name?: string | null,
/** What they are up to; at most 140 bytes. */
status?: string | null,
/** Their picture, in base64: PNG, JPEG or WebP, at most 16 KiB; empty: none. */
avatar?: string | null, } } | { "method": "avatar", "params": {
/** Who, as in [`Request::Contact`], or our user's own id. */
user: string, } } | { "method": "contact_link", "params": {
/** Makes a web link with this host. */
host?: string | null,
/** Whether to make a new one: the old one is of no use any more. */
replace?: boolean, } } | { "method": "add_contact", "params": {
/** A link that [`Request::ContactLink`] gave. */
link: string,
/** What to say; at most 280 bytes. */
message?: string, } } | { "method": "requests" } | { "method": "answer_request", "params": {
/** Who: their id, an unambiguous beginning of it, or their name. */
user: string,
/** Whether to talk with them. */
yes: boolean, } } | { "method": "confirm_contact", "params": {
/** Who, as in [`Request::Contact`]. */
user: string, } } | { "method": "block", "params": {
/** Who, as in [`Request::Contact`] or [`Request::AnswerRequest`], or anybody's whole id. */
user: string,
/** Whether to hear of them again. */
off?: boolean, } } | { "method": "disputed", "params": {
/** The conversation, as in [`Request::Invite`]. */
conversation: string,
/** How many at most, the newest; 1 to 1000. */
limit: number,
/** Only messages before this one (its whole id), for paging back. */
before?: string | null, } };

/** One message as people see it. */
export type Row = {
/** The message's whole id. Printed short elsewhere; any unambiguous beginning will do. */
id: string,
/** The author's name. */
author: string,
/** The author's id, in hexadecimal. */
user: string,
/** The author's device, in hexadecimal. */
device: string,
/** When it was written, by its author's clock: milliseconds since the Unix epoch. */
at: number,
/** When it disappears: milliseconds since the Unix epoch; absent when it stays. */
expires: number | null,
/** What it says now. Empty when it was deleted, or has not arrived yet (then `state` is `"waiting"`). */
text: string,
/** The same to be shown: its Markdown, read. Only in pages and events; else empty. */
body: Array<Block>,
/** What it answers, if it answers anything. */
reply_to: Quote | null,
/** Whether it was edited. */
edited: boolean,
/** Whether it was deleted. */
deleted: boolean,
/** Whether an admin hid it, or had it erased. Then `text` is empty. */
hidden: boolean,
/** Whether its author is blocked: to be folded away. */
blocked: boolean,
/** Whether its author is called like somebody whom we verified, and is somebody else. */
look_alike: boolean,
/** Who reacted how, in order of emoji, then name. */
reactions: Array<Reaction>,
/**
 * Own messages: `"kept"` (on this machine only), `"with a mailbox"`, `"with 1 of 3"`, `"with at least 8 of 40"`, `"with
 * all"`. Others': `"received"`, or `"waiting"` when only the announcement arrived and the text is still on its way. In
 * an answer to `disputed`: `"disputed"`.
 */
state: string };

/** Why a call failed. The message says what to do. */
export type RpcError = {
/** The kind of failure. */
code: ErrorCode,
/** In words, with what to do about it. */
message: string };

/** How a conversation gets on with each of its members. */
export type Standing = {
/** The conversation's whole id. */
conversation: string,
/** Its title, as in the list of conversations. */
title: string,
/** Who is in, our own user too, by name. */
members: Array<MemberStanding>,
/**
 * Where mail for who is away waits: the mailboxes that the conversation names, and those into which this peer looks
 * besides.
 */
mailboxes: Array<MailboxStanding>,
/** Texts that were announced and have not arrived. */
awaited: number,
/** Own changes that are on their way to this disk. */
writing: number,
/** How often since the start a linked peer that did not get on was asked again. */
asked_again: number,
/** How often the link to it was then dropped and dialled anew. */
redialled: number,
/** What went wrong last on this machine, in words; absent when nothing did. */
problem: string | null };

/** How this peer is. */
export type Status = {
/** Our name. */
name: string,
/** Our id, in hexadecimal. */
user: string,
/** The device, in hexadecimal. */
device: string,
/** The peer id, in hexadecimal. */
peer: string,
/** Whether the network runs (`bayou serve`). */
online: boolean,
/** Where it listens, each with `/p2p/…`, ready for another's `--peer`. */
addresses: Array<string>,
/** Links that are up. */
links: number,
/** Conversations. */
conversations: number,
/** Per conversation, who lacks something or has something we lack. */
behind: Array<Behind>,
/** What is still to be erased from this disk, of messages that were deleted or whose time has come; 0 when nothing is. */
erasing: number,
/** What went wrong last, in words; absent when nothing did. */
problem: string | null };

/** How many bytes a home takes on this machine's disk. */
export type Storage = {
/** What was kept last, as it came. */
journal: number,
/** What is older, with all its texts, packed. */
snapshots: number,
/** What is derived from both, to be found fast. */
index: number,
/** Keys, addresses and the like. */
other: number };

/** What a message said at one time. */
export type Version = {
/** Since when: milliseconds since the Unix epoch, by its author's clock. */
at: number,
/** What it said; absent if that is erased, or has not arrived. */
text: string | null,
/** The same to be shown. */
body: Array<Block> };

/** Where a message is. */
export type Whereabouts = {
/** The message's whole id. */
message: string,
/** The conversation's whole id. */
conversation: string,
/** As in a [`Row`](super::Row); or `"disappeared"`. */
state: string,
/** Whether its text is kept on this device. */
kept: boolean,
/** What became of it otherwise: `"deleted"`, `"erased"`, `"hidden"`, `"disputed"`, `"disappeared"`; or nothing. */
fate: Array<string>,
/** All of this in a few words. */
says: string,
/** One each for the devices of the others who are in and may read it. Only who wrote a message hears who has it. */
devices: Array<Holder> };

/** Words that nobody must see: they print as nothing, and are wiped when dropped. */
export type Words = string;

export type LogReply = {
/** The conversation's whole id: what the [`Event::Row`]s of a follower name. */
conversation: string,
/** The rows, oldest first. */
rows: Array<Row> };

export type PageReply = {
/** The conversation's whole id. */
conversation: string,
/** The items, oldest first. */
items: Array<Item>,
/** Whether there are older ones. */
older: boolean,
/** Whether there are newer ones. */
newer: boolean,
/** The key of the first message that was not read yet; absent when all was. */
unread: string | null };

export type HistoryReply = {
/** What it said, oldest first. */
versions: Array<Version> };

export type NoticesReply = {
/** The conversation's whole id. */
conversation: string,
/** One each, oldest first. */
notices: Array<Notice> };

export type ConversationsReply = {
/** One each, the one with the newest message first. */
conversations: Array<Conversation> };

export type ListedReply = {
/** The conversation, as in the list. */
listed: Conversation };

export type PeersReply = {
/** One each. */
peers: Array<Peer> };

export type StatusReply = Status;

export type StorageReply = {
/** How many bytes. */
storage: Storage };

export type QrReply = {
/** How many modules wide and high it is, with the light border that cameras need. */
size: number,
/** The dark modules, as the `d` of an SVG path in a square of that size. */
path: string };

export type HomeReply = {
/** Whether there is one. */
state: HomeState,
/** The name of who lives there, if it is open. */
name: string | null,
/** The version of this peer. */
version: string };

export type PhraseReply = {
/** The recovery phrase: 24 words. It is kept nowhere and never given again. */
phrase: Words };

export type OfferReply = {
/** What is to be shown to the other device, as text and as the content of a QR code. */
offer: string };

export type NodesReply = {
/** One each address. */
nodes: Array<Node> };

export type StandingReply = {
/** How it gets on. */
standing: Standing };

export type WhereaboutsReply = {
/** Where it is. */
whereabouts: Whereabouts };

export type InviteReply = {
/** `bayou://j/#…` */
link: string,
/** The invite's id. */
invite: string,
/** Until when it is good: milliseconds since the Unix epoch. */
expires: number,
/** How many addresses it leads to; 0: whoever has it must find us on the same network. */
addresses: number };

export type InvitesReply = {
/** One each. */
invites: Array<Invite> };

export type MembersReply = {
/** The conversation's whole id. */
conversation: string,
/** Who is in, the highest role first. */
members: Array<Member>,
/** Who waits to be let in, as far as this peer was asked. */
guests: Array<Guest> };

export type ContactsReply = {
/** One each, by name. */
contacts: Array<Contact> };

export type ContactReply = {
/** Who it is. */
contact: Contact,
/** 60 digits, in twelve groups: the same on both sides, or nobody is who they seem. */
number: string,
/** The same to be scanned: the content of a QR code. */
code: string };

export type WordsReply = {
/** Eight words. */
words: Array<string> };

export type DevicesReply = {
/** One each. */
devices: Array<Device> };

export type DigitsReply = {
/** Six digits, in two groups. */
digits: string,
/** The new device. */
device: string };

export type OfferedReply = {
/** Six digits, in two groups. */
digits: string };

export type ImportedReply = {
/** The conversation's whole id. */
conversation: string,
/** Changes in the piece that were not here. */
changes: number,
/** Control records in it, and what goes with them, that were not here. */
records: number,
/** Whether something in it waits for what is not here either. */
early: boolean };

export type AskedReply = {
/** Whom: their id. */
asked: string,
/** The conversation with them, if there is one by now. */
conversation: string | null,
/** `"in"`, or how far it is, in words. It goes on by itself. */
state: string };

export type JoinedReply = {
/** The conversation's whole id. */
conversation: string,
/** `"in"`, or how far we are, in words. It goes on by itself. */
state: string };

export type DraftReply = {
/** The conversation's whole id. */
conversation: string,
/** What is begun; empty: nothing. */
text: string };

export type SettingsReply = {
/** All settings as they are now, by name. */
settings: { [key in string]: string } };

export type ProfileReply = {
/** How our user shows themselves now. */
profile: Profile };

export type AvatarReply = {
/** The picture. */
avatar: Avatar };

export type ContactLinkReply = {
/** `bayou://c/#…` */
contact_link: string,
/** How many addresses it leads to; 0: whoever has it must find us on the same network. */
addresses: number };

export type RequestsReply = {
/** Who asks us, the newest first. */
received: Array<Asker>,
/** Whom we asked. */
sent: Array<Asked> };

export type NewReply = {
/** The conversation's whole id. */
conversation: string };

export type BundleReply = BundleBlock;

export type SentReply = {
/** The id of what was written: for `send` the message's. */
id: string };

export type DoneReply = {
/** Always true. */
done: boolean };

/** What answers each call. */
export type Replies = {
  new: NewReply;
  invite: InviteReply;
  invites: InvitesReply;
  revoke_invite: DoneReply;
  admit: DoneReply;
  members: MembersReply;
  role: DoneReply;
  remove: DoneReply;
  leave: DoneReply;
  set: DoneReply;
  contacts: ContactsReply;
  contact: ContactReply;
  note_contact: DoneReply;
  verify_contact: DoneReply;
  words: WordsReply;
  devices: DevicesReply;
  link_device: DigitsReply;
  confirm_device: DoneReply;
  retire_device: DoneReply;
  move_root: DoneReply;
  hide: DoneReply;
  join: JoinedReply;
  send: SentReply;
  edit: SentReply;
  delete: SentReply;
  react: SentReply;
  log: LogReply;
  page: PageReply;
  read: DoneReply;
  history: HistoryReply;
  notices: NoticesReply;
  follow: LogReply;
  export_bundle: BundleReply;
  continue_bundle: BundleReply;
  import_bundle: ImportedReply;
  conversations: ConversationsReply;
  conversation: ListedReply;
  watch: DoneReply;
  peers: PeersReply;
  status: StatusReply;
  storage: StorageReply;
  qr: QrReply;
  home: HomeReply;
  init: PhraseReply;
  restore: DoneReply;
  unlock: DoneReply;
  offer_device: OfferReply;
  await_digits: OfferedReply;
  settle_in: DoneReply;
  nodes: NodesReply;
  add_node: DoneReply;
  remove_node: DoneReply;
  conversation_status: StandingReply;
  message_status: WhereaboutsReply;
  dial: DoneReply;
  draft: DraftReply;
  settings: SettingsReply;
  profile: ProfileReply;
  avatar: AvatarReply;
  contact_link: ContactLinkReply;
  add_contact: AskedReply;
  requests: RequestsReply;
  answer_request: NewReply | DoneReply;
  confirm_contact: DoneReply;
  block: DoneReply;
  disputed: LogReply;
};

/** What each call takes, and what answers it. */
export type Methods = {
  [M in keyof Replies]: { params: Params<M>; result: Replies[M] };
};

/** What a call takes; `undefined` if nothing. */
export type Params<M extends Request["method"]> = Extract<Request, { method: M }> extends { params: infer P } ? P : undefined;

/** What comes unasked, by name; `undefined` if the name says all. */
export type Events = {
  [E in Event as E["method"]]: E extends { params: infer P } ? P : undefined;
};

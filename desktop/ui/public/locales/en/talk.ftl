# A conversation: its messages, and what is done with them.
messages = Messages
details = Details
invite = Invite
new-line = New
latest = Latest
latest-new = { $count ->
    [one] 1 new message
   *[other] { $count } new messages
}
late = came late
late-above = { $count ->
    [one] 1 message came in above
   *[other] { $count } messages came in above
}
late-why = It was written at this time, and arrived later.
arrived = { $name }: { $text }
members-count = { $count ->
    [one] 1 member
   *[other] { $count } members
}
show-person = About { $name }

write-to = Message to { $title }
send = Send
emoji = Emoji
emoji-search = Find an emoji
emoji-groups = Kinds of emoji
emoji-none = No such emoji
emoji-group-0 = Faces
emoji-group-1 = People
emoji-group-2 = Animals and plants
emoji-group-3 = Food and drink
emoji-group-4 = Places
emoji-group-5 = Activities
emoji-group-6 = Things
emoji-group-7 = Signs
emoji-group-8 = Flags
length = { $left ->
    [one] 1 byte left
   *[other] { $left } bytes left
}
editing = Edit your message
replying = Reply to { $name }
outbox = On its way to your peer
on-its-way = waits for your peer
code = Code
copy-code = Copy the code

message-actions = What to do with this message
message-deleted = This message was deleted
message-hidden = Hidden by an admin
message-waiting = Its text is still on its way
message-blocked = From somebody you blocked. Show it
look-alike-mark = Called like somebody you verified, and is somebody else
react = React
reaction-by = { $emoji } by { $names }
reply = Reply
edit = Edit
copy-text = Copy the text
edited = edited
edit-history = Earlier versions
version-gone = What it said then is erased, or has not arrived.
where-is-it = Where is it?
hide = Hide from all
unhide = Show again
hidden = Hidden from all
delete = Delete
delete-title = Delete this message?
delete-text = For everyone, and for good. A line stays in its place.
expires = Disappears { $when }
quote-here = A message
quote-deleted = This message was deleted
quote-missing = A message that is not here

joining-title = Not in yet
joining-goes-on = It goes on by itself.
talk-left = You are not in this conversation any more. What is here stays.
talk-reader = You may read here, and not write.
talk-blocked = You blocked this person. Unblock them to write.
alarm-look-alike = { $name } is called like somebody you verified, and is somebody else. Nothing is sent until you decide.
alarm-new-devices = All devices of { $name } were replaced since you verified them. Nothing is sent until you decide.
alarm-confirm = Write anyway
compare = Compare

notice-began = { $by } began “{ $what }”
notice-joined = { $by } let { $who } in as { $role }
notice-came = { $who } joined as { $role }
notice-role = { $by } made { $who } { $role }
notice-removed = { $by } removed { $who }
notice-left = { $who } left
notice-title = { $by } called it “{ $what }”
notice-topic = { $by } set the topic: { $what }
notice-history-all = { $by } lets newcomers read what was before
notice-history-since = { $by } lets newcomers read only what comes after them
notice-disappear = { $by } lets messages disappear after { $time }
notice-stay = { $by } lets messages stay
notice-mailboxes = { $by } changed where mail waits
notice-no-mailboxes = { $by } lets mail wait nowhere
notice-device-added = { $who } uses one more device
notice-device-retired = { $who } retired a device
notice-key-changed = The key of { $who } is another: compare numbers again
notice-disputed = A device of { $who } wrote two histories: what it wrote from there on is not shown

leave = Leave
leave-title = Leave “{ $title }”?
leave-text = You get nothing more of it. What is here stays and can be read.
rules = For all who are in
topic = Topic
topic-hint = What it is about
history = Newcomers may read
history-all = everything from the beginning
history-since = only what is written after they came
disappear = Messages disappear after
mailboxes = Mail for who is away waits at
mailboxes-hint = Addresses of up to three nodes, one a line
group-words = Words of this group
group-words-text = Read them aloud in a call: they are the same for all who see the same members and rules.
guests = Waiting to be let in
admit = Let in
refuse = Turn away

invite-to = Invite to “{ $title }”
invite-code = Code of the invitation
invite-uses = For
people-count = { $count ->
    [one] 1 person
   *[other] { $count } people
}
invite-hours = Good for
invite-role = They may
invite-approve = An admin has to say yes to each
invite-make = Make a link
invite-another = Another link
invite-secret = Whoever has it first comes in by it: send it to the one it is for. Good until { $when }.
invite-local = No address is known at which you can be reached from afar: it works on the same network.
invites-open = Links that are still good
invite-line = { $left ->
    [one] 1 more
   *[other] { $left } more
} as { $role }, until { $when }, by { $by }
revoke = Withdraw
revoked = Withdrawn: its link lets nobody in any more
go-to-day = Go to a day
disappear-short = messages disappear after { $time }
to-quoted = Go to what it answers

# How it stands: with the network, with a message, with getting in.
link-connecting = Connecting…
link-away = Your peer does not answer
link-refused = Not let in any more
link-offline = The network is off
link-alone = Nobody in reach
link-local = Local network ({ $count })
link-relayed = Over relays ({ $count })
link-linked = { $count ->
    [one] Linked to 1 device
   *[other] Linked to { $count } devices
}
link-connecting-text = It looks for the peer that keeps your conversations.
link-away-text = What you write waits in this window. It comes back by itself.
link-refused-text = Open the address that Bayou prints when it starts.
link-offline-text = Reading and writing work. What you write goes out when the network is on.
link-alone-text = Reading and writing work. What you write goes out when somebody comes in reach.
link-local-text = Everybody you are linked to is on your own network.
link-relayed-text = Others are reached over nodes, which see sealed bytes only. A direct way is sought.
link-linked-text = Messages go straight from device to device.
connection-more = More about the network

state-kept = kept here
state-mailbox = in a mailbox
state-some = { $least ->
    [yes] with at least { $have } of { $of }
   *[no] with { $have } of { $of }
}
state-all = with all
state-received = received
state-waiting = on its way
state-disputed = does not count
state-other = { $state }
fate-deleted = It was deleted.
fate-erased = It was erased.
fate-hidden = An admin hid it.
fate-disputed = Its device wrote two histories: it counts for nothing.
fate-disappeared = Its time came, and it disappeared.
why-title = Where is this message?
why-hint = Click to see which devices have it
why-kept = Its text is kept on this device.
why-not-kept = Its text is not kept on this device.
why-goes-on = Whoever lacks it gets it when they meet you or anybody who has it.
has-it = has it
lacks-it = not yet

standing = How it gets on
standing-short = How it gets on
standing-sum = { $linked } of { $of } others are linked now.
standing-awaited = { $count ->
    [one] 1 text was announced and has not arrived.
   *[other] { $count } texts were announced and have not arrived.
}
standing-writing = { $count ->
    [one] 1 change is on its way to this disk.
   *[other] { $count } changes are on their way to this disk.
}
device-line = Device { $id }
peer-line = Peer { $id }
round-trip = { $ms } ms
mailbox-reached = Mailbox in reach: { $address }
mailbox-silent = Mailbox silent: { $address }

path-direct = linked directly
path-relayed = linked over a relay
path-this = this device
path-no-device = no device of theirs is known
path-never = never linked{ $note ->
    [dial] {""} (last try: { $why })
    [address] {""} (no address is known)
   *[none] {""}
}
path-not-seen-second = { $count ->
    [0] seen just now
    [one] not seen for a second
   *[other] not seen for { $count } seconds
}{ $note ->
    [dial] {""} (last try: { $why })
    [address] {""} (no address is known)
   *[none] {""}
}
path-not-seen-minute = not seen for { $count ->
    [one] a minute
   *[other] { $count } minutes
}{ $note ->
    [dial] {""} (last try: { $why })
    [address] {""} (no address is known)
   *[none] {""}
}
path-not-seen-hour = not seen for { $count ->
    [one] an hour
   *[other] { $count } hours
}{ $note ->
    [dial] {""} (last try: { $why })
    [address] {""} (no address is known)
   *[none] {""}
}
path-not-seen-day = not seen for { $count ->
    [one] a day
   *[other] { $count } days
}{ $note ->
    [dial] {""} (last try: { $why })
    [address] {""} (no address is known)
   *[none] {""}
}
has-all = has everything{ $ahead ->
    [yes] , and something that is not here yet
   *[no] {""}
}
has-not = { $count } behind{ $ahead ->
    [yes] , and has something that is not here yet
   *[no] {""}
}

joining-looking = Looking for a member who may let you in
joining-waiting = Waiting for an admin to say yes
joining-let-in = Let in; the conversation is on its way
joining-expired = The link has expired: ask for another
joining-used-up = The link was used up: ask for another
joining-withdrawn = The link was withdrawn: ask for another
joining-refused = An admin said no
asked-looking = looking for them
asked-waiting = waiting for their answer
asked-refused = they said no

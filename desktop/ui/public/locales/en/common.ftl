# Words that stand in many places, and the list of conversations.
accept = Accept
add = Add
back = Back
begin = Begin
cancel = Cancel
close = Close
copied = Copied
copy = Copy
decline = Decline
discard = Discard
done = Done
go-on = Go on
later = Later
more = More
remove = Remove
replace = Replace
retry = Try again
saved = Saved
undo = Undo
unknown = not known
waiting = Please wait…
you = You
today = Today
yesterday = Yesterday
hours = { $count ->
    [one] 1 hour
   *[other] { $count } hours
}
days = { $count ->
    [one] 1 day
   *[other] { $count } days
}
never = Never

conversations = Conversations
find-conversation = Find a conversation
filters = Show
filter-all = All
filter-unread = Unread
filter-direct = Direct
filter-groups = Groups
none-found = Nothing found
no-conversations = No conversations yet
new = New
new-conversation = New conversation
join-by-link = Join by a link
talk-to-somebody = Talk to somebody
draft = Draft:
unread = { $count ->
    [one] 1 unread
   *[other] { $count } unread
}
untitled = A conversation on its way
nothing-open = Pick a conversation
nothing-open-text = Or press Ctrl+K and type a few letters of its name.
list-width = Width of the list
details-width = Width of the details

new-text = Who joins sees this title. You can change it later.
title = Title
title-hint = Garden party
have-link = I have a link
link = Link
join = Join
joining = Asking to be let in…
join-other = Join by another link
join-text = A link to a conversation or to a person. It goes on by itself, also while you are away.
ask = Ask
asked = Asked { $name } · { $state }
first-words = What to say (if you like)
first-words-hint = We met on the boat
switcher = Go to a conversation

refused-title = This page is not let in any more
refused-text = Its address was good once. Open the address that Bayou prints when it starts, or the one in your other window.
away-title = Your peer does not answer
away-text = Bayou is not running, or has just stopped. This page comes back by itself when it runs again.
unknown-kind = Something that this version does not know

# People: who they are, whether it is they, what they may do.
people = People
person = Person
contacts = People you know
find-person = Find somebody
no-contacts = Nobody yet. Who shares a conversation with you appears here.
shared = { $count ->
    [one] 1 conversation in common
   *[other] { $count } conversations in common
}
requests = They ask to talk with you
you-asked = You asked
your-link = Your link
your-link-text = Who has it can ask to talk with you. They come in when you say yes.
have-their-link = I have theirs
replace-title = Replace your link?
replace-text = The old one is of no use any more, and who asked by it and was not answered is forgotten.
write = Write
petname = What you call them
calls-themselves = Calls themselves { $name }
verified = Verified
not-verified = Not verified: names prove nothing
known-by-link = Known by their link, not verified
to-be-confirmed = To be confirmed
safety-number = Is it really they?
safety-text = Compare this number with theirs, side by side or in a call. If it is the same on both screens, nobody is in between.
safety-code = Code of the safety number
their-code = Their code
numbers-match = The numbers match
unverify = Not verified any more
block = Block
block-title = Block { $name }?
block-text = You hear nothing more of them, on all your devices. They are not told. You can take it back.
blocked = Blocked
unblock = Unblock

role-owner = owner
role-admin = admin
role-member = member
role-reader = reader
role-may-member = read and write
role-may-reader = read
role-may-admin = read, write, and do what admins do
make-role = Make { $role }
member-menu = What to do about { $name }
owner-act = Hand the conversation over
owner-title = Hand over to { $name }?
owner-text = They become the owner, and you go on as a member. Only they can give it back.
remove-title = Remove { $name }?
remove-text = They keep what they have and get nothing more. What { $name } wrote counts as far as it has arrived here.

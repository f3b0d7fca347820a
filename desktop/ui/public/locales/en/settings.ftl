# Settings.
settings = Settings
settings-profile = Profile
settings-look = Look and keys
settings-devices = Devices
settings-network = Network
settings-storage = Storage
settings-about = About

profile = Your profile
picture-choose = Choose a picture
picture-remove = Remove
status = Status
status-hint = What you are up to
profile-text = Everyone with whom you share a conversation sees your name, your status and your picture.
your-id = Your id:

theme = Colours
theme-system = As the system
theme-light = Light
theme-dark = Dark
language-system = As the system
text-size = Size of text
enter-key = The Enter key
enter-sends = sends
enter-breaks = begins a line (Ctrl+Enter sends)
notify = Show notifications
notify-refused = The browser does not allow it: change that in its settings for this page.
setting-read-marks = Tell others what I have read
setting-typing = Tell others when I write
look-text = Colours and language are for all your devices, the rest for this one.
shortcuts = Keyboard shortcuts

this-device = (this one)
since = since { $when }
device-yours = yours
device-suspended = suspended: it and another retired each other; retire one of them with your phrase
device-retired = retired
device-surplus = one too many: eight others came before it
device-moved = of your former key
device-reached = linked
retire = Shut out
retire-title = Shut out device { $id }?
retire-text = What it wrote until now stays. It gets nothing more, and nothing it writes from now on counts.
link-device = Link another device
link-device-text = On the new device choose “I use it on another device”, and bring its code here.
device-linked = It is one of your devices now

nodes = Nodes
nodes-text = Nodes help others to reach you from afar. They see sealed bytes only.
nodes-none = None. Others find you on the local network or by address.
node-address = Address of a node
node-reachable = you can be reached over it
node-silent = no answer yet
node-removed = The node is not used any more
circle-text = How far Bayou goes is said when it starts: --lan-only stays on the local network, --own-nodes-only uses no nodes but these.
addresses = Your addresses
addresses-none = None while the network is off.
peers-linked = Devices in reach
peers-none = Nobody now.
way-local = local network
way-direct = directly
way-relayed = over a relay
way-none = not linked

storage-total = Bayou keeps { $size } on this disk
storage-journal = Journal: what was written, as it came
storage-snapshots = Snapshots: older parts, packed
storage-index = Index: rebuilt when it is lost
storage-other = Keys and the like
storage-erasing = { $count ->
    [one] 1 thing is still to be erased.
   *[other] { $count } things are still to be erased.
}
storage-text = All of it is sealed. It is yours: copy the folder to keep it elsewhere.

about-text = A messenger without anybody’s server in between. Each person’s peer keeps whole conversations on its own disk, works offline, and merges with the others when they meet.
about-not-reviewed = Not reviewed by outsiders yet.
autostart = Start Bayou when I log in
node-mail = keeps mail
node-token = Token, if the operator gave you one

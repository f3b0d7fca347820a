# The door: a new home, a linked device, coming back, unlocking.
welcome = Welcome to Bayou
welcome-text = Messages that live on your own devices, work without the internet, and belong to nobody in between.
door-create = Create a profile
door-link = I use it on another device
door-restore = Come back with my phrase
step = Step { $now } of { $of }
language = Language

name = Name
name-title = What shall others call you?
name-text = No phone number, no mail address. You can change the name at any time.
lock = How is it locked on this device?
lock-passphrase = With a passphrase
lock-keyring = By this system
lock-none = Not at all
lock-passphrase-text = You are asked for it when Bayou starts. Nobody can look it up for you.
lock-keyring-text = The keyring of your desktop opens it while you are logged in.
lock-none-text = Whoever can read this disk can read everything.
passphrase = Passphrase

phrase = Recovery phrase
phrase-title = Your recovery phrase
phrase-text = Write these 24 words down, in order. They bring you back when all your devices are lost.
phrase-warning = They are shown only now and kept nowhere. Whoever has them is you.
print = Print
phrase-written = I have written them down
phrase-check = Let us make sure
phrase-check-text = Type these three of your words.
phrase-wrong = Not these. Look again at what you wrote.
phrase-again = Show them again
word-number = Word { $number }

first-title = To your first message
first-invite = Invite somebody
first-invite-text = Show them your link or send it: who opens it can ask to talk with you.
first-invite-waits = When they open it, they appear under People, and you say yes.
first-group = Begin a group
first-invited = I have an invitation
show-link = Show my link

restore = Come back
restore-title = Come back
restore-text = With your 24 words this device becomes yours. Your conversations return when it meets your other devices or people whom you know.
words-count = { $count } of 24 words

link-title = Link this device
link-text = On a device that you have, open Settings, Devices, and give it this code. It is good for ten minutes.
link-waits = Waiting for your other device…
offer = Code of the new device
digits-text = Do both devices show the same digits?
digits-same = Yes, the same
digits-differ = No

unlock = Unlock
unlock-title = Bayou is locked
picture-optional = Picture (if you like)

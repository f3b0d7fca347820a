# 入口：新建、关联设备、恢复、解锁。
welcome = 欢迎使用 Bayou
welcome-text = 消息保存在你自己的设备上，没有互联网也能用，中间没有任何人。
door-create = 创建个人资料
door-link = 我在其他设备上使用
door-restore = 用恢复短语找回
step = 第 { $now } 步，共 { $of } 步
language = 语言

name = 名字
name-title = 别人怎么称呼你？
name-text = 不需要电话号码，也不需要邮箱。名字随时可以更改。
lock = 在这台设备上如何上锁？
lock-passphrase = 用口令
lock-keyring = 由系统保管
lock-none = 不上锁
lock-passphrase-text = 每次 Bayou 启动时都会询问。没有人能替你查到它。
lock-keyring-text = 登录期间由桌面的密钥环打开。
lock-none-text = 能读取这块磁盘的人就能读取一切。
passphrase = 口令

phrase = 恢复短语
phrase-title = 你的恢复短语
phrase-text = 请按顺序写下这 24 个单词。当所有设备都丢失时，它们能让你回来。
phrase-warning = 它们只在现在显示，不会保存在任何地方。谁拥有它们，谁就是你。
print = 打印
phrase-written = 我已经写下
phrase-check = 确认一下
phrase-check-text = 请输入其中的三个单词。
phrase-wrong = 不对。请再看看你写下的内容。
phrase-again = 再显示一次
word-number = 第 { $number } 个单词

first-title = 发出第一条消息
first-invite = 邀请别人
first-invite-text = 出示或发送你的链接：打开它的人可以请求与你聊天。
first-invite-waits = 他们打开后会出现在“联系人”中，由你同意。
first-group = 创建群组
first-invited = 我收到了邀请
show-link = 显示我的链接

restore = 找回
restore-title = 找回
restore-text = 有了这 24 个单词，这台设备就成为你的。遇到你的其他设备或认识的人时，会话就会回来。
words-count = { $count } / 24 个单词

link-title = 关联这台设备
link-text = 在你已有的设备上打开“设置 → 设备”，输入这个代码。十分钟内有效。
link-waits = 正在等待你的另一台设备…
offer = 新设备的代码
digits-text = 两台设备显示的数字相同吗？
digits-same = 相同
digits-differ = 不同

unlock = 解锁
unlock-title = Bayou 已上锁
picture-optional = 图片（可不选）

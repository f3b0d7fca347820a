# 设置。
settings = 设置
settings-profile = 个人资料
settings-look = 外观和按键
settings-devices = 设备
settings-network = 网络
settings-storage = 存储
settings-about = 关于

profile = 你的个人资料
picture-choose = 选择图片
picture-remove = 移除
status = 状态
status-hint = 你在做什么
profile-text = 与你在同一会话中的人都能看到你的名字、状态和图片。
your-id = 你的标识：

theme = 颜色
theme-system = 跟随系统
theme-light = 浅色
theme-dark = 深色
language-system = 跟随系统
text-size = 文字大小
enter-key = 回车键
enter-sends = 发送
enter-breaks = 换行（Ctrl+Enter 发送）
notify = 显示通知
notify-refused = 浏览器不允许：请在浏览器中更改此页面的设置。
setting-read-marks = 告诉别人我读到哪里
setting-typing = 告诉别人我正在输入
look-text = 颜色和语言适用于你的所有设备，其余只用于这一台。
shortcuts = 键盘快捷键

this-device = （这一台）
since = 自 { $when }
device-yours = 你的
device-suspended = 已暂停：它与另一台互相停用；请用恢复短语停用其中一台
device-retired = 已停用
device-surplus = 超出数量：之前已有八台
device-moved = 属于你以前的密钥
device-reached = 已连接
retire = 停用
retire-title = 停用设备 { $id }？
retire-text = 它至今写的内容会保留。它不会再收到任何内容，今后写的也不算数。
link-device = 关联另一台设备
link-device-text = 在新设备上选择“我在其他设备上使用”，并把它的代码带到这里。
device-linked = 它现在是你的设备了

nodes = 节点
nodes-text = 节点帮助别人从远处到达你，它们只能看到密封的字节。
nodes-none = 没有。别人在本地网络中或通过地址找到你。
node-address = 节点的地址
node-reachable = 可通过它到达你
node-silent = 尚无应答
node-removed = 不再使用此节点
circle-text = Bayou 走多远在启动时指定：--lan-only 只在本地网络中，--own-nodes-only 只使用这些节点。
addresses = 你的地址
addresses-none = 网络关闭时没有。
peers-linked = 可达的设备
peers-none = 现在没有人。
way-local = 本地网络
way-direct = 直接
way-relayed = 通过中继
way-none = 未连接

storage-total = Bayou 在这块磁盘上占用 { $size }
storage-journal = 日志：按到达顺序写下的内容
storage-snapshots = 快照：打包的旧内容
storage-index = 索引：丢失时会重建
storage-other = 密钥等
storage-erasing = 还有 { $count } 项待抹除。
storage-text = 一切都已密封，并且属于你：复制这个文件夹即可另存。

about-text = 中间没有任何服务器的即时通讯。每个人的节点程序把完整的会话保存在自己的磁盘上，离线也能工作，相遇时彼此合并。
about-not-reviewed = 尚未经过外部审查。
autostart = 登录时启动 Bayou
node-mail = 可存信件
node-token = 令牌（如果运营者给了你）

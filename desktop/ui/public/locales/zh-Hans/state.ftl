# 状态：网络、消息、加入。
link-connecting = 正在连接…
link-away = 你的节点程序没有应答
link-refused = 已不能进入
link-offline = 网络已关闭
link-alone = 附近没有人
link-local = 本地网络（{ $count }）
link-relayed = 通过中继（{ $count }）
link-linked = 已连接 { $count } 台设备
link-connecting-text = 正在寻找保存你会话的节点程序。
link-away-text = 你写的内容在此窗口中等待。它会自动恢复。
link-refused-text = 请打开 Bayou 启动时显示的地址。
link-offline-text = 可以阅读和书写。网络打开后，内容就会送出。
link-alone-text = 可以阅读和书写。有人可达时，内容就会送出。
link-local-text = 与你相连的人都在你自己的网络中。
link-relayed-text = 通过节点到达其他人，节点只能看到密封的字节。正在寻找直接的路径。
link-linked-text = 消息直接从设备到设备。
connection-more = 网络详情

state-kept = 保存在本机
state-mailbox = 在信箱中
state-some = { $least ->
    [yes] 至少已到 { $have } / { $of }
   *[no] 已到 { $have } / { $of }
}
state-all = 全部送达
state-received = 已收到
state-waiting = 在路上
state-disputed = 不算数
state-other = { $state }
fate-deleted = 它已被删除。
fate-erased = 它已被抹除。
fate-hidden = 管理员隐藏了它。
fate-disputed = 它的设备写了两份历史：它不算数。
fate-disappeared = 时间已到，它消失了。
why-title = 这条消息在哪里？
why-hint = 点击查看哪些设备有它
why-kept = 正文保存在这台设备上。
why-not-kept = 正文没有保存在这台设备上。
why-goes-on = 缺少它的人遇到你或任何有它的人时就会得到它。
has-it = 已有
lacks-it = 尚无

standing = 进展如何
standing-short = 进展如何
standing-sum = 其他 { $of } 人中，{ $linked } 人现在相连。
standing-awaited = { $count } 段正文已宣布而尚未到达。
standing-writing = { $count } 个更改正在写入磁盘。
device-line = 设备 { $id }
peer-line = 节点程序 { $id }
round-trip = { $ms } 毫秒
mailbox-reached = 信箱可达：{ $address }
mailbox-silent = 信箱没有应答：{ $address }

path-direct = 直接相连
path-relayed = 通过中继相连
path-this = 这台设备
path-no-device = 不知道对方的任何设备
path-never = 从未相连{ $note ->
    [dial] （上次尝试：{ $why }）
    [address] （没有已知地址）
   *[none] {""}
}
path-not-seen-second = { $count ->
    [0] 刚刚见过
   *[other] { $count } 秒未见
}{ $note ->
    [dial] （上次尝试：{ $why }）
    [address] （没有已知地址）
   *[none] {""}
}
path-not-seen-minute = { $count } 分钟未见{ $note ->
    [dial] （上次尝试：{ $why }）
    [address] （没有已知地址）
   *[none] {""}
}
path-not-seen-hour = { $count } 小时未见{ $note ->
    [dial] （上次尝试：{ $why }）
    [address] （没有已知地址）
   *[none] {""}
}
path-not-seen-day = { $count } 天未见{ $note ->
    [dial] （上次尝试：{ $why }）
    [address] （没有已知地址）
   *[none] {""}
}
has-all = 什么都有{ $ahead ->
    [yes] ，还有这里没有的内容
   *[no] {""}
}
has-not = 落后 { $count } 项{ $ahead ->
    [yes] ，还有这里没有的内容
   *[no] {""}
}

joining-looking = 正在寻找能让你加入的成员
joining-waiting = 等待管理员同意
joining-let-in = 已同意；会话正在到来
joining-expired = 链接已过期：请再要一个
joining-used-up = 链接已用完：请再要一个
joining-withdrawn = 链接已收回：请再要一个
joining-refused = 管理员没有同意
asked-looking = 正在寻找对方
asked-waiting = 等待对方回复
asked-refused = 对方拒绝了

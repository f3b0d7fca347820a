// Rows and conversations for the tests beside this file.
import type { Conversation, Item, Notice, Row } from '$lib/rpc/bindings';

export const sampleRow = (change: Partial<Row> = {}): Row => ({
  id: 'm1', author: 'Ada', user: 'ada', device: 'd1', at: 0, expires: null, text: 'hello', body: [], edited: false,
  deleted: false, hidden: false, blocked: false, look_alike: false, reactions: [], reply_to: null, state: 'received',
  ...change,
}); // prettier-ignore

export const item = (key: string, change: Partial<Row> = {}): Item => ({ key, row: sampleRow({ id: key, ...change }) });

export const notice = (key: string, change: Partial<Notice> = {}): Item => ({
  key,
  notice: { id: key, at: 0, by: 'Ada', user: 'ada', kind: 'joined', who: 'Bob', what: 'member', ...change },
});

export const talk = (conversation: string, change: Partial<Conversation> = {}): Conversation => ({
  conversation, title: conversation, with: null, topic: '', history: 'all', members: [], role: 'member', joining: null,
  disappear: 0, mailboxes: [], last_at: 0, last_text: '', unread: 0, epoch: null,
  ...change,
}); // prettier-ignore

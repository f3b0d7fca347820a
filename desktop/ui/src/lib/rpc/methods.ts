// What can be asked of a peer: each method with its parameters and its answer.
import type * as T from './bindings';

type Conv = { conversation: string };
type User = { user: string };
type Message = { message: string };
type Done = { done: boolean };
type Id = { id: string };
type None = Record<string, never>;

/** Where a page of a timeline begins. Keys sort, by code units, as the timeline does. */
export type From = { end: true } | { unread: true } | { before: string } | { after: string } | { around: string | number };
export type Page = { conversation: string; items: T.Item[]; older: boolean; newer: boolean; unread: string | null };
export type Setting =
  | { setting: 'title' | 'topic' | 'history'; value: string }
  | { setting: 'disappear'; value: number }
  | { setting: 'mailboxes'; value: string[] };

export interface Methods {
  home: { params: None; result: T.Home };
  init: { params: { name: string; passphrase?: string | null }; result: { words: string } };
  restore: { params: { words: string; name: string; passphrase?: string | null }; result: Done };
  unlock: { params: { passphrase: string }; result: Done };
  watch: { params: None; result: Done };
  status: { params: None; result: T.Status };
  peers: { params: None; result: { peers: T.Peer[] } };
  nodes: { params: None; result: { nodes: T.Node[] } };
  add_node: { params: { address: string }; result: Done };
  remove_node: { params: { node: string }; result: Done };
  dial: { params: { address: string }; result: Done };
  storage: { params: None; result: { storage: T.Storage } };
  qr: { params: { text: string }; result: { svg_path: string; size: number } };
  conversations: { params: None; result: { conversations: T.Conversation[] } };
  new: { params: { title: string }; result: Conv };
  set: { params: Conv & Setting; result: Done };
  leave: { params: Conv; result: Done };
  words: { params: Conv; result: { words: string[] } };
  conversation_status: { params: Conv; result: { standing: T.Standing } };
  invite: {
    params: Conv & { uses?: number; hours?: number; approve?: boolean; role?: string; host?: string };
    result: { link: string; invite: string; expires: number; addresses: number };
  };
  invites: { params: Conv; result: { invites: T.Invite[] } };
  revoke_invite: { params: Conv & { invite: string }; result: Done };
  join: { params: { link: string }; result: Conv & { state: string } };
  members: { params: Conv; result: Conv & { members: T.Member[]; guests: T.Guest[] } };
  admit: { params: Conv & User & { yes: boolean }; result: Done };
  role: { params: Conv & { member: string; role: string }; result: Done };
  remove: { params: Conv & { member: string }; result: Done };
  page: { params: Conv & { from: From; limit: number }; result: Page };
  follow: { params: Conv & { limit: number }; result: Conv & { rows: T.Row[] } };
  read: { params: Conv & { up_to: string }; result: Done };
  draft: { params: Conv & { text?: string }; result: Conv & { text: string } };
  send: { params: Conv & { text: string; reply_to?: string; id?: string }; result: Id };
  edit: { params: Message & { text: string }; result: Id };
  delete: { params: Message; result: Id };
  react: { params: Message & { emoji: string; off?: boolean }; result: Id };
  hide: { params: Message & { off?: boolean; erase?: boolean }; result: Done };
  history: { params: Message; result: { versions: T.Version[] } };
  message_status: { params: Message; result: { whereabouts: T.Whereabouts } };
  contacts: { params: None; result: { contacts: T.Contact[] } };
  contact: { params: User; result: { contact: T.Contact; number: string; code: string } };
  note_contact: { params: User & { petname?: string; verified?: boolean }; result: Done };
  confirm_contact: { params: User; result: Done };
  verify_contact: { params: { code: string }; result: Done };
  block: { params: User & { off?: boolean }; result: Done };
  contact_link: { params: { host?: string; replace?: boolean }; result: { contact_link: string; addresses: number } };
  add_contact: { params: { link: string; message?: string }; result: { asked: string; conversation: string | null; state: string } };
  requests: { params: None; result: { received: T.Asker[]; sent: T.Asked[] } };
  answer_request: { params: User & { yes: boolean }; result: { conversation?: string; done?: boolean } };
  profile: { params: { name?: string; status?: string; avatar?: string }; result: { profile: T.Profile } };
  avatar: { params: User; result: { avatar: T.Avatar } };
  settings: { params: { key?: string; value?: string }; result: { settings: Record<string, string> } };
  devices: { params: None; result: { devices: T.Device[] } };
  link_device: { params: { offer: string }; result: { digits: string; device: string } };
  confirm_device: { params: { yes: boolean }; result: Done };
  retire_device: { params: { device: string; phrase?: string }; result: Done };
}

/** What a peer tells unasked. */
export type PeerEvent =
  | { method: 'row'; params: Conv & { key: string; row: T.Row } }
  | { method: 'gone'; params: Conv & { key: string; id: string } }
  | { method: 'notice'; params: Conv & { key: string; notice: T.Notice } }
  | { method: 'conversation'; params: { conversation: T.Conversation } }
  | { method: 'status'; params: { status: T.Status } }
  | { method: 'guest'; params: Conv & T.Guest }
  | { method: 'joining'; params: Conv & { state: string } }
  | { method: 'draft'; params: Conv & { text: string } }
  | { method: 'settings'; params: { settings: Record<string, string> } }
  | { method: 'profile'; params: T.Profile }
  | { method: 'asker'; params: T.Asker }
  | { method: 'asked'; params: T.Asked }
  | { method: 'lagged'; params?: None };

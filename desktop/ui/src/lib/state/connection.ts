// What is going on with the network, in one row of words: never a colour alone, never an alarm for being offline.
import type { Peer, Status } from '$lib/rpc/bindings';
import type { LinkState } from '$lib/rpc/transport';

export type Way = 'local' | 'direct' | 'relayed';

export interface Connection {
  /** The key of the words. */
  readonly key: string;
  readonly count: number;
  readonly tone: 'good' | 'quiet' | 'warn';
}

const PRIVATE = /^\/ip4\/(10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.)|^\/ip6\/(fe[89ab]|f[cd]|::1\/)/i;

export function way(address: string | null): Way {
  if (address?.includes('/p2p-circuit')) return 'relayed';
  return address && PRIVATE.test(address) ? 'local' : 'direct';
}

export function connection(link: LinkState, status: Status | null, peers: readonly Peer[]): Connection {
  if (link === 'refused') return { key: 'link-refused', count: 0, tone: 'warn' };
  if (link === 'away') return { key: 'link-away', count: 0, tone: 'warn' };
  if (link === 'connecting' || !status) return { key: 'link-connecting', count: 0, tone: 'quiet' };
  if (!status.online) return { key: 'link-offline', count: 0, tone: 'quiet' };
  if (status.links === 0) return { key: 'link-alone', count: 0, tone: 'quiet' };
  const ways = new Set(peers.filter((peer) => peer.linked).map((peer) => way(peer.address)));
  const only = ways.size === 1 ? [...ways][0] : undefined;
  const key = only === 'local' ? 'link-local' : only === 'relayed' ? 'link-relayed' : 'link-linked';
  return { key, count: status.links, tone: 'good' };
}

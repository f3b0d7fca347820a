import { describe, expect, it } from 'vitest';
import type { Status } from '$lib/rpc/bindings';
import { connection, way } from './connection';
import { cleared, EMPTY, heard, noted, PAUSE, typed } from './draft';
import { added, failed, freshId, removed, retried, slowed } from './outbox';

describe('a draft', () => {
  it('is due after a pause and then noted', () => {
    const draft = typed(EMPTY, 'hi', 100);
    expect(draft).toEqual({ text: 'hi', due: 100 + PAUSE });
    expect(typed(draft, 'hi', 500)).toBe(draft);
    expect(noted(draft).due).toBe(null);
  });
  it('is taken from elsewhere unless something here is due', () => {
    expect(heard(EMPTY, 'there').text).toBe('there');
    expect(heard(typed(EMPTY, 'here', 0), 'there').text).toBe('here');
  });
  it('is cleared at once', () => expect(cleared(7)).toEqual({ text: '', due: 7 }));
});

describe('the row about the network', () => {
  const status = { online: true, links: 2 } as Status;
  const peer = (address: string) => ({ peer: 'p', name: null, linked: true, address, shared: 1 });
  it('tells ways apart', () => {
    expect(way('/ip4/192.168.1.2/udp/1/quic-v1')).toBe('local');
    expect(way('/ip4/172.20.0.1/tcp/1')).toBe('local');
    expect(way('/ip4/172.40.0.1/tcp/1')).toBe('direct');
    expect(way('/ip6/fe80::1/udp/1/quic-v1')).toBe('local');
    expect(way('/ip4/192.0.2.1/udp/1/quic-v1/p2p/x/p2p-circuit')).toBe('relayed');
    expect(way(null)).toBe('direct');
  });
  it('says what holds', () => {
    expect(connection('open', status, [peer('/ip4/10.0.0.1/tcp/1')]).key).toBe('link-local');
    expect(connection('open', status, [peer('/ip4/10.0.0.1/tcp/1'), peer('/ip4/1.1.1.1/tcp/1')]).key).toBe(
      'link-linked',
    );
    expect(connection('open', { ...status, links: 0 }, []).key).toBe('link-alone');
    expect(connection('open', { ...status, online: false }, []).key).toBe('link-offline');
    expect(connection('away', status, []).key).toBe('link-away');
    expect(connection('open', null, []).key).toBe('link-connecting');
  });
});

it('keeps what was sent until it is answered for', () => {
  const one = { id: 'a', text: 't', replyTo: null, failure: null, slow: false };
  const box = failed(added(added([], one), { ...one, id: 'b' }), 'a', 'no');
  expect(box.map((o) => o.failure)).toEqual(['no', null]);
  expect(retried(box, 'a')[0]?.failure).toBe(null);
  expect(removed(box, 'a').map((o) => o.id)).toEqual(['b']);
  expect(slowed(box, 'b').map((o) => o.slow)).toEqual([false, true]);
  expect(freshId()).toMatch(/^[0-9a-f]{32}$/);
  expect(freshId()).not.toBe(freshId());
});

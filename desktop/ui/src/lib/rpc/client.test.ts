import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Client, type Pipe } from './client';
import type { LinkState } from './transport';

class Wire implements Pipe {
  static all: Wire[] = [];
  sent: { id: number; method: string }[] = [];
  onopen = () => {};
  onclose = () => {};
  onmessage: (message: string) => void = () => {};
  constructor() {
    Wire.all.push(this);
  }
  send(frame: string) {
    this.sent.push(JSON.parse(frame));
  }
  say(what: object) {
    this.onmessage(JSON.stringify({ jsonrpc: '2.0', ...what }));
  }
}
const made = (allowed = true) =>
  new Client(
    'socket',
    () => new Wire(),
    async () => allowed,
  );
const wire = (n: number) => Wire.all[n] as Wire;

beforeEach(() => {
  Wire.all = [];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('calls', () => {
  it('keeps calls until it is open, and matches answers by id', async () => {
    const client = made();
    const [one, two] = [client.call('status'), client.call('peers')];
    expect(wire(0).sent).toEqual([]);
    wire(0).onopen();
    wire(0).say({ id: 2, result: { peers: [] } });
    wire(0).say({ id: 1, error: { code: -32001, message: 'no' } });
    expect(await two).toEqual({ peers: [] });
    await expect(one).rejects.toMatchObject({ code: -32001, message: 'no' });
  });
  it('comes back, asks again what may be asked twice, and ends the rest', async () => {
    const states: LinkState[] = [];
    const client = made();
    client.onState((state) => states.push(state));
    wire(0).onopen();
    const sent = client.call('send', { conversation: 'c', text: 't', id: 'mine' });
    const begun = expect(client.call('new', { title: 'x' })).rejects.toMatchObject({ code: -1 });
    wire(0).onclose();
    await begun;
    await vi.advanceTimersByTimeAsync(300);
    wire(1).onopen();
    expect(wire(1).sent.map((call) => call.method)).toEqual(['send']);
    wire(1).say({ id: wire(1).sent[0]?.id, result: { id: 'm' } });
    expect(await sent).toEqual({ id: 'm' });
    expect(states).toEqual(['connecting', 'open', 'away', 'open']);
  });
  it('tells events, and stops when it is not let in', async () => {
    const client = made(false);
    const events: string[] = [];
    const states: LinkState[] = [];
    client.onEvent((event) => events.push(event.method));
    client.onState((state) => states.push(state));
    wire(0).onopen();
    wire(0).say({ method: 'lagged' });
    wire(0).onclose();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(events).toEqual(['lagged']);
    expect(states.at(-1)).toBe('refused');
    expect(Wire.all).toHaveLength(1);
  });
});

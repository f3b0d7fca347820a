// The pretended peer behind the seam. `?home=none` and `?home=locked` begin at the door; `window.mock` is for tests.

import type { Event } from '../bindings';
import { CallFailed, type Given, type LinkState, type Method, type Result, type Transport } from '../transport';
import { answers } from './answers';
import { World } from './world';

class MockTransport implements Transport {
  readonly kind = 'mock';
  #events: ((event: Event) => void)[] = [];
  #states: ((state: LinkState) => void)[] = [];
  #state: LinkState = 'open';
  #waiting: (() => void)[] = [];
  readonly world = new World(Date.now());
  readonly home = { state: (new URLSearchParams(location.search).get('home') ?? 'open') as 'none' | 'locked' | 'open' };
  readonly #answers = answers(this.world, this.home);
  /** Every call that was made; for tests. */
  readonly calls: { method: Method; params: unknown }[] = [];

  constructor() {
    if (this.home.state === 'none') this.world.talks = [];
    this.world.tell = (event) => queueMicrotask(() => this.#events.forEach((listener) => listener(event)));
  }

  async call<M extends Method>(method: M, ...[params]: Given<M>): Promise<Result<M>> {
    this.calls.push({ method, params });
    if (this.#state !== 'open') await new Promise<void>((back) => this.#waiting.push(back));
    await Promise.resolve();
    const answer = this.#answers[method] as ((params: unknown) => unknown) | undefined;
    if (!answer) throw new CallFailed(-32601, 'no such method');
    return structuredClone(answer(params)) as Result<M>;
  }

  onEvent(listener: (event: Event) => void) {
    this.#events.push(listener);
  }

  onState(listener: (state: LinkState) => void) {
    this.#states.push(listener);
    listener(this.#state);
  }

  state(state: LinkState) {
    this.#state = state;
    this.#states.forEach((listener) => listener(state));
    if (state === 'open') this.#waiting.splice(0).forEach((back) => back());
  }

  /** Lets a message of somebody else arrive; `ago` milliseconds late. */
  arrive(title: string, author: string, text: string, ago = 0) {
    const talk = this.world.talks.find((one) => one.title === title);
    if (!talk) return;
    this.world.put(talk.conversation, this.world.item(author, text, Date.now() - ago));
    talk.unread += 1;
    this.world.newest(talk);
  }

  tell(event: Event) {
    this.world.tell(event);
  }
}

export function mock(): Transport {
  const made = new MockTransport();
  Object.assign(window, { mock: made });
  return made;
}

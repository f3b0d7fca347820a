// JSON-RPC 2.0 over a pipe that may break: the WebSocket of the web door, or the window's own.
//
// While the pipe is away, calls wait; when it is back, those are made again that do no harm twice: reading, and
// sending, which carries an id of the page's own. Others end with `interrupted`: whoever asked has to look what came of it.
import type { Event } from './bindings';
import { CallFailed, CODE, type Given, type LinkState, type Method, type Result, type Transport } from './transport';

/** One connection. Whoever opens it sets what is called. */
export interface Pipe {
  send(message: string): void;
  onopen: () => void;
  onmessage: (message: string) => void;
  onclose: () => void;
}

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 8_000;
/** Calls that wait for an answer, or for the pipe; more are refused. */
const MOST_WAITING = 1_000;

const ONCE: ReadonlySet<Method> = new Set<Method>([
  'new', 'init', 'restore', 'invite', 'add_contact', 'answer_request', 'link_device', 'confirm_device', 'retire_device', 'move_root',
  'contact_link', 'edit', 'delete', 'offer_device', 'settle_in', 'leave', 'remove',
]); // prettier-ignore

interface Waiting {
  method: Method;
  message: string;
  sent: boolean;
  done(result: never): void;
  failed(error: Error): void;
}

export class Client implements Transport {
  #pipe: Pipe | undefined;
  #state: LinkState = 'connecting';
  #next = 1;
  #pause = FIRST_PAUSE;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting = new Map<number, Waiting>();
  #events: ((event: Event) => void)[] = [];
  #states: ((state: LinkState) => void)[] = [];

  constructor(
    readonly kind: Transport['kind'],
    private readonly connect: () => Pipe,
    /** Asked when the pipe closed: whether the door still lets this page in. */
    private readonly allowed: () => Promise<boolean> = async () => true,
  ) {
    this.#open();
  }

  call<M extends Method>(method: M, ...[params]: Given<M>): Promise<Result<M>> {
    return new Promise((done, failed) => {
      if (this.#waiting.size >= MOST_WAITING)
        return failed(new CallFailed(CODE.interrupted, 'too many calls are waiting'));
      const id = this.#next++;
      const message = JSON.stringify({ jsonrpc: '2.0', id, method, params });
      const waiting: Waiting = { method, message, sent: false, done: done as (result: never) => void, failed };
      this.#waiting.set(id, waiting);
      if (this.#state === 'open') this.#send(waiting);
    });
  }

  onEvent(listener: (event: Event) => void) {
    this.#events.push(listener);
  }

  onState(listener: (state: LinkState) => void) {
    this.#states.push(listener);
    listener(this.#state);
  }

  /** Tries at once instead of after the pause: the network or the window came back. */
  hurry() {
    if (this.#state !== 'away' || this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#open();
  }

  #open() {
    this.#timer = undefined;
    const pipe = (this.#pipe = this.connect());
    pipe.onopen = () => {
      this.#pause = FIRST_PAUSE;
      this.#tell('open');
      for (const waiting of this.#waiting.values()) this.#send(waiting);
    };
    pipe.onmessage = (message) => this.#heard(message);
    pipe.onclose = () => void this.#closed();
  }

  #send(waiting: Waiting) {
    if (waiting.sent) return;
    waiting.sent = true;
    this.#pipe?.send(waiting.message);
  }

  #heard(text: string) {
    const heard = JSON.parse(text) as {
      id?: number;
      method?: string;
      result?: never;
      error?: { code: number; message: string };
    };
    if (heard.method !== undefined) {
      for (const listener of this.#events) listener(heard as unknown as Event);
      return;
    }
    const waiting = this.#waiting.get(heard.id ?? 0);
    if (!waiting) return;
    this.#waiting.delete(heard.id ?? 0);
    if (heard.error) waiting.failed(new CallFailed(heard.error.code, heard.error.message));
    else waiting.done(heard.result as never);
  }

  async #closed() {
    this.#tell('away');
    for (const [id, waiting] of this.#waiting) {
      if (waiting.sent && ONCE.has(waiting.method)) {
        this.#waiting.delete(id);
        waiting.failed(
          new CallFailed(CODE.interrupted, 'the connection to the peer went away: look whether it was done'),
        );
      } else waiting.sent = false;
    }
    if (!(await this.allowed())) return this.#tell('refused');
    this.#timer = setTimeout(() => this.#open(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  #tell(state: LinkState) {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of this.#states) listener(state);
  }
}

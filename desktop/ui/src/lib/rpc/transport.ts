// The one seam between the page and whatever runs the peer. Nothing outside this folder knows which one it is.
import type { Event, Methods } from './bindings';

export type Method = keyof Methods;
export type Params<M extends Method> = Methods[M]['params'];
export type Result<M extends Method> = Methods[M]['result'];
/** The parameters as arguments: none for a call that takes none. */
export type Given<M extends Method> = Params<M> extends undefined ? [] : [params: Params<M>];

/** `open`: calls go through. `away`: tries to come back by itself. `refused`: this page is not let in any more. */
export type LinkState = 'connecting' | 'open' | 'away' | 'refused';

export interface Transport {
  readonly kind: 'socket' | 'window' | 'mock';
  call<M extends Method>(method: M, ...given: Given<M>): Promise<Result<M>>;
  onEvent(listener: (event: Event) => void): void;
  /** Tells the state at once, and each other one from then on. */
  onState(listener: (state: LinkState) => void): void;
}

/** Why a call failed. The peer's message says what to do about it. */
export class CallFailed extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
    this.name = 'CallFailed';
  }
}

/** The codes of docs/api.md that the page tells apart, and one of its own. */
export const CODE = {
  invalid: -32602,
  notFound: -32001,
  notAllowed: -32002,
  machine: -32003,
  locked: -32004,
  /** The connection went away while a call was out that must not be made twice. */
  interrupted: -1,
} as const;

/** Turns whatever was thrown into words. */
export const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

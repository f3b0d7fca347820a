// The pipe of the app's window: what would go over a socket goes to the peer in the same program.
//
// Besides the peer's messages, the window's own come over it: a link was clicked elsewhere, or a notification.
import { Channel, invoke } from '@tauri-apps/api/core';
import type { Pipe } from '$lib/rpc/client';

const ignore = () => {};

/** What the window tells, by the names in `desktop/src`. */
export interface Told {
  host_link: { link: string };
  host_open: { id: string };
}

type Listener = (name: keyof Told, params: Told[keyof Told]) => void;

/** Opens a session with the peer. `told` hears what the window says. */
export function windowPipe(told: Listener): Pipe {
  const channel = new Channel<string>();
  const pipe: Pipe = {
    send: (message) => void invoke('rpc', { message }).catch(() => pipe.onclose()),
    onopen: ignore,
    onmessage: ignore,
    onclose: ignore,
  };
  channel.onmessage = (text) => {
    const own = /^\{"jsonrpc":"2\.0","method":"host_/.test(text);
    if (!own) return pipe.onmessage(text);
    const { method, params } = JSON.parse(text) as { method: keyof Told; params: Told[keyof Told] };
    told(method, params);
  };
  invoke('listen', { channel }).then(
    () => pipe.onopen(),
    () => pipe.onclose(),
  );
  return pipe;
}

// The pipe of the window: the same messages as on a socket, by one command there and one channel back. The window does
// not lose it as long as it lives. Messages that begin with `host_` are the window's own, for the host.
import { Channel, invoke } from '@tauri-apps/api/core';
import { TauriHost } from '$lib/host/tauri';
import { Client, type Pipe } from './client';

const ignore = () => {};

export async function tauri(): Promise<{ transport: Client; host: TauriHost }> {
  const host = new TauriHost();
  const connect = (): Pipe => {
    const pipe: Pipe = {
      send: (message) => void invoke('rpc', { message }).catch(() => pipe.onclose()),
      onopen: ignore,
      onmessage: ignore,
      onclose: ignore,
    };
    const channel = new Channel<string>();
    channel.onmessage = (message) =>
      message.includes('"method":"host_') ? host.heard(message) : pipe.onmessage(message);
    invoke('listen', { channel }).then(
      () => pipe.onopen(),
      () => pipe.onclose(),
    );
    return pipe;
  };
  return { transport: new Client('window', connect), host };
}

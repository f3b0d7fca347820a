// Chooses what the page stands on: the app's window, the socket of the web door, or, for tests and looking around, a
// pretended peer.
import { BrowserHost } from '$lib/host/browser';
import type { Host } from '$lib/host/host';
import { socket } from './socket';
import type { Transport } from './transport';

export async function pick(): Promise<{ transport: Transport; host: Host }> {
  if ('__TAURI_INTERNALS__' in window) return (await import('$lib/window/open')).open();
  const host = new BrowserHost();
  if (import.meta.env.MODE === 'mock') return { host, transport: (await import('./mock/transport')).mock() };
  return { host, transport: await socket() };
}

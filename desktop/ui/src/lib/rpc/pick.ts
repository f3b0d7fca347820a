// Chooses the transport: the window's, a pretended one for tests and looking around, or the socket of the web door.
import { SocketTransport } from './socket';
import type { Transport } from './transport';

/** Exchanges the one-time token of the address for a cookie, and takes it out of the address and the history. */
async function login(): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (!token) return;
  history.replaceState(null, '', location.pathname + location.search);
  await fetch('/login', { method: 'POST', body: token, headers: { 'content-type': 'text/plain' } });
}

/** Whether the door lets this page in, as far as it answers at all. */
async function allowed(): Promise<boolean> {
  try {
    return (await fetch('/login', { method: 'GET', cache: 'no-store' })).status !== 401;
  } catch {
    return true;
  }
}

export async function pick(): Promise<Transport> {
  if (import.meta.env.MODE === 'mock') return (await import('./mock/transport')).mock();
  await login();
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const socket = new SocketTransport(`${scheme}://${location.host}/ws`, allowed);
  addEventListener('online', () => socket.hurry());
  document.addEventListener('visibilitychange', () => document.hidden || socket.hurry());
  return socket;
}

// The pipe of the web door: a WebSocket, behind a one-time token and a cookie.
import { Client, type Pipe } from './client';

const ignore = () => {};

function socketPipe(): Pipe {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const socket = new WebSocket(`${scheme}://${location.host}/ws`);
  const pipe: Pipe = { send: (message) => socket.send(message), onopen: ignore, onmessage: ignore, onclose: ignore };
  socket.onopen = () => pipe.onopen();
  socket.onmessage = (message) => pipe.onmessage(String(message.data));
  socket.onclose = () => pipe.onclose();
  return pipe;
}

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
    return (await fetch('/login', { cache: 'no-store' })).status !== 401;
  } catch {
    return true;
  }
}

export async function socket(): Promise<Client> {
  await login();
  const client = new Client('socket', socketPipe, allowed);
  addEventListener('online', () => client.hurry());
  document.addEventListener('visibilitychange', () => document.hidden || client.hurry());
  return client;
}

/** Waiting for conditions, never for time. */
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const WAIT_MAX_MS = 45_000;
const STEP_MS = 50;

/** Resolves with the first truthy answer; what the condition throws counts as "not yet". */
export async function until(what, condition, max_ms = WAIT_MAX_MS) {
  const deadline = Date.now() + max_ms;
  let last;
  for (;;) {
    try {
      last = await condition();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}; last answer: ${String(last)}`);
    await pause(STEP_MS);
  }
}

/** A port that nobody has at the moment. */
export async function freePort() {
  const server = createServer();
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

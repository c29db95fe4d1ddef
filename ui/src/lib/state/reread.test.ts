// Updates are coalesced: however many come during a reading, one more reading follows.
import { Reread } from './reread';

test('a burst of updates costs two readings, and the last one began after the burst', async () => {
  const gates: (() => void)[] = [];
  const reread = new Reread(() => new Promise((go) => gates.push(go)));
  const first = reread.ask();
  const burst = [reread.ask(), reread.ask(), reread.ask()];
  expect(gates.length).toBe(1);
  gates[0]!();
  await first;
  await Promise.resolve();
  expect(gates.length).toBe(2);
  gates[1]!();
  await Promise.all(burst);
  expect(gates.length).toBe(2);
});

test('a reading that failed does not stop the next one', async () => {
  let turn = 0;
  const reread = new Reread(() => (turn++ === 0 ? Promise.reject(new Error('no')) : Promise.resolve()));
  await expect(reread.ask()).rejects.toThrow('no');
  await expect(reread.ask()).resolves.toBeUndefined();
});

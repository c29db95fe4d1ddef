/** What a person does with the screen, by mouse and by keyboard, on the fake core. */
import { fake, openBrowser, type Look, type Page } from './browser';

type Browser = Awaited<ReturnType<typeof openBrowser>>;
let browser: Browser;
beforeAll(async () => void (browser = await openBrowser()));
afterAll(() => browser?.close());

/** One test: a page in a world, which must not complain on the console. */
function story(name: string, look: Look, run: (page: Page) => Promise<void>) {
  test(name, async () => {
    const { page, complaints, close } = await browser.open(look);
    try {
      await run(page);
      expect(complaints).toEqual([]);
    } finally {
      await close();
    }
  });
}

const list = (page: Page) => page.getByRole('navigation');
const composer = (page: Page) => page.locator('[data-composer]');
const settled = (page: Page) => page.locator('.viewport.settled').waitFor();
const asked = (page: Page, type: string) =>
  page.evaluate((type) => (globalThis as any).filFake.asked.filter((one: any) => one.type === type), type) as Promise<any[]>;
const focused = (page: Page) =>
  page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '');

/** Until the timeline has not moved for some frames: the list corrects its position while it measures rows. */
const still = (page: Page) =>
  page.locator('.viewport.settled').evaluate(async (viewport) => {
    let at = viewport.scrollTop;
    for (let frames = 0; frames < 15; frames++) {
      await new Promise((done) => requestAnimationFrame(done));
      if (Math.abs(viewport.scrollTop - at) > 1) frames = 0;
      at = viewport.scrollTop;
    }
  });

async function open(page: Page, title: RegExp) {
  await list(page).getByRole('button', { name: title }).first().click();
  await settled(page);
}

describe('signing in', () => {
  story('is done with the keyboard alone', { scenario: 'signed_out' }, async (page) => {
    await page.locator('input[name=server]').focus();
    for (const text of ['fil.example.org', 'atelier', 'camille', 'long enough']) {
      await page.keyboard.type(text);
      if (text !== 'long enough') await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await list(page).getByText('Atelier Bellecour').waitFor();
    expect((await asked(page, 'sign_in'))[0]).toEqual({
      type: 'sign_in',
      server: 'fil.example.org',
      organisation: 'atelier',
      handle: 'camille',
      password: 'long enough',
    });
  });

  story('says which field is missing and goes there', { scenario: 'signed_out' }, async (page) => {
    await page.locator('button[type=submit]').click();
    await page.waitForFunction(() => (document.activeElement as HTMLInputElement).name === 'server');
    expect(await page.locator('[aria-invalid=true]').count()).toBe(3);
    expect(await asked(page, 'sign_in')).toEqual([]);
  });

  for (const [kind, text] of [
    ['wrong_credentials', 'Organisation, handle or password is wrong.'],
    ['not_a_server', 'There is no Fil server at this address.'],
    ['rate_limited', 'Too many attempts.'],
    ['offline', 'The server cannot be reached.'],
    ['update_needed', 'One of them has to be updated.'],
  ]) {
    story(`tells ${kind} in words`, { scenario: 'signed_out' }, async (page) => {
      await fake(page, (it, kind) => it.refuse.set('sign_in', kind), kind);
      for (const name of ['server', 'handle', 'password']) await page.locator(`input[name=${name}]`).fill('x');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').getByText(text!).waitFor();
    });
  }

  story('is offered again where the server ended the session, without losing the screen', {}, async (page) => {
    await fake(page, (it) => it.haveProblem('signed_out'));
    await page.getByRole('button', { name: 'Sign in again' }).click();
    expect(await page.locator('input[name=handle]').inputValue()).toBe('camille');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await list(page).waitFor();
  });

  story('out is refused while messages wait, and asks before they are lost', {}, async (page) => {
    await open(page, /Atelier/);
    await fake(page, (it) => it.goOffline());
    await composer(page).fill('waiting');
    await page.keyboard.press('Enter');
    await page.locator('[data-state=queued]').waitFor();
    await page.getByRole('button', { name: /Account and settings/ }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Delete them and sign out' }).click();
    await page.locator('input[name=server]').waitFor();
    expect((await asked(page, 'sign_out')).map((one) => one.discard_unsent)).toEqual([false, true]);
  });
});

describe('the list', () => {
  story('shows drafts, refusals and unread counts in words as well', {}, async (page) => {
    await list(page).getByRole('button', { name: /Atelier Bellecour.*3 unread messages/s }).waitFor();
    await list(page).getByRole('button', { name: /Jonas Weber.*Draft:.*the beam/s }).waitFor();
    await list(page).getByRole('button', { name: /Tom Okafor.*A message was not accepted/s }).waitFor();
  });

  story('is walked with arrows, and with Alt from anywhere', {}, async (page) => {
    await open(page, /Tom Okafor/);
    await page.keyboard.press('Alt+ArrowDown');
    await page.getByRole('heading', { name: 'Atelier Bellecour' }).waitFor();
    await page.keyboard.press('Alt+Shift+ArrowDown');
    await page.getByRole('heading', { name: 'Léa Fontaine' }).waitFor();
    await page.keyboard.press('Alt+ArrowUp');
    await page.getByRole('heading', { name: 'Atelier Bellecour' }).waitFor();
    await page.keyboard.press('F6');
    expect(await focused(page)).toContain('Atelier Bellecour');
    await page.keyboard.press('ArrowDown');
    expect(await focused(page)).toContain('Léa Fontaine');
    await page.keyboard.press('End');
    expect(await focused(page)).toContain('林 美');
  });

  story('keeps 300 conversations light and reachable', { scenario: 'many' }, async (page) => {
    await list(page).getByText('Projet 1 –').waitFor();
    expect(await list(page).locator('li').count()).toBeLessThan(60);
    await page.keyboard.press('F6');
    await page.keyboard.press('End');
    await page.waitForFunction(() => document.activeElement?.textContent?.includes('Projet 300'));
  });
});

describe('the timeline', () => {
  story('opens at the first unread message, and the line stays when all is read', { scenario: 'long' }, async (page) => {
    await open(page, /The long one/);
    const line = page.locator('[data-new-line]');
    const box = (await line.boundingBox())!;
    expect(box.y).toBeGreaterThan(60);
    expect(box.y).toBeLessThan(300);
    expect(await asked(page, 'mark_read')).toEqual([]);
    await page.locator('[data-jump]').click();
    await page.waitForFunction(() => (globalThis as any).filFake.asked.some((one: any) => one.type === 'mark_read'));
    expect((await asked(page, 'mark_read'))[0].seq).toBe(2000);
    await line.waitFor({ state: 'detached' });
    await page.mouse.move(700, 400);
    while ((await line.count()) === 0) await page.mouse.wheel(0, -400);
  });

  story('stays where it is while pages come in above', { scenario: 'long', latency: 40 }, async (page) => {
    await open(page, /The long one/);
    for (let turn = 0; turn < 6; turn++) {
      await still(page);
      const pages = (await asked(page, 'timeline')).length;
      const before = await page.locator('.viewport.settled').evaluate(async (viewport) => {
        viewport.scrollTop = 300;
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        const top = viewport.getBoundingClientRect().top;
        const anchor = [...viewport.querySelectorAll('article')]
          .filter((one) => one.getBoundingClientRect().top >= top)
          .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)[1]!;
        return { seq: anchor.dataset['seq']!, top: anchor.getBoundingClientRect().top };
      });
      await page.waitForFunction((pages) => (globalThis as any).filFake.asked.filter((one: any) => one.type === 'timeline').length > pages, pages);
      await page.waitForFunction((seq) => {
        const seqs = [...document.querySelectorAll<HTMLElement>('article')].map((one) => Number(one.dataset['seq']));
        return Math.min(...seqs) < Number(seq) - 4;
      }, before.seq);
      const after = await page.evaluate(async (seq) => {
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        return document.querySelector(`article[data-seq="${seq}"]`)!.getBoundingClientRect().top;
      }, before.seq);
      expect(Math.abs(after - before.top)).toBeLessThan(3);
    }
  });

  story('stays at the end when something comes, and counts it when not at the end', { scenario: 'long' }, async (page) => {
    await open(page, /The long one/);
    await page.keyboard.press('Control+j');
    await page.locator('article[data-seq="2000"]').waitFor();
    await fake(page, (it) => it.receive('long', 'nadia', 'at the end'));
    await page.locator('article').getByText('at the end').waitFor();
    const gap = () => page.locator('.viewport.settled').evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight);
    await page.waitForFunction(() => {
      const one = document.querySelector('.viewport.settled')!;
      return one.scrollHeight - one.scrollTop - one.clientHeight < 24;
    });
    expect(await gap()).toBeLessThan(24);
    await page.mouse.move(700, 400);
    while ((await page.locator('[data-jump]').count()) === 0) await page.mouse.wheel(0, -400);
    await fake(page, (it) => it.receive('long', 'nadia', 'below'));
    await page.getByRole('button', { name: 'Go to the newest message, 1 unread' }).waitFor();
  });

  story('is walked with arrows; a message says who, what, when and how far', {}, async (page) => {
    await open(page, /Atelier/);
    await page.keyboard.press('F6');
    await page.keyboard.press('F6');
    expect(await focused(page)).toMatch(/^Inès Carvalho, See you on Monday then 👋, .*\d\d:\d\d$/);
    for (let step = 0; step < 5; step++) await page.keyboard.press('ArrowUp');
    expect(await focused(page)).toMatch(/^You, Wonderful, that was the last one!, .*, Sent$/);
    await page.keyboard.press('Shift+F10');
    await page.getByRole('menu').waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('.toast').getByText('Copied').waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('Wonderful, that was the last one!');
  });

  story('tells a screen reader what comes, several at once as a number', {}, async (page) => {
    await open(page, /Atelier/);
    await fake(page, (it) => it.receive('atelier', 'nadia', 'Are you there?'));
    await page.locator('[aria-live=polite]').getByText('Nadia Haddad: Are you there?').waitFor({ state: 'attached' });
    await fake(page, (it) => [1, 2, 3].forEach((n) => it.receive('atelier', 'nadia', `quick ${n}`)));
    await page.locator('[aria-live=polite]').getByText('3 new messages').waitFor({ state: 'attached' });
  });

  story('says why older messages cannot be loaded, and loads them when the connection is back', { scenario: 'long' }, async (page) => {
    await open(page, /The long one/);
    await fake(page, (it) => {
      it.goOffline();
      it.world.conversations.find((one: any) => one.id === 'long').kept_from = 1940;
    });
    await page.locator('.viewport.settled').evaluate((viewport) => (viewport.scrollTop = 0));
    await page.getByText(/Older messages could not be loaded: The server cannot be reached/).waitFor();
    await fake(page, (it) => it.goOnline());
    await page.getByText(/Older messages could not be loaded/).waitFor({ state: 'detached' });
  });

  story('loads older messages when asked again', { scenario: 'long' }, async (page) => {
    await open(page, /The long one/);
    await settled(page);
    await fake(page, (it) => it.refuse.set('timeline', 'internal'));
    await page.locator('.viewport.settled').evaluate((viewport) => (viewport.scrollTop = 0));
    await page.getByText(/Older messages could not be loaded/).waitFor();
    await page.locator('.older button').click();
    await page.getByText(/Older messages could not be loaded/).waitFor({ state: 'detached' });
  });
});

describe('the composer', () => {
  story('sends with Enter, breaks the line with Shift+Enter, and shows the clock, then the tick', {}, async (page) => {
    await open(page, /Atelier/);
    await fake(page, (it) => (it.verdict_ms = null));
    await composer(page).focus();
    await page.keyboard.type('one');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('two');
    await page.keyboard.press('Enter');
    const message = page.locator('article[data-state=queued]');
    await message.getByText('Waiting to be sent').waitFor({ state: 'attached' });
    expect((await asked(page, 'send'))[0].text).toBe('one\ntwo');
    expect(await composer(page).inputValue()).toBe('');
    await fake(page, (it) => {
      it.verdict_ms = 0;
      it.goOnline();
    });
    await page.locator('article.own').last().getByText('Sent', { exact: true }).waitFor({ state: 'attached' });
  });

  story('keeps a draft for each conversation and shows it in the list', {}, async (page) => {
    await open(page, /Atelier/);
    await composer(page).fill('half a thought');
    await page.keyboard.press('Alt+ArrowDown');
    await list(page).getByText('half a thought').waitFor();
    expect(await composer(page).inputValue()).toBe('');
    await open(page, /Jonas/);
    expect(await composer(page).inputValue()).toBe('About the beam above the window:');
    await open(page, /Atelier/);
    expect(await composer(page).inputValue()).toBe('half a thought');
    expect((await asked(page, 'save_draft')).map((one) => one.text)).toEqual(['half a thought']);
  });

  story('edits the last own message with the up arrow, and Escape gives the draft back', {}, async (page) => {
    await open(page, /Atelier/);
    await composer(page).press('ArrowUp');
    expect(await composer(page).inputValue()).toBe('Wonderful, that was the last one!');
    await page.keyboard.press('Escape');
    expect(await composer(page).inputValue()).toBe('');
    await composer(page).press('ArrowUp');
    await composer(page).fill('Wonderful!');
    await page.keyboard.press('Enter');
    await page.locator('article', { hasText: 'Wonderful!' }).getByText('edited').waitFor();
  });

  story('gives a message back that was not taken, and says why', {}, async (page) => {
    await open(page, /Atelier/);
    await fake(page, (it) => it.refuse.set('send', 'outbox_full'));
    await composer(page).fill('precious');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('Too many messages are waiting').waitFor();
    expect(await composer(page).inputValue()).toBe('precious');
  });
});

describe('a refused message', () => {
  story('is offered retry, edit, copy and delete', {}, async (page) => {
    await open(page, /Tom/);
    const message = page.locator('[data-state=rejected]');
    await message.getByText('The text is too long.', { exact: true }).waitFor();
    await message.getByRole('button', { name: 'Edit' }).last().click();
    await composer(page).fill('shorter');
    await page.keyboard.press('Enter');
    await page.locator('article[data-state=sent]', { hasText: 'shorter' }).waitFor();
    await message.waitFor({ state: 'detached' });
  });

  story('goes out after a retry', {}, async (page) => {
    await open(page, /Tom/);
    await page.locator('.actions').getByRole('button', { name: 'Retry' }).click();
    await page.locator('article[data-state=sent]', { hasText: 'whole specification' }).waitFor();
  });

  story('is deleted only after a question', {}, async (page) => {
    await open(page, /Tom/);
    await page.locator('.actions').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    expect(await asked(page, 'discard')).toEqual([]);
    await page.locator('.actions').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.locator('[data-state=rejected]').waitFor({ state: 'detached' });
  });
});

describe('finding', () => {
  story('marks the words and opens a conversation at a hit far above', { scenario: 'long' }, async (page) => {
    await page.keyboard.press('Control+Shift+F');
    await page.keyboard.type('no 1234');
    // What the beginnings of the question have found is on the screen before, and other messages are the first of it.
    await page.waitForFunction(() => (globalThis as any).filFake.asked.findLast((one: any) => one.type === 'search')?.query === 'no 1234');
    await list(page).locator('mark', { hasText: '1235' }).waitFor({ state: 'detached' });
    await list(page).locator('mark', { hasText: '1234' }).first().waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('article.flashed[data-seq="1235"]').waitFor();
    const box = (await page.locator('article.flashed').boundingBox())!;
    expect(box.y).toBeGreaterThan(60);
    expect(box.y + box.height).toBeLessThan(660);
  });

  story('in one conversation asks for that one, and everywhere again with one press', {}, async (page) => {
    await open(page, /Atelier/);
    await page.keyboard.press('Control+f');
    await page.keyboard.type('keys');
    await list(page).locator('mark').first().waitFor();
    expect((await asked(page, 'search')).at(-1).conversation).toBe('atelier');
    await page.getByRole('button', { name: /Search everywhere/ }).click();
    await page.waitForFunction(() => (globalThis as any).filFake.asked.findLast((one: any) => one.type === 'search').conversation === null);
    await page.locator('#search').press('Escape');
    await list(page).getByText('Atelier Bellecour').waitFor();
  });

  story('somebody by name begins or opens a conversation', {}, async (page) => {
    await page.keyboard.press('Control+k');
    await page.keyboard.type('sven');
    await page.getByRole('option', { name: /Sven/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Sven Åkerlund' }).waitFor();
    await page.waitForFunction(() => document.activeElement?.matches('[data-composer]'));
  });

  story('one person by name is ready to be written to', {}, async (page) => {
    await page.keyboard.press('Control+n');
    await page.keyboard.type('sven');
    await page.getByRole('option', { name: /Sven/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Sven Åkerlund' }).waitFor();
    await page.waitForFunction(() => document.activeElement?.matches('[data-composer]'));
    await page.keyboard.type('Hello');
    await page.keyboard.press('Enter');
    await page.getByText('Hello', { exact: true }).first().waitFor();
  });

  story('several people makes a group', {}, async (page) => {
    await page.keyboard.press('Control+n');
    await page.getByRole('radio', { name: 'Group' }).check();
    await page.locator('input[name=title]').fill('Site visit');
    const input = page.getByRole('combobox');
    for (const handle of ['nad', 'jon']) {
      await input.fill(handle);
      await page.waitForFunction((handle) => (globalThis as any).filFake.asked.findLast((one: any) => one.type === 'people').query === handle, handle);
      await page.waitForFunction(() => document.querySelectorAll('[role=option]').length === 1);
      await input.press('Enter');
    }
    await page.getByRole('button', { name: 'Create the group' }).click();
    await page.getByRole('heading', { name: 'Site visit' }).waitFor();
    await page.waitForFunction(() => document.activeElement?.matches('[data-composer]'));
    expect((await asked(page, 'create_group'))[0]).toEqual({ type: 'create_group', title: 'Site visit', members: ['a-nadia', 'a-jonas'] });
  });
});

describe('the connection', () => {
  story('that is away for less than three seconds shows no banner', {}, async (page) => {
    await open(page, /Atelier/);
    await page.clock.install();
    await fake(page, (it) => it.goOffline());
    await page.clock.runFor(2500);
    expect(await page.locator('[data-banner=offline]').count()).toBe(0);
    await fake(page, (it) => it.goOnline());
    await page.clock.runFor(5000);
    expect(await page.locator('[data-banner=offline]').count()).toBe(0);
    await fake(page, (it) => it.goOffline());
    await page.clock.runFor(3500);
    await page.locator('[data-banner=offline]').waitFor();
    await page.getByRole('button', { name: 'Connect now' }).click();
    await page.clock.runFor(100);
    await page.locator('[data-banner=offline]').waitFor({ state: 'detached' });
  });

  for (const [problem, text] of [
    ['account_disabled', 'Your account was disabled'],
    ['update_app', 'This app is too old'],
    ['update_server', 'The server is too old'],
    ['disk_full', 'The disk is full'],
    ['cache_rebuilt', 'is being rebuilt'],
    ['outbox_stuck', 'keeps failing'],
    ['sync_problem', 'slowed down'],
  ]) {
    story(`with the problem ${problem} says so`, {}, async (page) => {
      await fake(page, (it, problem) => it.haveProblem(problem), problem);
      await page.getByRole('status').getByText(text!).waitFor();
    });
  }

  story('that missed updates reads everything on screen again', {}, async (page) => {
    await open(page, /Atelier/);
    await fake(page, (it) => {
      it.world.conversations[0].items.at(-1).body.text = 'changed behind the back';
      it.overflow();
    });
    await page.locator('article').getByText('changed behind the back').waitFor();
    await list(page).getByText('changed behind the back').waitFor();
  });
});

describe('the window', () => {
  story('counts as read only what is in front', {}, async (page) => {
    await page.evaluate(() => {
      document.hasFocus = () => false;
      dispatchEvent(new Event('blur'));
    });
    await open(page, /Atelier/);
    await page.keyboard.press('Control+j');
    await fake(page, (it) => it.receive('atelier', 'nadia', 'unseen'));
    await page.locator('article').getByText('unseen').waitFor();
    expect(await asked(page, 'mark_read')).toEqual([]);
    await page.evaluate(() => {
      document.hasFocus = () => true;
      dispatchEvent(new Event('focus'));
    });
    await page.waitForFunction(() => (globalThis as any).filFake.asked.some((one: any) => one.type === 'mark_read'));
  });

  story('shows one pane where there is room for one', { width: 420 }, async (page) => {
    await open(page, /Atelier/);
    expect(await list(page).isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Back to the list' }).click();
    await list(page).getByText('Atelier Bellecour').waitFor();
    expect(await composer(page).count()).toBe(0);
  });

  story('changes language and theme in place and remembers them', {}, async (page) => {
    await page.getByRole('button', { name: /Account and settings/ }).click();
    await page.getByRole('radio', { name: 'Français' }).check();
    await page.getByRole('radio', { name: 'Sombre' }).check();
    expect(await page.evaluate(() => [document.documentElement.lang, getComputedStyle(document.documentElement).colorScheme])).toEqual(['fr', 'dark']);
    await page.reload();
    await list(page).getByRole('button', { name: /3 messages non lus/ }).waitFor();
  });

  story('holds nothing wider than itself, at the smallest size too', { width: 360, height: 480, locale: 'fr-FR' }, async (page) => {
    for (const title of [/Maximiliane/, /Tom/, /Atelier/]) {
      await open(page, title);
      const wide = await page.evaluate(() =>
        [...document.querySelectorAll('main *')]
          .filter((one) => !one.closest('.cut') && one.checkVisibility({ visibilityProperty: true }) && one.getBoundingClientRect().right > innerWidth + 1)
          .map((one) => `${one.tagName}.${one.className} ${one.textContent}`),
      );
      expect(wide).toEqual([]);
      await page.keyboard.press('Escape');
    }
  });
});

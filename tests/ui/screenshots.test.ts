/**
 * Every screen in both themes and languages and three sizes, as files in `artifacts/ui` for people to look at, each
 * audited by axe. Fails on what axe finds and on whatever the console complains about.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { audit, fake, openBrowser, type Look, type Page } from './browser';

const FOLDER = fileURLToPath(new URL('../../artifacts/ui/', import.meta.url));
type Browser = Awaited<ReturnType<typeof openBrowser>>;

interface Screen {
  name: string;
  look?: Look;
  prepare?: (page: Page) => Promise<void>;
}

const open = (title: string | RegExp) => async (page: Page) => {
  await page.getByRole('navigation').getByRole('button', { name: title }).first().click();
  await page.locator('.viewport.settled').waitFor();
};

const SCREENS: Screen[] = [
  { name: 'sign_in', look: { scenario: 'signed_out' }, prepare: async (page) => void (await page.locator('form').waitFor()) },
  {
    name: 'sign_in_failed',
    look: { scenario: 'signed_out' },
    prepare: async (page) => {
      const fields = page.locator('form input:not([type=radio])');
      for (const [index, text] of ['fil.example.org', '', 'camille', 'wrong'].entries()) await fields.nth(index).fill(text);
      await page.keyboard.press('Enter');
      await page.locator('.failure').waitFor();
    },
  },
  {
    name: 'sign_in_invite',
    look: { scenario: 'signed_out' },
    prepare: async (page) => {
      await page.locator('form input[value=invite]').check({ force: true });
      await page.locator('form button[type=submit]').click();
      await page.locator('.box.missing').first().waitFor();
    },
  },
  { name: 'none_open', prepare: async (page) => void (await page.getByRole('navigation').getByText('Atelier Bellecour').waitFor()) },
  { name: 'empty', look: { scenario: 'empty' }, prepare: async (page) => void (await page.locator('nav .empty').waitFor()) },
  { name: 'group', prepare: open(/Atelier Bellecour/) },
  { name: 'direct', prepare: open(/Léa Fontaine/) },
  { name: 'long_words', prepare: open(/Maximiliane/) },
  { name: 'right_to_left', prepare: open(/يوسف/) },
  {
    name: 'rejected',
    prepare: async (page) => {
      await open(/Tom Okafor/)(page);
      await page.locator('[data-state=rejected]').waitFor();
    },
  },
  {
    name: 'offline',
    prepare: async (page) => {
      await open(/Atelier Bellecour/)(page);
      await fake(page, (it) => it.goOffline(Date.now() - 10_000));
      await page.locator('textarea').fill('This is written without a connection.\nIt has two lines.');
      await page.keyboard.press('Enter');
      await page.locator('[data-state=queued]').waitFor();
      await page.locator('[data-banner=offline]').waitFor();
    },
  },
  {
    name: 'problem',
    prepare: async (page) => {
      await open(/Atelier Bellecour/)(page);
      await fake(page, (it) => {
        it.haveProblem('signed_out');
        it.revert('atelier', 'forbidden');
      });
      await page.locator('[data-problem]').waitFor();
      await page.locator('.toast').waitFor();
    },
  },
  { name: 'many', look: { scenario: 'many' }, prepare: open(/Projet 3 /) },
  { name: 'long', look: { scenario: 'long' }, prepare: open(/The long one/) },
  {
    name: 'editing',
    prepare: async (page) => {
      await open(/Atelier Bellecour/)(page);
      await page.locator('textarea').press('ArrowUp');
      await page.locator('.editing').waitFor();
    },
  },
  {
    name: 'menu',
    prepare: async (page) => {
      await open(/Atelier Bellecour/)(page);
      await page.locator('article.own').last().click({ button: 'right' });
      await page.getByRole('menu').waitFor();
    },
  },
  {
    name: 'delete',
    prepare: async (page) => {
      await open(/Atelier Bellecour/)(page);
      await page.locator('article.own').last().click({ button: 'right' });
      await page.getByRole('menuitem').last().click();
      await page.locator('dialog').waitFor();
    },
  },
  {
    name: 'search',
    prepare: async (page) => {
      await page.keyboard.press('Control+Shift+F');
      await page.keyboard.type('the');
      await page.locator('mark').first().waitFor();
    },
  },
  {
    name: 'search_none',
    prepare: async (page) => {
      await page.keyboard.press('Control+Shift+F');
      await page.keyboard.type('xylophone');
      await page.locator('nav .empty').waitFor();
    },
  },
  {
    name: 'new_direct',
    prepare: async (page) => {
      await page.keyboard.press('Control+n');
      await page.getByRole('option').first().waitFor();
    },
  },
  {
    name: 'new_group',
    prepare: async (page) => {
      await page.keyboard.press('Control+n');
      await page.locator('dialog input[value=group]').check({ force: true });
      await page.getByRole('option').nth(1).click();
      await page.getByRole('option').nth(5).click();
      await page.locator('footer button').click();
    },
  },
  {
    name: 'switcher',
    prepare: async (page) => {
      await page.keyboard.press('Control+k');
      await page.keyboard.type('a');
      await page.getByRole('option').nth(4).waitFor();
    },
  },
  {
    name: 'keys',
    prepare: async (page) => {
      await page.keyboard.press('Control+/');
      await page.locator('dialog').waitFor();
    },
  },
  {
    name: 'settings',
    prepare: async (page) => {
      await page.locator('nav header button').first().click();
      await page.locator('[popover] section').waitFor();
    },
  },
  {
    name: 'startup_locked',
    look: { scenario: 'locked' },
    prepare: async (page) => void (await page.locator('.failure').waitFor()),
  },
];

const LOOKS: [string, Look][] = [
  ['light_en', { theme: 'light', locale: 'en-GB' }],
  ['dark_fr', { theme: 'dark', locale: 'fr-FR', width: 900, height: 600 }],
  ['light_fr_narrow', { theme: 'light', locale: 'fr-FR', width: 420, height: 720 }],
  ['dark_en_narrow', { theme: 'dark', locale: 'en-GB', width: 420, height: 720 }],
];

const only = process.env['SCREEN']?.split(',');
let browser: Browser;
beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  browser = await openBrowser();
});
afterAll(() => browser?.close());

for (const [lookName, look] of LOOKS) {
  describe(lookName, () => {
    for (const screen of SCREENS.filter((one) => !only || only.includes(one.name))) {
      test(`${screen.name} passes axe without a word on the console`, async () => {
        const { page, complaints, close } = await browser.open({ ...look, ...screen.look });
        try {
          await page.locator('#app > *').first().waitFor();
          await page.waitForFunction(() => document.fonts.status === 'loaded');
          if (screen.name !== 'sign_in' && !screen.look?.scenario?.match(/signed_out|locked/)) {
            await page.locator('nav').waitFor();
          }
          await screen.prepare?.(page);
          await page.screenshot({ path: join(FOLDER, `${screen.name}-${lookName}.png`) });
          expect(await audit(page)).toEqual([]);
          expect(complaints).toEqual([]);
        } finally {
          await close();
        }
      });
    }
  });
}

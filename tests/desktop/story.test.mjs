/**
 * The story of two people with the real desktop app, twice at once, on a real server: sign in, write to each other, lose
 * the server, go on writing, search, close and reopen the app, and see everything arrive once and in order when the
 * server is back. Pictures of the windows stay in `artifacts/desktop`.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test as one } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Key } from 'webdriverio';
import { App } from './app.mjs';
import { Server } from './server.mjs';
import { until } from './wait.mjs';

for (const name of ['FIL_SERVER_BIN', 'FIL_DESKTOP_BIN']) {
  if (!process.env[name]) throw new Error(`${name} is not set: run \`cargo xtask test --only desktop\``);
}

const PICTURES = fileURLToPath(new URL('../../artifacts/desktop/', import.meta.url));
const PASSWORD = 'correct horse battery staple';

let pictures = 0;
const folder = mkdtempSync(join(tmpdir(), 'fil-desktop-'));
const app = (name) => new App(name, folder, PICTURES, () => ++pictures);
const camille = app('camille');
const nadia = app('nadia');
let second;
let server;
let invite;

before(async () => {
  rmSync(PICTURES, { recursive: true, force: true });
  mkdirSync(PICTURES, { recursive: true });
  server = await Server.prepare(folder);
  server.chore(['organisation', 'create', 'atelier', '--name', 'Atelier']);
  server.chore(['account', 'create', 'atelier', 'camille', '--name', 'Camille Durand', '--password-stdin'], `${PASSWORD}\n`);
  invite = JSON.parse(server.chore(['account', 'invite', 'atelier', 'nadia', '--name', 'Nadia Haddad', '--json'])).invite;
  await server.start();
  await Promise.all([camille.open(), nadia.open()]);
});

after(async () => {
  await Promise.allSettled([camille.close(), nadia.close(), second?.close()]);
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

// One story: what comes after a broken step would only wait in vain.
let broken = false;
const test = (name, step) =>
  one(name, async () => {
    if (broken) throw new Error('an earlier step of the story failed');
    try {
      await step();
    } catch (error) {
      broken = true;
      await Promise.allSettled([camille.picture('broken'), nadia.picture('broken')]);
      throw error;
    }
  });

const texts = async (app) => (await app.messages()).map((message) => message.text);
const hasAll = (app, expected) =>
  until(`${app.name} has ${expected.length} messages in order`, async () => {
    const found = (await texts(app)).join('\n');
    return found === expected.join('\n') || Promise.reject(new Error(found));
  });
const allSent = (app) =>
  until(`all of ${app.name} is sent`, async () =>
    (await app.messages()).every((message) => message.state === 'sent'),
  );

test('one signs in with a password, after a clear word about a wrong one', async () => {
  await camille.sees('the form', 'form input[name=server]');
  await camille.picture('sign-in');
  await camille.fill('input[name=server]', server.url);
  await camille.fill('input[name=organisation]', 'atelier');
  await camille.fill('input[name=handle]', 'camille');
  await camille.fill('input[name=password]', 'a wrong password');
  await camille.press(Key.Enter);
  await camille.sees('why not', '[role=alert] .failure');
  await camille.picture('sign-in-refused');
  await camille.fill('input[name=password]', PASSWORD);
  await camille.press(Key.Enter);
  await camille.sees('an empty list', 'nav .empty');
  await camille.picture('empty');
});

test('the other signs in with an invite link, in French and in the dark', async () => {
  await nadia.sees('the form', 'form input[name=server]');
  for (const choice of ['fr', 'dark', 'invite']) {
    await nadia.look((choice) => document.querySelector(`input[type=radio][value=${choice}]`).click(), choice);
  }
  await nadia.sees('French', 'h1', 'Se connecter');
  await nadia.fill('input[name=link]', invite);
  await nadia.fill('input[name=password]', 'un mot de passe assez long');
  await nadia.picture('invite');
  await nadia.press(Key.Enter);
  await nadia.sees('an empty list', 'nav .empty');
});

test('a conversation begins by name, and both write to each other', async () => {
  await camille.press(Key.Ctrl, 'n');
  await camille.sees('the dialog', 'dialog [role=combobox]');
  await camille.type('dialog [role=combobox]', 'nad');
  await camille.sees('Nadia', '[role=option]', 'Nadia Haddad');
  await camille.picture('new-conversation');
  await camille.press(Key.Enter);
  await camille.sees('the composer', '[data-composer]');
  await camille.write('Bonjour Nadia, the plans are ready.');
  await nadia.sees('the conversation', 'nav [data-roving] button', 'Camille Durand');
  await nadia.click('nav [data-roving] button');
  await nadia.sees('the message', 'article', 'the plans are ready');
  await nadia.write('Merci ! Je les regarde ce soir.');
  await camille.write('The beam above the window is the question.');
  const all = ['Bonjour Nadia, the plans are ready.', 'Merci ! Je les regarde ce soir.', 'The beam above the window is the question.'];
  await Promise.all([hasAll(camille, all), hasAll(nadia, all)]);
  await Promise.all([allSent(camille), allSent(nadia)]);
  await camille.picture('together');
  await nadia.picture('together');
});

test('without the server a quiet banner comes, and both go on writing', async () => {
  await server.stop();
  await Promise.all([
    camille.sees('the banner', '[data-banner=offline]'),
    nadia.sees('the banner', '[data-banner=offline]'),
  ]);
  for (const text of ['Offline one', 'Offline two', 'Offline three']) await camille.write(text);
  await nadia.write('Écrit dans le tunnel');
  const queued = (await camille.messages()).filter((message) => message.state === 'queued').map(({ text }) => text);
  assert.deepEqual(queued, ['Offline one', 'Offline two', 'Offline three']);
  await camille.picture('offline');
  await nadia.picture('offline');
});

test('what is kept can be searched offline, and a hit opens its conversation', async () => {
  await nadia.press(Key.Ctrl, Key.Shift, 'f');
  await nadia.type('#search', 'beam');
  await nadia.sees('the hit', 'nav mark', 'beam');
  await nadia.picture('search');
  await nadia.click('nav .results button:has(mark)');
  await nadia.sees('the message', 'article.flashed', 'beam above');
  await nadia.click('search button');
});

test('the app is closed and opened again offline: everything is there', async () => {
  await camille.type('[data-composer]', 'half a thought');
  await until('the draft is kept', async () => (await camille.draft()) === 'half a thought');
  await camille.close();
  await camille.open();
  await camille.sees('the conversation', 'nav [data-roving] button', 'Nadia Haddad');
  await camille.sees('the draft in the list', 'nav [data-roving] button', 'half a thought');
  await camille.click('nav [data-roving] button');
  await hasAll(camille, [
    'Bonjour Nadia, the plans are ready.',
    'Merci ! Je les regarde ce soir.',
    'The beam above the window is the question.',
    'Offline one',
    'Offline two',
    'Offline three',
  ]);
  assert.equal(await camille.look(() => document.querySelector('[data-composer]').value), 'half a thought');
  await camille.sees('the banner', '[data-banner=offline]');
  await camille.picture('reopened-offline');
});

test('the server comes back: everything arrives once, in order, on both sides', async () => {
  await server.start();
  for (const each of [camille, nadia]) await each.lacks('the banner', '[data-banner=offline]');
  await Promise.all([allSent(camille), allSent(nadia)]);
  const expected = ['Offline one', 'Offline two', 'Offline three'];
  for (const each of [camille, nadia]) {
    await until(`${each.name} has all seven`, async () => (await each.messages()).length === 7);
    const found = await texts(each);
    assert.deepEqual(found.filter((text) => text.startsWith('Offline')), expected);
    assert.equal(found.filter((text) => text === 'Écrit dans le tunnel').length, 1);
  }
  assert.deepEqual(await texts(camille), await texts(nadia));
  await camille.picture('back');
  await nadia.picture('back');
});

test('language and theme change in place', async () => {
  await camille.click('nav header button');
  await camille.sees('the settings', '[popover] section');
  for (const choice of ['fr', 'dark']) {
    await camille.look((choice) => document.querySelector(`[popover] input[value=${choice}]`).click(), choice);
  }
  await camille.sees('French', '[popover] section', 'Déconnecter'.toLowerCase());
  await camille.picture('settings-french-dark');
  await nadia.click('nav header button');
  await nadia.sees('the settings', '[popover] section');
  for (const choice of ['en', 'light']) {
    await nadia.look((choice) => document.querySelector(`[popover] input[value=${choice}]`).click(), choice);
  }
  await nadia.sees('English', '[popover] section', 'Sign out');
  await nadia.picture('settings-english-light');
});

test('a second window on a profile says that it is in use, and opens it once the first is closed', async () => {
  second = app('camille');
  await second.open();
  await second.sees('why it cannot start', '.failure', 'fonctionne déjà avec ce profil');
  await second.picture('profile-in-use');
  await camille.close();
  // The process may outlive its window for a moment, and the profile is free when it ends: a person presses again, too.
  await until('the profile is free', () =>
    second.look(() => {
      document.querySelector('.failure button')?.click();
      return document.querySelector('nav [data-roving] button') !== null;
    }),
  );
  await second.sees('the conversation', 'nav [data-roving] button', 'Nadia Haddad');
});

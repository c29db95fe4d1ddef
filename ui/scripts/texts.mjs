// Checks the texts: every language has the same keys with the same parameters, every key is used, no text is missing.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const read = (locale) => JSON.parse(readFileSync(join(root, 'messages', `${locale}.json`), 'utf8'));
const locales = readdirSync(join(root, 'messages')).map((file) => file.replace('.json', ''));
const tables = new Map(locales.map((locale) => [locale, read(locale)]));
const complaints = [];

const parameters = (text) => [...new Set(JSON.stringify(text).match(/\{\w+\}/g) ?? [])].sort().join(' ');
const base = tables.get('en');
for (const [locale, table] of tables) {
  for (const key of Object.keys(base)) {
    if (!(key in table)) complaints.push(`${locale}: "${key}" is missing`);
    else if (JSON.stringify(table[key]) === '""') complaints.push(`${locale}: "${key}" is empty`);
    else if (parameters(table[key]) !== parameters(base[key])) complaints.push(`${locale}: "${key}" has other parameters`);
  }
  for (const key of Object.keys(table)) if (!(key in base)) complaints.push(`${locale}: "${key}" is not in en`);
}

const sources = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'paraglide' || entry.name === 'bridge') return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.(svelte|ts)$/.test(entry.name) ? [readFileSync(path, 'utf8')] : [];
  });
const code = sources(join(root, 'src')).join('\n');
for (const key of Object.keys(base)) {
  if (key !== '$schema' && !new RegExp(`\\bm\\.${key}\\b`).test(code)) complaints.push(`"${key}" is not used`);
}

for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exit(1);

// Checks the style sheets of the components: logical properties only, and no colour outside the token file.
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

const root = new URL('../src', import.meta.url).pathname;
const RULES = [
  [/(?:^|[\s;{])(?:margin|padding|border)-(?:left|right|top|bottom)\b/, 'use the logical property: -inline-start, -block-end …'],
  [/(?:^|[\s;{])(?:left|right|top|bottom)\s*:/, 'use inset-inline-… or inset-block-…'],
  [/(?:^|[\s;{])(?:min-|max-)?(?:width|height)\s*:/, 'use inline-size or block-size'],
  [/text-align\s*:\s*(?:left|right)|float\s*:\s*(?:left|right)/, 'use start or end'],
  [/border-(?:top|bottom)-(?:left|right)-radius/, 'use border-start-start-radius …'],
  [/#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|oklch)\(/i, 'colours live in styles/tokens.css'],
  [/font-size\s*:\s*[\d.]/, 'type sizes live in styles/tokens.css'],
];

const files = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'paraglide' ? [] : files(path);
    return /\.(svelte|css)$/.test(entry.name) && entry.name !== 'tokens.css' ? [path] : [];
  });

let complaints = 0;
for (const file of files(root)) {
  const text = readFileSync(file, 'utf8');
  const style = file.endsWith('.css') ? 0 : text.indexOf('<style>');
  if (style === -1) continue;
  const before = text.slice(0, style).split('\n').length - 1;
  text.slice(style).split('\n').forEach((line, index) => {
    if (line.includes('@media')) return;
    for (const [pattern, advice] of RULES) {
      if (!pattern.test(line)) continue;
      complaints += 1;
      console.error(`${relative(root, file)}:${before + index + 1}: ${advice}\n    ${line.trim()}`);
    }
  });
}
if (complaints > 0) process.exit(1);

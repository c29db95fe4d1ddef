/** Times on the screenshots are the same everywhere. */
export default function setup(): void {
  process.env['TZ'] = 'Europe/Paris';
}

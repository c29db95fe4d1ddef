import { mount } from 'svelte';
import App from './App.svelte';
import { chooseBackend } from './lib/backend';
import { overwriteGetLocale } from './lib/paraglide/runtime';
import { Settings } from './lib/state/settings.svelte';
import './styles/base.css';

const settings = new Settings(localStorage, navigator.languages);
// The texts read the language where they are drawn, so a change of the language draws them again.
overwriteGetLocale(() => settings.locale);

const backend = await chooseBackend(location);
mount(App, { target: document.getElementById('app')!, props: { backend, settings } });

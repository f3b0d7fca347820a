import { mount } from 'svelte';
import { language } from '$lib/i18n/fluent.svelte';
import { pick } from '$lib/rpc/pick';
import App from './App.svelte';
import './styles/palette.css';
import './styles/base.css';

const [props] = await Promise.all([pick(), language.speak('system')]);
const target = document.getElementById('app');
if (target) mount(App, { target, props });

import { t } from './fluent.svelte';

const HOUR = 3_600;
const DAY = 24 * HOUR;

/** How long something takes, in whole days or hours. */
export const span = (seconds: number): string =>
  seconds >= DAY && seconds % DAY === 0
    ? t('days', { count: seconds / DAY })
    : t('hours', { count: Math.max(1, Math.round(seconds / HOUR)) });

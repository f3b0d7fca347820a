// What can be done with a message, for buttons, menus and keys alike.
import { t } from '$lib/i18n/fluent.svelte';
import type { Row } from '$lib/rpc/bindings';
import type { App } from '$lib/state/app.svelte';
import type { Talk } from '$lib/state/talk.svelte';

export function acts(app: App, talk: Talk, row: Row) {
  const { view, transport } = app;
  const message = row.id;
  const own = row.user === app.status?.user;
  return {
    reply: () => {
      talk.editing = null;
      talk.replyTo = row;
    },
    edit: () => {
      if (own && !row.deleted && !row.hidden) talk.editing = row;
    },
    react: (emoji: string) => {
      const off = row.reactions.some((one) => one.emoji === emoji && one.user === app.status?.user);
      return app.guard(() => transport.call('react', { message, emoji, off }));
    },
    toQuoted: () => row.reply_to && app.open(talk.conversation, row.reply_to.id),
    copy: () => app.copy(row.text),
    why: () => view.show({ name: 'why', message }),
    history: () => view.show({ name: 'history', message }),
    hide: () =>
      app
        .guard(() => transport.call('hide', { message }))
        .then((done) => done && app.toasts.say(t('hidden'), () => void transport.call('hide', { message, off: true }))),
    unhide: () => app.guard(() => transport.call('hide', { message, off: true })),
    remove: async () => {
      if (!own || row.deleted) return;
      if (await view.ask({ title: t('delete-title'), text: t('delete-text'), act: t('delete'), danger: true })) {
        await app.guard(() => transport.call('delete', { message }));
      }
    },
  };
}

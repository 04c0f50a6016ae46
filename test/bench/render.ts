import nunjucks from 'nunjucks';
import { createRenderer } from '../../src/adapters/templating/renderer.ts';
import { isRenderFailure } from '../../src/processes/dispatch/renderer.ts';
import { MAIL, variablesOf } from './mail.ts';
import { compete, introduce, must, optionsOf, timed } from './rounds.ts';

/** Subject, HTML and text of one mail for many people: closures over the tree ÷ nunjucks' own compiled code. Both must say the same. */
const { mails, rounds } = optionsOf({ mails: 20_000, rounds: 7 });

type Rendered = { readonly subject: string; readonly html: string; readonly text: string };
const renderer = createRenderer();
const byClosures = (variables: object): Rendered => {
  const made = renderer.render({ content: MAIL, channel: 'email', variables: variables as Record<string, unknown> });
  must(!isRenderFailure(made) && made.channel === 'email', 'the mail renders');
  return { subject: made.subject, html: made.html ?? '', text: made.text ?? '' };
};

const [escaping, plain] = [true, false].map((autoescape) => new nunjucks.Environment(null, { autoescape }));
const compiled = (source: string | undefined, environment: nunjucks.Environment | undefined): nunjucks.Template =>
  // Eagerly: the code is made and compiled here.
  new nunjucks.Template(source ?? '', environment, 'mail', true);
const [subject, html, text] = [
  compiled(MAIL.email?.subject, plain),
  compiled(MAIL.email?.html, escaping),
  compiled(MAIL.email?.text, plain),
];
const byNunjucks = (variables: object): Rendered => ({
  subject: subject.render(variables),
  html: html.render(variables),
  text: text.render(variables),
});

introduce('render', `${String(mails)} mails a turn, each for another person`);
const people = Array.from({ length: mails }, (_, index) => variablesOf(index));
for (const variables of people) {
  const [own, theirs] = [byClosures(variables), byNunjucks(variables)];
  must(JSON.stringify(own) === JSON.stringify(theirs), `both render the same: ${JSON.stringify([own, theirs])}`);
}
const turn = (render: (variables: object) => Rendered) => () => {
  let chars = 0;
  return timed(mails, () => {
    for (const variables of people) chars += render(variables).html.length;
    must(chars > mails * 1000, 'there is something in each');
  });
};
await compete({
  bench: 'render',
  unit: 'mails/s',
  rounds,
  ours: { name: 'closures', turn: turn(byClosures) },
  rivals: [{ name: 'nunjucks, precompiled', goal: 1.5, turn: turn(byNunjucks) }],
});

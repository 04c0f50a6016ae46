import { MAX_CHARS, MAX_STEPS, BudgetExceeded } from '../../src/adapters/templating/run.ts';
import type { Run } from '../../src/adapters/templating/run.ts';
import { compileTemplate } from '../../src/adapters/templating/template.ts';
import type { TemplateKind } from '../../src/adapters/templating/template.ts';

type Given = Partial<Pick<Run, 'steps' | 'chars' | 'locale' | 'timeZone'>> & { readonly kind?: TemplateKind };

/** What one template gives: its text, the code of its first error, or `over budget`. */
export function rendering(
  source: string,
  variables: object = {},
  { kind = 'html', ...given }: Given = {},
): string | { readonly refused: string } {
  const compiled = compileTemplate(source, kind);
  if ('errors' in compiled) return { refused: compiled.errors[0]?.code ?? 'no error' };
  const run: Run = { variables, slots: [], steps: MAX_STEPS, chars: MAX_CHARS, path: '', locale: 'en', timeZone: 'UTC', ...given };
  try {
    return compiled.render(run);
  } catch (thrown) {
    if (thrown instanceof BudgetExceeded) return 'over budget';
    throw thrown;
  }
}

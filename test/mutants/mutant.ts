/** A small patch that takes one guard away, and the test that must notice. */
export type Mutant = {
  /** What is no longer guarded. */
  readonly name: string;
  /** From the root of the project. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly put: string;
  /** The file of the test that must go red. */
  readonly killedBy: string;
  /** With the names of the blocks around it, as vitest writes it: joined by blanks. */
  readonly testName: string;
};

/** The source with the guard gone, or what is wrong with the place. */
export function patched({ file, find, put }: Mutant, source: string): { readonly source: string } | { readonly misplaced: string } {
  const pieces = source.split(find);
  const [before, after] = pieces;
  if (pieces.length === 2 && before !== undefined && after !== undefined) return { source: before + put + after };
  const often = pieces.length === 1 ? 'not there' : `there ${String(pieces.length - 1)} times`;
  return {
    misplaced: `what it is to find is ${often} in ${file}: the code has moved on, so update \`find\` and \`put\` (test/mutants/list)`,
  };
}

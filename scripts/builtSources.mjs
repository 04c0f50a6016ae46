import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

// What a benchmark, or a program that tests start, imports from src/ is taken from dist/: the loader of TypeScript names every closure as it
// is made, which costs time that the product does not take, and it takes seconds to load. Loaded with --import, after tsx.
if (isMainThread) register(import.meta.url);

const [SOURCES, BUILT] = ['../src/', '../dist/'].map((folder) => new URL(folder, import.meta.url).href);

export function resolve(specifier, context, next) {
  const url = specifier.startsWith('.') && context.parentURL ? new URL(specifier, context.parentURL).href : specifier;
  return url.startsWith(SOURCES) ? next(url.replace(SOURCES, BUILT).replace(/\.ts$/, '.js'), context) : next(specifier, context);
}

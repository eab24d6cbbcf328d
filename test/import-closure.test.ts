import { existsSync, readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Specifiers that a module still imports when types are gone: `import type` and `export type` disappear. */
const specifiers = (text: string): string[] =>
  [...text.matchAll(/^\s*(?:import|export)\s+(?!type\s)(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm), ...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)]
    .map(match => match[1] ?? '')

/** Every module reached from an entry, with the path that leads there. */
const closure = (entry: string): Map<string, string> => {
  const reached = new Map<string, string>([[entry, entry]])
  const open = [entry]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    for (const specifier of specifiers(readFileSync(resolve(root, file), 'utf8'))) {
      const target = specifier.startsWith('.') ? relative(root, resolve(root, dirname(file), specifier)) : specifier
      if (reached.has(target)) continue
      reached.set(target, `${reached.get(file)} > ${target}`)
      if (specifier.startsWith('.')) open.push(target)
    }
  }
  return reached
}

const FORBIDDEN: readonly [string, RegExp][] = [
  ['a backend', /^src\/backend\//],
  ['a prover', /\/(prove[^/]*|prover|structured|multiplicities|weights)\.ts$/],
  ['a witness', /\/(witness|execution)\.ts$/],
  ['the command line', /^src\/cli\//],
  ['a module of Node', /^node:/],
]
/** Packages that run in a browser and hold no protocol. */
const PACKAGES = /^(@noble\/hashes\/(blake3|utils)\.js|zod)$/

const ENTRIES = ['src/verifier.ts', 'src/proof/verify.ts', 'src/proof/verify-core.ts', 'src/train/verify.ts'].filter(file => existsSync(resolve(root, file)))

test.each(ENTRIES)('%s reaches nothing that a verifier must not contain', entry => {
  const reached = closure(entry)
  expect(reached.size).toBeGreaterThan(20)
  const found = [...reached].flatMap(([target, path]) => [
    ...FORBIDDEN.filter(([, pattern]) => pattern.test(target)).map(([what]) => `${what}: ${path}`),
    ...(/^(src|\.)/.test(target) || target.startsWith('node:') || PACKAGES.test(target) ? [] : [`a package: ${path}`]),
  ])
  expect(found).toEqual([])
})

test('the walk sees what it should', () => {
  expect(specifiers("import type { A } from './a.ts'\nimport { type B } from './b.ts'\nimport './c.ts'\nexport * from './d.ts'")).toEqual(['./b.ts', './c.ts', './d.ts'])
  expect([...closure('src/proof/prove-core.ts').keys()]).toContain('src/commit/prove.ts')
})
